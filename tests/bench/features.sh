#!/bin/bash
# features.sh DIR: speeds of featstats on the MIDI files below DIR as TSV: name, value, unit.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
elapsed() { # elapsed COMMAND...: seconds
    local from=$EPOCHREALTIME
    "$@" >"$work/out"
    bc -l <<<"$EPOCHREALTIME - $from"
}
midi2remi -q --max-reject 100% -o "$work/all.tok.zst" "$1"
rate() { # rate NAME ARGUMENTS...
    local name=$1 seconds
    shift
    seconds=$(elapsed featstats -q --max-reject 100% "$@")
    printf '%s\t%.0f\tpieces/s\n' "$name" "$(bc -l <<<"$(($(wc -l <"$work/out") - 2)) / $seconds")"
}
rate features_midi_j1 -j 1 "$1"
rate features_midi_j2 -j 2 "$1"
rate features_tokens_j1 -j 1 "$work/all.tok.zst"
rate features_compat_j1 -j 1 --compat --vectors "$1"
# the piece that is nearest to three minutes
piece=$(featstats -q --max-reject 100% "$1" | tail -n +3 | grep -v '^#featend' |
    awk -F'\t' '{d = $4 - 180; d = d < 0 ? -d : d} NR == 1 || d < least {least = d; name = $1} END {print name}')
printf 'structureness\t%.2f\ts\n' "$(elapsed featstats -q --si "$piece")"
