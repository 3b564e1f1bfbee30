#!/usr/bin/env bats
# live.bats - streams played as they come (remi2midi --play), bytes heard as they come
# (midi2remi --listen): schemas/timed-bytes.md.
load ../helpers

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    midi2remi "$BARLINE_ROOT/samples/aura-lee.mid" -o a.tok.zst
    midi2remi --scheme groove "$BARLINE_ROOT/samples/twelve-bar-blues.mid" -o g.tensors.zst
    # ends FILE: 0 if what its bytes begin has an end: notes and pedals.
    cat >ends.py <<'PY'
import sys
b, on, i = open(sys.argv[1], 'rb').read(), set(), 0
while i < len(b):
    s = b[i]
    n = 1 if s >= 0xF0 else 2 if s & 0xF0 in (0xC0, 0xD0) else 3
    m = b[i:i + n]
    assert s >= 0x80 and len(m) == n and all(x < 128 for x in m[1:]), (i, m)
    k = (s & 15, m[1]) if n == 3 else None
    if s & 0xF0 == 0x90 and m[2]:
        on.add(k)
    elif s & 0xF0 in (0x80, 0x90):
        on.discard(k)
    elif s & 0xF0 == 0xB0 and m[1] == 64:
        (on.add if m[2] >= 64 else on.discard)((s & 15, 'pedal'))
    i += n
print(len(b), 'bytes,', len(on), 'sound')
sys.exit(bool(on) or not b)
PY
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    F=$BATS_FILE_TMPDIR
}

ends() {
    python3 "$F/ends.py" "$1"
}

@test "play: a table of messages has the notes of the MIDI file, at its times" {
    remi2midi --play --speed 0 "$F/a.tok.zst" >a.csv
    remi2midi --play --speed 0 <"$F/a.tok.zst" | cmp - a.csv
    remi2midi -o a.mid "$F/a.tok.zst"
    /usr/bin/python3 - <<'PY'
import csv, mido
def notes(events):
    """Onset, length in ms, pitch, velocity; channels are given anew."""
    on, out = {}, []
    for t, m in events:
        if m.type == 'note_on' and m.velocity:
            on[m.channel, m.note] = t, m.velocity
        elif m.type in ('note_off', 'note_on') and (m.channel, m.note) in on:
            t0, v = on.pop((m.channel, m.note))
            out.append((round(t0 * 1e3), round((t - t0) * 1e3), m.note, v))
    assert not on
    return sorted(out)
table, file, t = [], [], 0
for row in csv.DictReader(open('a.csv')):
    if row['bytes']:
        table.append((int(row['ns']) / 1e9, mido.Message.from_hex(row['bytes'])))
for m in mido.MidiFile('a.mid'):
    t += m.time
    file.append((t, m))
a, b = notes(table), notes(file)
assert len(a) == len(b) > 300 and all(x[2:] == y[2:] and abs(x[0] - y[0]) < 2 and abs(x[1] - y[1]) < 3
                                      for x, y in zip(a, b))
PY
}

@test "play: a bar is known as soon as its line is there, of grooves a window" {
    text "$F/a.tok.zst" | sed 2q >two
    mkfifo in
    remi2midi --play --speed 0 <in >out 2>err 3>&- &
    exec 4>in
    cat two >&4
    text "$F/a.tok.zst" | sed -n 3p >&4
    for _ in {1..100}; do
        [ "$(wc -l <out)" -lt 5 ] || break
        sleep .05
    done
    [ "$(wc -l <out)" -ge 5 ]
    exec 4>&-
    run -65 wait $!
    remi2midi --play --speed 0 "$F/g.tensors.zst" >g.csv
    [ "$(grep -c ,99 g.csv)" -eq "$(remi2midi --csv "$F/g.tensors.zst" | sed 1d | wc -l)" ]
}

@test "play: the same bytes in time, whatever the speed, with clock and tempo" {
    remi2midi --play --speed 0 "$F/a.tok.zst" | sed 1d | cut -d, -f2 | tr -d '\n ' >want
    remi2midi --play --speed 100 "$F/a.tok.zst" >out
    xxd -p -u out | tr -d '\n' | cmp - want
    ends out
    remi2midi --play --speed 0 --tempo 60 --clock "$F/a.tok.zst" >c
    last=$(tail -n 1 c)
    # 24 pulses a second
    [ "$(grep -c ',F8' c)" -eq $((${last%,} / 1000000000 * 24)) ]
    [ "$(sed -n 2p c)" = 0,FA ]
    tail -n 2 c | grep -q ,FC
}

@test "play: of a cut stream it plays what there is, ends it, and says so" {
    text "$F/a.tok.zst" | sed 6q >cut
    run --separate-stderr -65 remi2midi --play --speed 50 cut
    says "'cut': line 6: the stream ends inside a piece"
    remi2midi --play --speed 50 cut >out 2>/dev/null || true
    ends out
}

@test "play: SIGINT and SIGTERM end all notes, with status 0 and no word" {
    for signal in INT TERM HUP; do
        remi2midi --play --speed 4 "$F/a.tok.zst" >out.$signal 2>err 3>&- &
        sleep .3
        kill -$signal $!
        wait $!
        [ ! -s err ]
        ends out.$signal
    done
    # while it waits for input, too
    mkfifo in
    (text "$F/a.tok.zst" | sed 5q; sleep 20) >in 3>&- &
    writer=$!
    remi2midi --play --speed 20 <in >out 3>&- &
    sleep .7
    kill -INT $!
    wait $!
    kill $writer
    ends out
}

@test "play: where nothing comes in time notes end; what comes later goes on from there" {
    (text "$F/a.tok.zst" | sed 6q; sleep 1; text "$F/a.tok.zst" | sed 1,6d) |
        remi2midi --play --speed 40 -v 2>err >out
    grep -q ' 1 underruns' err
    ends out
}

@test "play: what goes with it, and what does not" {
    for options in '--play --csv' '--play --check' '--play -d x' '--play -o x' '--play --raw' \
        '--tempo 100' '--speed 2' '--ahead 3' --clock; do
        run --separate-stderr -64 remi2midi $options "$F/a.tok.zst"
        says remi2midi:
    done
}
