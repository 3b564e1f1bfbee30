#!/bin/bash
# tokens.sh BUILD MIDI: how fast midi2remi turns a folder into tokens, beside libsmf that only
# loads the files and cat that only reads them, as TSV: name, value, unit. Medians of five.
set -eu
build=$1 midi=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
find "$midi" -type f \( -iname '*.mid' -o -iname '*.midi' \) -print0 | sort -z >"$work/list"
files=$(tr -cd '\0' <"$work/list" | wc -c)
[ "$files" -gt 0 ] || {
    echo "tokens.sh: there is no MIDI file in $midi" >&2
    exit 1
}
megabytes=$(xargs -0 cat <"$work/list" | wc -c | awk '{printf "%.6f", $1 / 1e6}')

seconds() { # seconds COMMAND...: the median of five
    local start
    for _ in 1 2 3 4 5; do
        start=${EPOCHREALTIME/./}
        "$@" >/dev/null 2>&1 || true
        echo $((${EPOCHREALTIME/./} - start))
    done | sort -n | sed -n 3p | awk '{printf "%.6f", $1 / 1e6}'
}
row() { printf '%s\t%s\t%s\n' "$@"; }
per() { awk -v n="$1" -v t="$2" 'BEGIN {printf "%.1f", n / t}'; }
convert() { midi2remi -q --max-reject 100% -o "$work/out.tok.zst" --files0-from "$work/list" "$@"; }
export work
export -f convert

notes=$(midi2remi -v --max-reject 100% -o /dev/null -f --files0-from "$work/list" 2>&1 |
    sed -n 's/.*, \([0-9]*\) notes,.*/\1/p')
row files "$files" files
row notes "$notes" notes
row bytes "$megabytes" MB
row cat "$(per "$files" "$(seconds xargs -0 -a "$work/list" cat)")" files/s
row libsmf_load "$(per "$files" "$(seconds xargs -0 -a "$work/list" "$build/tests/bench/smf_load")")" files/s
for how in "" "--chords" "--scheme remi-2020 --chords" "--scheme performance"; do
    name=midi2remi${how//[ -]/_}
    for jobs in 1 2; do
        t=$(seconds bash -c "convert -j $jobs $how")
        row "${name}_j$jobs" "$(per "$files" "$t")" files/s
        row "${name}_j$jobs" "$(per "$notes" "$t")" notes/s
        row "${name}_j$jobs" "$(per "$megabytes" "$t")" MB/s
    done
done
row peak_memory "$(/usr/bin/python3 -c '
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stderr=subprocess.DEVNULL)
print(round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024, 1))' \
    midi2remi -q -j 1 --chords --max-reject 100% -o "$work/out.tok.zst" --files0-from "$work/list")" MiB
