#!/bin/bash
# settings.sh: the settings of xltrain --set, one a line: KEY= or KEY=WORD|WORD. From the list
# in xltrain(1), which `make settings` writes.
set -euo pipefail
sed -nE -e '/made by make settings/,/end of settings/!d' -e 's/\\://g' \
    -e 's/^\.It Cm ([a-z0-9_]+) Ns = Ns Ar ([a-z0-9_|-]*[a-z_][a-z0-9_|-]*)$/\1=\2/p' \
    -e 's/^\.It Cm ([a-z0-9_]+) Ns = Ns Ar .*$/\1=/p' "$(dirname "$0")/../bin/xltrain.1"
