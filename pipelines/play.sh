#!/bin/bash
# play.sh RUN [KEYS [groove]]: a run to be heard through FluidSynth as it plays: without
# end, or to what comes from KEYS, a device or FIFO of raw MIDI: bar by bar (a run of
# condition=bars), in turns of ANSWER bars (a plain run), or drums to taps (a run of
# grooves). The tools are those on PATH.
# SOUNDFONT names a sound font, AUDIO FluidSynth's driver, OUT a WAV file in the place of
# a sound card, TEMPO and DELAY what is played to, CONTROL a FIFO of control lines.
set -euo pipefail
run=$1 keys=${2:-} scheme=${3:-}
interrupted=

say() { # say TEXT STATUS
    echo "play: $1" >&2
    exit "$2"
}

command -v fluidsynth >/dev/null ||
    say "this needs FluidSynth and a sound font (Debian: fluidsynth timgm6mb-soundfont)" 69
[ -e "$run" ] || say "there is no run '$run'" 66
if [ "$keys" = auto ]; then
    for f in /dev/snd/midiC*D* /dev/midi*; do
        [ "$keys" != auto ] || [ ! -r "$f" ] || keys=$f
    done
    [ "$keys" != auto ] || say "there is no keyboard or pad; KEYS=file names a device or FIFO of raw MIDI" 69
fi
[ -z "$keys" ] || [ -r "$keys" ] || say "cannot read '$keys'" 66

font=${SOUNDFONT:-}
for f in /usr/share/sounds/sf2/*.sf2 /usr/share/soundfonts/*.sf2; do
    [ -n "$font" ] || [ ! -r "$f" ] || font=$f
done
[ -n "$font" ] || say "there is no sound font (Debian: timgm6mb-soundfont); SOUNDFONT=file names one" 69

work=$(mktemp -d)
synth=
leave() {
    if [ -n "$synth" ]; then # a WAV file is whole when it has left by itself
        echo quit >&8
        for _ in {1..20}; do
            kill -0 "$synth" 2>/dev/null || break
            sleep 0.1
        done
        kill "$synth" 2>/dev/null || :
    fi
    rm -rf "$work"
}
trap leave EXIT
trap 'interrupted=1' INT TERM HUP # the pipe ends its notes, then this goes on

# Blocks of 64 frames, two of them: 3 ms. Its shell reads nothing and has no end.
mkfifo "$work/midi" "$work/shell"
exec 8<>"$work/shell" 9<>"$work/midi"
audio=(${AUDIO:+-a "$AUDIO"})
[ -z "${OUT:-}" ] || audio=(-a file -o "audio.file.name=$OUT" -o audio.file.type=wav)
fluidsynth -q -g 0.6 -z 64 -c 2 "${audio[@]}" -m oss -o "midi.oss.device=$work/midi" \
    "$font" <&8 >"$work/said" 2>&1 9>&- &
synth=$!
sleep 1
if grep -qi 'audio driver\|audio device' "$work/said" || ! kill -0 "$synth" 2>/dev/null; then
    say "there is no sound card that FluidSynth can use; OUT=play.wav writes a file" 69
fi

control=(${CONTROL:+--control "$CONTROL"})
play() {
    if [ -z "$keys" ]; then
        # fewer bars of text than of packed ones lie in the pipe, ahead of what is asked
        xlsample "$run" --endless -u --seed random "${control[@]}" | remi2midi --play >&9
        return
    fi
    local tempo=${TEMPO:-100} delay=${DELAY:-2} to=(--condition -)
    [ -z "$scheme${ANSWER:-}" ] || delay=${DELAY:-0} # neither a loop nor a turn needs one
    [ -z "${ANSWER:-}" ] || to=(--prompt - --answer "$ANSWER")
    midi2remi --listen --tempo "$tempo" ${scheme:+--scheme "$scheme" --forget 8} <"$keys" |
        xlsample "$run" "${to[@]}" "${control[@]}" |
        remi2midi --play --tempo "$tempo" --delay "$delay" >&9
}
status=0
play || status=$?
[ -z "$interrupted" ] || status=0 # who of the pipe was not asked lost its reader
[ "$status" -eq 0 ] || exit "$status"
sleep 0.5
