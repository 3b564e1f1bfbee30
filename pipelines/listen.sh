#!/bin/bash
# listen.sh PIECE [OUT.wav]: plays a MIDI file or the pieces of a token stream through
# FluidSynth, or writes them as a WAV file. The tools are those on PATH.
# SOUNDFONT names a sound font; without it the first that the system has is taken.
set -euo pipefail
piece=$1 out=${2:-}

say() { # say TEXT STATUS
    echo "listen: $1" >&2
    exit "$2"
}

command -v fluidsynth >/dev/null ||
    say "this needs FluidSynth and a sound font (Debian: fluidsynth timgm6mb-soundfont)" 69
[ -r "$piece" ] || say "cannot read '$piece'" 66

font=${SOUNDFONT:-}
for f in /usr/share/sounds/sf2/*.sf2 /usr/share/soundfonts/*.sf2; do
    [ -n "$font" ] || [ ! -r "$f" ] || font=$f
done
[ -n "$font" ] || say "there is no sound font (Debian: timgm6mb-soundfont); SOUNDFONT=file names one" 69

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ "$(head -c 4 "$piece")" = MThd ]; then
    files=("$piece")
else
    remi2midi -q -d "$work" "$piece"
    files=("$work"/*.mid)
fi
if [ -z "$out" ]; then
    fluidsynth -n -i -q "$font" "${files[@]}"
else
    fluidsynth -n -i -q -r 44100 -F "$work/out.wav" "$font" "${files[@]}" >/dev/null
    mv "$work/out.wav" "$out"
fi
