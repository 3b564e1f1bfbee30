#!/usr/bin/env bats
# midi2remi: which files it takes, what it writes, what it does with those that are no good.
load ../helpers

# The worked example of schemas/remi-scheme.md as a file, and a few pieces typed by hand.
setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    /usr/bin/python3 - <<'PY'
from mido import Message, MetaMessage, MidiFile, MidiTrack

def track(*events):
    t, now = MidiTrack(), 0
    for tick, message in sorted(events, key=lambda e: e[0]):
        t.append(message.copy(time=tick - now))
        now = tick
    return t

def note(on, off, pitch, velocity, channel):
    return [(on, Message('note_on', note=pitch, velocity=velocity, channel=channel)),
            (off, Message('note_off', note=pitch, channel=channel))]

f = MidiFile(ticks_per_beat=96)
f.tracks.append(track((0, MetaMessage('set_tempo', tempo=500000)),
                      (0, MetaMessage('time_signature', numerator=4, denominator=4)),
                      (288, MetaMessage('time_signature', numerator=3, denominator=4)),
                      (576, MetaMessage('set_tempo', tempo=400000)),
                      (720, MetaMessage('end_of_track'))))
f.tracks.append(track(*note(0, 96, 60, 80, 0), *note(94, 144, 64, 80, 0), *note(600, 720, 67, 127, 0)))
f.tracks.append(track((0, Message('program_change', program=32, channel=1)), *note(2, 190, 43, 64, 1)))
f.tracks.append(track(*note(0, 96, 36, 100, 9)))
f.save('example.mid')
PY
    local i
    for i in 1 2 3 4 5 6 7 8 9; do
        echo "Bar Position_$i Pitch_6$i Velocity_79 Duration_8 Bar PitchDrum_4$i Velocity_99 Duration_1" |
            remi2midi --raw -o "p$i.mid"
    done
}

# pieces FILE...: the names in streams, in order.
pieces() {
    text "$@" | sed -n 's/^#piece //p' | jq -r .name
}

# music FILE...: the token lines alone.
music() {
    text "$@" | grep -v '^#'
}

@test "midi2remi: the worked example of the scheme's page" {
    run -0 --separate-stderr midi2remi -u "$BATS_FILE_TMPDIR/example.mid"
    [ -z "$stderr" ]
    printf '%s\n' "$output" | grep -v '^#' >got
    local page=$BARLINE_ROOT/schemas/remi-scheme.md
    # the page breaks the first line; a line begins with Bar
    sed -n '/^## 6/,$ s/^    //p' "$page" | tr -s ' \n' ' ' | sed 's/ Bar/\nBar/g; s/ $//' >expected
    echo >>expected
    diff expected got
}

@test "midi2remi: header, piece, end and trailer say what there is" {
    cp "$BATS_FILE_TMPDIR/example.mid" x.mid
    midi2remi -u -o s.tok x.mid
    head -n 1 s.tok | sed 's/^#remi //' | jq -e '.tokenizer.name == "remi" and .tokenizer.grid == 4
        and .pg[0].id == "midi2remi" and (.tokenizer_sha256 | length == 64)'
    sed -n 's/^#piece //p' s.tok | jq -e --arg sum "$(sha256sum <x.mid | cut -d' ' -f1)" \
        '.name == "x.mid" and .tpq == 96 and .ticks == 720 and .tracks == 4 and .sha256 == $sum and (has("fixes") | not)'
    sed -n 's/^#end //p' s.tok | jq -e '.bars == 3 and .tokens == 28'
    tail -n 1 s.tok | sed 's/^#eos //' | jq -e '.pieces == 1 and .rejects == 0'
    midi2remi -u --no-pg x.mid | head -n 1 | sed 's/^#remi //' | jq -e 'has("pg") | not'
    midi2remi -u --grid 8 -o s8.tok x.mid
    head -n 1 s8.tok | sed 's/^#remi //' | jq -e '.tokenizer.grid == 8 and .pg[0].args == ["--grid=8"]'
}

@test "midi2remi: files, directories and standard input, in order" {
    mkdir -p d/b d/a
    cp "$BATS_FILE_TMPDIR/p1.mid" d/z.mid
    cp "$BATS_FILE_TMPDIR/p2.mid" d/b/Upper.MIDI
    cp "$BATS_FILE_TMPDIR/p3.mid" d/a/x.kar
    cp "$BATS_FILE_TMPDIR/p4.mid" d/B.Rmi
    cp "$BATS_FILE_TMPDIR/p5.mid" d/notes.txt
    ln -s z.mid d/link.mid
    ln -s . d/loop
    run -0 --separate-stderr midi2remi -o s ./d/notes.txt d - <"$BATS_FILE_TMPDIR/p6.mid"
    run -0 pieces s
    [ "$output" = "$(printf '%s\n' d/notes.txt d/B.Rmi d/a/x.kar d/b/Upper.MIDI d/link.mid d/z.mid stdin)" ]
    midi2remi <"$BATS_FILE_TMPDIR/p6.mid" >t
    [ "$(pieces t)" = stdin ]
    diff <(music t) <(music s | tail -n 2)
    mkdir empty
    run -0 --separate-stderr midi2remi -o e empty
    says "no MIDI file"
    [ "$(text e | tail -n 1)" = '#eos {"pieces":0,"tokens":0,"rejects":0}' ]
}

@test "midi2remi: an operand that is not there is a reject, all of them are an error" {
    cp "$BATS_FILE_TMPDIR/p1.mid" .
    printf 'missing.mid\0p1.mid\0' >list
    local how
    for how in "p1.mid missing.mid" "--files0-from list"; do
        # shellcheck disable=SC2086  # several words
        run -65 --separate-stderr midi2remi -o s --rejects r.tsv $how
        says "'missing.mid': cannot open: No such file or directory [unreadable]"
        [ "$(pieces s)" = p1.mid ]
        text s | tail -n 1 | grep -q '"rejects":1}'
        [ "$(sed -n 2p r.tsv | cut -f 1,2)" = "$(printf 'missing.mid\tunreadable')" ]
        # shellcheck disable=SC2086
        run -0 midi2remi -o s --max-reject 1 $how
        rm s
    done
    printf 'missing.mid\0' >list
    for how in "missing.mid" "missing.mid nothing/" "--files0-from list"; do
        # shellcheck disable=SC2086
        run -66 --separate-stderr midi2remi -o s --max-reject 100% $how
        says "'missing.mid': cannot be read: No such file"
        [ ! -e s ]
    done
}

@test "midi2remi: names from a list" {
    cp "$BATS_FILE_TMPDIR"/p[12].mid .
    cp p1.mid "$(printf 'new\nline %%.mid')"
    printf '%s\0' p2.mid "$(printf 'new\nline %%.mid')" ./p1.mid >list
    midi2remi --files0-from list -o s
    midi2remi --files0-from - -o t <list
    cmp s t
    [ "$(text s | grep -c '^#piece')" -eq 3 ]
    text s | grep -q '"name":"new%0Aline %25.mid"'
    printf 'p1.mid\0\0' >bad
    run -65 --separate-stderr midi2remi --files0-from bad -o u
    says "'bad': line 2: the list has an empty name"
    run -66 midi2remi --files0-from nolist
    run -64 --separate-stderr midi2remi --files0-from list p1.mid
    says "not both"
}

@test "midi2remi: the same bytes for any number of jobs" {
    for i in 1 2 3 4 5 6 7 8 9; do
        cp "$BATS_FILE_TMPDIR/p$i.mid" .
    done
    head -c 10 p4.mid >cut.mid
    local j
    for j in 0 1 2 3 8 64; do
        run -65 --separate-stderr midi2remi -j "$j" -o "s$j" p?.mid cut.mid p?.mid
        says "'cut.mid'"
        cmp s0 "s$j"
    done
    [ "$(pieces s0 | wc -l)" -eq 18 ]
}

@test "midi2remi: parts are disjoint and together the whole" {
    cd "$BATS_FILE_TMPDIR"
    local t=$BATS_TEST_TMPDIR
    midi2remi -o "$t/all" ./p?.mid
    for i in 1 2 3; do midi2remi --part $i/3 -o "$t/$i" p?.mid; done
    diff <(pieces "$t/all") <(pieces "$t/1" "$t/2" "$t/3" | sort)
    [ "$(pieces "$t/1" | wc -l)" -lt 9 ]
    local bad
    for bad in 0/3 4/3 1/0 1 x -1/3 1/3/4 ''; do
        run -64 --separate-stderr midi2remi "--part=$bad" p1.mid
        says "--part wants I/N"
    done
}

@test "midi2remi: a file that is no good costs itself only" {
    cp "$BATS_FILE_TMPDIR"/p[12].mid .
    echo 'not music' >text.mid
    : >"$(printf 'tab\tname.mid')"
    mkdir d
    ln -s nowhere d/broken.mid
    run -65 --separate-stderr midi2remi -o s --rejects r.tsv p1.mid text.mid tab*.mid d p2.mid
    [ "$(pieces s | tr '\n' ' ')" = "p1.mid p2.mid " ]
    text s | tail -n 1 | grep -q '"rejects":3}'
    [ "$(printf '%s\n' "$stderr" | wc -l)" -eq 3 ]
    [[ $stderr == *"midi2remi: 'text.mid': "*"[not-midi]"* ]]
    [[ $stderr == *"[empty]"* ]]
    [[ $stderr == *"'d/broken.mid': "*"[unreadable]"* ]]
    [ "$(head -n 1 r.tsv)" = "$(printf 'file\tcode\toffset\treason')" ]
    [ "$(cut -f 2 r.tsv | tr '\n' ' ')" = "code not-midi empty unreadable " ]
    [ "$(awk -F'\t' '{print NF}' r.tsv | sort -u)" -eq 4 ]
    grep -q '^tab%09name.mid' r.tsv
    run -0 midi2remi -o t --max-reject 3 p1.mid text.mid tab*.mid d p2.mid
    cmp s t
    run -0 midi2remi -o t --max-reject 60% p1.mid text.mid tab*.mid d p2.mid
    run -65 midi2remi -o t --max-reject 59% p1.mid text.mid tab*.mid d p2.mid
    local bad
    for bad in x -1 101% 3x nan ''; do
        run -64 --separate-stderr midi2remi "--max-reject=$bad" p1.mid
        says "--max-reject wants"
    done
}

# raw HEX >FILE: bytes
raw() {
    printf '%b' "$(sed 's/ //g; s/../\\x&/g' <<<"$1")"
}

@test "midi2remi: music lost is said, in one line a file; --strict rejects, no note is a reject" {
    local head=4d546864000000060001000101e04d54726b
    local note='00903c508170803c40' eot=00ff2f00
    raw "$head 0000000d $note $eot" >whole.mid
    raw "$head 00000013 003c50 003c50 $note $eot" >bad.mid
    raw "$head 0000000a 003c5000 c0050001" >none.mid
    raw "$head 00000004 $eot" >empty.mid
    run -65 --separate-stderr midi2remi -q -u whole.mid bad.mid none.mid empty.mid
    [ "$(grep -c '^#piece' <<<"$output")" -eq 2 ] || fail "$output"
    [ "$(wc -l <<<"$stderr")" -eq 3 ] || fail "$stderr"
    [[ $stderr == *"'bad.mid': byte 22: music was lost, or may have been (places: 1, first: bad-event)"* ]] || fail "$stderr"
    [[ $stderr == *"'none.mid': "*"there is no note in it [no-notes]"* ]] || fail "$stderr"
    [[ $stderr == *"'empty.mid': "*"[no-notes]"* ]] || fail "$stderr"
    run -0 --separate-stderr midi2remi -u --keep-empty --no-pg empty.mid
    [[ $output == *'"pieces":1,'* ]]
    run -65 --separate-stderr midi2remi -u --strict whole.mid bad.mid
    [[ $stderr == *"'bad.mid': byte 22: music was lost, or may have been: bad-event [lost]"* ]] || fail "$stderr"
    [ "$(grep -c '^#piece' <<<"$output")" -eq 1 ]
}

@test "midi2remi: a worker that is killed costs its file only" {
    cp "$BATS_FILE_TMPDIR"/p[1234].mid .
    mkfifo wait.mid
    midi2remi -j 2 -o s p1.mid wait.mid p2.mid p3.mid p4.mid 2>err &
    local tool=$! tries=0 worker=
    # the other worker ends when its files are done; the one that waits is left. One look
    # for both: between two of them the second worker may begin
    while [ -z "$worker" ] && [ $((tries++)) -lt 1000 ]; do
        worker=$(ps -o pid=,stat= --ppid $tool |
            awk '$2 !~ /Z/ {pid = $1; alive++} END {if (NR == 2 && alive == 1) print pid}')
        [ -n "$worker" ] || sleep 0.05
    done
    kill -KILL "$worker"
    local status=0
    wait $tool || status=$?
    [ "$status" -eq 65 ]
    [ "$(pieces s | tr '\n' ' ')" = "p1.mid p2.mid p3.mid p4.mid " ]
    grep -q "'wait.mid': .*\[internal\]" err
}

@test "midi2remi: what was replaced is counted" {
    /usr/bin/python3 - <<'PY'
from mido import Message, MetaMessage, MidiFile, MidiTrack
f = MidiFile(ticks_per_beat=480)
f.tracks.append(MidiTrack([
    MetaMessage('time_signature', numerator=17, denominator=4), MetaMessage('set_tempo', tempo=60000),
    Message('note_on', note=60, velocity=64), Message('note_off', note=60, time=480 * 70)]))
f.save('odd.mid')
PY
    midi2remi -u odd.mid | sed -n 's/^#piece //p' | jq -e '.fixes == {"meters":1,"tempos":1,"durations":1}'
}

@test "midi2remi: output appears whole or not at all" {
    cp "$BATS_FILE_TMPDIR/p1.mid" .
    run -74 --separate-stderr bash -c 'midi2remi p1.mid >/dev/full'
    says "midi2remi: "
    run -74 midi2remi -o /dev/full p1.mid
    run -74 bash -c 'midi2remi p1.mid >&-'
    run -73 --separate-stderr midi2remi -o no/such/s p1.mid
    says "no/such/s"
    echo old >s
    run -64 midi2remi --grid 5 -o s p1.mid
    [ "$(cat s)" = old ]
    midi2remi -o s p1.mid
    [ "$(pieces s)" = p1.mid ]
    [ -z "$(compgen -G '*.tmp.*')" ]
    run -0 bash -c 'set -o pipefail; midi2remi -u p1.mid | cat >t'
    diff <(text s) t
}

@test "midi2remi: misuse is one line and status 64" {
    local args
    for args in '--grid 7' '--grid 25' '--scheme nope' '--level -1' '--level 20' '--part' '--what' '-j x'; do
        # shellcheck disable=SC2086  # several words on purpose
        run -64 --separate-stderr midi2remi $args "$BATS_FILE_TMPDIR/p1.mid"
        says "midi2remi: "
        [ -z "$output" ]
    done
    run -64 --separate-stderr midi2remi --scheme nope "$BATS_FILE_TMPDIR/p1.mid"
    says "remi"
}

@test "midi2remi: compressed bytes do not go to a terminal, names are asked for on one" {
    cp "$BATS_FILE_TMPDIR/p1.mid" .
    run -64 script -qec 'midi2remi p1.mid' /dev/null
    has "terminal"
    run -0 script -qec 'midi2remi -u p1.mid' /dev/null
    has "#eos"
    run -64 script -qec 'midi2remi -o s' /dev/null
    has "no input"
}

# two notes of one pitch, the first note-off between them, two tempos in two tracks
overlap() {
    /usr/bin/python3 - <<'PY'
from mido import Message, MetaMessage, MidiFile, MidiTrack
f = MidiFile(ticks_per_beat=480)
f.tracks.append(MidiTrack([MetaMessage('set_tempo', tempo=545454)]))
f.tracks.append(MidiTrack([
    Message('note_on', note=60, velocity=80), Message('note_on', note=60, velocity=100, time=480),
    Message('note_off', note=60, time=240), Message('note_off', note=60, time=720),
    Message('note_on', note=64, velocity=80), Message('note_off', note=64, time=480),
    MetaMessage('key_signature', key='C', time=0)]))
f.save('overlap.mid')
raw = open('overlap.mid', 'rb').read().replace(b'\xff\x59\x02\x00\x00', b'\xff\x59\x02\x09\x00')
open('nokey.mid', 'wb').write(raw)
PY
}

@test "midi2remi: remi-2020 is the published encoder, and its tokens make the published file" {
    overlap
    run -0 midi2remi -u --scheme remi-2020 --chords overlap.mid
    [ "$(grep -v '^#' <<<"$output")" = "Bar_None Position_1/16 Chord_C:maj Position_1/16 \
Tempo-Class_mid Tempo-Value_20 Position_1/16 Note-Velocity_20 Note-On_60 Note-Duration_11 \
Position_5/16 Note-Velocity_25 Note-On_60 Note-Duration_3 \
Position_12/16 Note-Velocity_20 Note-On_64 Note-Duration_7" ] || fail "$output"
    midi2remi --scheme remi-2020 --chords overlap.mid | remi2midi -o back.mid
    run -0 /usr/bin/python3 -c '
import mido
f = mido.MidiFile("back.mid")
print(f.ticks_per_beat, len(f.tracks))
for track in f.tracks:
    for m in track:
        print(m.time, m.type, getattr(m, "note", ""), getattr(m, "velocity", ""), getattr(m, "text", ""), ".")'
    [ "$output" = "480 2
0 set_tempo    .
0 time_signature    .
0 marker   C:maj .
1 end_of_track    .
0 program_change    .
0 note_on 60 80  .
480 note_on 60 100  .
240 note_on 60 0  .
0 note_on 60 0  .
600 note_on 64 80  .
480 note_on 64 0  .
1 end_of_track    ." ] || fail "$output"
}

@test "midi2remi: what remi-2020 makes of a file and back is the published file, byte for byte" {
    /usr/bin/python3 - <<'PY'
from mido import Message, MetaMessage, MidiFile, MidiTrack
f = MidiFile(ticks_per_beat=480)
f.tracks.append(MidiTrack([
    Message('note_on', note=60, velocity=80), Message('note_on', note=62, velocity=3),
    Message('note_off', note=60, time=240), Message('note_off', note=62),
    Message('note_on', note=64, velocity=64, time=240), Message('note_off', note=64, time=480),
    Message('note_on', note=64, velocity=64), Message('note_off', note=64, time=480)]))
f.save('soft.mid')
PY
    midi2remi -u --scheme remi-2020 soft.mid | grep -q "Note-Velocity_0 Note-On_62"
    midi2remi --scheme remi-2020 soft.mid | remi2midi -o soft-back.mid
    # running status; the note of velocity 0 is two ends of notes
    [ "$(od -An -tx1 -v soft-back.mid | tr -d ' \n')" = "4d546864000000060001000201e0\
4d54726b0000001300ff510307a12000ff58040402180801ff2f00\
4d54726b0000002400c00000903c50003e0081703c00003e0081704040826840407840008268400001ff2f00" ]
}

@test "midi2remi: --pair says which note a note-off ends" {
    overlap
    lengths() { midi2remi -u "$@" overlap.mid | grep -v '^#' | tr ' ' '\n' | grep Duration | tr '\n' ' '; }
    [ "$(lengths)" = "Duration_12 Duration_16 Duration_8 " ] || fail "$(lengths)"
    [ "$(lengths --pair fifo)" = "$(lengths)" ]
    [ "$(lengths --pair overlap)" = "$(lengths)" ]
    [ "$(lengths --pair all)" = "Duration_12 Duration_4 Duration_8 " ] || fail "$(lengths --pair all)"
    [ "$(lengths --scheme remi-2020 --pair fifo)" = "Note-Duration_11 Note-Duration_15 Note-Duration_7 " ]
    run -64 --separate-stderr midi2remi --pair lifo overlap.mid
    [[ $stderr == *"--pair"*"lifo"* ]]
}

@test "midi2remi: a lost note-off costs its own note, but --pair fifo shifts all later ends" {
    # at 384 ticks a bar: notes of a quarter on beats 1, whose first end is missing
    raw "4d546864 00000006 0001 0001 0060 4d54726b 00000023 00903c50 8300903c50 60803c40 8220903c50 60803c40 8220903c50 60803c40 00ff2f00" >lost.mid
    lengths() { midi2remi -u "$@" lost.mid | grep -v '^#' | tr ' ' '\n' | grep Duration | uniq -c | tr -s ' \n' ' '; }
    [ "$(lengths)" = " 4 Duration_8 " ] || fail "$(lengths)"
    [ "$(lengths --pair fifo)" = " 3 Duration_40 1 Duration_8 " ] || fail "$(lengths --pair fifo)"
    midi2remi -u lost.mid | grep -q '"fixes":{"open-note":1}'
}

@test "midi2remi: remi-2020 rejects what the published reader refuses" {
    overlap
    run -0 midi2remi -q nokey.mid -o ours.tok.zst
    run -65 --separate-stderr midi2remi -u --scheme remi-2020 nokey.mid overlap.mid
    [[ $stderr == *"nokey.mid"*"bad-key"*"[strict]"* ]] || fail "$stderr"
    [[ $output == *'#piece {"i":1,'*'"pieces":1,'*'"rejects":1}' ]] || fail "$output"
}

# played FILE: a piece of two bars of four, played at 100 and then 80 beats a minute, in a
# file whose ticks know nothing of it, and its beats
played() {
    /usr/bin/python3 - "$1" <<'PY'
import sys
from mido import Message, MidiFile, MidiTrack
at = [0.37]
for i in range(8):
    at.append(at[-1] + 60 / (100 if i < 4 else 80))
notes = [(at[0], at[1], 60), (at[2], at[3], 64), (at[4], at[6], 67), (at[7], at[8], 72)]
events = sorted([(on, 1, p) for on, off, p in notes] + [(off, 0, p) for on, off, p in notes])
track, now = MidiTrack(), 0
for seconds, is_on, pitch in events:
    tick = round(seconds * 960)
    track.append(Message('note_on', note=pitch, velocity=80 * is_on, time=tick - now))
    now = tick
f = MidiFile(ticks_per_beat=480)
f.tracks.append(track)
f.save(sys.argv[1] + '.mid')
with open(sys.argv[1] + '.beats', 'w') as out:
    for i, seconds in enumerate(at):
        print(seconds, int(i % 4 == 0), sep='\t', file=out)
PY
}

@test "midi2remi: --beats gives a performance its bars" {
    mkdir d
    played d/one
    played d/two
    rm d/two.beats
    run -65 --separate-stderr midi2remi -u --beats '%d/%n.beats' d
    [[ $stderr == *"'d/two.mid'"*"d/two.beats"*"[beats]"* ]] || fail "$stderr"
    [[ $output == *"Bar TimeSig_4/4 Position_0 Tempo_100 Program_0 Pitch_60 Velocity_79 Duration_8 \
Position_8 Pitch_64 Velocity_79 Duration_8
Bar Position_0 Tempo_80 Pitch_67 Velocity_79 Duration_16 Position_12 Pitch_72 Velocity_79 Duration_8"* ]] ||
        fail "$output"
}

@test "midi2remi: --trim ends a piece with its last note, in all readings" {
    # a quarter, the end of the track 300 bars later
    raw "4d546864 00000006 0001 0001 01e0 4d54726b 0000000f 00903c50 8360803c40 a39020ff2f00" >late.mid
    [ "$(midi2remi -u late.mid | grep -c '^Bar')" -eq 300 ]
    run -0 midi2remi -u --trim late.mid
    [ "$(grep -c '^Bar' <<<"$output")" -eq 1 ]
    [[ $output == *'"ticks":480,'* ]] || fail "$output"
    [ "$(midi2remi -u --trim --pair all late.mid | grep -c '^Bar')" -eq 1 ]
    midi2remi --scheme performance --trim late.mid | remi2midi --check
}

@test "midi2remi: drums beyond channel 10 are drums" {
    # XG: bank 127 and a program make channel 12 play them
    raw "4d546864 00000006 0001 0001 01e0 4d54726b 00000017 00bb007f 00cb00 009b2464 78 8b2440 00ff2f00 000000" >drums.mid
    midi2remi -u drums.mid | grep -q PitchDrum_36
    midi2remi -u --pair fifo drums.mid | grep -q PitchDrum_36
}

@test "midi2remi: --meter says it for all files" {
    run -0 midi2remi -u --meter 3/4 "$BATS_FILE_TMPDIR/example.mid"
    [[ $output == *"Bar TimeSig_3/4"* ]]
    [ "$(grep -o 'TimeSig_[0-9/]*' <<<"$output" | sort -u)" = TimeSig_3/4 ]
    for bad in 3 0/4 3/5 3/4/5 ''; do
        run -64 midi2remi "--meter=$bad" "$BATS_FILE_TMPDIR/example.mid"
    done
    run -64 midi2remi --meter 3/4 --beats x "$BATS_FILE_TMPDIR/example.mid"
    for bad in %D/x %d/%nx% %; do
        run -64 --separate-stderr midi2remi --beats "$bad" "$BATS_FILE_TMPDIR/example.mid"
        says "a % in --beats is %d, the folder, %n, the name, or %%, a %"
    done
    # one that the vocabulary lacks would become bars of another
    run -64 --separate-stderr midi2remi --meter 17/4 "$BATS_FILE_TMPDIR/example.mid"
    says "--meter 17/4: scheme 'remi' has no such bars"
}

@test "midi2remi: the table of rejects never goes where the tokens go" {
    echo text >text.mid
    for how in '--rejects -' '--rejects - -o -' '--rejects x -o x' '--rejects ./x -o x'; do
        # shellcheck disable=SC2086  # several words
        run -64 --separate-stderr midi2remi $how text.mid
        says "tokens and --rejects want a file each"
        [ -z "$output" ] && [ ! -e x ]
    done
    run -65 --separate-stderr midi2remi --rejects - -o x text.mid
    [[ $output == $'file\tcode\toffset\treason\ntext.mid\tnot-midi\t0\t'* ]] || fail "$output"
}

@test "midi2remi: --labels are the tokens a piece begins with, through the whole pipeline" {
    cp "$BATS_FILE_TMPDIR"/p[123].mid .
    printf 'file\tgenre\tby who\np1.mid\tHip hop\tBach\np3.mid\tjazz\t\n' >labels.tsv
    run -0 --separate-stderr midi2remi -u --labels labels.tsv p1.mid p2.mid p3.mid
    [ "$(grep -c '^Bar' <<<"$output")" -eq 6 ]
    [ "$(sed '/^#/d; /^Bar/d' <<<"$output" | tr '\n' '|')" = 'By-who_Bach Genre_Hip-hop|Genre_jazz|' ] || fail "$output"
    [[ $stderr == *"1 files have no line in labels.tsv"* ]] || fail "$stderr"
    midi2remi --labels labels.tsv --columns genre --chords --pedal p1.mid p3.mid -o s.tok.zst
    remi2midi --check s.tok.zst
    vocab s.tok.zst | grep -q 'Genre_jazz	1'
    shard -o data s.tok.zst
    # a spreadsheet writes a mark before the text
    { printf '\357\273\277'; cat labels.tsv; } >marked.tsv
    cmp <(midi2remi -u --no-pg --labels labels.tsv p1.mid) <(midi2remi -u --no-pg --labels marked.tsv p1.mid)
    run -64 midi2remi --labels labels.tsv --columns tempo p1.mid
    run -64 --separate-stderr midi2remi --columns genre p1.mid
    says "--columns are of the table of --labels FILE"
    run -64 midi2remi --scheme performance --labels labels.tsv p1.mid
    printf 'file\tby\tmerge\np1.mid\tBach\t4+5\n' >labels.tsv
    run -64 --separate-stderr midi2remi --labels labels.tsv p1.mid
    says "a label cannot begin with Merge_: learned merges do"
}

# A tune on channel 1 over chords on 2, a bass on 3 and drums, in tracks of the names given.
band() {
    /usr/bin/python3 - "$@" <<'PY'
import sys
from mido import Message, MetaMessage, MidiFile, MidiTrack
f = MidiFile(ticks_per_beat=4)
for channel, name, program, pitches in ((0, sys.argv[2], 0, [[72], [74], [76], [77]]), (1, sys.argv[3], 0, [[60, 64, 67]] * 4),
                                        (2, sys.argv[4], 33, [[36], [36], [43], [36]]), (9, 'drums', 0, [[42]] * 4)):
    t = MidiTrack([MetaMessage('track_name', name=name), Message('program_change', program=program, channel=channel)])
    for chord in pitches * 2:
        t.extend(Message('note_on', note=p, channel=channel) for p in chord)
        t.extend(Message('note_off', note=p, channel=channel, time=4 if i == 0 else 0) for i, p in enumerate(chord))
    t.append(MetaMessage('end_of_track', time=16))
    f.tracks.append(t)
f.save(sys.argv[1])
PY
}

@test "midi2remi: parts of a piece line up, and together are the whole" {
    band x.mid Solo Piano Low
    midi2remi -u --no-pg --chords -o whole x.mid
    local part pitch n=0
    for part in melody:Pitch_72 bass:Pitch_36 drums:PitchDrum_42 track=pi*:Pitch_60 program=32-39:Pitch_43; do
        pitch=${part#*:} part=${part%:*}
        midi2remi -u --no-pg --chords --keep "$part" -o keep x.mid
        midi2remi -u --no-pg --chords --drop "$part" -o drop x.mid
        music keep | grep -q "$pitch " || fail "$part: $(cat keep)"
        ! music drop | grep -q "$pitch " || fail "$part: $(cat drop)"
        [ "$(music keep drop | grep -o 'Pitch[A-Za-z]*_[0-9]*' | sort | tr '\n' ' ')" = \
            "$(music whole | grep -o 'Pitch[A-Za-z]*_[0-9]*' | sort | tr '\n' ' ')" ] || fail "$part"
        for f in keep drop; do
            [ "$(music $f | grep -c ^Bar)" -eq "$(music whole | grep -c ^Bar)" ]
            [ "$(music $f | grep -o 'Chord[^ ]*' | tr '\n' ' ')" = "$(music whole | grep -o 'Chord[^ ]*' | tr '\n' ' ')" ]
        done
        n=$((n + 1))
    done
    [ "$n" -eq 5 ]
    # a union, from files whose names tell
    band named.mid Strings 'Lead Vocals' 'E-Bass'
    midi2remi -u --keep bass,melody -o named named.mid
    music named | grep -o 'Pitch[A-Za-z]*_[0-9]*' | sort -u >got
    [ "$(tr '\n' ' ' <got)" = 'Pitch_36 Pitch_43 Pitch_60 Pitch_64 Pitch_67 ' ] || fail "$(cat got)"
}

@test "midi2remi: chords are a part without notes" {
    band x.mid Solo Piano Low
    midi2remi -u --keep chords x.mid >chords
    [ "$(music chords)" = $'Bar TimeSig_4/4 Position_0 Chord_C:maj Tempo_120\nBar\nBar Position_0 Chord_N' ] || fail "$(music chords)"
    remi2midi -o back.mid chords
    ! midi2remi -u --drop chords x.mid | grep -q Chord
    cmp <(midi2remi -u --no-pg --keep program=bass x.mid | grep -v '^#remi') \
        <(midi2remi -u --no-pg --keep program=32-39 x.mid | grep -v '^#remi')
    cmp <(midi2remi -u --no-pg --keep chords,bass x.mid) <(midi2remi -u --no-pg --chords --keep bass x.mid)
    # the notes without the chords pair with the chords, as degrees too
    for how in '' --degrees; do
        # shellcheck disable=SC2086  # no word, or one
        midi2remi -u --no-pg $how --keep chords -o chords x.mid
        # shellcheck disable=SC2086
        midi2remi -u --no-pg $how --drop chords -o notes x.mid
        cmp <(head -n 1 chords) <(head -n 1 notes)
        [ "$(music notes | grep -c Chord)" -eq 0 ]
        cmp <(music notes | sed 's/ Key_[^ ]*//') <(midi2remi -u x.mid | grep -v '^#')
        shard -q notes --condition chords -o "pairs$how"
    done
    run -64 --separate-stderr midi2remi --chords --drop chords x.mid
    says "chords are added or dropped, not both"
}

@test "midi2remi: a file without the part is a reject, and parts are of one scheme" {
    band x.mid Solo Piano Low
    raw "4d546864 00000006 0001 0001 01e0 4d54726b 0000000d 00992464 78892440 00ff2f00" >drums.mid
    mkdir d && cp x.mid drums.mid d
    for how in '--keep melody' '--keep chords' '--keep track=none,bass' '--drop drums' '--keep melody --keep-empty'; do
        # shellcheck disable=SC2086  # several words
        run -65 --separate-stderr midi2remi -u $how --rejects table d
        [[ $stderr == *"drums.mid': it has no "*" [no-part]"* || $stderr == *"no note is left of it"*"[no-part]"* ]] || fail "$stderr"
        [ "$(cut -f 2 table | tr '\n' ' ')" = 'code no-part ' ]
        [ "$(sed -n 's/^#piece //p' <<<"$output" | jq -r .name)" = d/x.mid ]
    done
    run -65 --separate-stderr midi2remi --keep melody,bass drums.mid -o no
    [[ $stderr == *"'drums.mid': it has no note of 'melody,bass' [no-part]"* ]] || fail "$stderr"
    run -65 --separate-stderr midi2remi --drop drums drums.mid -o no
    [[ $stderr == *"'drums.mid': no note is left of it without 'drums' [no-part]"* ]] || fail "$stderr"
    rm -f no
    midi2remi -u -j 1 --keep melody --max-reject 1 d >one 2>/dev/null
    midi2remi -u -j 3 --keep melody --max-reject 1 d >three 2>/dev/null
    cmp <(grep -v '^#remi' one) <(grep -v '^#remi' three)
    run -64 --separate-stderr midi2remi --keep melody --drop bass x.mid
    says "parts are kept or dropped, not both"
    # what a person calls them
    while IFS=: read -r wrong hint; do
        run -64 --separate-stderr midi2remi --keep "$wrong" x.mid
        says "'$wrong' is no part; '$hint; there are melody, bass, drums, chords, track=NAME and program=A-B"
    done <<'END'
tune:melody' is
drum:drums' is
chord:chords' is
violin:program=violin' is
Piano:program=Piano' is
33:program=33' is
Vocals:track=Vocals' is, of a track called so
END
    run -64 --separate-stderr midi2remi --drop program=drums x.mid
    says "program=drums: drums have no program, they are a part of their own: drums"
    for scheme in remi-2020 performance; do
        run -64 --separate-stderr midi2remi --scheme $scheme --keep melody x.mid
        says "scheme '$scheme' has no parts that would line up; 'remi' has"
    done
    run -64 --separate-stderr midi2remi --scheme groove --keep drums x.mid
    says "scheme 'groove' has no parts: it is drums"
}

@test "midi2remi: --common-key: pieces that differ in their key alone are the same but for Key" {
    band x.mid Solo Piano Low
    # moved TO BY: the notes of melodic channels so much higher
    moved() {
        /usr/bin/python3 - "$@" <<'PY'
import sys
from mido import MidiFile
f = MidiFile('x.mid')
for t in f.tracks:
    for m in t:
        if m.type in ('note_on', 'note_off') and m.channel != 9:
            m.note += int(sys.argv[2])
f.save(sys.argv[1])
PY
    }
    local by
    midi2remi -u --common-key -o c x.mid
    [ "$(music c | grep -c 'Key_C:maj')" -eq 1 ]
    diff <(music c | sed 's/PitchC/Pitch/g; s/Key_C:maj //') <(midi2remi -u x.mid | grep -v '^#')
    for by in -5 -1 4 6; do
        moved y.mid $by
        midi2remi -u --common-key -o y y.mid
        diff <(music c | sed 's/Key_[^ ]*//') <(music y | sed 's/Key_[^ ]*//')
        remi2midi -o back.mid y
        diff <(midi2remi -u back.mid | grep -v '^#') <(midi2remi -u y.mid | grep -v '^#')
    done
    # chords come as degrees; what is the same in all keys is not copied into them
    midi2remi -u --common-key --chords x.mid | grep -q ' Chord_I:maj '
    midi2remi --common-key x.mid -o c.tok.zst
    run -64 --separate-stderr shard --augment transpose=-1..1 c.tok.zst -o data
    says "--augment transpose: pieces in a common key are the same in every key"
    run -65 --separate-stderr shard -o data c.tok.zst <(midi2remi --key x.mid)
    says "in the keys of the pieces"
    # beyond 0 to 127: an octave nearer, there and back
    /usr/bin/python3 - <<'PY'
from mido import Message, MetaMessage, MidiFile, MidiTrack
for name, key, pitches in (('low', 'F#', (2, 6)), ('high', 'G', (124, 122))):
    f = MidiFile()
    f.tracks.append(MidiTrack([MetaMessage('key_signature', key=key)]))
    for p in pitches:
        f.tracks[0] += [Message('note_on', note=p), Message('note_off', note=p, time=480)]
    f.save(name + '.mid')
PY
    midi2remi -u --common-key low.mid -o l
    midi2remi -u --common-key high.mid -o h
    [ "$(music l h | grep -o 'PitchC_[0-9]*' | tr '\n' ' ')" = "PitchC_8 PitchC_0 PitchC_117 PitchC_127 " ] || fail "$(music l h)"
    for by in l h; do
        remi2midi -o $by.mid $by
        midi2remi -u --common-key $by.mid | grep -v '^#' | diff <(music $by) -
    done
}

@test "midi2remi: --key and --degrees: the file's own key, or found; chords from its tonic" {
    band x.mid Solo Piano Low
    midi2remi -u --key -o key x.mid
    [[ $(music key | head -n 1) == 'Bar TimeSig_4/4 Key_C:maj Position_0 Tempo_120 '* ]] || fail "$(music key)"
    midi2remi -u --degrees -o degrees x.mid
    [[ $(music degrees | head -n 1) == 'Bar TimeSig_4/4 Key_C:maj Position_0 Chord_I:maj Tempo_120 '* ]]
    /usr/bin/python3 - <<'PY'
from mido import MetaMessage, MidiFile
f = MidiFile('x.mid')
f.tracks[0].insert(0, MetaMessage('key_signature', key='Gm'))
f.save('own.mid')
PY
    midi2remi -u --degrees -o own own.mid
    [[ $(music own | head -n 1) == 'Bar TimeSig_4/4 Key_G:min Position_0 Chord_IV:maj Tempo_120 '* ]]
    # and back: the key as a signature, chords by their names
    remi2midi -o back.mid own
    /usr/bin/python3 - <<'PY'
from mido import MidiFile
got = [m for m in MidiFile('back.mid').tracks[0] if m.type in ('key_signature', 'marker')]
assert (got[0].key, got[1].text) == ('Gm', 'C:maj'), got
PY
    midi2remi -u --degrees -o again back.mid
    diff <(music own) <(music again)
    # of a part it is that of the whole
    midi2remi -u --degrees --keep chords -o chords own.mid
    [ "$(music chords)" = $'Bar TimeSig_4/4 Key_G:min Position_0 Chord_IV:maj Tempo_120\nBar\nBar Position_0 Chord_N' ]
    cmp <(midi2remi -u --no-pg -j 1 --degrees "$SAMPLES") <(midi2remi -u --no-pg -j 3 --degrees "$SAMPLES")
    local scheme
    for scheme in remi-2020 performance groove; do
        run -64 --separate-stderr midi2remi --scheme $scheme --key x.mid
        says "scheme '$scheme' has no key tokens"
    done
}

@test "midi2remi: every scheme has its page, and stands in the man page, the README and the fuzzers" {
    cd "$BARLINE_ROOT"
    run -64 --separate-stderr midi2remi --scheme nope samples/sakura.mid
    local scheme schemes
    IFS=', ' read -ra schemes <<<"${stderr#*there are: }"
    [ "${#schemes[@]}" -ge 4 ]
    for scheme in "${schemes[@]}"; do
        [ -e "schemas/$scheme-scheme.md" ] || fail "no schemas/$scheme-scheme.md"
        grep -q "schemas/$scheme-scheme.md" README.md || fail "README.md has no $scheme"
        grep -qx ".It Cm $scheme" bin/midi2remi.1 || fail "midi2remi.1 has no $scheme"
        [ "$scheme" = groove ] || grep -q "{.scheme = \"$scheme\"" tests/fuzz/fuzz.c ||
            fail "fuzz.c has no $scheme"
    done
}
