#!/usr/bin/env bats
# xltrain: run folders, resuming bit by bit, evaluation, misuse.
load ../helpers

# A corpus of a few seconds' work and a model of a few thousand parameters.
setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    local root
    root=$(cd "${BATS_TEST_DIRNAME}/../.." && pwd)
    midi2remi "$root"/samples/*.mid | shard --split train=.6,valid=.2,test=.2 -o data
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    ln -s "$BATS_FILE_TMPDIR/data" data
}

small=(--data data --set layers=1 --set width=16 --set heads=2 --set ff=32
    --set segment=16 --set memory=16 --set batch=2 --set warmup=2 --set eval_every=5
    --set eval_tokens=200)

# train DIR OPTION...: a run of 10 steps
train() {
    local dir=$1
    shift
    xltrain "${small[@]}" --steps 10 -o "$dir" "$@"
}

@test "xltrain: leaves checkpoints, links, metrics and settings" {
    train run
    [ "$(readlink run/latest)" = ckpt-00000010.safetensors ]
    [ -f "run/$(readlink run/best)" ]
    [ "$(grep -vc '^#' run/metrics.tsv)" -eq 11 ]
    [ "$(grep -v '^#' run/metrics.tsv | head -n 1)" = \
        "$(printf 'step\ttokens\tepoch\tlr\tloss\tgrad_norm\tvalid_loss\tvalid_tokens\tsplit_loss\tsplit_tokens')" ]
    /usr/bin/python3 - <<'PY'
import json
config = json.load(open('run/config.json'))
assert config['schema'] == 'xl-config/1' and config['steps'] == 10 and config['layers'] == 1
rows = [l.split('\t') for l in open('run/metrics.tsv') if l[0] not in '#s']
assert [r[0] for r in rows] == [str(i) for i in range(1, 11)]
assert [i for i, r in enumerate(rows, 1) if r[6] != 'nan'] == [5, 10]
assert [i for i, r in enumerate(rows, 1) if r[8] != 'nan'] == [10]
for r in rows[4::5]:
    assert 100 <= int(r[7]) <= 300 and int(r[9]) > 1000, r
PY
}

@test "xltrain: the same bytes again, for any -j and in another folder" {
    train a -j1
    train b -j2
    train c -j3
    cmp a/latest b/latest
    cmp a/latest c/latest
    cmp a/metrics.tsv b/metrics.tsv
    cmp a/config.json b/config.json
    train d --seed 8
    run ! cmp -s a/latest d/latest
}

@test "xltrain: stopped by SIGTERM and resumed, the bytes of one go" {
    # of the last one alone: which are the last two depends on where the signal lands
    local steps=(--set steps=400 --set eval_every=150 --keep 1)
    xltrain "${small[@]}" "${steps[@]}" -o whole
    xltrain "${small[@]}" "${steps[@]}" -o run 2>err &
    local pid=$! status=0
    until [ -s run/metrics.tsv ] && [ "$(wc -l <run/metrics.tsv)" -gt 5 ]; do sleep 0.01; done
    kill -TERM $pid
    wait $pid || status=$?
    [ "$status" -eq 75 ] || fail "status $status: $(cat err)"
    [ "$(wc -l <err)" -eq 1 ] && grep -q -e '--resume' err
    xltrain --resume --data data -o run --keep 1
    cmp whole/latest run/latest
    cmp whole/metrics.tsv run/metrics.tsv
    cmp whole/config.json run/config.json
    [ "$(ls whole)" = "$(ls run)" ]
}

@test "xltrain: killed at any moment, the run goes on from its last checkpoint" {
    xltrain "${small[@]}" --steps 300 --set eval_every=20 -o whole
    xltrain "${small[@]}" --steps 300 --set eval_every=20 -o run &
    local pid=$!
    until [ -L run/latest ] && [ "$(wc -l <run/metrics.tsv)" -gt 40 ]; do sleep 0.01; done
    kill -KILL $pid
    wait $pid || true
    printf '299\thalf a row' >>run/metrics.tsv
    : >run/ckpt-00000099.safetensors.tmp.123
    : >run/config.json.tmp.123
    xltrain --resume --data data -o run
    cmp whole/latest run/latest
    cmp whole/metrics.tsv run/metrics.tsv
    [ "$(ls whole)" = "$(ls run)" ]
}

@test "xltrain: a line shows step, epoch, losses, speed, its share of the machine's and time left" {
    xltrain "${small[@]}" -o run --minutes 0.08 -v --progress always 2>err
    tr '\r' '\n' <err | sed 's/\x1b\[K//' >lines
    grep -E '^xltrain: [0-9]+/[0-9]+  ep [0-9.]+  loss [0-9.]+  val [0-9.]+  [0-9.]+k? tok/s [0-9]+%  [0-9:]+ left$' lines
    [ -z "$(grep left lines | grep '.\{80\}')" ]
    grep -E '^xltrain: xl, [0-9]+ parameters, [0-9]+ MiB, [0-9]+ tokens an epoch$' lines
    grep -E '^xltrain: fp32, [0-9]+ threads, .*OpenBLAS' lines
}

@test "xltrain: SIGUSR1 writes a checkpoint and goes on" {
    xltrain "${small[@]}" --set steps=100000 --set eval_every=0 -o run 2>err &
    local pid=$! status=0
    until [ -s run/metrics.tsv ] && [ "$(wc -l <run/metrics.tsv)" -gt 5 ]; do sleep 0.01; done
    kill -USR1 $pid
    until [ -L run/latest ]; do sleep 0.01; done
    kill -INT $pid
    wait $pid || status=$?
    [ "$status" -eq 75 ]
    [ "$(find run -name 'ckpt-*' | wc -l)" -ge 1 ]
    xltrain --eval valid --data data -o run
}

@test "xltrain: keeps the last two checkpoints and the best" {
    train run --set eval_every=1 --steps 20
    local best
    best=$(readlink run/best)
    for f in ckpt-00000019.safetensors ckpt-00000020.safetensors "$best"; do
        [ -f "run/$f" ]
    done
    [ "$(find run -name 'ckpt-*' | wc -l)" -le 3 ]
    train more --set eval_every=1 --steps 20 --keep 5
    [ "$(find more -name 'ckpt-0000001[6-9]*' | wc -l)" -eq 4 ]
    [ "$(find more -name 'ckpt-*' | wc -l)" -le 6 ]
    xltrain --resume --data data -o more --steps 22 --keep 1
    [ "$(find more -name 'ckpt-*' | wc -l)" -le 2 ]
}

@test "xltrain: --resume goes further, and says when there is nothing to do" {
    train run
    run -0 xltrain --resume --data data -o run -v
    has "the run is complete; --steps N goes on to step N"
    run -0 --separate-stderr xltrain --resume --steps 7 --data data -o run
    says "stands at step 10 already, beyond the 7 asked for"
    xltrain --resume --steps 14 --data data -o run
    [ "$(readlink run/latest)" = ckpt-00000014.safetensors ]
    run -64 --separate-stderr xltrain --resume --set batch=3 --data data -o run
    says "batch cannot be changed"
    run -64 --separate-stderr xltrain --resume --preset remi --data data -o run
    says "arch cannot be changed"
    train again --steps 14
    train again --steps 14 --resume
    cmp again/latest again/ckpt-00000014.safetensors
}

@test "xltrain: the end reads the whole split; losses of other samples are not compared" {
    train run
    [ "$(tail -n 1 run/metrics.tsv | cut -f 9,10)" = \
        "$(xltrain --data data --init run/latest --eval valid | tail -n 1 | awk '{print $4 "\t" $3}')" ]
    [ "$(tail -n 1 run/metrics.tsv | cut -f 7)" != "$(tail -n 1 run/metrics.tsv | cut -f 9)" ]
    # a rate of 0: the same weights, whose whole split must not lose to an easier sample
    xltrain --data data --resume -o run --steps 12 --set lr=0 --set eval_tokens=0 --set eval_every=1
    [ "$(readlink run/best)" = ckpt-00000011.safetensors ]
    [ "$(sed -n '13,14p' run/metrics.tsv | awk '{print $7 == $9, $8 == $10}' | tr '\n' ,)" = "0 1,1 1," ]
}

@test "xltrain: --init begins with given weights, of the same shape and words only" {
    train run
    before=$(xltrain --eval train --data data -o run | cut -f 4 | tail -n 1)
    xltrain --data data --init run -o tuned --steps 5 --set lr=0 --set eval_every=5
    after=$(xltrain --eval train --data data -o tuned | cut -f 4 | tail -n 1)
    [ "$before" = "$after" ]
    run -64 --separate-stderr xltrain --data data --init run -o x --set width=32
    says "width cannot be changed"
    midi2remi --grid 8 "$SAMPLES"/*.mid | shard -o other
    run -65 --separate-stderr xltrain --data other --init run --eval test
    says "the token schemes of 'run' and 'other' differ: the second is of grid 8, not 4; 'midi2remi --grid 4' makes such"
    midi2remi "$SAMPLES"/*.mid -o all.tok.zst
    vocab --bpe 20 all.tok.zst -o merged.tsv
    shard -q --vocab merged.tsv -o merged all.tok.zst
    run -65 --separate-stderr xltrain --data merged --init run --eval test
    [[ $stderr == *"the vocabularies of 'merged' and 'run' differ: "*" tokens, 20 of them merges, not "*" with 0; 'shard --vocab'"* ]]
    run -65 --separate-stderr xltrain --resume --data other -o run
    says "not the data"
    [ ! -e x ]
}

@test "xltrain: --eval prints loss and perplexity of a split" {
    train run
    for split in train valid test; do
        run -0 --separate-stderr xltrain --eval $split --data data -o run
        [ "$(printf '%s\n' "$output" | head -n 1)" = "$(printf 'split\tstep\ttokens\tloss\tppl')" ]
        printf '%s\n' "$output" | awk -F '\t' -v s=$split 'NR == 2 && $1 == s && $3 > 0 &&
            $4 > 0 && ($5 - exp($4)) ^ 2 < 1e-4 * $5 {good = 1} END {exit !good}'
        [ "$output" = "$(xltrain --eval $split --data data --init run/best)" ]
    done
    run -64 --separate-stderr xltrain --eval dev --data data -o run
    says "train, valid, test"
}

@test "xltrain: --dry-run tells size and work, and writes nothing" {
    run -0 --separate-stderr xltrain --dry-run --preset remi --data data -o run
    for name in parameters memory checkpoint step step_work token epoch run speed time; do
        has "$name"
    done
    # of 4096 tokens local attention works on few, and its tiles are as small
    token() {
        xltrain --dry-run --data data --set layers=2 --set width=64 --set segment=4096 \
            --set heads=4 --set memory=0 --set batch=1 "$@" | awk -F '\t' '$1 == "token" {printf "%d ", $2}'
    }
    read -r work bytes <<<"$(token)"
    read -r local_work local_bytes <<<"$(token --set block=128)"
    [ "$local_work" -lt $((work / 4)) ]
    [ "$local_bytes" -lt "$bytes" ]
    [ "$(printf '%s\n' "$output" | awk -F '\t' '$1 == "parameters" {print ($2 > 4e7)}')" = 1 ]
    [ ! -e run ]
    # of so many minutes: as long, and as many steps as that is
    for minutes in 2 200; do
        xltrain --dry-run --preset tiny --data data --minutes $minutes >plan.$minutes
        [ "$(awk -F '\t' -v want=$((60 * minutes)) '$1 == "time" {print ($2 > 0.9 * want && $2 < 1.1 * want)}' plan.$minutes)" = 1 ]
    done
    [ "$(awk -F '\t' '$1 == "run" && $3 == "steps" {print $2}' plan.200)" -gt \
        $((10 * $(awk -F '\t' '$1 == "run" && $3 == "steps" {print $2}' plan.2))) ]
}

@test "xltrain: --minutes ends with the time and records its steps" {
    run -0 xltrain "${small[@]}" --minutes 0.02 -o run
    steps=$(/usr/bin/python3 -c 'import json; print(json.load(open("run/config.json"))["steps"])')
    [ "$(tail -n 1 run/metrics.tsv | cut -f 1)" -eq "$steps" ]
    [ "$steps" -ge 1 ] && [ "$steps" -lt 3000 ] # fewer than without --minutes
}

@test "xltrain: --minutes goes on with a run that is complete, and with few steps" {
    train run
    xltrain --resume --data data -o run --minutes 0.01
    [ "$(tail -n 1 run/metrics.tsv | cut -f 1)" -gt 10 ]
    xltrain "${small[@]}" --set steps=2 --minutes 0.01 -o few
    [ "$(tail -n 1 few/metrics.tsv | cut -f 1)" -gt 2 ]
}

@test "xltrain: a split without pieces is named, with what fills it" {
    midi2remi "$SAMPLES"/[a-c]*.mid | shard --split train=1 -o all
    train run --data all
    run -65 --separate-stderr xltrain --eval valid --data all -o run
    says "'all' has no piece in 'valid'; shard --split valid=SHARE"
    midi2remi "$SAMPLES"/[a-c]*.mid | shard --split test=1 -o none
    run -65 --separate-stderr train other --data none
    says "'none' has no piece in 'train'"
    [ ! -e other ]
}

@test "xltrain: what is no folder of shards is said with the command that makes one" {
    midi2remi -q "$SAMPLES"/a*.mid -o plain.tok.zst
    mkdir songs
    cp "$SAMPLES"/a*.mid songs
    for path in plain.tok.zst songs/*.mid; do
        run -66 --separate-stderr xltrain --data "$path" -o new
        [ "$stderr" = "xltrain: '$path': a file, which holds no shards; of a token stream 'shard -o DIR' makes some" ]
    done
    run -66 --separate-stderr xltrain --data songs -o new
    [ "$stderr" = "xltrain: 'songs': the folder holds no shards; of token streams 'shard -o DIR' makes some, of MIDI files 'midi2remi FILES | shard -o DIR'" ]
    run -66 --separate-stderr shard --unshard train songs -o new
    says "shard: 'songs': the folder holds no shards"
    run -66 --separate-stderr xltrain --data none -o new
    [ "$stderr" = "xltrain: 'none/manifest.json': there are no shards; 'shard -o DIR' makes a folder of them: cannot open: No such file or directory" ]
    [ ! -e new ]
}

@test "xltrain: every architecture trains, goes on bit by bit, and makes music" {
    local arch
    for arch in remi music-transformer gpt2 compressive lstm llama; do
        local own=(--set arch=$arch --set schedule=constant --set dropout=0.1 --set eval_every=3 --no-pg)
        [[ $arch != @(gpt2|lstm) ]] || own+=(--set memory=0)
        train "$arch" "${own[@]}" --steps 6
        train "$arch.two" "${own[@]}" --steps 3
        xltrain --data data --resume --steps 6 -o "$arch.two"
        cmp "$arch/ckpt-00000006.safetensors" "$arch.two/ckpt-00000006.safetensors"
        xlsample "$arch" --bars 2 --seed 3 | remi2midi --check
    done
    run -64 --separate-stderr train other --set arch=transformer
    says "arch is one of xl, remi, music-transformer, gpt2, compressive, lstm, llama, groove, groove-vae, not 'transformer'"
    run -64 --separate-stderr train other --set arch=compressive --set ratio=3
    says "ratio (3) does not divide segment (16) and memory (16)"
}

@test "xltrain: options of all architectures in one model: it goes on bit by bit and makes music" {
    local own=(--set arch=compressive --set layers=3 --set memory_layers=2,3 --set ff_dropout=0.2
        --set kv_heads=1 --set gate=gru --set mogrify=3 --set glu=1 --set act=silu --set ff_bias=0
        --set norm=rms --set pos=rotary --set embed_width=6 --set workers=2
        --set schedule=constant --set eval_every=3 --no-pg)
    train one "${own[@]}" --steps 6
    train two "${own[@]}" --steps 3
    xltrain --data data --resume --steps 6 -o two
    cmp one/ckpt-00000006.safetensors two/ckpt-00000006.safetensors
    xlsample one --bars 2 --seed 3 | remi2midi --check
    grep -q '"memory_layers":\[2,3\]' one/config.json
    ! grep -q layer_dropout one/config.json
    run -64 --separate-stderr train other --set memory_layers=2
    says "memory_layers names a layer beyond the last"
    run -64 --separate-stderr train other --set kv_heads=3
    says "kv_heads (3) do not divide the heads (2)"
}

@test "xltrain: local attention and rows for places in bars go on bit by bit and make music" {
    local own=(--set arch=music-transformer --set layers=3 --set block=4 --set local_layers=1,3
        --set share_distances=1 --set places=16 --set bar_rows=8 --set dropout=0.1 --set workers=2
        --set schedule=constant --set eval_every=3 --no-pg)
    train one "${own[@]}" --steps 6
    train two "${own[@]}" --steps 3
    xltrain --data data --resume --steps 6 -o two
    cmp one/ckpt-00000006.safetensors two/ckpt-00000006.safetensors
    xlsample one --bars 2 --seed 3 | remi2midi --check
    xltrain --data data -o one --eval valid
    train cells --set arch=lstm --set cell=gru --set memory=0
    xlsample cells --bars 2 --seed 3 | remi2midi --check
    midi2remi --scheme performance "${BATS_TEST_DIRNAME}"/../../samples/*.mid | shard -o without
    run -64 --separate-stderr train other --data without --set places=16
    says "places goes with schemes that have bars: 'performance' has none"
}

@test "xltrain: compressors that learn from rows or keep the most used go on bit by bit" {
    local own=(--set arch=compressive --set ratio=4 --set schedule=constant --set eval_every=3 --no-pg) how
    for how in "dilated --set compressor_loss=rows --set compressor_weight=2" most_used; do
        # shellcheck disable=SC2086  # options
        train one -f "${own[@]}" --steps 6 --set compressor=$how
        # shellcheck disable=SC2086
        train two -f "${own[@]}" --steps 3 --set compressor=$how
        xltrain --data data --resume --steps 6 -o two
        cmp one/ckpt-00000006.safetensors two/ckpt-00000006.safetensors
        xlsample one --bars 2 --seed 3 | remi2midi --check
    done
}

@test "xltrain: gradients of several batches make one step, and resuming knows it" {
    local own=(--set accumulate=3 --set schedule=constant --set eval_every=2 --no-pg)
    train one "${own[@]}" --steps 4
    train two "${own[@]}" --steps 2
    xltrain --data data --resume --steps 4 -o two
    cmp one/latest two/latest
    train plain --steps 4
    # three times as many tokens a step
    [ "$(tail -n 1 one/metrics.tsv | cut -f 2)" -gt "$((2 * $(tail -n 1 plain/metrics.tsv | cut -f 2)))" ]
}

@test "xltrain: the work of several workers is resumed bit by bit, for any -j" {
    local own=(--set workers=2 --set accumulate=2 --set schedule=constant --set dropout=0.1
        --set eval_every=2 --no-pg)
    train one "${own[@]}" --steps 6 -j1
    train two "${own[@]}" --steps 3 -j2
    xltrain --data data --resume --steps 6 -o two
    cmp one/latest two/latest
    train plain "${own[@]}" --set workers=1 --steps 6
    run ! cmp -s one/metrics.tsv plain/metrics.tsv
    run -64 --separate-stderr xltrain --data data --resume --set workers=1 -o two
    says "workers cannot be changed"
    run -64 --separate-stderr train bad --set workers=4
    says "workers (4) is not a power of two that divides batch (2)"
}

@test "xltrain: Muon, averaged weights and schedules go on bit by bit, with workers and in bf16" {
    local own=(--set optimizer=muon --set average=0.1 --set weight_decay=0.1 --set workers=2 --no-pg
        --set eval_every=2 --precision bf16)
    train one "${own[@]}" --set schedule=wsd --set cooldown=0.5 --steps 6 -j1
    train two "${own[@]}" --set schedule=wsd --set cooldown=0.5 --steps 6 -j2
    cmp one/latest two/latest
    train cut "${own[@]}" --set schedule=constant --steps 3
    xltrain --data data --resume --steps 6 -o cut
    train whole "${own[@]}" --set schedule=constant --steps 6
    cmp whole/latest cut/latest
    /usr/bin/python3 - <<'PY'
import json, numpy as np
def load(path):
    raw = open(path, 'rb').read()
    n = int.from_bytes(raw[:8], 'little')
    head = json.loads(raw[8:8 + n])
    del head['__metadata__']
    return {name: np.frombuffer(raw[8 + n:][slice(*t['data_offsets'])],
                                {'F32': '<f4', 'I32': '<i4', 'I64': '<i8'}[t['dtype']])
            for name, t in head.items()}
t = load('whole/latest')
names = [n[6:] for n in t if n.startswith('param.')]
assert [n[5:] for n in t if n.startswith('last.')] == names
assert any((t['param.' + n] != t['last.' + n]).any() for n in names)
for n in names:  # Muon's matrices have no second moments
    is_muons = n.split('.')[-1] in ('wq', 'wk', 'wv', 'wr', 'wo', 'w1', 'w2')
    assert (t['adam.v.' + n].max() == 0) == is_muons, n
lr = [float(l.split('\t')[3]) for l in open('one/metrics.tsv') if l[0] not in '#s']
assert lr[1] == lr[2] == lr[3] > lr[4] > lr[5] > 0, lr
PY
    # the loss that validation saw is that of what is sampled
    [ "$(readlink whole/best)" = "$(readlink whole/latest)" ]
    [ "$(tail -n 1 whole/metrics.tsv | cut -f 9 | cut -c 1-7)" = \
        "$(xltrain --data data -o whole --eval valid | tail -n 1 | cut -f 4 | cut -c 1-7)" ]
    xlsample whole --bars 2 --seed 3 | remi2midi --check
    for key in optimizer=adamw average=0; do
        run -64 --separate-stderr xltrain --data data --resume --set $key -o whole
        says "${key%=*} cannot be changed"
    done
    train short --set schedule=linear --steps 4 --set lr=0.004
    [ "$(tail -n 1 short/metrics.tsv | cut -f 4)" = 0.002 ] || fail "$(tail -n 1 short/metrics.tsv)"
}

@test "xltrain: --eval with other segments and a memory for all of the piece agrees with itself" {
    train run
    loss() { xltrain --data data -o run --eval valid "$@" | tail -n 1 | cut -f 4; }
    a=$(loss --set eval_segment=9 --set eval_memory=4000)
    b=$(loss --set eval_segment=40 --set eval_memory=4000)
    awk -v a="$a" -v b="$b" 'BEGIN {exit !((a - b) ^ 2 < 1e-9)}' || fail "$a is not $b"
    [ "$a" != "$(loss)" ]
    run -64 --separate-stderr xltrain --data data -o run --eval valid --set width=32
    says "width cannot be changed"
}

@test "xltrain: --log-probs writes what each token of the split cost" {
    train run
    xltrain --data data -o run --eval valid --log-probs p.zst >table
    xltrain --data data -o run --eval valid --log-probs p.bare -u >/dev/null
    zstd -qdc p.zst | cmp - p.bare
    LOSS=$(tail -n 1 table | cut -f 4) TOKENS=$(tail -n 1 table | cut -f 3) /usr/bin/python3 - <<'PY'
import json, os, struct
import jsonschema, numpy
data = open('p.bare', 'rb').read()
size = struct.unpack('<Q', data[:8])[0]
head = json.loads(data[8:8 + size])
meta = head.pop('__metadata__')
jsonschema.validate(meta, json.load(open(os.environ['BARLINE_ROOT'] + '/schemas/xl-logprobs-meta.schema.json')))
types = {'U16': '<u2', 'F32': '<f4', 'I64': '<i8'}
t = {}
for name, entry in head.items():
    start, end = entry['data_offsets']
    t[name] = numpy.frombuffer(data[8 + size + start:8 + size + end], types[entry['dtype']])
p = t['log_prob']
first = t['offsets'][:-1]
assert numpy.isnan(p[first]).all() and numpy.isnan(p).sum() == len(first)
known = p[~numpy.isnan(p)]
assert (known < 0).all() and len(known) == int(os.environ['TOKENS'])
assert abs(-known.mean(dtype='f8') - float(os.environ['LOSS'])) < 1e-5
words = json.loads(meta['vocab'])
assert {words[i] for i in t['ids'][first]} == {'BOS'}
assert {words[i] for i in t['ids'][t['offsets'][1:] - 1]} == {'EOS'}
PY
    run -64 --separate-stderr xltrain --data data -o other --log-probs p
    says "--log-probs goes with --eval"
}

@test "xltrain: --config takes the settings of another run" {
    train a --set lr=0.0125
    xltrain --data data --config a/config.json -o b
    cmp a/config.json b/config.json
    cmp a/metrics.tsv b/metrics.tsv
    echo '{"lr":0.1,"layer":3}' >bad.json
    run -65 --separate-stderr xltrain --data data --config bad.json -o c
    says "nearest is 'layers'"
}

@test "xltrain: a value that is impossible is misuse on the command line, bad data in a file" {
    for bad in layers=999 lr=-1 width=1.5 'layers=0x2' 'layers= 2' lr=inf lr=nan layers= arch=x; do
        run -64 --separate-stderr xltrain --data data --set "$bad" -o c
        says "${bad%%=*}"
    done
    run -64 --separate-stderr xltrain --data data --set 'memory_layers=0x1' -o c
    for bad in '"layers":999' '"lr":-1' '"width":1.5' '"layers":"2"' '"arch":"x"'; do
        echo "{$bad}" >bad.json
        run -65 --separate-stderr xltrain --data data --config bad.json -o c
        says bad.json
    done
    # each is possible, together they are not: of the settings, wherever they stand
    echo '{"width":30,"heads":4}' >joint.json
    run -64 --separate-stderr xltrain --data data --config joint.json -o c
    run -64 --separate-stderr xltrain --data data --set width=30 --set heads=4 -o c
    run -64 --separate-stderr xltrain --data data --minutes 0x1 -o c
    run -64 --separate-stderr xltrain --data data --steps ' 3' -o c
    [ ! -e c ]
}

@test "xltrain: a folder that holds a run is not overwritten without -f" {
    train run
    sum=$(sha256sum run/latest)
    run -73 --separate-stderr train run
    says "--resume"
    [ "$sum" = "$(sha256sum run/latest)" ]
    train run -f --steps 3
    [ "$(find run -name 'ckpt-*')" = run/ckpt-00000003.safetensors ]
}

@test "xltrain: a loss that is not finite stops the run with 70, its checkpoints are good" {
    local wild=("${small[@]}" --set lr=1e30 --set clip=0 --set warmup=0 --set schedule=constant)
    run -70 --separate-stderr xltrain "${wild[@]}" --set eval_every=2 --steps 3000 -o run
    says "step 2: loss"
    says "stopped before the update"
    [[ $stderr != *-nan* ]]
    [ ! -L run/latest ]
    # what it advises then is possible
    run -73 --separate-stderr train run --steps 3
    says "without a checkpoint to go on from; -f begins anew"
    [[ $stderr != *--resume* ]]
    run -66 --separate-stderr xltrain --data data --resume -o run
    says "the folder holds no checkpoint to go on from; -f in the place of --resume"
    cp -r run again
    train again -f --steps 3
    [ -L again/latest ]
    # seen first by the validation: nothing is written of that step
    run -70 --separate-stderr xltrain "${wild[@]}" --set eval_every=1 --steps 3000 -o other
    says "step 1: validation loss"
    [ ! -L other/latest ] && [ -z "$(find other -name 'ckpt-*')" ]
    [ "$(grep -vc '^#' other/metrics.tsv)" -eq 1 ]
    # where it is worse later, what was written stays
    train good --set eval_every=1 --steps 3
    run -70 --separate-stderr xltrain --data data --resume -o good --set lr=1e30 --set clip=0 \
        --set schedule=constant --steps 9
    [ "$(readlink good/latest)" = ckpt-00000003.safetensors ]
    xltrain --eval valid --data data -o good
}

@test "xltrain: a beta that rounds to 1 is the beta that was given" {
    train run --set beta2=0.99999999 --steps 40 --set lr=0.01
    awk '!/^#/ && $1 == 1 {first = $5} END {exit !($5 < first)}' run/metrics.tsv
}

@test "xltrain: settings follow others in whatever order, and those without meaning are refused" {
    local a b
    for a in "segment=12 arch=gpt2" "arch=gpt2 segment=12"; do
        # shellcheck disable=SC2086  # a setting a word
        train run -f $(printf -- '--set %s ' $a) --set memory=0 --steps 2
        grep -q '"positions":12' run/config.json
        cp run/config.json "${a%%=*}"
    done
    cmp segment arch
    echo '{"segment":12,"memory":8}' >c.json
    for b in gpt2 compressive; do
        xltrain --data data --preset tiny --config c.json --set arch=$b --set ratio=4 --steps 1 -o $b ||
            xltrain --data data --preset tiny --config c.json --set arch=$b --steps 1 -o $b
    done
    grep -q '"positions":12' gpt2/config.json
    grep -q '"compressed":8' compressive/config.json
    # what a preset names of memory goes with it, what is named with it does not
    xltrain --dry-run --data data --preset seed --set memory=0 | grep -q '^parameters'
    run -64 --separate-stderr xltrain --dry-run --data data --preset seed --set memory=0 --set memory_layers=5
    says "memory_layers goes with memory only"
    run -64 --separate-stderr train bad --set arch=gpt2 --set memory=0 --set zero_memory=1
    says "zero_memory goes with memory only"
    run -64 --separate-stderr train bad --set same_length=1 --set arch=compressive
    says "same_length and compressed do not go together"
    run -64 --separate-stderr train bad --set arch=lstm
    says "memory goes with attention only"
    [ ! -e bad ]
}

@test "xltrain: evaluation without memory is that of each segment alone" {
    train run --set dropout=0
    with=$(xltrain --eval valid --data data -o run | tail -n 1 | cut -f 3,4)
    alone=$(xltrain --eval valid --data data -o run --set eval_memory=none | tail -n 1 | cut -f 3,4)
    zero=$(xltrain --eval valid --data data -o run --set eval_memory=0 | tail -n 1 | cut -f 3,4)
    [ "$with" = "$zero" ]
    [ "$with" != "$alone" ]
    [ "${with%%	*}" = "${alone%%	*}" ]
    # the same weights in a model that has no memory
    none=$(xltrain --eval valid --data data -o run --set memory=0 | tail -n 1 | cut -f 3,4)
    awk -v a="${alone##*	}" -v b="${none##*	}" 'BEGIN {exit !((a - b) ^ 2 < 1e-10)}'
    train apart --set eval_memory=none
    grep -q '"eval_memory":"none"' apart/config.json
    xltrain --data data --resume --steps 12 -o apart
}

@test "xltrain: --dry-run of the published sizes, without data" {
    local preset n
    while read -r preset n; do
        xltrain --dry-run --preset "$preset" --set batch=1 >plan
        [ "$(awk '$1 == "parameters" {print $2}' plan)" -eq "$n" ]
        # four numbers for each parameter, and activations
        awk -v n="$n" '$1 == "memory" {exit !($2 > 16 * n && $2 < 40 * n)}' plan
    done <<'EOT'
gpt2 124439808
gpt2-medium 354823168
gpt2-large 774030080
gpt2-xl 1557611200
EOT
    run -64 --separate-stderr xltrain --dry-run
    says "no data say how many tokens there are"
    # the preset that --help names is the one that is taken
    preset=$(xltrain --help | sed -n '/--preset/{n; s/.*\[\(.*\)\]/\1/p}')
    [ "$preset" = minutes ]
    cmp <(xltrain --dry-run --data data | grep -v '^speed\|^time') \
        <(xltrain --dry-run --data data --preset "$preset" | grep -v '^speed\|^time')
}

@test "xltrain: --init with other words: rows by name, new ones the mean; freeze=N" {
    local arch
    midi2remi --grid 8 "$SAMPLES"/*.mid | shard -o other
    # tied with a bias, untied, rows of cells
    for arch in xl llama lstm gru; do
        local sizes=(--set layers=2 --set width=16 --set segment=16 --set batch=2
            --set eval_every=0)
        case $arch in
        gru) sizes+=(--set arch=lstm --set cell=gru) ;;
        lstm) sizes+=(--set arch=lstm) ;;
        *) sizes+=(--set arch=$arch --set heads=2 --set ff=32) ;;
        esac
        xltrain --data data "${sizes[@]}" --steps 3 -o $arch -q
        run -0 --separate-stderr xltrain -v --data other --init $arch --set batch=2 \
            --set eval_every=0 --set lr=0 --steps 1 -o $arch-same -f
        grep -Eq "of [0-9]+ tokens [0-9]+ have a row by name in '$arch', [0-9]+ begin" <<<"$stderr"
        xltrain -q --data other --init $arch --set freeze=1 --set batch=2 --set lr=0.1 \
            --set eval_every=0 --steps 3 --set weight_decay=0.1 -o $arch-tuned
        /usr/bin/python3 - $arch $arch-same $arch-tuned <<'PY'
import json, struct, sys
import numpy as np

def load(run):
    raw = open(run + '/latest', 'rb').read()
    n = struct.unpack('<Q', raw[:8])[0]
    head = json.loads(raw[8:8 + n])
    meta = head.pop('__metadata__')
    t = {k: np.frombuffer(raw, np.float32, v['data_offsets'][1] // 4 - v['data_offsets'][0] // 4,
                          8 + n + v['data_offsets'][0]).reshape(v['shape'])
         for k, v in head.items() if k.startswith('param.')}
    return json.loads(meta['config']), json.loads(meta['vocab']), t

(c, a, old), (_, b, same), (f, _, tuned) = map(load, sys.argv[1:])
assert 'freeze' not in c and f['freeze'] == 1 and len(a) != len(b)
V, W = len(a), len(b)
cells = ('lstm0.', 'gru0.')
parts = [(k, k == 'param.emb' or k[6:].startswith(cells)) for k in
         ('param.emb', 'param.out.w', 'param.out.b', 'param.lstm0.w', 'param.gru0.w') if k in old]
assert len(parts) >= 2 or c['arch'] == 'llama'
for k, rows in parts:
    x, y = (old[k], same[k]) if rows else (old[k].T, same[k].T)
    mean = x[:V].astype(float).mean(0)
    known = 0
    for i, name in enumerate(b):
        if name in a:
            known += 1
            assert np.array_equal(x[a.index(name)], y[i]), (k, name)
        else:
            assert np.allclose(mean, y[i], atol=1e-6), (k, name)
    assert 4 < known < W
    assert np.array_equal(x[V:], y[W:])
for k in same:
    still = k[6:].startswith(cells + ('l0.',))
    assert np.array_equal(same[k], tuned[k]) == still, k
PY
    done
    run -64 --separate-stderr xltrain --data data --init xl --set freeze=3 -o x
    says "freeze is 3, which is not within 0..2"
    # a frozen layer lets the gradient through: what lies below learns as it would
    xltrain -q --data data --init xl --set batch=2 --set dropout=0 --steps 1 --set clip=0 -o one
    xltrain -q --data data --init xl --set batch=2 --set dropout=0 --steps 1 --set clip=0 \
        --set freeze=2 -o two
    /usr/bin/python3 - <<'PY'
import json, struct
import numpy as np
def emb(run):
    raw = open(run + '/latest', 'rb').read()
    n = struct.unpack('<Q', raw[:8])[0]
    a, b = json.loads(raw[8:8 + n])['adam.m.emb']['data_offsets']
    return raw[8 + n + a:8 + n + b]
assert emb('one') == emb('two')
PY
}

@test "xltrain: a setting that would do nothing is refused, another program's name answered" {
    while read -r setting without text; do
        run -64 --separate-stderr train bad --set "$setting" --set "$without"
        says "${setting%=*} goes with $text only"
    done <<'EOT'
momentum=0.9 optimizer=adamw optimizer=muon and sgd
cooldown=0.3 schedule=cosine schedule=wsd
min_lr=0.1 schedule=linear schedule=cosine
min_lr=0.1 schedule=inv_sqrt schedule=cosine
patience=3 eval_every=0 eval_every
EOT
    while read -r theirs ours; do
        run -64 --separate-stderr train bad --set "$theirs=1"
        says "unknown key '$theirs'; the nearest is '$ours'"
    done <<'EOT'
learning_rate lr
batch_size batch
d_model width
n_layer layers
grad_clip clip
mem_len memory
learning-rate lr
LR lr
EOT
    [ ! -e bad ]
    # what a preset or a file of all settings says of others may stand
    train a --set schedule=linear
    grep -q '"min_lr":0.02' a/config.json
    sed -i 's/"min_lr":0.02/"min_lr":0.1/; s/"cooldown":0.2/"cooldown":0.3/' a/config.json
    xltrain --data data --config a/config.json --steps 1 -o b
    train c --set momentum=0.95
}

@test "xltrain: misuse is one line and 64" {
    run -64 --separate-stderr xltrain
    says "--data"
    run -64 --separate-stderr xltrain --data data
    says "-o DIR"
    run -64 --separate-stderr xltrain --data data -o -
    says "'-' is no folder"
    run -64 --separate-stderr xltrain --data data -o run --set layres=3
    says "nearest is 'layers'"
    run -64 --separate-stderr xltrain --data data -o run --set width=15 --set heads=2
    says "heads"
    run -64 --separate-stderr xltrain --data data -o run --preset huge
    says "tiny|small"
    run -64 --separate-stderr xltrain --data data -o run --steps 3 --minutes 3
    says "--minutes"
    run -64 --separate-stderr xltrain --data data -o run stray
    says "stray"
    run -66 --separate-stderr xltrain --data none -o run
    says "none"
    run -66 --separate-stderr xltrain --data data --resume -o run
    says "run"
    [ ! -e run ]
}

@test "xltrain: a damaged checkpoint is refused, the run stays" {
    train run
    f=run/$(readlink run/latest)
    size=$(stat -c %s "$f")
    for at in 3 100 5000 $((size / 2)) $((size - 1)); do
        cp "$f" good
        printf '\377' | dd of="$f" bs=1 seek="$at" conv=notrunc status=none
        run -65 --separate-stderr xltrain --resume --data data -o run --steps 20
        says "run/latest"
        cp good "$f"
    done
    truncate -s 5000 "$f"
    run -65 xltrain --resume --data data -o run --steps 20
    cp good "$f"
    xltrain --resume --data data -o run --steps 20
}

@test "xltrain: a disk without room costs the checkpoint, not the training" {
    # the limit lets the table through but not a checkpoint
    run -74 --separate-stderr bash -c 'ulimit -f 8; exec xltrain "$@"' - "${small[@]}" \
        --set width=64 --steps 10 -o run
    [[ $stderr == *"no checkpoint of step 5"* ]]
    [ "$(tail -n 1 run/metrics.tsv | cut -f 1)" -eq 10 ]
    [ -z "$(find run -name 'ckpt-*')" ]
}

@test "xltrain: the checkpoint is a safetensors file that numpy reads" {
    train run
    /usr/bin/python3 - <<'PY'
import json, hashlib, numpy as np
raw = open('run/latest', 'rb').read()
n = int.from_bytes(raw[:8], 'little')
head = json.loads(raw[8:8 + n])
meta = head.pop('__metadata__')
assert meta['schema'] == 'xl-checkpoint/2' and meta['step'] == '10'
config, vocab = json.loads(meta['config']), json.loads(meta['vocab'])
assert len(vocab) == config['vocab']
sha = hashlib.sha256(''.join(v + '\n' for v in vocab).encode()).hexdigest()
assert sha == meta['vocab_sha256']
dtypes = {'F32': '<f4', 'I32': '<i4', 'I64': '<i8'}
end = 0
t = {}
for name, d in head.items():
    a, b = d['data_offsets']
    t[name] = np.frombuffer(raw[8 + n + a:8 + n + b], dtypes[d['dtype']]).reshape(d['shape'])
    end = max(end, b)
assert sorted(json.loads(meta['tensors_xxh3'])) == sorted(t) and len(meta) < 20
assert 8 + n + end == len(raw) and (8 + n) % 4096 == 0
assert t['param.emb'].shape == (len(vocab), 16) and np.isfinite(t['param.emb']).all()
assert t['adam.v.emb'].min() >= 0 and t['adam.v.emb'].max() > 0
assert t['mem.0'].shape == (2, 16, 16) and t['cursor.piece'].shape == (2,)
PY
}

# losses RUN: the loss and the validation loss of the last step.
losses() {
    tail -n 1 "$1/metrics.tsv" | cut -f 5,7
}

# near RUN OTHER LIMIT: both losses differ by less, relative to the first run's.
near() {
    paste <(losses "$1") <(losses "$2") | awk -v limit="$3" '
        function off(a, b) { return (a > b ? a - b : b - a) / a }
        { if (!(off($1, $3) < limit && off($2, $4) < limit)) { print; exit 1 } }'
}

@test "xltrain: in bf16 and bf16x3 it learns what it learns in fp32, the same bytes for any -j" {
    local p can more=(--set width=32 --set segment=48 --set lr=1e-3 --steps 40 --set eval_every=40)
    mapfile -t can < <(precisions)
    [ "${#can[@]}" -gt 0 ] || skip "this processor has no unit for bf16"
    for p in fp32 "${can[@]}"; do
        train $p "${more[@]}" --precision $p -j1
        grep -q "\"precision\":\"$p\"" $p/config.json
    done
    near fp32 bf16 5e-3
    [[ " ${can[*]} " != *" bf16x3 "* ]] || near fp32 bf16x3 5e-5
    run ! cmp -s fp32/metrics.tsv bf16/metrics.tsv
    for p in "${can[@]}"; do
        train $p-j2 "${more[@]}" --precision $p -j2
        cmp $p/latest $p-j2/latest
    done
    xltrain --data data -o bf16 --resume --steps 50
    grep -q '"precision":"bf16"' bf16/config.json
    run -64 xltrain --data data -o x --precision fp16
    has fp32
}

@test "xltrain: without a unit for it it says so and computes in fp32" {
    printf 'long syscall(long n, ...);\nlong syscall(long n, ...) { (void)n; return -1; }\n' |
        ${CC:-cc} -shared -fPIC -x c -o refused.so -
    export ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0
    run --separate-stderr -0 env LD_PRELOAD="$PWD/refused.so" \
        xltrain "${small[@]}" --steps 10 -o refused --precision bf16x3
    [[ $stderr == *"no unit for it: fp32 instead of bf16x3"* ]]
    [ "$(grep -ac '"x-precision-asked":"bf16x3"' refused/latest)" -eq 1 ]
    # -q does not hide that it is another run, and it is said once
    run --separate-stderr -0 env LD_PRELOAD="$PWD/refused.so" \
        xltrain "${small[@]}" --steps 10 -o quiet -q --precision bf16x3
    [ "$(grep -c "fp32 instead of bf16x3" <<<"$stderr")" -eq 1 ]
    train plain --precision fp32
    cmp refused/metrics.tsv plain/metrics.tsv
    cmp refused/config.json plain/config.json
}

@test "xltrain: --set patience ends a run whose validation no longer falls, and --resume knows" {
    local own=(--set lr=0.02 --set eval_every=2 --set patience=3 --no-pg)
    train whole "${own[@]}" --steps 400 --costs costs.tsv
    # ended 3 evaluations after the lowest one, which is the checkpoint that `best` means
    read -r best last < <(awk '!/^#/ && $7 + 0 > 0 {if (!low || $7 < low) {low = $7; best = $1} last = $1}
        END {print best, last}' whole/metrics.tsv)
    [ "$last" -eq $((best + 6)) ]
    [ "$last" -lt 400 ]
    [ "$(readlink whole/best)" = "$(printf 'ckpt-%08d.safetensors' "$best")" ]
    cp -r whole copy
    run -0 xltrain -v --data data -o whole --resume "${own[@]}" --steps 400 --costs costs.tsv
    has "after step $best validation did not fall in 3 evaluations; --set patience=0 goes on"
    diff -r whole copy
    # stopped between two evaluations it ends at the same step, with the same bytes
    train cut "${own[@]}" --set schedule=constant --steps $((last - 1))
    xltrain -q --data data -o cut --resume --steps 400
    train one "${own[@]}" --set schedule=constant --steps 400
    cmp one/latest cut/latest
    # the costs of each checkpoint, which stand in no file of the run
    [ "$(sed -n 2p costs.tsv)" = "$(printf 'step\ttokens\tseconds\tpeak_bytes')" ]
    tail -n 1 costs.tsv | grep -qP "^$last\t64\t\d+\.\d{3}\t\d{7,}$"
    [ "$(awk 'NR > 2 {n += $2} END {print n}' costs.tsv)" -eq "$(tail -n 1 whole/metrics.tsv | cut -f 2)" ]
    xltrain -q --data data -o whole --resume --set patience=0 --steps $((last + 2))
    [ "$(tail -n 1 whole/metrics.tsv | cut -f 1)" -eq $((last + 2)) ]
}

@test "xltrain: a condition before the target, bar by bar and through an encoder" {
    midi2remi "$SAMPLES"/[a-d]*.mid -o s.tok.zst
    shard s.tok.zst --condition s.tok.zst -o pairs
    shard s.tok.zst -o plain
    set=(--preset tiny --steps 2 --set layers=1 --set width=16 --set heads=2 --set ff=16 -q)
    xltrain "${set[@]}" --data plain -o none
    n=$(xltrain --data plain -o none --eval test | cut -f 3 | tail -1)
    for how in prefix bars encoder; do
        xltrain "${set[@]}" --data pairs -o "$how" --set condition="$how"
        [ "$(xltrain --data pairs -o "$how" --eval test --log-probs "$how.zst" | cut -f 3 | tail -1)" -eq "$n" ]
        xltrain --data pairs -o "$how" --resume --steps 4 -q
        run -64 --separate-stderr xlsample "$how" -n 1
        [[ $stderr == *"wants a condition with each piece"* ]]
    done
    run -64 --separate-stderr xltrain "${set[@]}" --data plain -o bad --set condition=bars
    [[ $stderr == *"'plain' has not; shard --condition gives it some"* ]]
    [ ! -e bad ]
    run -0 /usr/bin/python3 - prefix.zst bars.zst encoder.zst <<'PY'
import io, json, sys
import numpy as np, zstandard
for path in sys.argv[1:]:
    b = zstandard.ZstdDecompressor().stream_reader(open(path, 'rb')).read()
    n = int.from_bytes(b[:8], 'little')
    head = json.loads(b[8:8 + n])
    begin, end = head['log_prob']['data_offsets']
    p = np.frombuffer(b[8 + n + begin:8 + n + end], '<f4')
    begin, end = head['offsets']['data_offsets']
    first = np.frombuffer(b[8 + n + begin:8 + n + end], '<i8')[:-1]
    assert np.array_equal(np.flatnonzero(np.isnan(p)), first), path
PY
}

@test "xltrain: settings said again with --resume change nothing" {
    local s=(--set layers=1 --set width=16 --set heads=2 --set ff=16 --set segment=8 --set batch=2)
    s+=(--set arch=remi --set pre_norm=1)
    xltrain -q --data data -o whole "${s[@]}" --steps 5
    xltrain -q --data data -o again "${s[@]}" --steps 3
    xltrain -q --data data -o again "${s[@]}" --resume --steps 5
    [ "$(grep -o '"warmup":[0-9]*' whole/config.json)" = "$(grep -o '"warmup":[0-9]*' again/config.json)" ]
}

@test "xltrain: the last validation loss is that of --eval, also with more lanes than pieces" {
    xltrain -q --data data -o many --preset tiny --steps 4 --set batch=64 --set segment=16 --set eval_tokens=0
    [ "$(tail -n 1 many/metrics.tsv | cut -f 9)" = "$(xltrain -q --data data -o many --eval valid | tail -n 1 | cut -f 4)" ] ||
        { tail -n 1 many/metrics.tsv; xltrain -q --data data -o many --eval valid; false; }
}
