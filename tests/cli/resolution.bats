#!/usr/bin/env bats
# The resolution of "remi": the worked example of its page is what the tools make of it.
load ../helpers

# One bar of 4/4: eighths, a triplet, a late sixteenth, thirty-seconds.
setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    /usr/bin/python3 - <<'PY'
from mido import Message, MetaMessage, MidiFile, MidiTrack

t, now = MidiTrack(), 0
ticks = [0, 240, 480, 640, 800, 960, 1090, 1440, 1500]
for i, tick in enumerate(ticks):
    length = (ticks + [1920])[i + 1] - tick
    t.append(Message('note_on', note=60 + i, velocity=79, time=tick - now))
    t.append(Message('note_off', note=60 + i, time=length))
    now = tick + length
f = MidiFile(ticks_per_beat=480)
f.tracks.append(t)
f.save('bar.mid')
open('ticks', 'w').write(''.join('%d\n' % x for x in ticks))
PY
}

# column GRID: for each note its position, duration, and by how many ticks it was moved.
column() {
    midi2remi -u --grid "$1" "$BATS_FILE_TMPDIR/bar.mid" | grep '^Bar' | tr ' ' '\n' |
        awk -F_ -v grid="$1" -v ticks="$BATS_FILE_TMPDIR/ticks" '
            $1 == "Position" { position = $2 }
            $1 == "Duration" {
                getline tick <ticks
                moved = position * 480 / grid - tick
                printf "%d, %d%s\n", position, $2, moved ? sprintf(" (%+d)", moved) : ""
            }'
}

@test "resolution: the table of the scheme's page" {
    local g
    for g in 3 4 8 12 24; do
        column "$g" >"c$g"
    done
    paste -d '|' "$BATS_FILE_TMPDIR/ticks" c3 c4 c8 c12 c24 |
        sed 's/|/ | /g; s/^/| /; s/$/ |/' >got
    [ "$(wc -l <got)" -eq 9 ]
    sed -n '/^## 7/,/^## 8/p' "$BARLINE_ROOT/schemas/remi-scheme.md" |
        sed -n '/^| tick/,/^| tokens/p' | grep '^| [0-9]' >expected
    diff expected got
}

@test "resolution: the sizes of the scheme's page" {
    local g size
    for g in 3 4 8 12 24; do
        size=$(vocab --scheme remi --grid "$g" | grep -vc '^#')
        printf '%s ' "$size"
    done >got
    sed -n '/^## 7/,/^## 8/p' "$BARLINE_ROOT/schemas/remi-scheme.md" |
        sed -n 's/^| tokens of the vocabulary | //p' | tr -d '|' | tr -s ' ' >expected
    diff expected <(cat got; echo)
}
