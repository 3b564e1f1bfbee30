#!/usr/bin/env bats
# shard: the folder of tensors, read back by an independent reader.
load ../helpers

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    mapfile -t mids < <(printf '%s\n' "$BARLINE_ROOT"/samples/*.mid)
    midi2remi "${mids[@]}" -o all.tok.zst
    midi2remi "${mids[@]:0:8}" -o few.tok.zst
    shard all.tok.zst -o data
    cat >reader.py <<'PY'
"""Reads a shard folder with numpy and zstandard alone; checks what the format promises."""
import io, json, os, subprocess, sys
import numpy as np, zstandard

def record(path):
    b = open(path, 'rb').read()
    if path.endswith('.zst'):
        b = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(b), read_across_frames=True).read()
    n = int.from_bytes(b[:8], 'little')
    head = json.loads(b[8:8 + n])
    assert (8 + n) % 4096 == 0 and b[8:9] == b'{'
    types = {'I64': '<i8', 'U16': '<u2'}
    meta, at, out = head.pop('__metadata__'), 0, {}
    for name, t in head.items():
        begin, end = t['data_offsets']
        assert begin == at
        at = end
        out[name] = np.frombuffer(b[8 + n + begin:8 + n + end], types[t['dtype']]).reshape(t['shape'])
    assert 8 + n + at == len(b)
    return meta, out

def xxh3(array):
    p = subprocess.run(['xxhsum', '-H3'], input=array.tobytes(), capture_output=True)
    return p.stdout.decode().split('= ')[-1].strip()

def folder(path):
    """Yields split, name, tokens for every piece."""
    manifest = json.load(open(path + '/manifest.json'))
    lines = [l.rstrip('\n').split('\t') for l in open(path + '/vocab.tsv')]
    words = [l[1] for l in lines[1:]]
    assert json.loads(lines[0][0][7:])['tokens_sha256'] == manifest['vocab_sha256']
    counts = np.zeros(len(words), int)
    for split, s in manifest['splits'].items():
        table = [l.rstrip('\n').split('\t') for l in open(f'{path}/{split}.pieces.tsv')][1:]
        at = pieces = 0
        for i, f in enumerate(s['files']):
            meta, t = record(f"{path}/{f['name']}")
            offsets, tokens = t['piece_offsets'], t['tokens']
            assert meta['split'] == split and meta['shard'] == f"{i + 1}/{len(s['files'])}"
            assert meta['tokens_xxh3'] == f['tokens_xxh3'] == xxh3(tokens)
            assert meta['offsets_xxh3'] == xxh3(offsets)
            assert meta['vocab_sha256'] == manifest['vocab_sha256']
            assert offsets[0] == 0 and offsets[-1] == len(tokens) == f['tokens']
            counts += np.bincount(tokens, minlength=len(words))
            for begin, end in zip(offsets, offsets[1:]):
                idx, offset, length, name, _ = table[pieces]
                assert (int(idx), int(offset), int(length)) == (pieces, at + begin, end - begin)
                ids = tokens[begin:end]
                assert words[ids[0]] == 'BOS' and words[ids[-1]] == 'EOS'
                pieces += 1
                yield split, name, [words[k] for k in ids[1:-1]]
            at += len(tokens)
        assert (pieces, at) == (s['pieces'], s['tokens']) and pieces == len(table)
    assert [int(l[2]) for l in lines[1:]] == list(counts)

def stream(path):
    text = subprocess.run(['zstdcat', path], capture_output=True).stdout.decode()
    name, tokens, out = None, [], {}
    for line in text.splitlines():
        if line.startswith('#piece '):
            name, tokens = json.loads(line[7:])['name'], []
        elif line.startswith('#end '):
            out[name] = tokens
        elif not line.startswith('#'):
            tokens += line.split()
    return out
PY
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    F=$BATS_FILE_TMPDIR
    cp "$F/reader.py" .
}

# split_of DIR: lines "name TAB split", sorted
split_of() {
    local s
    for s in train valid test; do
        sed 1d "$1/$s.pieces.tsv" | cut -f 4 | sed "s/\$/\t$s/"
    done | sort
}

# files: what lies here, but for what Bats keeps
files() {
    printf '%s\n' * | grep -v '^separate-stderr' | tr '\n' ' '
}

@test "shard: from MIDI files with nothing else said" {
    midi2remi "$SAMPLES"/*.mid | shard -o data
    diff -r data "$F/data"
}

@test "shard: every token of every piece once, as an independent reader finds them" {
    run -0 /usr/bin/python3 - "$F" <<'PY'
import sys
from reader import folder, stream
want, got = stream(sys.argv[1] + '/all.tok.zst'), {}
splits = set()
names = {}
for split, name, tokens in folder(sys.argv[1] + '/data'):
    assert name not in got
    got[name] = tokens
    splits.add(split)
    names.setdefault(split, []).append(name)
assert got == want, 'pieces differ'
assert splits == {'train', 'valid', 'test'}
assert all(n == sorted(n) for n in names.values())
print(len(got))
PY
    [ "$output" -eq "$(printf '%s\n' "$SAMPLES"/*.mid | wc -l)" ]
}

@test "shard: bare files hold the same" {
    shard -u "$F/all.tok.zst" -o bare
    run -0 /usr/bin/python3 - "$F/data" bare <<'PY'
import os, sys
from reader import folder
assert list(folder(sys.argv[1])) == list(folder(sys.argv[2]))
assert not [f for f in os.listdir('bare') if f.endswith('.zst')]
PY
    for f in bare/*.safetensors; do
        zstdcat "$F/data/$(basename "$f").zst" | cmp - "$f"
    done
    shard --level 1 "$F/all.tok.zst" -o fast
    zstdcat fast/train*.zst | cmp - bare/train*.safetensors
}

@test "shard: order and number of the streams do not show" {
    local i
    for i in 1 2 3; do midi2remi --part $i/3 "$SAMPLES" -o part$i.tok.zst; done
    midi2remi "$SAMPLES" | shard --no-pg -o one
    shard --no-pg part3.tok.zst part1.tok.zst part2.tok.zst -o three
    diff -r one three
    cat part2.tok.zst part3.tok.zst part1.tok.zst | shard --no-pg -o joined
    diff -r one joined
}

@test "shard: pieces that are added never move the others" {
    midi2remi "$SAMPLES"/[a-s]*.mid -o most.tok.zst
    [ "$(zstdcat most.tok.zst | grep -c '^#piece')" -ge 50 ]
    shard most.tok.zst -o most
    split_of most >before
    split_of "$F/data" | join -t $'\t' - before >both
    [ "$(wc -l <both)" -eq "$(wc -l <before)" ]
    awk -F'\t' '$2 != $3{exit 1}' both
}

@test "shard: shares are kept, and a handful of pieces leaves no split empty" {
    shard "$F/all.tok.zst" --split train=.5,test=.5 -o half
    [ "$(jq -r .splits.valid.pieces half/manifest.json)" -eq 0 ]
    jq -e '.splits.train.pieces > 20 and .splits.test.pieces > 20' half/manifest.json
    shard "$F/all.tok.zst" --split valid=1 -o one
    jq -e '.splits.train.pieces == 0 and .splits.valid.pieces > 50' one/manifest.json
    for n in 1 2 3 8; do
        midi2remi $(ls "$SAMPLES"/*.mid | head -n $n) | shard -o small$n
        jq -r '[.splits[].pieces] | @tsv' small$n/manifest.json
    done >pieces
    awk 'NR == 1 && $0 != "1\t0\t0"{exit 1} NR == 2 && $0 != "1\t1\t0"{exit 1}
         NR > 2 && ($1 < 1 || $2 < 1 || $3 < 1){exit 1}' pieces || fail "$(cat pieces)"
}

@test "shard: --split wants shares of the three that sum to 1" {
    for bad in train=1,valid=.1 train=.5 train=x train train=1,train=0 fit=1 train=1, '' train=nan \
        train=-1,valid=2 train=1e999; do
        run -64 --separate-stderr shard --split "$bad" -o x "$F/few.tok.zst"
        says "shard: "
        [ ! -e x ]
    done
    shard --split test=0.1,valid=0.2,train=0.7 -o x "$F/few.tok.zst"
    [ "$(jq -c .share x/manifest.json)" = '{"train":0.7,"valid":0.2,"test":0.1}' ]
}

@test "shard: --dedup keeps one of those with the same tokens" {
    cp "$SAMPLES/sakura.mid" z.mid
    cp "$SAMPLES/sakura.mid" b.mid
    cp "$SAMPLES/abide-with-me.mid" c.mid
    midi2remi z.mid c.mid b.mid -o s.tok.zst
    run -0 --separate-stderr shard -v --dedup s.tok.zst --split train=1 -o once
    says "1 repeated pieces dropped"
    [ "$(sed 1d once/train.pieces.tsv | cut -f 4 | tr '\n' ' ')" = 'b.mid c.mid ' ]
    shard s.tok.zst --split train=1 -o all
    [ "$(sed 1d all/train.pieces.tsv | wc -l)" -eq 3 ]
}

@test "shard: --vocab numbers the tokens, and must have them all" {
    vocab --order count "$F/few.tok.zst" -o v
    shard --vocab v "$F/few.tok.zst" -o data
    cmp <(grep -v '^#' v) <(grep -v '^#' data/vocab.tsv)
    run -0 /usr/bin/python3 - "$F" <<'PY'
import sys
from reader import folder, stream
assert {n: t for _, n, t in folder('data')} == stream(sys.argv[1] + '/few.tok.zst')
PY
    vocab --order count --min-count 50 "$F/few.tok.zst" -o rare
    run -65 --separate-stderr shard --vocab rare "$F/few.tok.zst" -o x
    says "shard: '$F/few.tok.zst': piece '"
    says "which is not in 'rare'"
    vocab --scheme remi --grid 12 -o other
    run -65 --separate-stderr shard --vocab other "$F/few.tok.zst" -o x
    says "'other'"
    says "few.tok.zst'"
    run -66 --separate-stderr shard --vocab absent "$F/few.tok.zst" -o x
    says "'absent'"
    local n cut
    n=$(stat -c %s v)
    for cut in 0 1 7 100 $((n / 2)) $((n - 20)) $((n - 1)); do
        head -c "$cut" v >cut
        run -65 --separate-stderr shard --vocab cut "$F/few.tok.zst" -o x
        says "'cut'"
    done
    [ ! -e x ]
}

@test "shard: where to write must be said" {
    for args in '' '-o -'; do
        run -64 --separate-stderr shard $args "$F/few.tok.zst"
        says "-o DIR"
        [ -z "$output" ]
    done
}

@test "shard: a folder of shards is replaced with -f only, one of other things never" {
    shard "$F/few.tok.zst" -o data
    run -73 --separate-stderr shard "$F/all.tok.zst" -o data
    says "shard: 'data': the folder holds shards; -f replaces them"
    shard -f -u "$F/all.tok.zst" -o data/
    shard -u "$F/all.tok.zst" -o fresh
    diff -r data fresh
    mkdir -p mine empty
    echo precious >mine/diary.txt
    for force in '' -f; do
        run -73 --separate-stderr shard $force "$F/few.tok.zst" -o mine
        says "diary.txt"
    done
    [ "$(cat mine/diary.txt)" = precious ]
    # names that shards could have are not enough
    for name in train-notes.pieces.tsv train-00007-of-00009.safetensors.zst .hidden; do
        cp -r data other
        echo precious >"other/$name"
        run -73 --separate-stderr shard -f "$F/few.tok.zst" -o other
        says "$name"
        [ "$(cat "other/$name")" = precious ]
        rm -r other
    done
    cp -r data other
    truncate -s 50 other/manifest.json
    run -73 --separate-stderr shard -f "$F/few.tok.zst" -o other
    says "manifest.json"
    [ -s other/vocab.tsv ]
    shard "$F/few.tok.zst" -o empty
    [ -s empty/manifest.json ]
    ln -s data link
    shard -f "$F/few.tok.zst" -o link
    [ -L link ]
    diff -r data empty
    echo >file
    run -73 --separate-stderr shard -f "$F/few.tok.zst" -o file
    says "'file'"
    run -73 --separate-stderr shard "$F/few.tok.zst" -o no/such/data
    says "'no/such/data'"
    left=(*.tmp.*)
    [ ! -e "${left[0]}" ] || fail "left ${left[*]}"
}

@test "shard: a run that fails or is killed leaves the old folder and nothing else" {
    shard "$F/few.tok.zst" -o data
    cp -r data before
    head -c 3000 "$F/all.tok.zst" >cut
    run -65 --separate-stderr shard -f cut -o data
    says "'cut': byte 3000: "
    for signal in TERM KILL HUP; do
        mkfifo pipe
        shard -f -o data pipe &
        tool=$!
        exec 9>pipe
        cat cut >&9
        kill -$signal $tool
        run wait $tool
        exec 9>&-
        rm pipe
    done
    diff -r data before
    [ "$(files)" = 'before cut data reader.py ' ] || fail "left: $(files)"
}

@test "shard: a full disk is 74 and leaves the old folder" {
    shard "$F/few.tok.zst" -o data
    cp -r data before
    run -74 --separate-stderr bash -c "ulimit -f 8; shard -f '$F/all.tok.zst' -o data"
    says "shard: 'data': cannot write: File too large"
    diff -r data before
    [ "$(files)" = 'before data reader.py ' ] || fail "left: $(files)"
}

@test "shard: no piece, no shards" {
    printf '%s\n' "$(zstdcat "$F/few.tok.zst" | sed -n 1p)" '#eos {"pieces":0,"tokens":0,"rejects":1}' >none
    run -65 --separate-stderr shard none -o x
    says "'none': there is no piece in the input"
    [ ! -e x ]
}

@test "shard: a verbose run counts, an empty split is worth a warning" {
    run -0 --separate-stderr shard -v "$F/few.tok.zst" -o x
    says "shard: train "
    says "valid "
    says "test "
    run -0 --separate-stderr shard --split train=.999,valid=.001 "$F/all.tok.zst" -o y
    says "warning: split 'valid' is empty"
    run -0 --separate-stderr shard -q --split train=.999,valid=.001 "$F/all.tok.zst" -o z
    [ -z "$stderr" ]
}

# changed FILE BY FACTOR OUT: a copy of a MIDI file, transposed and at another speed
changed() {
    /usr/bin/python3 -c '
import sys, mido
f, by, factor = mido.MidiFile(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
for track in f.tracks:
    for m in track:
        m.time = round(m.time * factor)
        if m.type in ("note_on", "note_off") and m.channel != 9:
            m.note += by
f.save(sys.argv[4])' "$@"
}

@test "shard: the same music in another key and at another speed is in one split" {
    local f n=0 names
    mkdir originals copies
    cp "$BARLINE_ROOT"/samples/*.mid originals
    for f in originals/*.mid; do
        n=$((n + 1))
        [ $((n % 4)) -ne 0 ] || changed "$f" $((n % 7 - 3)) $((1 + n % 2)) "copies/$(basename "$f")"
    done
    midi2remi originals copies -o s.tok.zst
    shard -o d --split train=.5,test=.5 --report like.tsv s.tok.zst
    for f in copies/*.mid; do
        names=$(basename "$f")
        [ "$(grep -l "/$names" d/*.pieces.tsv | wc -l)" -eq 1 ] || fail "$names is in two splits"
    done
    # the report names each pair and no piece without its like
    [ "$(tail -n +2 like.tsv | awk -F'\t' '{a = $1; b = $2; sub(/.*\//, "", a); sub(/.*\//, "", b); if (a == b) n++} END {print n}')" \
        -eq "$(find copies -name '*.mid' | wc -l)" ] || fail "$(cat like.tsv)"
    shard -o one --near drop s.tok.zst
    [ "$(cat one/*.pieces.tsv | grep -c copies/)" -eq 0 ] || [ "$(cat one/*.pieces.tsv | grep -c originals/)" -lt "$n" ]
    # neither order nor number of streams shows
    midi2remi copies -o c.tok.zst
    midi2remi originals -o o.tok.zst
    shard -o e --split train=.5,test=.5 c.tok.zst o.tok.zst
    cmp d/train.pieces.tsv e/train.pieces.tsv
}

@test "shard: a few pieces: a split that would be empty gets all copies of one" {
    local f k n
    mkdir s
    for f in "$BARLINE_ROOT"/samples/*.mid; do
        n=$(basename "$f" .mid)
        for k in 1 2 3 4; do changed "$f" $((k - 2)) "$k" "s/$n-$k.mid"; done
        [ "$(find s -name '*.mid' | wc -l)" -lt 12 ] || break
    done
    midi2remi s -o s.tok.zst
    for shares in train=.8,valid=.1,test=.1 train=.1,valid=.1,test=.8 valid=.5,test=.5; do
        rm -rf d
        shard -o d --split "$shares" s.tok.zst
        for f in s/*-1.mid; do
            f=${f%-1.mid}
            [ "$(grep -l "	$f-" d/*.pieces.tsv | wc -l)" -eq 1 ] || fail "$shares: $f is divided"
        done
        [ "$(jq '[.splits[].pieces | select(. > 0)] | length' d/manifest.json)" -ge 2 ]
    done
    # one piece and its copies are never divided
    midi2remi s/"$n"-*.mid | shard -q -o one
    [ "$(jq -c '[.splits[].pieces]' one/manifest.json)" = '[4,0,0]' ]
}

@test "shard: of copies under one name the order of streams decides nothing, odd names are escaped" {
    changed "$BARLINE_ROOT"/samples/sakura.mid 2 2 moved.mid
    midi2remi <"$BARLINE_ROOT"/samples/sakura.mid >a.tok.zst
    midi2remi <moved.mid >b.tok.zst
    shard -o ab --near drop --no-pg a.tok.zst b.tok.zst
    shard -o ba --near drop --no-pg b.tok.zst a.tok.zst
    diff -r ab ba
    cp moved.mid $'a\tb.mid'
    cp "$BARLINE_ROOT"/samples/sakura.mid $'c\nd.mid'
    midi2remi $'a\tb.mid' $'c\nd.mid' | shard -o names --report like.tsv
    diff - like.tsv <<<$'piece\tlike\tlikeness\nc%0Ad.mid\ta%09b.mid\t1.000'
    run -64 --separate-stderr shard -o x --near off --report none.tsv a.tok.zst
    says "--near off finds nothing to --report"
}

@test "shard: copies in other keys and tempos are of the training split only, drums stay" {
    midi2remi "$BARLINE_ROOT"/samples/*.mid -o s.tok.zst
    shard -o plain s.tok.zst
    shard -o more --augment transpose=-2..2,tempo=.9..1.1 s.tok.zst
    cmp plain/test.pieces.tsv more/test.pieces.tsv
    cmp plain/valid.pieces.tsv more/valid.pieces.tsv
    local n
    n=$(grep -vc '^#' plain/train.pieces.tsv)
    [ "$(grep -c 'transpose=' more/train.pieces.tsv)" -gt $((n * 13)) ]
    ! grep -q 'transpose=+0,tempo=1$' more/train.pieces.tsv
    echo 'Bar TimeSig_4/4 Position_0 Tempo_100 Program_0 Pitch_60 Velocity_79 Duration_8 PitchDrum_36 Velocity_79 Duration_2' |
        remi2midi --raw -o one.mid
    for how in transpose=3..3 tempo=.5..1; do
        midi2remi one.mid | shard -u -o "t-$how" --split train=1 --augment "$how" --numpy
    done
    words() { # words DIR: the tokens of all pieces
        /usr/bin/python3 -c '
import sys, numpy
words = [line.split("\t")[1] for line in open(sys.argv[1] + "/vocab.tsv") if line[0] != "#"]
print(*[words[i] for i in numpy.load(sys.argv[1] + "/train-tokens.npy")])' "$1"
    }
    [ "$(words t-transpose=3..3)" = "BOS Bar TimeSig_4/4 Position_0 Tempo_100 Program_0 Pitch_60 Velocity_79 \
Duration_8 PitchDrum_36 Velocity_79 Duration_2 EOS BOS Bar TimeSig_4/4 Position_0 Tempo_100 Program_0 Pitch_63 \
Velocity_79 Duration_8 PitchDrum_36 Velocity_79 Duration_2 EOS" ] || fail "$(words t-transpose=3..3)"
    [[ "$(words t-tempo=.5..1)" == *Tempo_100*Tempo_50*Tempo_75* ]] || fail "$(words t-tempo=.5..1)"
    for bad in transpose=3 transpose=2..1 transpose=-25..0 tempo=.1..1 tempo=1..2/1 pitch=1..2 transpose=0..1,; do
        run -64 --separate-stderr shard -o x --augment "$bad" s.tok.zst
        [ -n "$stderr" ] || fail "$bad"
    done
}

@test "shard: -f replaces files for other trainers that the manifest names, no others" {
    midi2remi "$BARLINE_ROOT/samples/sakura.mid" -o one.tok.zst
    shard one.tok.zst -o mine --split train=1 --llmc --numpy
    shard -f one.tok.zst -o mine --split train=1
    [ ! -e mine/train.llmc.bin ] && [ ! -e mine/train-tokens.npy ]
    for name in train.llmc.bin valid.megatron.idx test-offsets.npy; do
        echo "of the user" >"mine/$name"
        run -73 --separate-stderr shard -f one.tok.zst -o mine --split train=1
        says "shard: 'mine': the folder holds '$name', which is no part of its shards"
        [ "$(cat "mine/$name")" = "of the user" ]
        rm "mine/$name"
    done
    # nor does a folder of before say that they are its own
    shard one.tok.zst -o old --split train=1 --llmc
    sed -i 's/,"exports":\[[^]]*\]//g' old/manifest.json
    run -73 --separate-stderr shard -f one.tok.zst -o old
    says ".llmc.bin', which is no part of its shards"
}

@test "shard: files for other trainers hold the tokens of the shards" {
    midi2remi "$BARLINE_ROOT"/samples/*.mid | shard -u -o d --llmc --megatron --numpy
    /usr/bin/python3 - <<'PY'
import json, numpy as np, struct
for split in ("train", "valid", "test"):
    f = f"d/{split}-00000-of-00001.safetensors"
    n = int(np.fromfile(f, "<u8", 1)[0])
    h = json.loads(open(f, "rb").read(8 + n)[8:])
    def tensor(name, dtype):
        a, z = h[name]["data_offsets"]
        return np.frombuffer(open(f, "rb").read()[8 + n + a:8 + n + z], dtype)
    tokens, offsets = tensor("tokens", "<u2"), tensor("piece_offsets", "<i8")
    assert (np.load(f"d/{split}-tokens.npy") == tokens).all()
    assert (np.load(f"d/{split}-offsets.npy") == offsets).all()
    head = np.fromfile(f"d/{split}.llmc.bin", "<i4", 256)
    assert list(head[:3]) == [20240520, 1, len(tokens)] and not head[3:].any()
    assert (np.fromfile(f"d/{split}.llmc.bin", "<u2", offset=1024) == tokens).all()
    index = open(f"d/{split}.megatron.idx", "rb").read()
    magic, version, code, pieces, documents = struct.unpack("<9sQBQQ", index[:34])
    assert (magic, version, code) == (b"MMIDIDX\0\0", 1, 8)
    assert pieces == len(offsets) - 1 and documents == pieces + 1
    sizes = np.frombuffer(index, "<i4", pieces, 34)
    pointers = np.frombuffer(index, "<i8", pieces, 34 + 4 * pieces)
    assert (sizes == np.diff(offsets)).all() and (pointers == 2 * offsets[:-1]).all()
    assert (np.frombuffer(index, "<i8", documents, 34 + 12 * pieces) == np.arange(documents)).all()
    assert len(index) == 34 + 12 * pieces + 8 * documents
    assert (np.fromfile(f"d/{split}.megatron.bin", "<u2") == tokens).all()
PY
    # what is there is known as ours, and replaced whole
    midi2remi "$BARLINE_ROOT"/samples/sakura.mid | shard -f -o d
    [ -z "$(find d -name '*.npy' -o -name '*.bin')" ]
}

# music FILE...: name and tokens of each piece, a line each, sorted.
music() {
    text "$@" | awk '/^#piece/ {match($0, /"name":"[^"]*"/); line = substr($0, RSTART, RLENGTH)}
        /^#end/ {print line} !/^#/ {line = line " " $0}' | sort
}

@test "shard: --unshard gives back the pieces of a split, whatever they were numbered by" {
    local all=$BATS_FILE_TMPDIR/all.tok.zst scheme
    vocab --bpe 40 "$all" -o merged.tsv
    midi2remi --scheme performance "$SAMPLES"/*.mid -o played.tok.zst
    shard -q -o plain --augment transpose=-1..1 "$all"
    shard -q -o merged --vocab merged.tsv "$all"
    shard -q -o played played.tok.zst
    for scheme in plain merged played; do
        for split in train valid test; do shard -q --unshard $split $scheme -o $split.tok.zst; done
        remi2midi --check train.tok.zst valid.tok.zst test.tok.zst
        music train.tok.zst valid.tok.zst test.tok.zst >back
        if [ $scheme = played ]; then music played.tok.zst; else music "$all"; fi | cmp - back
        cut -f 4 $scheme/test.pieces.tsv | sed 1d >names
        text test.tok.zst | sed -n '/^#piece/s/.*"name":"\([^"]*\)".*/\1/p' | cmp - names
    done
    # the first lines: bars, or seconds in which no note goes on
    shard -q --unshard train --lines 3 plain | remi2midi --check
    [ "$(shard -q --unshard train --lines 3 plain | zstdcat | grep -c '^Bar')" -eq \
        "$((3 * $(shard -q --unshard train plain | zstdcat | grep -c '^#piece')))" ]
    shard -q --unshard train --lines 2 played | remi2midi --check
    [ "$(shard -q --unshard train --lines 2 played | zstdcat | awk '/^#piece/ {n = 0} !/^#/ && ++n > 2' | wc -l)" -eq 0 ]
}

@test "shard: --unshard refuses what is no folder of shards, and lists that are not theirs" {
    cp -r "$BATS_FILE_TMPDIR/data" .
    run -64 --separate-stderr shard --unshard best data
    says "--unshard 'best': it is train, valid or test"
    run -64 --separate-stderr shard --unshard test
    says "--unshard reads one folder of shards"
    for option in --dedup --ids '--condition data' '--max-alone 3' '--level 3'; do
        # shellcheck disable=SC2086
        run -64 --separate-stderr shard --unshard test $option data
        says "--unshard goes with --lines alone"
    done
    run -64 --separate-stderr shard -o x --lines 3 data
    says "--lines goes with --unshard"
    run -66 --separate-stderr shard --unshard test -o x none
    says "none/manifest.json"
    sed -i '2s/\t[0-9]*\t/\t7\t/' data/test.pieces.tsv
    run -65 --separate-stderr shard --unshard test -o x data
    says "data/test.pieces.tsv"
    sed -i '2,$d' data/test.pieces.tsv
    run -65 --separate-stderr shard --unshard test -o x data
    says "it lists 0 pieces of"
    [ ! -e x ]
}

@test "shard: --split-from takes splits from a table, and nothing moves a piece" {
    cp "$SAMPLES"/{sakura,shenandoah,jesu-joy,skye-boat-song}.mid .
    cp sakura.mid again.mid
    midi2remi ./*.mid -o t.tok.zst
    table() {
        printf 'file\tsplit\tkind\n'
        printf '%s\t%s\tx\n' sakura.mid train again.mid "$1" dir/none.mid train shenandoah.mid dev \
            jesu-joy.mid train skye-boat-song.mid validation
    }
    table test >t.tsv
    shard t.tok.zst --split-from t.tsv:split --augment transpose=0..1 -o data
    split_of data | grep -v '#' | cut -f 1,2 >found
    printf '%s\t%s\n' again.mid test jesu-joy.mid train sakura.mid train shenandoah.mid valid \
        skye-boat-song.mid valid | diff found -
    jq -e '.share == {"train": 0.4, "valid": 0.4, "test": 0.2}' data/manifest.json
    # what is published without a test split has none, however few pieces there are
    table dev >t.tsv
    run -0 --separate-stderr shard t.tok.zst --split-from t.tsv:split -o two
    says "split 'test' is empty"
    [ "$(jq -c '[.splits[].pieces]' two/manifest.json)" = '[2,3,0]' ]
    xltrain --dry-run --data two --preset tiny
    # clear errors, and nothing is left
    refused() {
        run "-$1" --separate-stderr shard t.tok.zst --split-from "$2" -o none
        says "$3"
        [ ! -e none ]
    }
    table eval >bad.tsv
    refused 65 bad.tsv:split "'bad.tsv': line 3: 'eval' is not train, valid, validation, dev or test"
    table '' >bad.tsv
    refused 65 bad.tsv:split "line 3: '' is not train"
    table test | grep -v jesu >bad.tsv
    refused 65 bad.tsv:split "piece 'jesu-joy.mid' is not in 'bad.tsv'"
    refused 64 t.tsv:genre "the table does not have all columns of 'genre'"
    refused 64 t.tsv "--split-from 't.tsv' is not TABLE:COLUMN"
    refused 66 none.tsv:split "none.tsv"
    run -64 --separate-stderr shard t.tok.zst --split-from t.tsv:split --split train=1 -o none
    says "not both"
}

@test "shard: pairs by name hold both sides, copies move them alike" {
    run -65 --separate-stderr shard -v "$F/all.tok.zst" --condition "$F/few.tok.zst" -o pairs
    alone=$(($(printf '%s\n' "$SAMPLES"/*.mid | wc -l) - 8))
    [[ $stderr == *"8 pairs, $alone of $((alone + 16)) without a partner left out"* ]]
    [ "$(grep -c "has no condition" <<<"$stderr")" -eq "$alone" ]
    shard "$F/few.tok.zst" --condition "$F/all.tok.zst" --max-alone 100% -o other
    shard "$F/few.tok.zst" --condition "$F/few.tok.zst" --split train=1 -o copies \
        --augment transpose=-1..1,tempo=.9..1.1/2
    run -0 /usr/bin/python3 - pairs other copies <<'PY'
import glob, sys
from reader import record, xxh3
import numpy as np
for folder in sys.argv[1:]:
    n = 0
    for path in glob.glob(folder + '/*.safetensors.zst'):
        meta, t = record(path)
        assert list(t) == ['condition_offsets', 'piece_offsets', 'condition_tokens', 'tokens']
        assert meta['condition_tokens_xxh3'] == xxh3(t['condition_tokens'])
        assert meta['condition_offsets_xxh3'] == xxh3(t['condition_offsets'])
        # each piece goes with itself here
        assert np.array_equal(t['tokens'], t['condition_tokens'])
        assert np.array_equal(t['piece_offsets'], t['condition_offsets'])
        n += len(t['piece_offsets']) - 1
    print(n)
PY
    [ "${lines[0]}" -eq 8 ] && [ "${lines[1]}" -eq 8 ] && [ "${lines[2]}" -gt 8 ]
}

@test "shard: conditions that do not fit" {
    midi2remi --chords "$SAMPLES/sakura.mid" -o chords.tok.zst
    run -65 --separate-stderr shard "$F/few.tok.zst" --condition chords.tok.zst -o data
    [[ $stderr == *"'chords.tok.zst' differ: the second is with chords; 'midi2remi --grid 4' makes such as the first, 'midi2remi --grid 4 --chords' as the second" ]]
    cp "$SAMPLES/sakura.mid" another.mid
    midi2remi another.mid -o another.tok.zst
    run -65 --separate-stderr shard "$F/few.tok.zst" --condition another.tok.zst -o data
    [[ $stderr == *"no piece has the name of a condition"* ]]
    run -64 --separate-stderr shard "$F/few.tok.zst" --max-alone 3 -o data
    [[ $stderr == *"--max-alone goes with --condition"* ]]
    [ "$(files)" = "another.mid another.tok.zst chords.tok.zst reader.py " ]
}

# most_kib FILE: the memory that shard takes at most, after the like of `before`
most_kib() {
    /usr/bin/time -o used -f %M shard -q -f --near "$1" -o grown "$2"
    tail -n 1 used
}

@test "shard: memory does not grow with the tokens" {
    [[ $BARLINE_BUILD != *san ]] || skip "sanitizers take memory of their own"
    local one ten near i
    for i in {1..10}; do cat "$F/all.tok.zst"; done >ten
    for i in {1..10}; do cat ten; done >hundred
    for near in off keep; do
        one=$(most_kib $near ten)
        ten=$(most_kib $near hundred)
        # 0.2 kB of each piece and, where they wait, a buffer or two
        ((ten < one + 6000)) || fail "--near $near: $one KiB, then $ten"
    done
    [ -z "$(ls -A grown.* 2>/dev/null)" ]
}

@test "shard, vocab: several processors read what one reads, also of what is damaged" {
    cat "$F/all.tok.zst" "$F/few.tok.zst" >two
    zstd -dcq two | zstd -q -o one-frame.zst
    head -c 30000 two >cut
    local f j
    for f in two one-frame.zst cut; do
        for j in 1 3; do
            run --separate-stderr vocab --order seen -j $j --no-pg -o v.$j $f
            printf '%s %s\n' "$status" "$stderr" >said.$j
            run --separate-stderr shard -q -f -j $j --no-pg -o d.$j $f
            printf '%s %s\n' "$status" "$stderr" >>said.$j
        done
        cmp said.1 said.3
        [[ $f == cut ]] || { cmp v.1 v.3 && diff -r d.1 d.3; }
    done
}
