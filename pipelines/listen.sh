#!/bin/bash
# listen.sh PIECE [OUT.wav]: plays a MIDI file or the pieces of a token stream through
# FluidSynth, or writes them as a WAV file, at about -16 LUFS whatever the velocities
# are; peaks are limited where that asks for it (played: with pw-play, paplay or aplay).
# The tools are those on PATH.
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

# loudness: of s16 stereo frames as `od` prints them, the LUFS of ITU-R BS.1770 (K-weighted,
# gated blocks of 400 ms) and the peak; filters of any rate as in libebur128.
loudness() {
    awk -v rate="$1" '
        function db(x) { return x > 0 ? -0.691 + 10 * log(x) / log(10) : -200 }
        BEGIN {
            pi = atan2(0, -1)
            k = pi * 1681.974450955533 / rate; k = sin(k) / cos(k); q = 0.7071752369554196
            vh = 10 ^ (3.999843853973347 / 20); vb = vh ^ 0.4996667741545416
            a0 = 1 + k / q + k * k
            p0 = (vh + vb * k / q + k * k) / a0; p1 = 2 * (k * k - vh) / a0
            p2 = (vh - vb * k / q + k * k) / a0
            pa1 = 2 * (k * k - 1) / a0; pa2 = (1 - k / q + k * k) / a0
            k = pi * 38.13547087602444 / rate; k = sin(k) / cos(k); q = 0.5003270373238773
            a0 = 1 + k / q + k * k; ra1 = 2 * (k * k - 1) / a0; ra2 = (1 - k / q + k * k) / a0
            step = int(rate / 10)
        }
        {
            for (c = 1; c <= 2; c++) {
                x = $c / 32768
                if (x > peak) peak = x; else if (-x > peak) peak = -x
                y = p0 * x + p1 * x1[c] + p2 * x2[c] - pa1 * y1[c] - pa2 * y2[c]
                z = y - 2 * y1[c] + y2[c] - ra1 * z1[c] - ra2 * z2[c]
                x2[c] = x1[c]; x1[c] = x; y2[c] = y1[c]; y1[c] = y; z2[c] = z1[c]; z1[c] = z
                sum += z * z
            }
            if (NR % step == 0) { tenth[n++] = sum; sum = 0 }
        }
        END {
            for (i = 0; i + 3 < n; i++) {
                b[i] = (tenth[i] + tenth[i + 1] + tenth[i + 2] + tenth[i + 3]) / (4 * step)
                if (db(b[i]) > -70) { all += b[i]; m++ }
            }
            gate = m ? db(all / m) - 10 : 0
            for (i = 0; i + 3 < n; i++)
                if (db(b[i]) > -70 && db(b[i]) > gate) { loud += b[i]; l++ }
            printf "%.2f %.6f\n", (l ? db(loud / l) : -200), peak
        }'
}

# limit RATE GAIN TEXT: of the same frames, those times GAIN whose peaks stay below 0.95 of
# full scale: let down within 5 ms before a peak, and up again in 100 ms. Reads the file it
# is given twice, from byte 44 on, for the peaks ahead; as bytes, or with TEXT as od prints.
limit() {
    LC_ALL=C awk -v rate="$1" -v gain="$2" -v text="${3:-}" '
        BEGIN {
            size = int(rate / 200); last = 1
            for (i = 0; i < 256; i++) byte[i] = sprintf("%c", i)
        }
        function put(x) { # s16, little endian
            x = int(x + (x < 0 ? -0.5 : 0.5)); if (x < 0) x += 65536
            printf "%s%s", byte[x % 256], byte[int(x / 256)]
        }
        NR == FNR {
            b = int((FNR - 1) / size)
            for (c = 1; c <= 2; c++) {
                x = $c < 0 ? -$c : $c
                if (x > peak[b]) peak[b] = x
            }
            next
        }
        FNR == 1 {
            most = 0.95 * 32767
            for (i = 0; i <= b; i++) {
                now = last + (1 - last) * 0.05
                if (peak[i] * gain * now > most) now = most / (peak[i] * gain)
                edge[i] = now < last ? now : last
                last = now
            }
            edge[b + 1] = last
        }
        {
            at = (FNR - 1) / size; i = int(at)
            g = gain * (edge[i] + (at - i) * (edge[i + 1] - edge[i]))
            if (text) print $1 * g, $2 * g
            else { put($1 * g); put($2 * g) }
        }' <(od -An -v -td2 -w4 -j 44 "$work/in.wav") <(od -An -v -td2 -w4 -j 44 "$work/in.wav")
}

# in_wav RATE GAIN: $work/in.wav is the piece, a head of 44 bytes before its frames
in_wav() {
    fluidsynth -n -i -q -g "$2" -r "$1" -O s16 -T wav -F "$work/in.wav" "$font" "${files[@]}" \
        >/dev/null 2>"$work/errors" || say "FluidSynth: $(tail -n 1 "$work/errors")" 69
}

# A first pass in a low rate says how loud it is, and how far that is from full scale.
in_wav 11025 0.2
read -r gain more < <(od -An -v -td2 -w4 -j 44 "$work/in.wav" | loudness 11025 |
    awk '{
        g = $1 > -100 ? 0.2 * 10 ^ ((-16 - $1) / 20) : 0.2
        most = $2 > 0 ? 0.2 * 0.9 / $2 : 10; if (most > 10) most = 10
        more = g > most ? g / most : 1; if (more > 4) more = 4
        g /= more; printf "%.3f %.3f\n", (g > 10 ? 10 : g < 0.01 ? 0.01 : g), more}')
louder() { awk -v more="$more" 'BEGIN {exit !(more > 1)}'; }

# Where peaks forbid it they are limited, and what that takes of the loudness is given back.
if louder; then
    for _ in 1 2; do
        more=$(limit 11025 "$(awk "BEGIN {print $more * $gain / 0.2}")" text | loudness 11025 |
            awk -v more="$more" '{m = more * 10 ^ ((-16 - $1) / 20); printf "%.3f", (m > 4 ? 4 : m < 1 ? 1 : m)}')
    done
fi

player=
! louder || player=$(command -v pw-play paplay aplay | head -n 1) || true
if [ -n "$out" ] || [ -n "$player" ]; then
    in_wav 44100 "$gain"
    if louder; then
        { head -c 44 "$work/in.wav" && limit 44100 "$more"; } >"$work/out.wav"
        mv "$work/out.wav" "$work/in.wav"
    fi
fi
if [ -n "$out" ]; then
    mv "$work/in.wav" "$out"
elif [ -n "$player" ] && "$player" "$work/in.wav" 2>"$work/errors"; then
    exit 0
elif ! fluidsynth -n -i -q -g "$gain" "$font" "${files[@]}" 2>"$work/errors" ||
    grep -qi 'audio driver' "$work/errors"; then
    if grep -qi 'audio driver\|audio device\|alsa\|no such file' "$work/errors"; then
        say "there is no sound card that FluidSynth can use; a second name writes a WAV file (OUT=piece.wav)" 69
    fi
    say "FluidSynth: $(tail -n 1 "$work/errors")" 69
fi
