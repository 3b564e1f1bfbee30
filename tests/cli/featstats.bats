# featstats.bats - the tool around the features; these are tested by tests/unit/test_feat.c
# and here against tests/feat_oracle.py, which shares no code with them.
load ../helpers

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    midi2remi "$BARLINE_ROOT"/samples/{can-can,kesh-jig,sakura}.mid -o three.tok.zst
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    F=$BATS_FILE_TMPDIR
}

# column NAME FILE: a column of a table, without its heading.
column() {
    awk -F'\t' -v name="$1" '/^#feat/ {next}
        !at {for (i = 1; i <= NF; i++) if ($i == name) at = i; next}
        {print $at}' "$2"
}

# agree A B: two tables with the same columns and numbers within 1e-8, all that nine digits
# can tell, names apart.
agree() {
    /usr/bin/python3 - "$1" "$2" <<'END'
import math, sys
a, b = ([line.rstrip("\n").split("\t") for line in open(f) if line[0] != "#"]
        for f in sys.argv[1:])
assert a[0] == b[0], (a[0], b[0])
assert len(a) == len(b) > 1, (len(a), len(b))
for x, y in zip(a[1:], b[1:]):
    for name, u, v in list(zip(a[0], x, y))[1:]:
        u, v = float(u), float(v)
        same = math.isnan(u) and math.isnan(v) or abs(u - v) <= 1e-8 * max(1, abs(v))
        assert same, (x[0], name, u, v)
END
}

# Pieces that the samples lack: silent ones, drums alone, changes of meter and tempo inside
# a bar, notes of no length, off the grid, on top of each other.
odd_pieces() {
    /usr/bin/python3 - <<'END'
import random
from mido import Message, MetaMessage, MidiFile, MidiTrack

def write(name, tpq, events, end):
    track, at = MidiTrack(), 0
    for tick, message in sorted(events, key=lambda e: e[0]):
        track.append(message.copy(time=tick - at))
        at = tick
    track.append(MetaMessage("end_of_track", time=max(0, end - at)))
    file = MidiFile(ticks_per_beat=tpq)
    file.tracks.append(track)
    file.save(name)

def note(on, length, pitch, channel=0, velocity=64):
    return [(on, Message("note_on", note=pitch, velocity=velocity, channel=channel)),
            (on + length, Message("note_off", note=pitch, velocity=0, channel=channel))]

def meter(tick, num, den):
    return [(tick, MetaMessage("time_signature", numerator=num, denominator=den))]

write("silent.mid", 96, [], 1000)
write("one.mid", 96, note(100, 50, 60), 150)
write("drums.mid", 480, sum((note(i * 130, 60, 36 + i % 3, 9) for i in range(40)), []), 0)
write("point.mid", 480, note(0, 0, 60) + note(960, 0, 62), 960)
for seed in range(8):
    r = random.Random(seed)
    tpq = r.choice([24, 96, 120, 480])
    events = meter(0, 3, 4) + meter(r.randrange(20 * tpq), 7, 8) + meter(13 * tpq, 2, 2)
    for _ in range(4):
        tempo = MetaMessage("set_tempo", tempo=r.randrange(200000, 1500000))
        events.append((r.randrange(30 * tpq), tempo))
    for channel, program in ((0, 5), (1, 40)):
        events.append((0, Message("program_change", program=program, channel=channel)))
    for _ in range(80):
        events += note(r.randrange(32 * tpq), r.choice([1, tpq // 4, tpq, 5 * tpq]),
                       r.randrange(40, 90), r.choice([0, 1, 9]), r.randrange(1, 128))
    write(f"random-{seed}.mid", tpq, events, 0)
END
}

@test "featstats: features are those of an independent program, on every sample" {
    featstats "$SAMPLES" >a
    /usr/bin/python3 "$BARLINE_ROOT/tests/feat_oracle.py" "$SAMPLES"/*.mid >b
    [ "$(wc -l <a)" -gt 40 ]
    agree a b
}

@test "featstats: and on pieces the samples lack, with their meters and with another" {
    odd_pieces
    featstats ./*.mid >a
    /usr/bin/python3 "$BARLINE_ROOT/tests/feat_oracle.py" ./*.mid >b
    [ "$(grep -vc "^#" a)" -eq 13 ]
    agree a b
    featstats --meter 5/8 ./*.mid >c
    /usr/bin/python3 "$BARLINE_ROOT/tests/feat_oracle.py" --meter 5/8 ./*.mid >d
    agree c d
    run ! agree a c
}

@test "featstats: the table is as its schema says" {
    featstats "$F/three.tok.zst" >t
    /usr/bin/python3 - t "$BARLINE_ROOT"/schemas/feat-{header,end}.schema.json <<'END'
import json, re, sys
import jsonschema
lines = open(sys.argv[1]).read().split("\n")
assert lines.pop() == ""
(tag, header), (end_tag, end) = (lines[i].split(" ", 1) for i in (0, -1))
header, end = json.loads(header), json.loads(end)
for part, schema in zip((header, end), sys.argv[2:]):
    jsonschema.Draft202012Validator(json.load(open(schema))).validate(part)
assert (tag, end_tag) == ("#feat", "#featend") and header["schema"] == "feat/2"
assert end == {"pieces": len(lines) - 3, "rejects": 0, "pg": end["pg"]} and end["pieces"] == 3
assert lines[1].split("\t") == ["name"] + header["features"]
assert [p["id"] for p in end["pg"]] == ["midi2remi", "featstats"]
for line in lines[2:-1]:
    fields = line.split("\t")
    assert len(fields) == 1 + len(header["features"])
    for x in fields[1:]:
        assert re.fullmatch(r"nan|-?[0-9.]+(e[-+][0-9]+)?", x), x
        assert x == "nan" or "%.9g" % float(x) == x, x
END
    [ "$(featstats --no-pg "$F/three.tok.zst" | grep -c '"pg"')" -eq 0 ]
}

@test "featstats: the schema's page and --list name the columns of the table, in order" {
    featstats "$F/three.tok.zst" | sed -n 2p | tr '\t' '\n' | tail -n +2 >columns
    featstats --list | tail -n +2 | cut -f 1 >listed
    cmp columns listed
    awk -F'|' '/^\| `/ {print $2}' "$BARLINE_ROOT/schemas/feat.md" | grep -o '[a-z0-9_]*' |
        grep -v '^$' >documented
    featstats --list --vectors | tail -n +2 | cut -f 1 >listed
    cmp listed documented
    [ "$(featstats --list | awk -F'\t' 'NF != 3' | wc -l)" -eq 0 ]
}

@test "featstats: tokens and files have the same notes, bars and pitches" {
    midi2remi "$SAMPLES" | featstats >tokens
    featstats "$SAMPLES" >files
    for f in n_notes n_bars n_programs drum_share pitch_range pitch_entropy avg_pitch_shift \
        scale_consistency pitch_class_entropy_4bar groove_consistency; do
        cmp <(column $f tokens) <(column $f files) || fail "$f differs"
    done
    [ "$(column violations tokens | sort -u)" = 0 ]
    [ "$(column violations files | sort -u)" = nan ]
}

@test "featstats: kinds of input mix; each way in gives the same row" {
    cp "$SAMPLES/sakura.mid" song
    midi2remi -u "$SAMPLES/sakura.mid" -o plain.tok
    mkdir -p dir/sub
    cp song dir/b.MID
    cp plain.tok dir/sub/a.tok
    cp song dir/ignored.txt
    featstats song dir plain.tok >t
    [ "$(column name t | tr '\n' ' ')" = "song dir/b.MID $SAMPLES/sakura.mid $SAMPLES/sakura.mid " ]
    row() { grep -v '^#' | tail -n 1 | cut -f 2-; }
    midi=$(featstats song | row)
    [ "$(featstats <song | row)" = "$midi" ]
    [ "$(cat song | featstats - | row)" = "$midi" ]
    tokens=$(featstats plain.tok | row)
    [ "$(featstats <plain.tok | row)" = "$tokens" ]
    [ "$(cat plain.tok | featstats | row)" = "$tokens" ]
    [ "$(midi2remi song | featstats | row)" = "$tokens" ]
}

@test "featstats: streams of several pieces, and several streams" {
    featstats "$F/three.tok.zst" >one
    [ "$(column n_bars one | wc -l)" -eq 3 ]
    cat "$F/three.tok.zst" "$F/three.tok.zst" | featstats >twice
    featstats "$F/three.tok.zst" "$F/three.tok.zst" >again
    cmp twice again
    [ "$(column n_notes twice | wc -l)" -eq 6 ]
}

@test "featstats: a broken MIDI file is a line on stderr, no row, and 65 at the end" {
    mkdir dir
    cp "$SAMPLES/sakura.mid" dir/b.mid
    printf 'once upon a time' >dir/a.mid
    : >dir/c.mid
    run -65 --separate-stderr featstats dir -o t
    [ "${#stderr_lines[@]}" -eq 2 ]
    [[ ${stderr_lines[0]} == "featstats: 'dir/a.mid': "*"[not-midi]" ]]
    [[ ${stderr_lines[1]} == "featstats: 'dir/c.mid': "*"[empty]" ]]
    [ "$(column name t)" = dir/b.mid ]
    [[ $(tail -n 1 t) == '#featend {"pieces":1,"rejects":2,'* ]]
    featstats --max-reject 2 dir >t 2>/dev/null
    featstats --max-reject 67% dir >t 2>/dev/null
    run -65 featstats --max-reject 66% dir
    run -64 --separate-stderr featstats --max-reject x dir
    says "--max-reject"
}

@test "featstats: rows appear as they are made, by as many workers as were asked for" {
    for _ in {1..60}; do cat "$F/three.tok.zst"; done >long.tok.zst
    featstats -j 1 --vectors long.tok.zst -o whole
    # a reader that stops: the workers wait with their results, and can be counted
    mkfifo pipe
    featstats -j 2 --vectors long.tok.zst >pipe &
    exec 5<pipe
    IFS= read -r -u 5 line
    [[ $line == '#feat '* ]]
    IFS= read -r -u 5 line
    IFS= read -r -u 5 line
    read -r -a workers <<<"$(cat "/proc/$!/task/$!/children")"
    [ "${#workers[@]}" -eq 2 ]
    [ "$(cat <&5 | wc -l)" -eq 180 ]
    exec 5<&-
    wait
    # the same bytes
    cmp whole <(featstats -j 2 --vectors long.tok.zst)
    # a pipe that goes on: what came is shown before the rest is there
    mkfifo in out
    featstats <in >out &
    exec 6>in 7<out
    cat "$F/three.tok.zst" >&6
    for _ in 1 2 3; do IFS= read -r -t 20 -u 7 line; done
    [[ $line == *can-can.mid* ]]
    exec 6>&-
    [ "$(cat <&7 | wc -l)" -eq 3 ]
    exec 7<&-
    wait
}

@test "featstats: the page's reader takes tables of both versions" {
    featstats "$F/three.tok.zst" -o new.tsv
    sed -n '/^```python/,/^```/p' "$BARLINE_ROOT/schemas/feat.md" | grep -v '^```' >reader.py
    cat >>reader.py <<'END'
import sys
golden, new = sys.argv[1:]
one, two = (read_features(f"{golden}/feat-{v}.tsv") for v in (1, 2))
assert one == two and len(one) == 2
assert [p["name"].rsplit("/")[-1] for p in read_features(new)] == ["can-can.mid", "kesh-jig.mid", "sakura.mid"]
END
    /usr/bin/python3 reader.py "$BARLINE_ROOT/schemas/golden" new.tsv
    printf '%s\tslow\n' can-can.mid kesh-jig.mid sakura.mid >groups
    featstats --groups groups "$F/three.tok.zst" -o grouped.tsv
    echo 'assert sys.argv[2] != "grouped.tsv" or {p["group"] for p in read_features(new)} == {"slow"}' >>reader.py
    /usr/bin/python3 reader.py "$BARLINE_ROOT/schemas/golden" grouped.tsv
    head -n -1 new.tsv >cut.tsv
    run -1 /usr/bin/python3 reader.py "$BARLINE_ROOT/schemas/golden" cut.tsv
}

@test "featstats: a damaged stream among others leaves no whole table, and is named" {
    head -c 700 "$F/three.tok.zst" >cut.tok.zst
    run -65 --separate-stderr featstats "$F/three.tok.zst" cut.tok.zst
    says "featstats: 'cut.tok.zst': "
    [[ $output == '#feat '* && $output != *'#featend'* ]]
    for how in "-o out $F/three.tok.zst cut.tok.zst" \
        "--summary --vs cut.tok.zst $F/three.tok.zst"; do
        # shellcheck disable=SC2086
        run -65 --separate-stderr featstats $how
        says "featstats: 'cut.tok.zst': "
        [ -z "$output" ]
        [ ! -e out ]
    done
}

@test "featstats: --json has the numbers of the table, and null" {
    featstats "$SAMPLES/can-can.mid" "$SAMPLES/sakura.mid" >t
    featstats --json "$SAMPLES/can-can.mid" "$SAMPLES/sakura.mid" >j
    /usr/bin/python3 - t j <<'END'
import json, sys
rows = [line.rstrip("\n").split("\t") for line in open(sys.argv[1]) if line[0] != "#"]
objects = [json.loads(line) for line in open(sys.argv[2])]
assert len(objects) == 2
for row, o in zip(rows[1:], objects):
    assert list(o) == rows[0]
    assert o["name"] == row[0]
    for key, x in list(zip(rows[0], row))[1:]:
        assert o[key] is None if x == "nan" else o[key] == float(x)
END
}

@test "featstats: --summary has mean, deviation, extremes and median of the columns" {
    featstats "$SAMPLES" >t
    featstats --summary "$SAMPLES" >s
    /usr/bin/python3 - t s <<'END'
import statistics, sys
rows = [line.rstrip("\n").split("\t") for line in open(sys.argv[1]) if line[0] != "#"]
table = [line.split() for line in open(sys.argv[2])]
assert table[0] == "feature pieces mean sd min median max".split()
assert [r[0] for r in table[1:]] == rows[0][1:]
for i, row in enumerate(table[1:], 1):
    x = [float(r[i]) for r in rows[1:] if r[i] != "nan"]
    want = [len(x)] + ["nan"] * 5
    if x:
        want[1:] = [statistics.mean(x), statistics.stdev(x), min(x), statistics.median(x), max(x)]
    for is_, should in zip(row[1:], want):
        assert is_ == str(should) or abs(float(is_) - should) <= 1e-3 * abs(should) + 1e-9, row
END
}

@test "featstats: --vs sets two sets side by side" {
    featstats --summary "$SAMPLES" | awk '{print $1, $2, $3, $4}' >all
    featstats --summary "$F/three.tok.zst" | awk '{print $1, $2, $3, $4}' >three
    featstats --summary --vs "$SAMPLES" "$F/three.tok.zst" >both
    cmp <(tail -n +2 both | awk '{print $1, $2, $3, $4}') <(tail -n +2 three)
    cmp <(tail -n +2 both | awk '{print $1, $5, $6, $7}') <(tail -n +2 all)
}

@test "featstats: nothing to read is no error, and said" {
    mkdir none
    run -0 --separate-stderr featstats none
    says "there is no MIDI file or token stream"
    [[ ${lines[0]} == '#feat {"schema":"feat/2",'* ]]
    [[ ${lines[2]} == '#featend {"pieces":0,'* ]]
    [ "${#lines[@]}" -eq 3 ]
    run -0 --separate-stderr featstats --summary none
    has "nan"
}

@test "featstats: options that make no sense are refused" {
    for args in "--pair none" "--meter 3" "--meter 3/5" "--meter 0/4" "--meter 4/4x" "--meter 4/256" \
        "--json --vs x" "--long --vs x" "--json --summary" "--json --long" "--list x" "--list --json"; do
        # shellcheck disable=SC2086
        run -64 --separate-stderr featstats $args <"$SAMPLES/sakura.mid"
        says "featstats: "
        [ -z "$output" ]
    done
}

@test "featstats: the table and the page of --html want a file each" {
    echo old >there
    ln -s there link
    for how in '-o x --html x' '-o x --html ./x' '--html -' '-o there --html link'; do
        # shellcheck disable=SC2086  # several words
        run -64 --separate-stderr featstats $how "$SAMPLES/sakura.mid"
        says "the table and --html want a file each"
        [ -z "$output" ] && [ ! -e x ]
    done
    [ "$(cat there)" = old ]
    featstats -o /dev/null --html /dev/null "$SAMPLES/sakura.mid"
    featstats -o x --html y "$SAMPLES/sakura.mid"
    [ -s x ] && [ -s y ]
}

@test "featstats: names that are no text stay one field" {
    name=$'a\tb"\\%\xe9.mid'
    cp "$SAMPLES/sakura.mid" "$name"
    featstats "$name" >t
    [ "$(column name t)" = 'a%09b"\%25%E9.mid' ]
    [ "$(featstats --json "$name" | jq -r .name)" = 'a%09b"\%25%E9.mid' ]
    midi2remi "$name" | featstats >u
    [ "$(column name u)" = 'a%09b"\%25%E9.mid' ]
}

# ---- what can be measured besides ----

@test "featstats: --vectors adds columns to the table and arrays to --json" {
    featstats --vectors "$SAMPLES/sakura.mid" >t
    [ "$(column pitch_class_histogram.0 t | wc -l)" -eq 1 ]
    sum=0
    for i in {0..11}; do sum=$(bc -l <<<"$sum + $(column note_length_hist.$i t)"); done
    [ "$(printf %.6f "$sum")" = 1.000000 ]
    featstats --vectors --json "$SAMPLES/sakura.mid" | jq -e '
        (.pitch_class_transition_matrix | length) == 144 and
        (.bar_used_note | length) == .n_bars and (.bar_used_note | add) == .n_notes'
}

@test "featstats: --long has a line a number" {
    featstats --long "$SAMPLES/sakura.mid" >l
    [ "$(sed -n 2p l)" = $'name\tfeature\tindex\tvalue' ]
    featstats "$SAMPLES/sakura.mid" >t
    [ "$(awk -F'\t' '$2 == "pitch_range" {print $4}' l)" = "$(column pitch_range t)" ]
    [ "$(awk -F'\t' '$2 == "onset_histogram"' l | wc -l)" -eq 16 ]
}

@test "featstats: --tensors has the numbers of --json" {
    printf 'sakura.mid\tjapan\n' >labels
    featstats --labels labels --compat --vectors --groove --json "$SAMPLES" >j
    featstats --labels labels --compat --groove --tensors -j 2 "$SAMPLES" >t.zst
    featstats --labels labels --compat --groove --tensors -u -j 1 "$SAMPLES" >plain
    zstdcat t.zst | cmp - plain
    /usr/bin/python3 - "$BARLINE_ROOT/schemas/feat-tensors-meta.schema.json" <<'END'
import json, math, struct, sys
import jsonschema, numpy
data = open("plain", "rb").read()
n = struct.unpack("<Q", data[:8])[0]
head = json.loads(data[8:8 + n])
meta = head.pop("__metadata__")
jsonschema.Draft202012Validator(json.load(open(sys.argv[1]))).validate(meta)
kind = {"F32": "<f4", "I64": "<i8"}
tensors = {}
for name, t in head.items():
    start, end = (8 + n + x for x in t["data_offsets"])
    tensors[name] = numpy.frombuffer(data[start:end], kind[t["dtype"]]).reshape(t["shape"])
assert max(8 + n + t["data_offsets"][1] for t in head.values()) == len(data)
pieces = [json.loads(line) for line in open("j")]
assert json.loads(meta["names"]) == [p["name"] for p in pieces]
assert json.loads(meta["groups"]) == [p["group"] for p in pieces]
assert tensors["pitch_class_transition_matrix"].shape == (len(pieces), 12, 12)
assert tensors["bar_pitch_class_histogram_mgeval"].ndim == 2
for name in set(pieces[0]) - {"name", "group"}:
    x, ends = tensors.pop(name), tensors.pop(name + ".offsets", None)
    for i, p in enumerate(pieces):
        got = x[i] if ends is None else x[ends[i]:ends[i + 1]]
        want = [math.nan if v is None else v for v in numpy.atleast_1d(p[name])]
        assert numpy.allclose(got.flatten(), want, 1e-6, 1e-30, equal_nan=True), (name, i)
assert not tensors
END
    mkdir none
    featstats -q --tensors -u none | head -c 3000 | grep -q '"n_notes":{"dtype":"F32","shape":\[0\]'
    # more than a record holds
    for i in {1..100}; do cat "$F/three.tok.zst"; done | featstats --tensors -u | grep -a -o feat-tensors/1 >records
    [ "$(wc -l <records)" -eq 2 ]
}

@test "featstats: --compat has the numbers of the published programs" {
    cp "$SAMPLES/sakura.mid" a.mid
    featstats --compat --json a.mid >j
    jq -e '.total_used_note_mgeval != null and .polyphony_muspy == .polyphony and
        .n_pitches_used_muspy == .n_pitches_used' j
    # a track that is not there is undefined, as is MIDI's own where there are tokens
    featstats --compat --track 4000 --json a.mid | jq -e '.total_used_note_mgeval == null'
    midi2remi a.mid | featstats --compat --json | jq -e '.avg_IOI_mgeval == null'
}

@test "featstats: --compat follows pitch bends as mgeval's piano rolls do" {
    /usr/bin/python3 - <<'END'
from mido import Message, MidiFile, MidiTrack
# at 120 bpm, second by second: no bend, half a semitone up, one and a half down
track = MidiTrack([Message("note_on", note=60, velocity=80),
                   Message("pitchwheel", pitch=2048, time=960),
                   Message("pitchwheel", pitch=-6144, time=960),
                   Message("note_off", note=60, time=960)])
MidiFile(tracks=[track], ticks_per_beat=480).save("bent.mid")
END
    featstats --compat --vectors --json --track 0 bent.mid >j
    jq -e '.total_pitch_class_histogram_mgeval as $h |
        [$h[0], $h[1], $h[11], $h[10]] == [0.5, 0.166666667, 0.166666667, 0.166666667]' j
    jq -e '.total_used_pitch_mgeval == 4 and .pitch_range_mgeval == 3' j
    # the one note of an instrument does not follow itself
    jq -e '[.pitch_class_transition_matrix_mgeval[]] | add == 0' j
}

@test "featstats: --pair decides what a note-off ends" {
    /usr/bin/python3 - <<'END'
from mido import Message, MidiFile, MidiTrack
on, off = Message("note_on", note=60, velocity=80), Message("note_off", note=60)
track = MidiTrack([on, on.copy(time=480), off.copy(time=480), off.copy(time=480)])
MidiFile(tracks=[track], ticks_per_beat=480).save("overlap.mid")
END
    featstats overlap.mid >fifo
    featstats --pair all overlap.mid >all
    cmp <(sed -n 3p fifo) <(featstats --pair fifo overlap.mid | sed -n 3p)
    [ "$(column mean_duration fifo)" = 2 ]   # 0 to 2, 1 to 3
    [ "$(column mean_duration all)" = 1.5 ]  # 0 to 2, 1 to 2
}

@test "featstats: --si measures repetition" {
    featstats --si "$SAMPLES/can-can.mid" >t
    [ "$(bc -l <<<"$(column si_short t) > 0.2")" -eq 1 ]
}

@test "featstats: --repeats counts what tokens say again" {
    midi2remi -u "$SAMPLES"/{can-can,kesh-jig,sakura}.mid >plain
    featstats --repeats plain >t
    vocab --scheme remi >v
    /usr/bin/python3 - <<'END'
import csv, struct
import zstandard
ids = {line.split("\t")[1]: int(line.split("\t")[0]) for line in open("v") if line[0] != "#"}
pieces = []
for line in open("plain"):
    if line.startswith("#piece"):
        pieces.append([])
    elif line[0] != "#":
        pieces[-1].append(line.split())
rows = list(csv.DictReader(open("t").readlines()[1:-1], delimiter="\t"))
assert len(rows) == len(pieces) == 3
for row, bars in zip(rows, pieces):
    tokens = [w for b in bars for w in b]
    for n in (1, 2, 4, 8):
        grams = [tuple(tokens[i:i + n]) for i in range(len(tokens) - n + 1)]
        want = 1 - len(set(grams)) / len(grams)
        assert abs(float(row[f"rep_{n}"]) - want) < 1e-8, (n, row[f"rep_{n}"], want)
    bars = [tuple(b) for b in bars]
    assert abs(float(row["repeated_bar_share"]) - (1 - len(set(bars)) / len(bars))) < 1e-8
    run = best = 1
    for a, b in zip(bars, bars[1:]):
        run = run + 1 if a == b else 1
        best = max(best, run)
    assert int(row["same_bars"]) == best
    raw = b"".join(struct.pack("<H", ids[w]) for w in tokens)
    c = zstandard.ZstdCompressor(level=19, write_checksum=True, write_content_size=False)
    want = len(c.compress(raw)) / len(raw)
    assert abs(float(row["zratio"]) - want) < 0.05 * want, (row["zratio"], want)
END
    featstats --repeats "$SAMPLES/sakura.mid" >t
    [ "$(column rep_4 t)$(column zratio t)" = nannan ]
}

@test "featstats: --groove measures drum patterns, window by window" {
    /usr/bin/python3 - <<'END'
from mido import Message, MidiFile, MidiTrack
def write(name, hits):  # (sixteenth, pitch, velocity, ticks late) of 480 a quarter
    events = sorted((120 * s + late, p, v) for s, p, v, late in hits)
    track, at = MidiTrack(), 0
    for tick, p, v in events:
        track.append(Message("note_on", channel=9, note=p, velocity=v, time=tick - at))
        track.append(Message("note_off", channel=9, note=p))
        at = tick
    MidiFile(tracks=[track], ticks_per_beat=480).save(name)
beat = [(s, 36, 127, 0) for s in (0, 8)] + [(s, 38, 127, 30) for s in (4, 12)]
write("beat.mid", beat + [(s + 16, p, v, late) for s, p, v, late in beat])
# late in two bars, an odd pitch, a flam, and nothing in between
write("odd.mid", [(0, 36, 100, 0), (0, 35, 50, 0), (1, 60, 90, 0), (95, 42, 90, 59), (95, 42, 91, 61)])
END
    featstats --groove --vectors --json beat.mid odd.mid >j
    head -n 1 j | jq -e '.groove_windows == 1 and .groove_hits == 8 and .groove_lost == 0 and
        .groove_noi == 2 and .groove_noi_window == [2] and .groove_vel_similarity == 1 and
        .groove_total_step_density == 0.25 and .groove_weak_to_strong == 0 and
        .groove_laidbackness == 0.5 and .groove_laidbackness_hvo == 0.25 and
        .groove_poly_offset_mean == 0.125 and .groove_swingness_daw == 0 and
        (.groove_hvo | length) == 864 and .groove_hvo[4 * 27 + 19] == 0.25'
    # the last falls half a step behind step 95, so it opens a window of its own
    tail -n 1 j | jq -e '.groove_windows == 4 and .groove_hits == 3 and .groove_lost == 1 and
        .groove_unmapped == 1 and .groove_noi_window == [1, null, 1, 1] and .groove_noi == 1'
    featstats --list --groove | grep '^groove_.*windows of two bars: ' | cut -f 1 >listed
    awk '/^## Drum/ {on = 1} /^## What/ {on = 0}
        on && /^\| [a-z]/ {sub(/ \| .*/, ""); gsub(/[|, ]+/, "\n"); print}' \
        "$BARLINE_ROOT/schemas/feat.md" | grep . | sed 's/^/groove_/' >documented
    cmp <(grep -v _hvo listed) documented
    # without drums there is nothing
    featstats --groove "$SAMPLES/sakura.mid" >t
    [ "$(column groove_noi t)" = nan ]
    [ "$(column groove_windows t)" = 0 ]
}

@test "featstats: --labels adds a column of groups" {
    printf 'sakura.mid\tjapan\n%s\tfrance\n' "$SAMPLES/can-can.mid" >labels
    featstats --labels labels "$SAMPLES"/{sakura,can-can,kesh-jig}.mid >t
    [ "$(column group t | tr '\n' ,)" = japan,france,, ]
    printf 'no tab\n' >labels
    run -65 --separate-stderr featstats --labels labels "$SAMPLES/sakura.mid"
    says "line 1"
}

@test "featstats: any number of jobs gives the same bytes" {
    cp -r "$SAMPLES" dir
    printf 'once upon a time' >dir/a.mid
    for what in "--vectors --compat dir" "--groove --repeats --tensors dir $F/three.tok.zst" "--long dir $F/three.tok.zst dir/sakura.mid" \
        "--vs $F/three.tok.zst dir"; do
        # shellcheck disable=SC2086
        featstats --no-pg -j 1 --max-reject 1 $what >one 2>one.err
        # shellcheck disable=SC2086
        featstats --no-pg -j 3 --max-reject 1 $what >three 2>three.err
        cmp one three
        cmp one.err three.err
    done
}

@test "featstats: --vs compares two sets, and a set with itself" {
    featstats --vs "$SAMPLES" "$SAMPLES" >v
    [[ $(head -n 1 v) == '#featvs {"schema":"featvs/1",'* ]]
    /usr/bin/python3 - v <<'END'
import csv, math, sys
rows = list(csv.DictReader(open(sys.argv[1]).readlines()[1:], delimiter="\t"))
by = {r["feature"]: r for r in rows}
r = by["pitch_range"]
assert float(r["w1"]) == float(r["ks"]) == float(r["cliff"]) == 0 and float(r["p"]) == 1
assert float(r["cliff_low"]) < 0 < float(r["cliff_high"])
assert r["mean_a"] == r["mean_b"] and r["intra_a"] == r["intra_b"]
assert all(float(r["p_holm"]) >= float(r["p"]) for r in rows if r["p"] != "nan")
assert by["n_programs"]["group"] == "all" and "fd_feat" in by
END
    featstats --vs "$SAMPLES" "$SAMPLES" >again
    cmp v again
    featstats --seed 1 --vs "$SAMPLES" "$SAMPLES" >other
    run -1 cmp -s v other
    featstats --compat --vs "$SAMPLES" "$SAMPLES" | sed -n 2p >columns
    grep -q kld_a_mgeval columns
}

@test "featstats: --vs compares group by group" {
    printf '%s\tA\n' sakura.mid can-can.mid >labels
    featstats --labels labels --vs "$SAMPLES" "$SAMPLES" >v
    [ "$(cut -f 2 v | tail -n +3 | sort -u | tr '\n' ,)" = A,all, ]
    [ "$(awk -F'\t' '$1 == "n_notes" && $2 == "A" {print $3, $4}' v)" = "2 2" ]
}

# ---- the verdict ----

# fact NAME COLUMN of judge.tsv
fact() { awk -F'\t' -v n="$1" -v c="$2" '$1 == n {print $c}' judge.tsv; }

@test "featstats: --judge says near, far or copied, by the facts of the tables" {
    midi2remi -q "$SAMPLES"/*.mid -o all.tok.zst
    printf '%s\n' "$SAMPLES"/*.mid | sed -n 'n;p' | xargs midi2remi -q -o half.tok.zst
    printf '%s\n' "$SAMPLES"/*.mid | sed -n 'p;n' | xargs midi2remi -q -o other.tok.zst
    # one half against the other, trained on neither
    midi2remi -q "$SAMPLES/sakura.mid" -o sakura.tok.zst
    featstats -q --repeats --seed 1 --judge sakura.tok.zst --vs half.tok.zst other.tok.zst -o judge.tsv
    featstats -q --repeats --seed 1 --vs half.tok.zst other.tok.zst -o vs.tsv
    featstats -q --novelty sakura.tok.zst --vs half.tok.zst other.tok.zst -o nov.tsv
    [ "$(fact likeness 2)" = "$(awk -F'\t' '
        NR == 2 {for (i = 1; i <= NF; i++) at[$i] = i}
        NR > 2 && $1 != "fd_feat" && $at["oa_ceiling"] != "nan" {
            n++; near += $at["oa_a"] != "nan" && $at["oa_a"] / $at["oa_ceiling"] >= .9}
        END {printf "%.9g", near / n}' vs.tsv)" ]
    [ "$(fact form 2)" = "$(awk -F'\t' '$1 == "rep_8" || $1 == "repeated_bar_share" {
        x = $5 / $7; y = x < 1 ? 1 / x : x; if (y > most) {most = y; best = x}}
        END {printf "%.9g", best}' vs.tsv)" ] || fail "form: $(fact form 2)"
    [ "$(fact copying 2)" = "$(awk -F'\t' '$2 == "a" {n++; more += $NF} END {printf "%.9g", more / n}' nov.tsv)" ]
    # what was trained on is copied, whatever else it is
    featstats -q --judge other.tok.zst --vs half.tok.zst other.tok.zst -o judge.tsv
    [ "$(sed -n 's/.*"verdict":"\([a-z]*\)".*/\1/p' judge.tsv)" = copied ]
    [ "$(fact copying 5)" = 0 ]
    # the human pieces themselves are near, one tune again and again is far
    featstats -q --repeats --judge sakura.tok.zst --vs all.tok.zst all.tok.zst -o judge.tsv
    [ "$(sed -n 's/.*"verdict":"\([a-z]*\)".*/\1/p' judge.tsv)" = near ] || fail "$(cat judge.tsv)"
    printf '%s\n' "$SAMPLES"/can-can.mid{,,,,,,} | xargs midi2remi -q -o one.tok.zst
    featstats -q --repeats --judge sakura.tok.zst --vs all.tok.zst one.tok.zst -o judge.tsv
    [ "$(sed -n 's/.*"verdict":"\([a-z]*\)".*/\1/p' judge.tsv)" = far ]
    featstats -q --judge sakura.tok.zst --vs sakura.tok.zst sakura.tok.zst -o judge.tsv
    [ "$(sed -n 's/.*"verdict":"\([a-z]*\)".*/\1/p' judge.tsv)" = unknown ]
}

@test "featstats: the page of --judge begins with the verdict, and what differs most comes first" {
    midi2remi -q "$SAMPLES"/*.mid -o human.tok.zst
    printf '%s\n' "$SAMPLES"/can-can.mid{,,,,,} | xargs midi2remi -q -o new.tok.zst
    shard -q -o data human.tok.zst
    xltrain -q --data data -o run --preset tiny --set layers=1 --set width=32 --set heads=2 --set ff=64 --steps 3
    xltrain -q --data data -o run --eval test --log-probs costs >/dev/null
    featstats -q --repeats --judge human.tok.zst --vs human.tok.zst --log-probs costs --run run \
        --html page.html new.tok.zst >judge.tsv
    [ "$(grep -o 'id="[a-z]*"' page.html | tr -d '\n')" = \
        'id="verdict"id="pieces"id="overview"id="distributions"id="scatter"id="distances"id="transitions"id="surprise"id="run"' ]
    grep -q 'new pieces.*against.*human pieces' page.html
    # rows fall by the size of Cliff's delta; those without one come last
    sed -n '/id="overview"/,/id="distributions"/p' page.html | sed -n 's/^<tr><td>[a-z].*<\/svg><\/td><td>\(-*[0-9.e-]*\)<.*/\1/p' |
        tr -d - >deltas
    [ "$(wc -l <deltas)" -gt 20 ]
    sort -c -g -r deltas
    # no axis of a share goes beyond 0 and 1
    /usr/bin/python3 - <<'PY'
import re
page = open('page.html').read()
for name in 'drum_share', 'scale_consistency', 'poly2_rate', 'empty_beat_rate', 'rep_8':
    figure = re.search('<figcaption>%s<.*?</svg>' % name, page, re.S).group()
    ticks = [float(t) for t in re.findall('text-anchor="middle">([-0-9.e]*)<', figure)]
    assert ticks and min(ticks) >= 0 and max(ticks) <= 1, (name, ticks)
PY
    run -64 --separate-stderr featstats --judge human.tok.zst new.tok.zst
    says "--judge needs --vs"
    run -64 --separate-stderr featstats --log-probs costs new.tok.zst
    says "--log-probs needs --html"
    command -v chromium >/dev/null || skip "chromium is not installed"
    run -0 "$BARLINE_ROOT/tests/report.sh" page.html 3>&- </dev/null
}

# ---- pictures ----

@test "featstats: --html writes a page of its own that a browser shows whole" {
    printf '%s\tA\n' sakura.mid can-can.mid >labels
    mkdir run
    printf 'step\tloss\tvalid_loss\n1\t4\tnan\n2\t3.5\t3.6\n' >run/metrics.tsv
    featstats --labels labels --run run --html r.html --vs "$SAMPLES" "$SAMPLES" >v
    featstats --labels labels --vs "$SAMPLES" "$SAMPLES" >w
    cmp v w
    run -1 grep -E '<script|src=|https?://[^w]' r.html
    for id in overview distributions scatter distances transitions groups run pieces; do
        grep -q "id=\"$id\"" r.html
    done
    # each shown piece is there as the file it was
    grep -o 'audio/midi;base64,[^"]*' r.html | head -n 1 | cut -d , -f 2 | base64 -d >first.mid
    cmp first.mid "$(find "$SAMPLES" -name '*.mid' | LC_ALL=C sort | head -n 1)"
    command -v chromium >/dev/null || skip "chromium is not installed"
    run -0 "$BARLINE_ROOT/tests/report.sh" r.html 3>&- </dev/null
}

@test "featstats: --html of one set, of tokens, and of pieces with nothing in them" {
    featstats --html one.html "$F/three.tok.zst" >t
    featstats "$F/three.tok.zst" >u
    cmp <(tail -n +2 t) <(tail -n +2 u)
    grep -o 'audio/midi;base64,[^"]*' one.html | head -n 1 | cut -d , -f 2 | base64 -d >first.mid
    featstats first.mid >/dev/null
    mkdir none
    featstats -q --html none.html --vs none none >/dev/null
    featstats -q --html half.html --vs none "$SAMPLES/sakura.mid" >/dev/null
    featstats -q --html single.html --vs "$SAMPLES/kesh-jig.mid" "$SAMPLES/sakura.mid" >/dev/null
    for f in one none half single; do
        /usr/bin/python3 -c 'import sys, html.parser; html.parser.HTMLParser().feed(open(sys.argv[1]).read())' $f.html
        sed 's/base64,[^"]*//' $f.html >$f.text
        run -1 grep -E '"(nan|-?inf)|[ML="](-?nan|inf)|>-?nan' $f.text
    done
    command -v chromium >/dev/null || skip "chromium is not installed"
    run -0 "$BARLINE_ROOT/tests/report.sh" single.html 3>&- </dev/null
}

@test "featstats: --sound lets the pieces of --html be heard" {
    run -64 featstats --sound "$SAMPLES/sakura.mid"
    command -v fluidsynth >/dev/null && ls /usr/share/sounds/sf2/*.sf2 >/dev/null 2>&1 ||
        skip "FluidSynth or a sound font is not installed"
    for i in one two; do
        featstats --sound --html $i.html "$SAMPLES/kesh-jig.mid" >/dev/null
    done
    cmp one.html two.html
    grep -o 'audio/ogg;base64,[^"]*' one.html | cut -d , -f 2 | base64 -d >piece.ogg
    [ "$(head -c 4 piece.ogg)" = OggS ]
    [ "$(wc -c <piece.ogg)" -gt 50000 ]
    # without a font there is a page without sound, and a word about it
    SOUNDFONT=none.sf2 run -0 --separate-stderr featstats --sound --html none.html "$SAMPLES/kesh-jig.mid"
    says "sound font"
    run -1 grep -q '<audio' none.html
}

@test "featstats: --sound without a font is said once, not for each piece" {
    SOUNDFONT=none.sf2 run -0 --separate-stderr featstats --sound --html p.html "$SAMPLES"/{sakura,can-can,kesh-jig}.mid
    says "sound font"
}

@test "featstats: --roll reads a stream or a file from a pipe" {
    featstats --roll "$SAMPLES/sakura.mid" >file.svg
    featstats --roll <"$SAMPLES/sakura.mid" >pipe.svg
    midi2remi "$SAMPLES/sakura.mid" | featstats --roll - >tokens.svg
    [ "$(grep -c '<svg' pipe.svg)" -eq 1 ] && [ "$(wc -c <pipe.svg)" -ge "$(($(wc -c <file.svg) - 99))" ]
    [ "$(wc -c <tokens.svg)" -gt 10000 ]
    # viewers that know no var() have a plain colour
    run -1 grep -E '[{;](fill|stroke):var' <(sed 's/\(fill\|stroke\):#[0-9a-f]*;\1:var/plain/g' tokens.svg)
}

@test "featstats: a judge without what it judges by says so" {
    mkdir none
    run -65 --separate-stderr featstats -q --judge none --vs "$SAMPLES" "$SAMPLES"
    says "'none' holds no piece"
    midi2remi -q "$SAMPLES"/*.mid -o all.tok.zst
    midi2remi -q "$SAMPLES/kesh-jig.mid" -o one.tok.zst
    featstats -q --repeats --judge one.tok.zst --vs one.tok.zst all.tok.zst -o judge.tsv
    [ "$(sed -n 's/.*"verdict":"\([a-z]*\)".*/\1/p' judge.tsv)" != far ]
    run -64 featstats --by step "$SAMPLES/sakura.mid"
}

# A player that plays anything as the bytes of the file.
play_bytes() {
    mkdir -p bin
    printf '%s\n' '#!/bin/sh' 'while [ "$1" != -F ]; do shift; done' \
        '{ printf OggS; cat "$4"; } >"$2"' >bin/fluidsynth
    chmod +x bin/fluidsynth
    touch font.sf2
    export PATH=$PWD/bin:$PATH SOUNDFONT=font.sf2
}

@test "featstats: --blind is a page of pieces without names, the same for the same seed" {
    play_bytes
    mkdir people model
    cp "$SAMPLES"/{sakura,can-can,kesh-jig}.mid people
    cp "$SAMPLES"/{fur-elise,greensleeves}.mid model
    featstats --blind -o a.html people model
    featstats --blind -o b.html people model
    cmp a.html b.html
    featstats --blind --seed 2 -o c.html people model
    run -1 cmp -s a.html c.html
    [ "$(grep -c '<article' a.html)" -eq 5 ]
    run -1 grep -E 'people|model|sakura|fur-elise' a.html
    featstats --blind --pieces 1 -o d.html people model
    [ "$(grep -c '<article' d.html)" -eq 2 ]
    featstats --blind --excerpt 5 --pieces 3 -o e.html people model
    [ "$(wc -c <e.html)" -lt "$(wc -c <a.html)" ]
}

@test "featstats: a listening test that cannot be is one line" {
    play_bytes
    mkdir none
    run -64 --separate-stderr featstats --blind -o p.html
    says "--blind wants"
    run -64 --separate-stderr featstats --pieces 3 "$SAMPLES/sakura.mid"
    says "--pieces needs --blind"
    run -65 --separate-stderr featstats --blind -o p.html none "$SAMPLES/sakura.mid"
    says "'none': there is no piece to be heard"
    run -65 --separate-stderr featstats --blind -o p.html "$SAMPLES/sakura.mid" "$SAMPLES/sakura.mid"
    says "two sets are called 'sakura.mid'"
    SOUNDFONT=none.sf2 run -66 featstats -q --blind -o p.html "$SAMPLES/sakura.mid"
    [ ! -e p.html ]
}

@test "featstats: --ratings reads what the page saves" {
    command -v chromium >/dev/null || skip "chromium is not installed"
    play_bytes
    featstats --blind --pieces 2 -o p.html "$SAMPLES" "$SAMPLES/sakura.mid"
    for answer in 2 4; do
        sed "s/ANSWER/$answer/" >answer.html <<'END'
<script>addEventListener('load', () => {
    URL.createObjectURL = b => { b.text().then(t => {
        document.body.innerHTML = '<pre id="saved"></pre>'; saved.textContent = t; }); return 'blob:x'; };
    HTMLAnchorElement.prototype.click = () => {};
    for (const f of document.querySelectorAll('fieldset')) f.querySelectorAll('input')[ANSWER].click();
    rater.value = 'ear\tANSWER'; rater.onchange(); save.onclick();
});</script>
END
        cat p.html answer.html >page.html
        timeout -k 1 60 chromium --headless --no-sandbox --disable-gpu --user-data-dir="$PWD/profile$answer" \
            --virtual-time-budget=9000 --dump-dom "file://$PWD/page.html" 2>/dev/null 3>&- </dev/null |
            sed -n '/<pre id="saved">/,/<\/pre>/p' | sed 's/.*<pre id="saved">//; s/<\/pre>.*//' >ear$answer.tsv
    done
    [ "$(grep -c "^ear 2" ear2.tsv)" -eq 15 ]
    featstats --ratings ear2.tsv ear4.tsv >t
    # a spreadsheet writes a mark before the text, and CR LF
    { printf '\357\273\277'; sed 's/$/\r/' ear2.tsv; } >marked.tsv
    cmp t <(featstats --ratings marked.tsv ear4.tsv)
    [ "$(wc -l <t)" -eq 16 ]
    awk -F '\t' 'NR > 1 && $3 == "-" { n++; if ($7 != 4 || $5 != 2) exit 1 } END { exit n != 10 }' t
    run -65 --separate-stderr featstats --ratings ear2.tsv ear2.tsv
    says "'ear 2' has rated"
    head -c 100 /dev/urandom >noise
    run -65 featstats --ratings noise
}

@test "featstats: what --html needs for a while is below TMPDIR, and is gone after a signal" {
    mkdir bin temp
    printf '#!/bin/sh\ntouch playing\nexec sleep 20\n' >bin/fluidsynth
    chmod +x bin/fluidsynth
    touch font.sf2
    PATH=$PWD/bin:$PATH SOUNDFONT=font.sf2 TMPDIR=$PWD/temp \
        featstats --sound --html p.html -o t "$SAMPLES/sakura.mid" &
    for _ in {1..100}; do [ -e playing ] || sleep .1; done
    [ -n "$(ls temp)" ]
    read -r player <<<"$(cat "/proc/$!/task/$!/children")"
    kill -TERM $!
    wait $! || [ $? -eq 143 ]
    kill "$player"
    [ -z "$(ls temp)" ]
    [ "$(find . -name '*.tmp.*' | wc -l)" -eq 0 ]
    PATH=$PWD/bin:$PATH SOUNDFONT=font.sf2 TMPDIR=$PWD/none \
        run -73 --separate-stderr featstats --sound --html p.html "$SAMPLES/sakura.mid"
    says "$PWD/none/featstats."
}

@test "featstats: --roll draws a piece as SVG" {
    featstats --roll "$SAMPLES/the-entertainer.mid" >a.svg
    /usr/bin/python3 - a.svg <<'END'
import sys, xml.dom.minidom
svg = xml.dom.minidom.parse(sys.argv[1]).documentElement
assert svg.tagName == "svg" and len(svg.getElementsByTagName("rect")) > 500
END
    run -66 --separate-stderr featstats --roll none.mid
    [ -z "$output" ]
}

# colours PNG: those with at least 30 points (as a note has), one a line, white and greys not
colours() {
    /usr/bin/python3 - "$1" <<'END'
import collections, struct, sys, zlib
raw = open(sys.argv[1], "rb").read()
at, data = 8, b""
while at < len(raw):
    n, kind = struct.unpack(">I4s", raw[at:at + 8])
    if kind == b"IHDR":
        width, height, depth, colour = struct.unpack(">IIBB", raw[at + 8:at + 18])
    data += raw[at + 8:at + 8 + n] if kind == b"IDAT" else b""
    at += 12 + n
assert depth == 8 and colour in (2, 6), (depth, colour)
size = 3 if colour == 2 else 4
data, old, seen = zlib.decompress(data), bytearray(width * size), collections.Counter()
for y in range(height):
    kind, row = data[y * (width * size + 1)], bytearray(data[y * (width * size + 1) + 1:][:width * size])
    for x in range(len(row)):
        a, b, c = (row[x - size], old[x], old[x - size]) if x >= size else (0, old[x], 0)
        p = a + b - c
        row[x] = (row[x] + (0, a, b, (a + b) // 2, min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2])[kind]) & 255
    old = row
    seen.update(tuple(row[x:x + 3]) for x in range(0, len(row), size))
print(*sorted("#%02x%02x%02x" % c for c, n in seen.items() if n >= 30 and max(c) - min(c) > 20), sep="\n")
END
}

@test "featstats: --roll has a colour for each family, plain ones, and all their names" {
    /usr/bin/python3 - all.mid <<'END'
import sys, mido
m = mido.MidiFile(ticks_per_beat=480)
for f in range(16): # a family a track, one of them drums
    t = mido.MidiTrack()
    m.tracks.append(t)
    t.append(mido.Message("program_change", channel=f, program=f * 8))
    for n in (36 + f, 40 + f, 43 + f):
        t.append(mido.Message("note_on", channel=f, note=n, velocity=90))
        t.append(mido.Message("note_off", channel=f, note=n, time=480))
m.save(sys.argv[1])
END
    featstats --roll all.mid >all.svg
    /usr/bin/python3 - all.svg <<'END'
import re, sys, xml.dom.minidom
text = open(sys.argv[1]).read()
assert "var(" not in text
svg = xml.dom.minidom.parse(sys.argv[1]).documentElement
used = {r.getAttribute("class") for r in svg.getElementsByTagName("rect")} - {"bg", "soft"}
style = text[text.index("<style>"):text.index("@media")]
# office suites take the rules of any medium for theirs unless they know no such element,
# and know neither elements within elements nor short forms
dark = text[text.index("@media"):text.index("</style>")]
assert dark.count("{") - 1 == dark.count(":root ") and "svg " not in style and "font:" not in style
colour = {c: re.search(r"\.%s\{fill:(#\w+)" % c, style)[1] for c in used}
assert len(used) == 16 == len(set(colour.values())), colour
names = {t.firstChild.data for t in svg.getElementsByTagName("text")}
assert {"piano", "bass", "synth lead", "sound effects", "drums"} <= names, names
END
    # viewers without a style sheet's variables show them, too
    local viewer
    for viewer in 'rsvg-convert all.svg -o all.png' 'inkscape all.svg --export-type=png -o all.png' \
        "env HOME=$PWD soffice --headless --convert-to png all.svg"; do
        command -v "$(sed 's/env [^ ]* //; s/ .*//' <<<"$viewer")" >/dev/null || continue
        rm -f all.png
        $viewer >said 2>&1 || fail "$viewer: $(cat said)"
        [ "$(head -c 4 all.png | tail -c 3)" = PNG ] || fail "$viewer"
        colours all.png >seen
        [ "$(wc -l <seen)" -ge 16 ] || fail "$viewer: $(cat seen)"
    done
}

@test "featstats: -o roll.png and roll.pdf name the line that works" {
    run -64 --separate-stderr featstats --roll "$SAMPLES/sakura.mid" -o roll.png
    says "-o roll.png: pictures are SVG here; instead of it end the line with '| rsvg-convert -o roll.png'"
    run -64 --separate-stderr featstats --roll "$SAMPLES/sakura.mid" -o roll.pdf
    says "end the line with '| rsvg-convert -f pdf -o roll.pdf'"
    command -v rsvg-convert >/dev/null || skip "rsvg-convert is not installed"
    featstats --roll "$SAMPLES/sakura.mid" | rsvg-convert -o roll.png
    featstats --roll "$SAMPLES/sakura.mid" | rsvg-convert -f pdf -o roll.pdf
    [ "$(head -c 4 roll.png | tail -c 3) $(head -c 4 roll.pdf)" = 'PNG %PDF' ]
}

@test "featstats: --roll names the chords of tokens, or those that midi2remi finds" {
    midi2remi -u --chords "$SAMPLES/the-entertainer.mid" -o chords.tok
    featstats --roll chords.tok >tokens.svg
    featstats --roll "$SAMPLES/the-entertainer.mid" >found.svg
    chords() { grep -oE 'y="35.0" text-anchor="(start|end)">[^<]*' "$1" | sed 's/.*>//' | xargs; }
    [ "$(chords tokens.svg)" = "$(chords found.svg)" ]
    [ "$(chords found.svg | cut -d ' ' -f 2-4)" = "D C F" ]
    # none is cut at the right edge
    /usr/bin/python3 - found.svg <<'END'
import re, sys
for x, anchor, name in re.findall(r'<text x="([\d.]+)" y="[\d.]+" text-anchor="(\w+)">([^<]*)', open(sys.argv[1]).read()):
    assert float(x) + (7 * len(name) if anchor == "start" else 0) <= 1200, name
END
}

@test "featstats: --repeats says of MIDI files that it is about tokens" {
    run -0 --separate-stderr featstats --repeats "$SAMPLES/sakura.mid"
    says "of 1 MIDI files its columns are nan; 'midi2remi ... | featstats --repeats' has them"
    midi2remi "$SAMPLES/sakura.mid" >s.tok.zst
    run -0 --separate-stderr featstats --repeats s.tok.zst
    [ -z "$stderr" ]
}

@test "featstats: --tsv prints tables without lines of JSON" {
    featstats --tsv "$SAMPLES/sakura.mid" >bare.tsv
    cmp bare.tsv <(featstats "$SAMPLES/sakura.mid" | grep -v '^#')
    [ "$(column -t -s "$(printf '\t')" bare.tsv | awk '{print length($0) > 1200}' | sort -u)" != 1 ]
    featstats --tsv --vs "$SAMPLES/sakura.mid" "$SAMPLES/can-can.mid" >vs.tsv
    run ! grep -q '^#' vs.tsv
    run -64 --separate-stderr featstats --tsv --json "$SAMPLES/sakura.mid"
    says "--tsv goes with tables"
    midi2remi "$SAMPLES/sakura.mid" >s.tok.zst
    cmp <(featstats --tsv --fidelity s.tok.zst s.tok.zst) <(featstats --fidelity s.tok.zst s.tok.zst)
    run -64 --separate-stderr featstats --tsv --roll "$SAMPLES/sakura.mid"
    says "go with no other output"
}

# ---- novelty ----

@test "featstats: --novelty finds a melody in another key, and where" {
    mkdir train
    cp "$SAMPLES"/{can-can,kesh-jig,sakura}.mid train
    /usr/bin/python3 - "$SAMPLES/sakura.mid" high.mid <<'END'
import sys, mido
m = mido.MidiFile(sys.argv[1])
for t in m.tracks:
    for x in t:
        if x.type in ("note_on", "note_off"):
            x.note += 5
m.save(sys.argv[2])
END
    featstats --novelty train high.mid "$SAMPLES/silent-night.mid" >n
    row() { awk -F'\t' -v n="$1" 'NR > 2 && $1 ~ n {print $4, $9, $12, $13, $14}' n; }
    [ "$(row high)" = "1 1 train/sakura.mid 1 nan" ]
    [ "$(awk -F'\t' '$1 == "high.mid" {print $3 == $10}' n)" -eq 1 ]
    [ "$(awk -F'\t' '$1 ~ /silent/ {print $10 < $3, $9}' n)" = "1 0" ]
    featstats --novelty train --vs "$SAMPLES/silent-night.mid" high.mid >n
    [ "$(cut -f 2,14 n | tail -n +3 | tr '\t\n' ' ,')" = "ref nan,a 1," ]
    run -64 featstats --novelty train --json high.mid
}

@test "featstats: --novelty of nothing, and against nothing" {
    mkdir none
    featstats -q --novelty none "$SAMPLES/sakura.mid" >n
    [ "$(tail -n 1 n | cut -f 4,10,12)" = $'0\t0\t-' ]
    featstats -q --novelty "$SAMPLES" none >n
    [ "$(wc -l <n)" -eq 2 ]
}

@test "featstats: --curves draws runs into one picture" {
    local i
    for i in one two; do
        mkdir "$i"
        printf '#train {"schema":"train-log/1"}\nstep\ttokens\tepoch\tlr\tloss\tgrad_norm\tvalid_loss\n' >"$i/metrics.tsv"
        awk 'BEGIN {for (i = 1; i <= 80; i++) printf "%d\t%d\t0.1\t0.1\t%g\t1\t%s\n", i, i * 9, 7 - i / 20, i % 20 ? "nan" : 6.5 - i / 20}' >>"$i/metrics.tsv"
    done
    featstats --curves one two/metrics.tsv -o c.svg
    /usr/bin/python3 - <<'PY'
import xml.etree.ElementTree as tree
root = tree.parse('c.svg').getroot()
texts = [t.text for t in root.iter('{http://www.w3.org/2000/svg}text')]
assert 'one: best validation 2.5000 at step 80' in texts, texts
assert 'metrics.tsv: best validation 2.5000 at step 80' in texts, texts
lines = [p.get('d') for p in root.iter('{http://www.w3.org/2000/svg}path') if p.get('style')]
# two curves and a key of the legend for each run
assert len(lines) == 6 and sorted(d.count('L') for d in lines) == [0, 0, 3, 3, 79, 79], lines
PY
    run -64 featstats --curves
    run -64 featstats --curves --roll one
    mkdir empty
    run ! --separate-stderr featstats --curves one empty
    says "empty/metrics.tsv"
    echo "name value" >empty/metrics.tsv
    run -65 --separate-stderr featstats --curves one empty
    says "not the log of a training run"
}

@test "featstats: --surprise sums up what tokens cost, by kind, by note and by bar" {
    midi2remi "$SAMPLES" | shard -q -o data
    xltrain -q --data data --preset tiny --set layers=1 --set width=16 --set heads=2 --set ff=32 \
        --steps 3 -o run
    xltrain --data data -o run --eval valid --log-probs p -u >table
    xltrain --data data -o run --eval valid --log-probs - | featstats --surprise >piped
    featstats --surprise p | cmp - piped
    LOSS=$(tail -n 1 table | cut -f 4) /usr/bin/python3 - <<'PY'
import json, math, os, struct
import numpy
data = open('p', 'rb').read()
size = struct.unpack('<Q', data[:8])[0]
head = json.loads(data[8:8 + size])
words = json.loads(head.pop('__metadata__')['vocab'])
def tensor(name, kind):
    start, end = head[name]['data_offsets']
    return numpy.frombuffer(data[8 + size + start:8 + size + end], kind)
ids, p = tensor('ids', '<u2'), tensor('log_prob', '<f4')
got = {line.split('\t')[0]: float(line.split('\t')[1]) for line in open('piped').read().splitlines()[1:]}
kinds = {}
for i, x in zip(ids, p):
    if not math.isnan(x):
        kinds.setdefault(words[i].split('_')[0], []).append(-float(x))
nats = sum(sum(v) for v in kinds.values())
notes = len(kinds.get('Pitch', [])) + len(kinds.get('PitchDrum', []))
def near(a, b):
    assert abs(a - b) < 1e-5 * abs(b), (a, b)
near(got['nats'], float(os.environ['LOSS']))
near(got['perplexity'], math.exp(got['nats']))
near(got['bits_per_note'], nats / math.log(2) / notes)
near(got['bits_per_bar'], nats / math.log(2) / len(kinds['Bar']))
assert got['notes'] == notes and got['bars'] == len(kinds['Bar'])
assert {k[7:] for k in got if k.startswith('tokens.')} == set(kinds)
for kind, v in kinds.items():
    assert got['tokens.' + kind] == len(v)
    near(got['nats.' + kind], sum(v) / len(v))
    near(got['share.' + kind], sum(v) / nats)
PY
    # a folder is none, whatever was hoped for
    midi2remi "$SAMPLES/sakura.mid" -o s.tok.zst
    for wrong in run .; do
        run -66 --separate-stderr featstats --surprise $wrong
        says "'$wrong': cannot open: Is a directory; a file is wanted that 'xltrain --eval SPLIT --log-probs FILE' writes"
        run -66 --separate-stderr featstats --fidelity $wrong s.tok.zst
        says "'$wrong': cannot open: Is a directory; midi2remi makes a stream of the MIDI files in it"
    done
    # bar by bar nothing is lost, and each piece has all its bars
    featstats --surprise --long p >bars
    /usr/bin/python3 - <<'PY'
import collections
rows = [line.split('\t') for line in open('bars').read().splitlines()]
assert rows.pop(0) == ['piece', 'bar', 'tokens', 'notes', 'nats']
whole = {line.split('\t')[0]: line.split('\t')[1] for line in open('piped').read().splitlines()}
assert sum(int(r[2]) for r in rows) == int(whole['tokens'])
assert sum(int(r[3]) for r in rows) == int(whole['notes'])
nats = sum(float(r[4]) for r in rows)
assert abs(nats - float(whole['nats']) * int(whole['tokens'])) < 1e-6 * nats
assert sum(r[1] != '0' for r in rows) == int(whole['bars'])
of = collections.defaultdict(list)
for r in rows:
    of[r[0]].append(int(r[1]))
assert all(b == list(range(b[0], b[0] + len(b))) and b[0] < 2 for b in of.values())
PY
    head -c 5000 p >cut
    run -65 --separate-stderr featstats --surprise cut
    says "cut"
    run -65 --separate-stderr featstats --surprise "$SAMPLES/sakura.mid"
    run -64 featstats --surprise p p
    run -64 featstats --surprise --roll p
}

@test "featstats: --surprise counts what learned merges stand for" {
    midi2remi "$SAMPLES" -o all.tok.zst
    vocab --bpe 300 -o merged.tsv all.tok.zst
    for v in plain merged; do
        local with=()
        [ "$v" = plain ] || with=(--vocab merged.tsv)
        shard -q "${with[@]}" -o $v all.tok.zst
        xltrain -q --data $v --preset tiny --set layers=1 --set width=16 --set heads=2 \
            --set ff=32 --steps 1 -o run-$v
        xltrain --data $v -o run-$v --eval valid --log-probs p-$v >/dev/null
        featstats --surprise p-$v >$v.sum
        featstats --surprise --long p-$v >$v.bars
    done
    grep -q '^tokens.Merge' merged.sum
    # the same split holds the same notes and bars, bar by bar
    diff <(grep -E '^(notes|bars)' plain.sum) <(grep -E '^(notes|bars)' merged.sum)
    diff <(cut -f 1,2,4 plain.bars) <(cut -f 1,2,4 merged.bars)
}

@test "featstats: --surprise counts the notes of every scheme" {
    local how n=0
    for how in '' --common-key '--scheme remi-2020' '--scheme performance'; do
        midi2remi -q $how "$SAMPLES"/a*.mid | shard -q -f --split train=.5,valid=.5 -o of
        xltrain -q -f --data of --preset tiny --set layers=1 --set width=16 --set heads=2 \
            --set ff=32 --steps 1 -o run-of
        xltrain -f --data of -o run-of --eval valid --log-probs p-of >/dev/null
        featstats --surprise p-of | awk '$1 == "notes" {print $2}' >said
        shard --unshard valid of | zstdcat | grep -v '^#' | tr ' ' '\n' |
            grep -cE '^(Pitch(C|Drum)?|Note-On)_' | diff said - || fail "of '$how'"
        n=$((n + $(cat said) / 100))
    done
    [ "$n" -gt 4 ]
    # what a token is says its scheme, not its name: labels may be called anything
    for f in "$SAMPLES"/a*.mid; do printf '%s\tPitch_high,Bar_house\n' "$f"; done >labels.tsv
    for how in '' '--labels labels.tsv'; do
        midi2remi -q $how "$SAMPLES"/a*.mid | shard -q -f --split train=.5,valid=.5 -o of
        xltrain -q -f --data of --preset tiny --set layers=1 --set width=16 --set heads=2 \
            --set ff=32 --steps 1 -o run-of
        xltrain -f --data of -o run-of --eval valid --log-probs p-of >/dev/null
        featstats --surprise p-of | grep -E '^(notes|bars)' >"counts${how:+.labels}"
    done
    cmp counts counts.labels
    zstd -dcq p-of | sed 's/grid\\":4/grid\\":8/' >odd # which has another hash
    run -65 --separate-stderr featstats --surprise odd
    says "'odd'"
}

@test "featstats: --surprise takes no more memory than the file has bytes" {
    /usr/bin/python3 - <<'PY'
import json, struct
n, word = 1 << 30, '{"name":"remi","grid":4}'
meta = {'schema': 'xl-logprobs/1', 'split': 'valid', 'step': '1', 'vocab': '["Bar"]', 'vocab_sha256': '0' * 64,
        'tokenizer': word, 'tokenizer_sha256': '0' * 64}
head = {'__metadata__': meta, 'offsets': {'dtype': 'I64', 'shape': [n], 'data_offsets': [0, 8 * n]},
        'log_prob': {'dtype': 'F32', 'shape': [n], 'data_offsets': [8 * n, 12 * n]},
        'ids': {'dtype': 'U16', 'shape': [n], 'data_offsets': [12 * n, 14 * n]}}
text = json.dumps(head).encode().ljust(4088)
open('bomb', 'wb').write(struct.pack('<Q', len(text)) + text)
PY
    [ "$(stat -c %s bomb)" -eq 4096 ]
    local room=unlimited # sanitizers reserve all addresses
    [[ $BARLINE_BUILD == *san ]] || room=300000
    run -65 --separate-stderr bash -c "ulimit -v $room && exec featstats --surprise bomb"
    says "'bomb': the file ends inside 'offsets'"
}

@test "featstats: a stream that begins with a skippable frame is one" {
    { printf '\x50\x2a\x4d\x18\x04\x00\x00\x00\x00\x01\x00\x00' && cat "$F/three.tok.zst"; } >pzstd.tok.zst
    featstats --no-pg pzstd.tok.zst >a
    featstats --no-pg "$F/three.tok.zst" >b
    cmp a b
    featstats --no-pg <pzstd.tok.zst >a
    cmp a b
}

@test "featstats: names of any bytes give a page in UTF-8 and pictures that are XML" {
    local odd
    odd=$(printf 'a\x01\xff\xc3\x28\xed\xa0\x80\xe2\x82\xac<&>".mid')
    cp "$SAMPLES/can-can.mid" "$odd"
    mkdir "$(printf 'd\xfe\x02')"
    cp "$SAMPLES/sakura.mid" d*/
    featstats --html page.html --vs d* "$odd" >/dev/null
    featstats --roll "$odd" >roll.svg
    python3 -c '
import re, xml.dom.minidom as xml
page = open("page.html", "rb").read().decode()
assert not [c for c in page if ord(c) < 32 and c not in "\n\t"]
pictures = re.findall("<svg.*?</svg>", page, re.S) + [open("roll.svg", "rb").read().decode()]
assert len(pictures) > 5
for p in pictures:
    xml.parseString(p.encode())
assert "€&lt;&amp;&gt;&quot;" in page
'
}

@test "featstats: --fidelity says what came of what was asked, beside chance" {
    cd "$SAMPLES" || return 1
    midi2remi --degrees --keep chords {can-can,kesh-jig,sakura}.mid -o "$BATS_TEST_TMPDIR/asked"
    midi2remi --degrees {can-can,kesh-jig,sakura}.mid -o "$BATS_TEST_TMPDIR/whole"
    cd "$BATS_TEST_TMPDIR" || return 1
    featstats --fidelity asked whole >t
    [ "$(head -n 1 t)" = $'what\tasked\tkept\tchance' ]
    [ "$(cut -f 1 t | xargs)" = 'what chord root meter bars tempo key labels' ]
    # the notes of the whole have the chords that were found in them, also where the tokens lie
    [ "$(awk '$1 ~ /chord|root|meter|bars|tempo/ {print $3}' t | sort -u)" = 1.0000 ] || fail "$(cat t)"
    [ "$(awk '$1 == "chord" && $4 < .5' t | wc -l)" -eq 1 ]
    [ "$(tail -n 1 t)" = $'labels\t0\tnan\tnan' ]
    text whole | sed 's/Chord_[^ ]*:[^ ]*/Chord_bII:aug/g; s/Key_[^ ]*/Key_F#:min/' >lies
    /usr/bin/python3 - <<'PY'
import json, subprocess
out, music = [], []
for line in open('lies'):
    if line.startswith('#piece '):
        music = []
    if line[0] != '#':
        music.append(line)
    if line.startswith('#end '):
        end = json.loads(line[5:])
        h = subprocess.run(['xxhsum', '-H3'], input=''.join(music), text=True, stdout=subprocess.PIPE).stdout
        end['xxh3'] = h.split()[-1]
        line = '#end ' + json.dumps(end, separators=(',', ':')) + '\n'
    out.append(line)
open('lies', 'w').write(''.join(out))
PY
    featstats --fidelity asked lies | diff t -
    # further pieces of a name; names without a condition
    text whole | sed 's|"name":"sakura.mid"|"name":"sakura.mid.2"|' >second
    featstats --fidelity asked second | diff t -
    text whole | sed 's|"name":"sakura.mid"|"name":"other"|' >other
    run -0 --separate-stderr featstats --fidelity asked other
    says "1 pieces have no condition in 'asked'"
    [ "$(grep bars <<<"$output" | cut -f 2)" -eq 2 ]
    text whole | sed '/^#piece/ s|"name":"|"name":"x|' >none
    run -65 --separate-stderr featstats --fidelity asked none
    says "no piece has the name of a condition in 'asked'"
    run -65 --separate-stderr featstats --fidelity asked "$F/three.tok.zst"
    says "differ"
    for args in - ''; do
        run -64 --separate-stderr featstats --fidelity - $args <asked
        says "standard input is what is measured already; name the other one"
    done
    run -64 --separate-stderr featstats --fidelity asked --summary whole
    says "--fidelity goes alone"
}

@test "featstats: the row of a piece is there before the next piece has come" {
    mkfifo pipe
    midi2remi "$SAMPLES"/sakura.mid -o one.tok.zst
    featstats -j 2 pipe | cat >rows &
    exec 9>pipe
    cat one.tok.zst >&9
    for _ in {1..100}; do
        ! grep -q '^[^#]*sakura.mid' rows || break
        sleep .05
    done
    grep -q '^[^#]*sakura.mid' rows
    exec 9>&-
    wait
    tail -n 1 rows | grep -q '^#featend'
}
