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
    status=0
    wait $! || status=$?
    [ "$status" -eq 65 ] || fail "$status: $(cat err)"
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
    # as a table, too, wherever it is cut
    for cut in 6 7 8; do
        text "$F/a.tok.zst" | sed "s/Duration_[0-9]*/Duration_16/g; ${cut}q" >cut
        remi2midi --play --speed 0 cut >out.csv 2>/dev/null || true
        awk -F '[, ]' '$2 ~ /^9/ { on[substr($2, 2) $3] = 1 } $2 ~ /^8/ { delete on[substr($2, 2) $3] }
            END { for (key in on) exit 1; if (NR < 20) exit 1 }' out.csv
        tail -n 1 out.csv | grep -q ',B. 7B 00$'
    done
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
    grep -q ' [1-9][0-9]* underruns' err
    ends out
}

@test "play: after a t0 silence that comes when it is over is no underrun, a note is" {
    local t0 notes="Position_8 Pitch_60 Velocity_79 Duration_4"
    { # of a player in turns: four bars of .8 s, the second silent
        echo 'Bar TimeSig_4/4 Position_0 Tempo_300 Program_0 Pitch_60 Velocity_79 Duration_4'
        printf '%s\n' Bar "Bar $notes" "Bar $notes"
    } >raw
    remi2midi --raw raw -o turns.mid
    midi2remi -u --no-pg turns.mid >turns
    for late in 2.3 2.87; do # the note of the fourth bar is at 2.8
        t0=$(/usr/bin/python3 -c 'import time; print(time.monotonic_ns() + 300000000)')
        sed "1s/{/{\"t0\":$t0,\"tempo\":300,/" turns >live
        /usr/bin/python3 - "$t0" $late <<'PY' | remi2midi --play -v 2>err >out
import sys, time
t0, late = int(sys.argv[1]), float(sys.argv[2])
lines = open('live').read().splitlines(True)
at = [0, 0, 0, 1.7, 1.7, late] + [3.3] * 3
for line, t in zip(lines, at):
    time.sleep(max(0, (t0 - time.monotonic_ns()) / 1e9 + t))
    sys.stdout.write(line)
    sys.stdout.flush()
PY
        ends out
        cat err
        grep -q " $([ $late = 2.87 ] && echo 1 || echo 0) underruns" err
    done
}

@test "play: a write that fails ends it with one line, and the notes with the next write" {
    run --separate-stderr -74 bash -c "remi2midi --play --speed 100 '$F/a.tok.zst' >/dev/full"
    says "'stdout': cannot write: No space left on device"
    cc -shared -fPIC -O1 -o fail.so "$BARLINE_ROOT/tests/faults/fail.c" -ldl
    preload=$PWD/fail.so n_failed=0
    ! ldd "$(command -v remi2midi)" | grep -q asan || skip "a sanitizer wants to be loaded first"
    for k in 8 9 10 40 41 42 90 91 92; do # some of them wake the other thread: no matter
        status=0
        FAIL=write:$k:5 LD_PRELOAD=$preload remi2midi --play --speed 100 "$F/a.tok.zst" >out 2>err || status=$?
        ends out
        [ "$status" -ne 0 ] || continue
        [ "$status" -eq 74 ]
        [ "$(cat err)" = "remi2midi: 'stdout': cannot write: Input/output error" ]
        n_failed=$((n_failed + 1))
    done
    [ "$n_failed" -ge 3 ]
    # nobody reads any more: it ends without a word
    remi2midi --play --speed 20 "$F/a.tok.zst" 2>err | head -c 50 >part
    [ ! -s err ]
}

@test "play: a signal ends it just before a write that waits, too" {
    [[ $BARLINE_BUILD != *san ]] || skip "what is preloaded comes before the sanitizer"
    # where the reader takes nothing: the signal comes between the look for it and the call
    cat >late.c <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>
static int (*look)(struct pollfd *, nfds_t, int);
static ssize_t (*put)(int, const void *, size_t);
static int was_sent;
__attribute__((constructor)) static void begin(void)
{
    look = (int (*)(struct pollfd *, nfds_t, int))dlsym(RTLD_NEXT, "poll");
    put = (ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    fcntl(1, F_SETPIPE_SZ, 4096);
}
int poll(struct pollfd *p, nfds_t n, int ms)
{
    if (p[0].fd == 1 && !was_sent && look(p, n, 0) == 0)
        was_sent = kill(getpid(), SIGTERM) == 0;
    return look(p, n, ms);
}
ssize_t write(int fd, const void *bytes, size_t n)
{
    int full = 0;
    if (fd == 1 && !was_sent && ioctl(1, FIONREAD, &full) == 0 && full + n > 4096)
        was_sent = kill(getpid(), SIGTERM) == 0;
    return put(fd, bytes, n);
}
C
    cc -shared -fPIC -o late.so late.c -ldl
    mkfifo out
    sleep 20 <out 3>&- &
    local reader=$!
    run -0 timeout -s KILL 10 bash -c 'LD_PRELOAD=$1 remi2midi --play --speed 100 --clock "$2" >out' \
        - "$PWD/late.so" "$F/a.tok.zst"
    kill $reader
}

# hits: what was heard, as milliseconds and pitches.
hits() {
    awk -F '[, ]' '$2 == "99" { printf "%s%d:%s", n++ ? " " : "", $1 / 1e6, $3 }'
}

@test "play: the newest window of a loop goes round, from its bar on, whoever answers" {
    cat >taps.csv <<'T'
ns,bytes
0,99 24 64
500000000,99 26 64
2250000000,99 2A 50
4500000000,99 24 70
T
    midi2remi --listen --scheme groove --voices --tempo 120 -u --no-pg <taps.csv >loop
    grep -aq '"loop":"1"' loop
    remi2midi --check loop
    remi2midi --play --speed 0 loop >a
    [ "$(hits <a)" = "0:24 500:26 2250:2A 4000:24 4500:24 4500:26 6250:2A" ]
    remi2midi --play --speed 0 --tempo 60 <loop | hits | grep -q '12500:2A$'
    # as a file each window is a piece, and other streams go on as they did
    [ "$(remi2midi --csv loop | cut -d , -f 1 | sort -u | wc -l)" -ge 2 ]
    remi2midi --play --speed 0 "$F/g.tensors.zst" >b
    sed 's/"loop":"1"/"loop":"2"/' loop >two
    run -65 --separate-stderr remi2midi --play --speed 0 two
    # a model answers it as it stands, and what is made goes round as well
    midi2remi -q --scheme groove "$SAMPLES"/{twelve-bar-blues,harbour-habanera}.mid | shard -q -o data
    xltrain -q --data data -o run --preset groove --set layers=1 --set width=16 --set heads=2 --set ff=16 --steps 2
    xlsample -q run --condition loop --threshold 0 --max-hits 1 -u --no-pg -o made
    grep -aq '"loop":"1"' made
    remi2midi --play --speed 0 made >c
    [ "$(hits <c | wc -w)" -ge 18 ]
    for i in loop made; do
        remi2midi --play --speed 0 $i | cmp - "$([ $i = loop ] && echo a || echo c)"
    done
}

@test "play: a live loop goes round until a signal ends it, and no note goes on" {
    mkfifo keys loop
    for signal in INT TERM; do
        midi2remi --listen --count-in 0 --scheme groove --window 1 --voices --tempo 300 -q <keys >loop 3>&- &
        remi2midi --play -q <loop >out 3>&- &
        pid=$!
        exec 5>keys
        printf '\x99\x24\x64\x26\x64\x2a\x64\x2e\x64' >&5
        sleep 2 # a round is .8 s
        kill -$signal $pid
        wait $pid
        exec 5>&-
        wait
        ends out
        /usr/bin/python3 -c 'assert open("out", "rb").read().count(b"\x99\x24\x64") >= 2'
    done
}

@test "play: words that nobody reads cost no note its end, a wire that nobody reads ends it" {
    remi2midi --play --speed 4 "$F/a.tok.zst" >out 3>&- &
    sleep .3
    kill -PIPE $!
    sleep .1
    kill -INT $!
    wait $!
    ends out
    # the t0 of its stream is far: that is said while it plays
    text "$F/a.tok.zst" | sed '1s/{/{"t0":5,"tempo":90,/' >far
    mkfifo words
    head -c 0 words 3>&- &
    timeout --preserve-status -s INT 1 remi2midi --play --speed 4 far >out 2>words
    ends out
    bash -c 'remi2midi --play --speed 100 "$1"; echo $? >status' - "$F/a.tok.zst" 2>err | head -c 50 >part
    [ ! -s err ]
    [ "$(cat status)" -eq 141 ]
}

@test "play: as slow as can be it waits" {
    local speed
    for speed in 1e-9 1e-300; do
        run -124 timeout .5 remi2midi --play --speed $speed "$F/a.tok.zst"
    done
}

@test "play: killed anywhere, from the outside, nothing sounds" {
    for wait in 0.12 0.31 0.57; do
        remi2midi --play --speed 5 "$F/a.tok.zst" >out 3>&- &
        sleep $wait
        kill -TERM $!
        wait $!
        [ ! -s out ] || ends out
    done
}

@test "play: --delay is so many bars after the t0 of a live stream, and of no other" {
    text "$F/a.tok.zst" | sed "1s/{/{\"t0\":1,\"tempo\":240,/" >form
    first() { # milliseconds from t0 to the first byte
        local t0
        t0=$(/usr/bin/python3 -c 'import time; print(time.monotonic_ns() + 300000000)')
        sed "1s/\"t0\":1,/\"t0\":$t0,/" form >live
        timeout -s INT 5 remi2midi --play "$@" live 2>/dev/null | /usr/bin/python3 -c '
import sys, time
sys.stdin.buffer.read(1)
print((time.monotonic_ns() - int(sys.argv[1])) // 1000000)' "$t0"
    }
    plain=$(first) later=$(first --delay 1) faster=$(first --delay 1 --tempo 480)
    echo "$plain $later $faster"
    [ "$plain" -ge 0 ] && [ "$plain" -lt 400 ]
    [ "$later" -ge 1000 ] && [ "$later" -lt 1400 ]
    [ "$faster" -ge 500 ] && [ "$faster" -lt 900 ]
    cmp <(remi2midi --play --speed 0 form) <(remi2midi --play --speed 0 --delay 3 form)
    run -64 --separate-stderr remi2midi --delay 1 -o x.mid form
    says "--delay and --clock go with --play"
}

@test "play: a clock whose t0 is past goes on from where it is, without the pulses since then" {
    t0=$(/usr/bin/python3 -c 'import time; print(time.monotonic_ns() - 20000000000)')
    text "$F/a.tok.zst" | sed "1s/{/{\"t0\":$t0,\"tempo\":90,/" >past
    timeout --preserve-status -s INT .6 remi2midi -q --play --clock --tempo 60 past >bytes
    /usr/bin/python3 - bytes <<'E'
import re, sys
sent = open(sys.argv[1], "rb").read()
assert not re.search(b"\xfa|\xfc", sent), "start, or stop where nothing had begun"
at = [m.start() for m in re.finditer(b"\xf2..\xfb\xf8", sent, re.S)]
assert len(at) == 1 and b"\xf8" not in sent[:at[0]], at
place = sent[at[0] + 1] + 128 * sent[at[0] + 2]
assert 80 <= place < 88, place # sixteenths of a quarter of a second, 20 s and what it takes to begin
assert sent.count(b"\xf8") < 20, sent.count(b"\xf8")
E
}

@test "play: where t0 is past it comes in where the music is, without the notes since then" {
    t0=$(/usr/bin/python3 -c 'import time; print(time.monotonic_ns() - 20000000000)')
    text "$F/a.tok.zst" | sed "1s/{/{\"t0\":$t0,\"tempo\":90,/" >past
    remi2midi --play --speed 0 past >all.csv
    timeout --preserve-status -s INT 1.2 remi2midi --play past >bytes 2>err
    ends bytes
    /usr/bin/python3 - bytes all.csv <<'PY'
import csv, sys
def messages(b):
    i = 0
    while i < len(b):
        n = 2 if b[i] & 0xF0 in (0xC0, 0xD0) else 3
        yield b[i:i + n]
        i += n
is_on = lambda m: len(m) == 3 and m[0] & 0xF0 == 0x90 and m[2]
table = [(int(r['ns']) / 1e9, bytes.fromhex(r['bytes'])) for r in csv.DictReader(open(sys.argv[2]))]
on = [(t, m) for t, m in table if is_on(m)]
sent = list(messages(open(sys.argv[1], 'rb').read()))
heard = [m for m in sent if is_on(m)]
at = [t for i, (t, _) in enumerate(on) if [m for _, m in on[i:i + len(heard)]] == heard and t > 19.8]
assert heard and at and at[0] < 30 and len(heard) < 60, (len(heard), at)
assert {m for t, m in table if t < 19.9 and m[:1] and m[0] & 0xF0 == 0xC0} <= set(sent)
PY
    grep -q '^remi2midi: warning: [0-9]* notes were left out that came more than 100 ms after their time' err
}

@test "play: begins at the t0 of its stream, where that is near" {
    t0=$(/usr/bin/python3 -c 'import time; print(time.monotonic_ns() + 700000000)')
    text "$F/a.tok.zst" | sed "1s/{/{\"t0\":$t0,\"tempo\":90,/" >near
    remi2midi --check near
    remi2midi --play --speed 100 near | /usr/bin/python3 -c '
import sys, time
sys.stdin.buffer.raw.read(1)
late = time.monotonic_ns() - int(sys.argv[1])
assert 0 <= late < 2e9, late
sys.stdin.buffer.read()' "$t0"
    sed "1s/\"t0\":[0-9]*/\"t0\":5/" near >far
    remi2midi --play --speed 100 far 2>err >out
    grep -q 'warning: the stream.s t0 is not within a minute of now' err
    ends out
    # pieces of other streams keep it out
    sed '1s/"t0":[0-9]*,//' near >half
    run -65 remi2midi --check half
}

# arrive TEMPO: what a player sends into a FIFO, and when another process reads it.
arrive() {
    local t0
    for _ in {1..5}; do midi2remi -u --no-pg "$SAMPLES/yankee-doodle.mid"; done >d.tok
    remi2midi --play --speed 0 --tempo "$1" d.tok >d.csv
    rm -f fifo
    mkfifo fifo
    t0=$(/usr/bin/python3 -c 'import time; print(time.monotonic_ns() + 1500000000)')
    sed "1s/{/{\"t0\":$t0,\"tempo\":90,/" d.tok | remi2midi --play --tempo "$1" >fifo 3>&- &
    "$BARLINE_BUILD/tests/arrival" d.csv "$t0" <fifo >&3
}

# bats test_tags=slow
@test "play: five minutes arrive in another process as a bare loop wakes, .3 ms and 1 ms more" {
    arrive 190
}

# bats test_tags=slow
@test "play: the same beside two busy processes" {
    yes >/dev/null 3>&- &
    local one=$!
    yes >/dev/null 3>&- &
    local two=$! status=0
    arrive 190 || status=$?
    kill "$one" "$two"
    [ "$status" -eq 0 ]
}

@test "play: what goes with it, and what does not" {
    for options in '--play --csv' '--play --check' '--play -d x' '--play -o x' '--play --raw' \
        '--tempo 100' '--speed 2' '--ahead 3' --clock; do
        run --separate-stderr -64 remi2midi $options "$F/a.tok.zst"
        says remi2midi:
    done
}

@test "listen: of what is played it hears the same tokens, tempos by MIDI clock" {
    local f n=0 meter tempo
    local all=("$SAMPLES"/*.mid) some=("$SAMPLES"/[j-t]*.mid)
    [ -z "${BARLINE_SLOW:-}" ] || some=("${all[@]}")
    for f in "${some[@]}"; do
        midi2remi -u --no-pg "$f" >a
        [ "$(grep -o TimeSig a | wc -l)" -eq 1 ] || continue # all bars alike
        [[ $f != *ode-to-joy* ]] || continue                # a note goes on over its bar
        meter=$(grep -om 1 'TimeSig_[0-9/]*' a)
        remi2midi --play --clock --speed 0 a |
            midi2remi --listen -u --no-pg --follow-clock --meter "${meter#*_}" >b
        diff <(grep -v '^#' a) <(grep -v '^#' b)
        n=$((n + 1))
        [ "$(grep -o Tempo_ a | wc -l)" -eq 1 ] || continue
        tempo=$(grep -om 1 'Tempo_[0-9]*' a) # and by time
        remi2midi --play --speed 0 a |
            midi2remi --listen -u --no-pg --tempo "${tempo#*_}" --meter "${meter#*_}" >b
        diff <(grep -v '^#' a) <(grep -v '^#' b)
    done
    [ "$n" -ge 15 ]
}

@test "listen: of grooves it hears the same hits, bar by bar" {
    hits() {
        remi2midi --csv "$@" | awk -F, 'NR > 1 {print int(100 * $2 / q + .5), $4, $5}' q="$q"
    }
    q=480 hits "$F/g.tensors.zst" >a
    remi2midi --play --tempo 116 --speed 0 "$F/g.tensors.zst" |
        midi2remi --listen --scheme groove --hop 1 --voices --tempo 116 >b.tensors.zst
    q=500 hits b.tensors.zst >b
    diff a b
    [ "$(wc -l <a)" -gt 500 ]
}

@test "listen: the same table gives the same bytes, whatever the machine's time" {
    remi2midi --play --speed 0 "$F/a.tok.zst" >a.csv
    midi2remi --listen <a.csv >a
    sleep .1
    (head -n 40 a.csv; sleep .2; tail -n +41 a.csv) | midi2remi --listen | cmp - a
    ! text a | grep '"t0"'
    midi2remi --listen --scheme groove <a.csv >a
    midi2remi --listen --scheme groove <a.csv | cmp - a
    remi2midi --check a
    run --separate-stderr -65 midi2remi --listen < <(printf 'ns,bytes\n5,90 3C 40\n4,80\n')
    says "'stdin': line 3: its time is before that of the line before it"
    run --separate-stderr -65 midi2remi --listen < <(printf 'ns,bytes\n5,9\n')
    says "'stdin': line 2: not a time, a comma and bytes in hexadecimal"
}

@test "listen: in time a bar is written when it is over, from beat 1 on, and at SIGINT all" {
    mkfifo keys
    midi2remi --listen -u --tempo 240 <keys >out 2>err 3>&- &
    exec 4>keys
    sleep 1.2 # the count-in
    printf '\x90\x3c\x40' >&4
    sleep .3
    printf '\x3c\x00' >&4
    sleep 1.3
    [ "$(grep -c ^Bar out)" -ge 1 ]
    grep -q 'Pitch_60 Velocity_63' out
    kill -INT $!
    wait $!
    exec 4>&-
    [ ! -s err ]
    remi2midi --check out
    head -n 1 out | grep -q '"t0":[0-9]*,"tempo":240'
    # t0 is beat 1: one bar of four 250 ms after it began
    /usr/bin/python3 -c '
import json, time
t0 = json.loads(open("out").readline()[6:])["t0"]
assert 1 < time.monotonic() - t0 / 1e9 < 20'
}

# bats test_tags=slow
@test "listen: without data it says what to connect, on a terminal at once" {
    (sleep 5.6) | midi2remi --listen -u 2>err >out
    [ "$(wc -l <err)" -eq 1 ]
    grep -q 'no MIDI has come for 5 seconds: connect a keyboard' err
    remi2midi --check out
    run -64 script -qec "midi2remi --listen -u" /dev/null </dev/null
    has "standard input is a terminal: connect a keyboard or a pad"
}

@test "listen: of a table no silence is longer than a day; a signal ends one at a line" {
    printf 'ns,bytes\n0,90 3C 40\n86400000000001,80 3C 40\n' >far.csv
    for scheme in remi 'groove --hop 1' groove; do
        run -65 --separate-stderr timeout 20 midi2remi --listen --scheme $scheme <far.csv
        says "'stdin': line 3: its time is more than a day after the line before it"
    done
    mkfifo table
    midi2remi --listen -u <table >out 2>err 3>&- &
    exec 4>table
    printf 'ns,bytes\n0,90 3C 40\n5000000000,80 3' >&4
    sleep .5
    kill -INT $!
    wait $!
    exec 4>&-
    [ ! -s err ]
    remi2midi --check out
}

@test "listen: what may become a table is waited for at rest" {
    local TIMEFORMAT='%U %S'
    { time (printf ns; sleep 1.5) | midi2remi --listen -u --count-in 0 --tempo 240 >out; } 2>spent
    remi2midi --check out
    awk '{ exit $1 + $2 > .4 }' spent
}

@test "listen: any bytes give a sound stream, in the long form of ten minutes" {
    /usr/bin/python3 -c '
import random, sys
random.seed(7)
print("ns,bytes")
for i in range(60000 if len(sys.argv) > 1 else 9000):
    print("%d,%s" % (i * 10**7, " ".join("%02X" % random.randrange(256) for _ in range(31))))' ${BARLINE_SLOW:+long} >r.csv
    midi2remi --listen <r.csv >r
    remi2midi --check r
    remi2midi --play --speed 0 r >played
    midi2remi --listen --scheme groove --voices --forget 4 --wait .1 <r.csv | remi2midi --check
    midi2remi --listen --scheme groove --hop 1 <r.csv | remi2midi --check
    midi2remi --listen --follow-clock <r.csv | remi2midi --check
    # and as they come
    head -c 200000 /dev/urandom | midi2remi --listen --count-in 0 | remi2midi --check
}

@test "listen: however its bytes come, with running status and others between, the same stream" {
    /usr/bin/python3 - <<'PY'
import random, subprocess
def heard(rows, *options):
    table = 'ns,bytes\n' + ''.join('%d,%s\n' % (t, ' '.join('%02X' % x for x in b)) for t, b in rows)
    return subprocess.run(['midi2remi', '--listen', '-uq', '--no-pg', *options], input=table.encode(),
                          capture_output=True, check=True).stdout
for seed in range(12):
    r, t, last, plain, running, mixed = random.Random(seed), 0, 0, [], [], []
    for i in range(60):
        t += r.randint(0, 400) * 10**6
        said = []
        for _ in range(r.randint(1, 4)):
            status = r.choice([0x90, 0x90, 0x80, 0x99, 0x89, 0xC0, 0xB0, 0xE0, 0xD0, 0xA0, 0x91])
            n = 1 if status & 0xF0 in (0xC0, 0xD0) else 2
            said.append([status] + [r.choice([0, 60, 61, 64, 123, 120, r.randint(0, 127)]) for _ in range(n)])
        plain.append((t, sum(said, [])))
        running.append((t, []))
        mixed.append((t, []))
        for m in said:
            running[-1][1].extend(m[1:] if m[0] == last else m)
            last = m[0]
            if r.random() < .5: # exclusive, its end lost at times, a pulse inside
                mixed[-1][1].extend([0xF0, *r.choices(range(128), k=r.randint(0, 9)), 0xF8, 1] + [0xF7] * (r.random() < .7))
            for x in m:
                mixed[-1][1].extend([0xF9, x] if r.random() < .1 else [x])
    for options in ([], ['--scheme', 'groove', '--hop', '1', '--voices']):
        want = heard(plain, *options)
        for rows in (running, mixed):
            cut = []
            for t, b in rows:
                while b:
                    n = r.randint(1, 3)
                    cut.append((t, b[:n]))
                    b = b[n:]
            assert heard(rows, *options) == heard(cut, *options) == want, (seed, options)
PY
}

@test "listen: by the clock of others each note has its place in their bar, however they jump" {
    /usr/bin/python3 - <<'PY'
import random, subprocess
for seed in range(60):
    r = random.Random(seed)
    num, den = r.choice([(4, 4), (3, 4), (7, 8), (6, 8), (5, 4), (2, 4)])
    bar, rows, ns, song, runs, want, pitch, tempo = 96 * num // den, [], 0, 0, False, [], 36, 120
    def send(*b):
        rows.append('%d,%s\n' % (ns, ' '.join('%02X' % x for x in b)))
    for _ in range(r.randint(3, 25)):
        what = r.random()
        if what < .15:
            send(0xFA)
            song, runs = 0, True
        elif what < .3:
            send(0xFC)
            runs = False
        elif what < .5:
            if not runs and r.random() < .6: # not back by less than it counts
                place = r.choice([0, 1, r.randint(0, 200), r.randint(0, 16383), -(-song // 6), song // 6 + 4]) & 16383
                send(0xF2, place & 127, place >> 7)
                song = 6 * place
            send(0xFB)
            runs = True
        elif what < .6:
            ns += r.choice([10**6, 3 * 10**8, 6 * 10**10])
        elif what < .7:
            tempo = min(max(r.choice([tempo * 2, tempo / 2, 60, 240]), 30), 280)
        for _ in range(r.choice([0, 1, 3, 24, 72, 100, r.randint(1, 300)])):
            send(0xF8)
            if runs and r.random() < .15:
                send(0x90, pitch, 64, 0x80, pitch, 64)
                want.append((pitch, song % bar))
                pitch = 36 + (pitch - 35) % 60
            song += runs
            ns += int(6e10 / tempo / 24)
    made = subprocess.run(['midi2remi', '--listen', '-uq', '--no-pg', '--follow-clock', '--grid', '24', '--meter',
                           '%d/%d' % (num, den)], input=('ns,bytes\n' + ''.join(rows)).encode(), capture_output=True, check=True)
    got, at = [], 0
    for token in made.stdout.decode().split():
        kind, _, n = token.partition('_')
        at = 0 if kind == 'Bar' else int(n) if kind == 'Position' else at
        if kind == 'Pitch':
            got.append((int(n), at))
    assert got == want, (seed, [x for x in zip(got, want) if x[0] != x[1]][:3], len(got), len(want))
PY
}

@test "listen: what goes with it, and what does not" {
    for options in '--listen x.mid' '--listen -o x' '--listen --trim' '--listen --keep bass' '--listen --key' '--listen --chords' \
        '--listen --scheme performance' '--listen --voices' '--listen --tempo 10' \
        '--listen --scheme groove --hop 1 --wait 1' '--listen --scheme groove --meter 3/4' \
        '--tempo 100' --voices --follow-clock '--count-in 2' '--forget 3' '--wait 1'; do
        run --separate-stderr -64 midi2remi $options </dev/null
        says midi2remi:
    done
}

# pipes: those of the page that end in a synthesizer, faster than there.
pipes() {
    sed -n 's/^| [^|]* | `\(.*> SYNTH\)`.*/\1/p' "$BARLINE_ROOT/pipelines/live.md" |
        sed 's/\\|/|/g; s/--tempo 100/--tempo 300/g; s/^mkfifo ASK; //'
}

# The runs that the page names, and FIFOs.
stage() {
    local small=(-q --set layers=1 --set width=16 --set heads=2 --set ff=16 --steps 5)
    midi2remi -q "$SAMPLES"/[a-d]*.mid -o all.tok.zst
    shard -q all.tok.zst --condition all.tok.zst -o pairs
    midi2remi -q --scheme groove "$SAMPLES"/{twelve-bar-blues,harbour-habanera}.mid | shard -q -o grooves
    xltrain --preset tiny "${small[@]}" --data pairs -o run --set condition=none
    xltrain --preset tiny "${small[@]}" --data pairs -o band --set condition=bars
    xltrain --preset groove "${small[@]}" --data grooves -o drums
    [ "$(pipes | wc -l)" -ge 7 ]
    mkfifo ASK
}

@test "live.md: its pipes play what is there, and the same each time, without a clock" {
    stage
    { # a tap each 350 ms, for eight bars
        echo ns,bytes
        for i in {0..18}; do echo "$((i * 350000000)),90 3C 64"; done
    } >KEYS
    n=0
    while read -r pipe; do
        [[ $pipe == *KEYS* ]] || continue
        for to in a b; do
            rm -f SYNTH
            bash -euo pipefail -c "${pipe/--play/--play --speed 0}" || fail "$pipe"
            mv SYNTH $to
        done
        cmp a b
        [[ $pipe != *drums* ]] || n=$((n + ($(hits <a | wc -w) > 0)))
    done < <(pipes)
    [ "$n" -ge 1 ] # five steps of training do not always strike
    # of N bars it answers each, in the N after
    pipe=$(pipes | grep -e '--hop 2')
    pipe=${pipe%|*}
    bash -c "${pipe/--condition -/--condition - -q --threshold 0 --max-hits 1}" >answers
    remi2midi --play --speed 0 answers >c
    [ "$(hits <c | wc -w)" -eq $((9 * 4)) ] # of eight bars, four windows
}

# bats test_tags=slow
@test "live.md: its pipes play in time" {
    stage
    mkfifo KEYS
    while read -r pipe; do
        rm -f SYNTH
        if [[ $pipe == *KEYS* ]]; then
            { for _ in {1..12}; do printf '\x90\x3c\x64' && sleep .35; done; } >KEYS 3>&- &
            bash -euo pipefail -c "$pipe" 3>&- || fail "$pipe"
        else
            run -124 timeout -s INT 4 bash -c "$pipe" 3>&-
        fi
        [ ! -s SYNTH ] || ends SYNTH
    done < <(pipes)
}

@test "live: whichever of a pipe is killed, no note goes on and nobody waits" {
    stage
    mkfifo keys loop answer
    while read -r victim signal; do
        midi2remi --listen --count-in 0 --scheme groove --voices --window 2 --tempo 300 -q <keys >loop 2>err.listener 3>&- &
        listener=$!
        xlsample -q drums --condition - --threshold 0 --max-hits 8 <loop >answer 2>err.sampler 3>&- &
        sampler=$!
        remi2midi --play -q <answer >out 2>err.player 3>&- &
        player=$!
        exec 5>keys
        printf '\x99\x24\x64\x26\x64' >&5
        sleep 1.3
        kill -"$signal" "${!victim}" || fail "$victim $signal: $(tail -v err.*)"
        exec 5>&-
        for who in listener sampler player; do
            status=0
            wait "${!who}" || status=$?
            [[ $who != "$victim" || $signal == KILL ]] || [ $status -eq 0 ] || [ $status -eq 130 ]
            [ "$(wc -l <err.$who)" -le 1 ]
        done
        ends out
    done <<<'listener INT
listener KILL
sampler INT
sampler KILL
player INT'
}

# bats test_tags=slow
@test "live: accompaniment by preset small on one core has each bar in time at 180 BPM" {
    midi2remi -q "$SAMPLES"/[a-d]*.mid -o all.tok.zst
    shard -q all.tok.zst --condition all.tok.zst -o pairs
    xltrain -q --preset small --data pairs -o band --set condition=bars --steps 4
    python3 "$BARLINE_ROOT/tests/melody.py" 40 180 |
        midi2remi --listen --tempo 180 -q |
        taskset -c 0 xlsample band --condition - --meter 4/4 -j 1 |
        remi2midi --play --tempo 180 --delay 2 -v 2>err >out 3>&-
    cat err >&3
    grep -q ' 0 underruns' err
    grep -q ' 0 late' err
    ends out
}

# bats test_tags=slow
@test "live: an hour without end takes no more memory" {
    stage
    python3 "$BARLINE_ROOT/tests/steady.py" 1 run --tempo 120 --meter 4/4 >&3
}

# bats test_tags=slow
@test "live: FluidSynth makes sound of what comes through a FIFO, each stroke where it belongs" {
    command -v fluidsynth >/dev/null || skip "no FluidSynth"
    font=$(ls /usr/share/sounds/sf2/*.sf2 /usr/share/soundfonts/*.sf2 2>/dev/null | head -n 1)
    [ -n "$font" ] || skip "no sound font"
    /usr/bin/python3 - <<'PY'
import mido, random
random.seed(3)
m, t, gap = mido.MidiFile(ticks_per_beat=480), mido.MidiTrack(), 60
m.tracks.append(t)
for i in range(60):
    t.append(mido.Message('note_on', channel=9, note=75, velocity=110, time=gap - 60))
    t.append(mido.Message('note_off', channel=9, note=75, velocity=0, time=60))
    gap = random.choice((240, 360, 480))
m.save('strokes.mid')
PY
    midi2remi -q strokes.mid -o strokes.tok.zst
    remi2midi --play --speed 0 strokes.tok.zst >strokes.csv
    mkfifo midi shell
    exec 5<>shell 6<>midi
    fluidsynth -q -g 0.6 -R 0 -C 0 -z 64 -c 2 -a file -o audio.file.name=strokes.wav -o audio.file.type=wav \
        -m oss -o midi.oss.device=midi "$font" <&5 >said 2>&1 3>&- 6>&- &
    sleep 1
    remi2midi --play strokes.tok.zst >&6
    sleep .5
    echo quit >&5
    wait $!
    /usr/bin/python3 "$BARLINE_ROOT/tests/onsets.py" strokes.csv strokes.wav >&3
}
