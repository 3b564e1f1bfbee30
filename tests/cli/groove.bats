#!/usr/bin/env bats
# groove.bats - drums as a stream of tensors: from files, as a stream among streams, back
# to files (schemas/groove-scheme.md, schemas/tensors.md).
load ../helpers

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    cp "$BARLINE_ROOT"/samples/{twelve-bar-blues,harbour-habanera,korobeiniki}.mid .
    midi2remi --scheme groove ./*.mid -o three.tensors.zst
    midi2remi --scheme groove ./*.mid -u -o three.tensors
    midi2remi twelve-bar-blues.mid -o one.tok.zst
    cat >tensors.py <<'PY'
import json, struct, sys
def records(path):
    """Metadata, shape and numbers of `hvo`, bars and tempos of each record of a bare stream."""
    b = open(path, 'rb').read()
    while b:
        n = 8 + int.from_bytes(b[:8], 'little')
        head = json.loads(b[8:n])
        meta = head.pop('__metadata__')
        def get(name, kind):
            start, end = (n + x for x in head[name]['data_offsets'])
            return struct.unpack(f'<{(end - start) // 4}{kind}', b[start:end])
        yield meta, head['hvo']['shape'], get('hvo', 'f'), get('bar', 'i'), get('tempo', 'f')
        b = b[n + max(t['data_offsets'][1] for t in head.values()):]
PY
    cat >make.py <<'PY'
import json, math, struct, subprocess, sys
# a stream of one window, which is right but for what is asked for
def stream(steps=32, cells=27, change=None, kind='hvo', scheme='groove', bar=0, tempo=120):
    x = [0.0] * (steps * cells)
    for at, value in change or []:
        x[at] = value
    def record(n, **meta):
        data = struct.pack('<i', bar) * n + struct.pack(f'<{len(x)}f', *x) * n + struct.pack('<f', tempo) * n
        head = {'__metadata__': dict(meta, schema='tensors/1')}
        at = 0
        for name, dtype, shape in ('bar', 'I32', [n]), (kind, 'F32', [n, steps, cells]), ('tempo', 'F32', [n]):
            size = 4 * math.prod(shape)
            head[name] = {'dtype': dtype, 'shape': shape, 'data_offsets': [at, at + size]}
            at += size
        if n:
            p = subprocess.run(['xxhsum', '-H3', '-'], input=data, capture_output=True, check=True)
            head['__metadata__']['xxh3'] = p.stdout.split()[-1].decode() if b'=' in p.stdout else p.stdout.split()[0].decode()[-16:]
        text = json.dumps(head).encode()
        return len(text).to_bytes(8, 'little') + text + data
    return record(0, record='header', scheme=scheme, kind=kind) + \
        record(1, record='piece', i='0', name='x', sha256='', tpq='0') + \
        record(0, record='eos', pieces='1', rows='1', rejects='0')
sys.stdout.buffer.write(eval(f'stream({sys.argv[1]})'))
PY
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    F=$BATS_FILE_TMPDIR
    export PYTHONPATH=$F F
}

# music FILE: what a stream says but for its names, sources and programs.
music() {
    python3 -c '
import sys
from tensors import *
for meta, *rest in records(sys.argv[1]):
    print(meta["record"], meta.get("labels"), *rest)' "$1"
}

@test "groove: drums to tensors to MIDI to tensors are the same drums" {
    remi2midi -d out "$F/three.tensors.zst"
    midi2remi --scheme groove -u out/{harbour-habanera,korobeiniki,twelve-bar-blues}.mid -o again
    [ "$(music again | md5sum)" = "$(music "$F/three.tensors" | md5sum)" ]
    remi2midi --check again
    # with windows that overlap, or are longer, too
    for how in '--hop 1' '--window 4' '--window 3 --hop 2' '--window 1 --hop 1'; do
        midi2remi --scheme groove $how "$F/twelve-bar-blues.mid" | remi2midi --csv >b
        midi2remi --scheme groove "$F/twelve-bar-blues.mid" | remi2midi --csv | cmp b -
    done
}

@test "groove: --window and --hop are windows of so many bars, so many apart" {
    shape() {
        midi2remi --scheme groove -u "$@" "$F/twelve-bar-blues.mid" -o t
        python3 -c '
from tensors import *
r = list(records("t"))
print(r[1][1], r[1][3][:3], r[-1][0]["rows"])'
    }
    [ "$(shape)" = "[24, 32, 27] (0, 2, 4) 24" ]
    [ "$(shape --hop 1)" = "[47, 32, 27] (0, 1, 2) 47" ]
    [ "$(shape --window 4)" = "[23, 64, 27] (0, 2, 4) 23" ]
    [ "$(shape --window 4 --hop 4)" = "[12, 64, 27] (0, 4, 8) 12" ]
    [ "$(shape --window 1 --hop 5)" = "[10, 16, 27] (0, 5, 10) 10" ]
    run -64 --separate-stderr midi2remi --hop 1 "$F/twelve-bar-blues.mid"
    says "--window and --hop go with --scheme groove"
    run -64 midi2remi --scheme groove --window 65 "$F/twelve-bar-blues.mid"
}

@test "groove: what is not in 4/4 or has no drums is rejected with its reason" {
    run -65 --separate-stderr midi2remi --scheme groove --rejects table -u -o t \
        "$SAMPLES"/{blue-danube,sakura,twelve-bar-blues,five-in-hand}.mid
    [[ $stderr == *"blue-danube.mid': it is not in 4/4: a bar of 1/4 at tick 0 [meter]"* ]] || fail "$stderr"
    [[ $stderr == *"sakura.mid': there is no drum in it [no-drums]"* ]] || fail "$stderr"
    [ "$(cut -f 2 table | tr '\n' ' ')" = 'code meter no-drums meter ' ]
    music t | tail -n 1 | grep -q ^eos
    grep -a -o '"pieces":"1","rows":"24","rejects":"3"' t
    midi2remi --scheme groove --meter 4/4 "$SAMPLES/five-in-hand.mid" -o /dev/null
    echo 'PitchDrum_56 Velocity_79 Duration_1' | remi2midi --raw -o cowbell.mid
    run -65 --separate-stderr midi2remi --scheme groove cowbell.mid -o t
    says "none of its 1 drums is of the nine voices [no-drums]"
    { printf 'Bar %.0s' {1..2000}; echo 'PitchDrum_36 Velocity_79 Duration_1'; } | remi2midi --raw -o long.mid
    midi2remi --scheme groove --hop 1 long.mid -o /dev/null
    run -65 --separate-stderr midi2remi --scheme groove --window 64 --hop 1 long.mid -o t
    says "its windows have more than 65536 bars in all [too-long]"
    for how in '--chords' '--pedal' '--grid 12' '--meter 3/4' '--keep-empty'; do
        run -64 --separate-stderr midi2remi --scheme groove $how "$F/korobeiniki.mid" -o t
        says groove
    done
}

@test "groove: labels, and what is left out, stand with their piece" {
    printf 'file\tgenre\tstyle\nkorobeiniki.mid\tgame\tfast one\n' >labels
    echo 'PitchDrum_36 Velocity_79 Duration_1 PitchDrum_35 Velocity_63 Duration_1 PitchDrum_82 Velocity_63 Duration_1' |
        remi2midi --raw -o odd.mid
    run -0 --separate-stderr midi2remi --scheme groove --labels labels --columns style,genre -u -v \
        odd.mid "$F/korobeiniki.mid" -o t
    [[ $stderr == *", 770 hits, 1 beside a louder one, 1 unmapped, "* ]] || fail "$stderr"
    [[ $stderr == *"1 files have no line in labels"* ]] || fail "$stderr"
    python3 -c '
from tensors import *
r = [m for m, *_ in records("t")]
assert json.loads(r[1]["fixes"]) == {"collided": 1, "unmapped": 1} and "labels" not in r[1], r[1]
assert sorted(json.loads(r[2]["labels"])) == ["Genre_game", "Style_fast-one"] and "fixes" not in r[2], r[2]'
}

@test "groove: the same bytes for any -j, and from any part" {
    midi2remi --scheme groove -j 1 "$F"/*.mid -o a
    midi2remi --scheme groove -j 3 "$F"/*.mid -o b
    cmp a b
    midi2remi --scheme groove --no-pg -u "$F"/*.mid | grep -a -c '"pg"' && fail "programs are named"
    midi2remi --scheme groove -u "$F"/*.mid | grep -a -q '"pg":"\[{\\"id\\":\\"midi2remi\\"'
}

@test "groove: cat of streams is a stream, of another kind it is refused" {
    midi2remi --scheme groove "$F/korobeiniki.mid" -o a
    midi2remi --scheme groove "$F/twelve-bar-blues.mid" -o b
    midi2remi --scheme groove --window 4 "$F/twelve-bar-blues.mid" -o long
    cat a b "$F/three.tensors.zst" >joined
    remi2midi -d out joined
    [ "$(ls out | wc -l)" -eq 5 ]
    cmp out/korobeiniki.mid out/korobeiniki-2.mid
    zstdcat joined >bare
    remi2midi --csv bare >from-bare
    remi2midi --csv joined | cmp - from-bare
    zstd -q bare -o whole.zst
    remi2midi --csv whole.zst | cmp - from-bare
    remi2midi --csv <whole.zst | cmp - from-bare
    cat a long >mixed
    run -65 --separate-stderr remi2midi --check mixed
    says "a stream of groove hvo [64, 27] follows one of groove hvo [32, 27]"
    cat a "$F/one.tok.zst" >mixed
    run -65 --separate-stderr remi2midi --check mixed
    [ "$(printf '%s\n' "$stderr" | wc -l)" -eq 1 ]
    remi2midi -d both a "$F/one.tok.zst" # but as two
    [ "$(ls both | wc -l)" -eq 2 ]
}

@test "groove: a stream cut anywhere is 65 and leaves nothing" {
    size=$(stat -c %s "$F/three.tensors.zst")
    for k in {0..23}; do
        head -c $((size * k / 24)) "$F/three.tensors.zst" >cut
        run -65 --separate-stderr remi2midi -d out cut
        says "remi2midi: 'cut': "
        run -65 remi2midi --check cut
        rm -rf out
    done
    for n in 4096 8192 $(($(stat -c %s "$F/three.tensors") - 4096)); do # between records
        head -c "$n" "$F/three.tensors" >cut
        run -65 --separate-stderr remi2midi --check cut
        says "the "
    done
    { cat "$F/three.tensors.zst"; echo more; } >long
    run -65 --separate-stderr remi2midi --check long
}

@test "groove: a stream of the wrong kind, or with numbers that are none, is one clear line" {
    run -65 --separate-stderr vocab "$F/three.tensors.zst"
    says "'$F/three.tensors.zst': "
    says "a stream of tensors, not of tokens"
    run -65 --separate-stderr vocab <"$F/three.tensors"
    says "a stream of tensors, not of tokens"
    run -65 --separate-stderr shard --condition "$F/three.tensors.zst" "$F/one.tok.zst" -o data
    says "three.tensors.zst': a stream of tensors, not of tokens"
    [ ! -e data ]
    for how in --heat --map; do
        run -65 --separate-stderr featstats $how "$F/one.tok.zst"
        says "one.tok.zst': no stream of tensors: 'midi2remi --scheme groove' makes one"
    done
    python3 "$F/make.py" 'change=[(0, 1), (9, .5), (18, -.5)]' >good
    [ "$(remi2midi --csv good | tail -n 1)" = x,0,62,36,64,0,1 ]
    bad() {
        python3 "$F/make.py" "$1" >t
        run -65 --separate-stderr remi2midi --check t
        says "$2"
        run -65 --separate-stderr remi2midi -o out.mid t
        says "$2"
        [ ! -e out.mid ]
    }
    bad 'steps=31' "its windows have 31 steps, not whole bars of 16"
    bad 'cells=26' "a stream of groove hvo [32, 26], not of grooves: groove hvo [steps, 27]"
    bad 'kind="z"' "a stream of groove z [32, 27], not of grooves"
    bad 'scheme="x"' "a stream of x hvo [32, 27], not of grooves"
    bad 'steps=16*65' "more than 64 bars"
    bad 'change=[(5, float("nan"))]' "row 0: number 5 of 'hvo' is nan"
    bad 'change=[(0, 2)]' "window of bar 0: step 0, kick: hit 2 is not 0 or 1"
    bad 'change=[(28, 1), (37, 1.5)]' "step 1, snare: velocity 1.5 is not from 0 to 1"
    bad 'change=[(0, 1), (18, .6)]' "offset 0.6 is not from -0.5 to 0.5"
    bad 'change=[(9, .5)]' "velocity 0.5 is not 0 without a hit"
    bad 'tempo=-1' "row 0: -1 is no tempo"
    bad 'bar=-1' "row 0: bar -1 is not after bar -1"
    python3 "$F/make.py" '' >good
    bad 'bar=1<<27' "the piece is longer than"
    sed 's/"xxh3": "./"xxh3": "g/' good >t
    run -65 remi2midi --check t
}

@test "groove: whoever reads a stream of grooves says the same of what is wrong with it" {
    shard -q --split train=1 -o data "$F/three.tensors.zst"
    xltrain -q --data data --preset groove-vae --set layers=1 --set width=8 --set heads=2 --set ff=8 --set latent=4 \
        --set dec_layers=1 --set dec_width=8 --set dec_heads=2 --set dec_ff=8 --set batch=4 --steps 1 -o run
    bad() { # bad SAID FILE: one line that names it, and nothing is left
        local tool before
        before=$(ls -I 'separate-stderr*')
        for tool in 'shard -o out' 'shard -f -o there' 'xlsample run -o out --condition' 'xlsample run --latent -o out --condition' \
            'featstats --groove' 'featstats --groove --vs three' 'featstats --heat' 'featstats --roll' 'remi2midi -o out'; do
            run -65 --separate-stderr $tool "$2"
            [[ $tool == featstats* ]] || says "${tool%% *}: "
            says "'$2'"
            says "$1"
            [ ! -e out ] || fail "$tool leaves something"
            run -65 --separate-stderr $tool - <"$2"
            says "$1"
            [ ! -e out ] || fail "$tool leaves something"
        done
        diff -r data there
        [ "$(ls -I 'separate-stderr*')" = "$before" ] || fail "$(ls)"
    }
    cp "$F/three.tensors.zst" three
    cp -r data there
    while IFS=@ read -r how says; do
        python3 "$F/make.py" "$how" >bad
        bad "$says" bad
    done <<'END'
steps=31@31 steps
change=[(5, float("nan"))]@row 0: number 5 of 'hvo' is nan
change=[(5, float("inf"))]@row 0: number 5 of 'hvo' is inf
change=[(0, 2)]@window of bar 0: step 0, kick: hit 2 is not 0 or 1
change=[(0, 1), (9, 1.5)]@window of bar 0: step 0, kick: velocity 1.5 is not from 0 to 1
change=[(0, 1), (18, -.6)]@window of bar 0: step 0, kick: offset -0.6 is not from -0.5 to 0.5
tempo=float("nan")@row 0: nan is no tempo
END
    head -c 1000 three >cut
    bad "the input ends" cut
}

@test "groove: notes that are not grooves' keep out of the way" {
    midi2remi "$F/korobeiniki.mid" | remi2midi --csv | awk -F, '$7 == 1' | wc -l >all
    remi2midi --csv <(midi2remi --scheme groove "$F/korobeiniki.mid") | awk -F, '$7 == 1' | wc -l >drums
    [ "$(cat drums)" -le "$(cat all)" ] && [ "$(cat drums)" -gt 0 ]
    run -64 --separate-stderr vocab --scheme groove
    says "scheme 'groove' has no tokens"
}

@test "groove: shards of grooves are one stream a split, whatever the order of the input" {
    midi2remi --scheme groove "$F"/*.mid | shard -o data
    shard -f -o again --near off --split train=1 "$F/three.tensors.zst"
    [ "$(jq -c '[.rows.shape, .splits.train.pieces, .splits.valid.pieces, .splits.test.pieces]' data/manifest.json)" = \
        '[[32,27],1,1,1]' ]
    ls data >list
    [ "$(tr '\n' ' ' <list)" = "manifest.json test.pieces.tsv test.tensors.zst train.pieces.tsv \
train.tensors.zst valid.pieces.tsv valid.tensors.zst vocab.tsv " ]
    awk 'NR > 1 {if ($2 != at) exit 1; at += $3} END {print at}' again/train.pieces.tsv >rows
    [ "$(cat rows)" = "$(jq .splits.train.tokens again/manifest.json)" ]
    for m in korobeiniki twelve-bar-blues harbour-habanera; do
        midi2remi --scheme groove "$F/$m.mid" -o $m
    done
    shard -o parts korobeiniki twelve-bar-blues harbour-habanera
    cmp data/train.pieces.tsv parts/train.pieces.tsv
    [ "$(shard --unshard train parts -u | music /dev/stdin)" = "$(shard --unshard train data -u | music /dev/stdin)" ]
    # all three, as they came
    shard --unshard train again -u -o all
    cmp <(music all) <(music "$F/three.tensors")
    remi2midi --check all
    shard --unshard train again --lines 4 -u | remi2midi --check
    # bare, and without the programs
    midi2remi --scheme groove --no-pg "$F"/*.mid | shard -u --no-pg -o bare
    grep -a -c '"pg"' bare/*.tensors && fail "programs are named"
    cmp data/valid.pieces.tsv bare/valid.pieces.tsv
}

@test "groove: shards take splits from a table, and keep copies together" {
    printf 'file\tsplit\nkorobeiniki.mid\ttrain\ntwelve-bar-blues.mid\tvalidation\nharbour-habanera.mid\ttrain\n' >table
    run -0 --separate-stderr shard -v -o data --split-from table:split "$F/three.tensors.zst"
    [[ $stderr == *"train 2 pieces 56 tokens, valid 1 pieces 24 tokens"* ]] || fail "$stderr"
    run -65 --separate-stderr shard -o none --split-from <(head -n 2 table):split "$F/three.tensors.zst"
    says "harbour-habanera.mid"
    cp "$F/korobeiniki.mid" copy.mid
    midi2remi --scheme groove copy.mid "$F"/*.mid -o four
    run -0 --separate-stderr shard -v -o near --report like four
    [[ $stderr == *"1 near copies kept"* ]] || fail "$stderr"
    grep -q 'copy.mid.*1.000' like
    run -0 --separate-stderr shard -v -f -o near --dedup --near off four
    [[ $stderr == *"1 repeated pieces dropped"* ]] || fail "$stderr"
}

# most_kib NEAR FILE: the memory that shard takes at most
most_kib() {
    /usr/bin/time -o used -f %M shard -q -f --near "$1" -o grown "$2"
    tail -n 1 used
}

@test "groove: the memory of shard does not grow with the windows" {
    [[ $BARLINE_BUILD != *san ]] || skip "sanitizers take memory of their own"
    local one four near i
    for i in {1..40}; do cat "$F/three.tensors.zst"; done >some
    for i in {1..4}; do cat some; done >more
    for near in off keep; do
        one=$(most_kib $near some)
        four=$(most_kib $near more)
        # the windows behind it are 30 MB
        ((four < one + 6000)) || fail "--near $near: $one KiB, then $four"
    done
    [ -z "$(ls -A grown.* 2>/dev/null)" ]
}

@test "groove: what shards of grooves cannot be is one line, and nothing is written" {
    for how in "--vocab $F/x" '--augment transpose=-1..1' '--numpy' '--llmc' '--megatron' '--condition x'; do
        run -64 --separate-stderr shard -o data $how "$F/three.tensors.zst"
        says "goes with streams of tokens, not with one of tensors"
    done
    run -65 --separate-stderr shard -o data "$F/three.tensors.zst" "$F/one.tok.zst"
    says "one.tok.zst': a stream of tokens behind one of tensors"
    run -65 --separate-stderr shard -o data "$F/one.tok.zst" "$F/three.tensors.zst"
    says "a stream of tensors, not of tokens"
    midi2remi --scheme groove --window 4 "$F/korobeiniki.mid" -o four
    run -65 --separate-stderr shard -o data "$F/three.tensors.zst" four
    says "(groove hvo [64, 27]) differ"
    head -c 1000 "$F/three.tensors.zst" >cut
    run -65 shard -o data cut
    [ ! -e data ]
    shard -o data "$F/three.tensors.zst"
    printf x >>data/train.tensors.zst
    run -65 --separate-stderr shard --unshard train data
    says "data/train.tensors.zst"
    midi2remi --scheme groove --hop 1 "$F/korobeiniki.mid" -o data/train.tensors.zst
    run -65 --separate-stderr shard --unshard train data
    says "its rows are not those of the manifest"
}
