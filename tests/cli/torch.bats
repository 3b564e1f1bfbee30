#!/usr/bin/env bats
# The engine against the models of tests/torch/model.py, written in PyTorch from the
# papers' formulas: losses, logits and every parameter's gradient, over segments with
# memory, lanes that end early and lanes that begin anew.
load ../helpers

DUMP=${BARLINE_BUILD:-$BARLINE_ROOT/build/release}/tests/torch/dump
STEPS=${DUMP%dump}steps

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    /usr/bin/python3 -c 'import torch' 2>/dev/null ||
        skip "python3-torch is not installed"
}

# dump NAME VOCAB LANES KEY=VALUE...: five segments of a model, into the file NAME
dump() {
    local name=$1
    shift
    "$DUMP" 7 "$1" "$2" 5 dropout=0 "${@:3}" >"$name"
}

# compare FILE...: says how far apart they are; fails where it is 1e-4 or more
compare() {
    OMP_NUM_THREADS=1 /usr/bin/python3 -B "$BARLINE_ROOT/tests/torch/compare.py" "$@"
}

odd=(23 3 layers=3 width=18 heads=3 ff=29 pre_norm=0)

@test "torch: post-norm as published, memories shorter, longer, none" {
    dump equal "${odd[@]}" segment=7 memory=7
    dump longer "${odd[@]}" segment=5 memory=17
    dump shorter "${odd[@]}" segment=9 memory=4
    dump none "${odd[@]}" segment=8 memory=0
    dump single "${odd[@]}" segment=1 memory=3
    compare equal longer shorter none single
}

@test "torch: pre-norm, biases of each layer, distances clamped, norm epsilon" {
    dump pre "${odd[@]}" segment=6 memory=6 pre_norm=1
    dump untied "${odd[@]}" segment=6 memory=9 untie_uv=1
    dump clamped "${odd[@]}" segment=6 memory=12 clamp_len=5
    dump epsilon "${odd[@]}" segment=6 memory=6 norm_eps=0.01
    dump all "${odd[@]}" segment=5 memory=13 pre_norm=1 untie_uv=1 clamp_len=7
    compare pre untied clamped epsilon all
}

@test "torch: one head, narrow heads, one layer, one lane, sizes beyond a tile" {
    dump one-head 11 2 layers=2 width=16 heads=1 ff=8 segment=6 memory=6
    dump narrow 11 2 layers=2 width=16 heads=8 ff=8 segment=6 memory=6
    dump one-lane 11 1 layers=1 width=16 heads=2 ff=8 segment=6 memory=6
    dump tiles 300 4 layers=2 width=72 heads=6 ff=272 segment=67 memory=131
    compare one-head narrow one-lane tiles
}

@test "torch: a comparison can fail" {
    dump equal "${odd[@]}" segment=7 memory=7
    run -1 compare --tolerance 1e-12 equal
    has "is above 1e-12"
}

@test "torch: REMI, GPT-2, Music Transformer" {
    dump remi "${odd[@]}" segment=6 memory=6 arch=remi
    dump gpt2 "${odd[@]}" segment=7 arch=gpt2 memory=0 positions=9
    dump gelu "${odd[@]}" segment=7 arch=gpt2 memory=0 positions=9 act=gelu
    dump music "${odd[@]}" segment=7 memory=0 arch=music-transformer positions=16 pre_norm=0
    dump music-memory "${odd[@]}" segment=7 memory=7 arch=music-transformer positions=9
    dump unscaled "${odd[@]}" segment=7 memory=7 arch=xl
    dump same-length "${odd[@]}" segment=6 memory=8 same_length=1
    compare remi gpt2 gelu music music-memory unscaled same-length
}

@test "torch: Compressive Transformer, its compressors and the auxiliary losses" {
    local how all=()
    for how in conv mean max most_used dilated; do
        dump $how "${odd[@]}" segment=6 memory=9 arch=compressive pre_norm=0 compressed=5 ratio=3 compressor=$how
        all+=("$how")
    done
    for how in conv dilated; do
        dump $how-rows "${odd[@]}" segment=12 memory=9 arch=compressive compressed=5 ratio=3 compressor=$how \
            compressor_loss=rows
        all+=("$how-rows")
    done
    # old rows are reconstructed as the layer attends to them: normed
    dump pre "${odd[@]}" segment=6 memory=6 arch=compressive compressed=5 ratio=3 pre_norm=1 att_bias=1
    compare "${all[@]}" pre
}

@test "torch: LLaMA, with memory and without" {
    dump llama 23 3 layers=3 width=24 heads=4 ff=20 segment=6 memory=0 arch=llama kv_heads=2
    dump memory 23 3 layers=3 width=24 heads=4 ff=20 segment=6 memory=9 arch=llama rope_theta=40
    compare llama memory
}

@test "torch: what joins residuals, embeddings of another width, shared keys, layers without memory" {
    local size=(23 3 layers=3 width=24 heads=6 ff=20 segment=6 memory=9)
    dump gru "${size[@]}" gate=gru
    dump mogrified "${size[@]}" gate=gru mogrify=5 pre_norm=1 embed_width=7 kv_heads=1
    dump gated "${size[@]}" glu=1 act=gelu embed_width=30 tie=0 norm=rms kv_heads=3
    dump layers "${size[@]}" memory_layers=2,3 same_length=1
    dump all "${size[@]}" arch=compressive compressed=5 ratio=3 memory_layers=3 kv_heads=2 gate=gru \
        mogrify=2 glu=1 act=silu ff_bias=0 norm=rms pre_norm=1 embed_width=12 pos=rotary att_bias=1
    compare gru mogrified gated layers all
}

@test "torch: LSTM" {
    dump lstm 23 3 layers=3 width=13 segment=6 memory=0 arch=lstm
    compare lstm
}

@test "torch: what came next, to attention and to cells" {
    local size=(23 3 layers=2 width=24 heads=4 ff=20 segment=6 memory=9)
    dump xl "${size[@]}" recall=16
    dump llama "${size[@]}" arch=llama recall=4 embed_width=7 places=5
    dump lstm 23 3 layers=2 width=13 segment=6 memory=0 arch=lstm recall=64
    dump gru 23 3 layers=2 width=13 segment=6 memory=0 arch=lstm cell=gru recall=8
    compare xl llama lstm gru
}

@test "torch: grooves of torch's own layers: taps, densities as a number and as a step, the VAE" {
    local size=(layers=2 width=18 heads=3 ff=29)
    drums() { # NAME KEY=VALUE...
        "${DUMP%dump}drums_dump" 7 3 2 "${size[@]}" "${@:2}" >"$1"
    }
    drums whole
    drums tap inputs=3 density=1
    drums step density=2 segment=9
    size+=(arch=groove-vae latent=5 dec_layers=2 dec_width=12 dec_heads=2 dec_ff=11)
    drums vae
    drums column density=1 inputs=3
    drums crossed density=2 velocity_loss=bce offset_loss=bce reduce=sum
    OMP_NUM_THREADS=1 /usr/bin/python3 -B "$BARLINE_ROOT/tests/torch/drums_compare.py" \
        whole tap step vae column crossed
}

draws() { # draws SEED COUNT: random settings of the whole family
    OMP_NUM_THREADS=1 /usr/bin/python3 -B "$BARLINE_ROOT/tests/torch/draws.py" "$DUMP" "$1" "$2"
}

@test "torch: forty random settings of the whole family" {
    draws 1 40
}

# bats test_tags=slow
@test "torch: two thousand random settings of the whole family" {
    draws 1000 2000
}

@test "torch: products in bf16x3 and bf16, where the processor has them" {
    local size=(300 4 layers=2 width=128 heads=4 ff=256 segment=64 memory=64 act=gelu)
    local can
    mapfile -t can < <(precisions)
    [ "${#can[@]}" -gt 0 ] || skip "this processor has no unit for bf16"
    dump rounded "${size[@]}" precision=bf16
    compare --tolerance 0.1 rounded
    if [[ " ${can[*]} " == *" bf16x3 "* ]]; then
        dump split "${size[@]}" precision=bf16x3
        compare --tolerance 1e-3 split
    fi
}

@test "torch: fifty steps, with each schedule of the learning rate, weight decay, clipping" {
    local run=(steps=50 layers=2 width=32 heads=4 ff=64 segment=16 memory=24 batch=4 dropout=0 recall=0)
    "$STEPS" pre_norm=0 "${run[@]}" lr=0.005 warmup=10 >cosine
    "$STEPS" "${run[@]}" lr=0.005 warmup=10 schedule=inv_sqrt clip=0.3 \
        weight_decay=0.1 >inv_sqrt
    "$STEPS" arch=gpt2 "${run[@]}" memory=0 positions=16 lr=0.001 warmup=0 schedule=constant \
        clip=0 weight_decay=0.1 beta2=0.95 >constant
    "$STEPS" "${run[@]}" lr=0.005 warmup=5 schedule=linear optimizer=muon weight_decay=0.1 >muon
    "$STEPS" arch=lstm "${run[@]}" memory=0 lr=0.005 warmup=5 schedule=wsd cooldown=0.4 optimizer=muon \
        momentum=0.9 init_std=0.1 >wsd
    "$STEPS" arch=compressive pre_norm=0 "${run[@]}" memory=16 compressed=16 lr=0.001 init_std=0.05 >compressive
    "$STEPS" arch=lstm "${run[@]}" memory=0 lr=0.01 warmup=5 init_std=0.1 >lstm
    OMP_NUM_THREADS=1 /usr/bin/python3 -B "$BARLINE_ROOT/tests/torch/replay.py" \
        cosine inv_sqrt constant compressive lstm muon wsd
}

@test "torch: the loss of a checkpoint is that of xltrain --eval" {
    midi2remi "$SAMPLES"/*.mid | shard --split train=.6,valid=.2,test=.2 -o data
    for arch in xl compressive; do
        xltrain -q --data data -o $arch --set arch=$arch --set layers=2 --set width=16 --set heads=2 \
            --set ff=32 --set segment=16 --set memory=16 --set batch=3 --set lr=0.01 --set recall=0 --steps 30
        ours=$(xltrain --data data -o $arch --eval valid | tail -n 1 | cut -f 4)
        theirs=$(/usr/bin/python3 -B "$BARLINE_ROOT/tests/torch/evaluate.py" $arch/best data valid)
        echo "$arch $ours $theirs"
        awk "BEGIN {exit !(($ours - $theirs) ^ 2 < 1e-10)}"
    done
}

@test "torch: the reader for people to take away gives the loss of xltrain --eval, or says what it lacks" {
    local reader=$BARLINE_ROOT/samples/python/checkpoint.py
    midi2remi "$SAMPLES"/*.mid | shard --split train=.8,valid=.1,test=.1 -o data
    small=(--set layers=2 --set width=16 --set heads=2 --set ff=32 --set segment=24 --set batch=8 --steps 10)
    while read -r arch more; do
        xltrain -q --data data -o "$arch" --set arch="$arch" "${small[@]}" $more
        ours=$(xltrain --data data -o "$arch" --eval valid | tail -n 1 | cut -f 4)
        theirs=$(/usr/bin/python3 -B "$reader" "$arch" data valid)
        echo "$arch $ours $theirs"
        awk "BEGIN {exit !(($ours - $theirs) ^ 2 < 1e-8)}"
    done <<<'xl --set memory=40 --set untie_uv=1 --set clamp_len=30 --set same_length=1
compressive --set compressed=0 --set memory=24 --set recall=16
remi --set memory=24 --set eval_memory=50
gpt2
llama --set memory=24 --set kv_heads=1 --set eval_segment=16'
    /usr/bin/python3 -B "$reader" llama/best >settings
    head -n 1 settings | jq -e '.arch == "llama"'
    [ "$(sed -n 2p settings)" = "$(jq -r '.vocab' <(head -n 1 settings)) tokens, $(awk -F '\t' 'NR > 2 {
        gsub(/[(),]/, " ", $2); n = split($2, of, " "); m = 1; for (i = 1; i <= n; i++) m *= of[i]; s += m}
        END {print s}' settings) parameters" ]
    # whoever reads on no further ends it silently
    run -0 --separate-stderr bash -c '/usr/bin/python3 -B "$1" llama/best | true' - "$reader"
    [ -z "$output$stderr" ]
    xltrain -q --data data -o cells --set arch=lstm "${small[@]}" --set memory=0
    run -1 --separate-stderr /usr/bin/python3 -B "$reader" cells data valid
    says "checkpoint.py knows no arch=lstm"
    run -1 --separate-stderr /usr/bin/python3 -B "$reader" none
    says "No such file"
    head -c 3000 llama/best >cut
    run -1 --separate-stderr /usr/bin/python3 -B "$reader" cut
    says "cut: no checkpoint of xltrain, or a cut one"
    # ids of other words would give a loss, too
    run -1 --separate-stderr /usr/bin/python3 -B "$reader" llama data other
    says "data: no split 'other'; there are"
    midi2remi --key "$SAMPLES"/[a-c]*.mid | shard -o keyed
    run -1 --separate-stderr /usr/bin/python3 -B "$reader" llama keyed train
    says "keyed: its vocabulary is not the model's"
}

# bats test_tags=slow
@test "torch: six layers of 256" {
    # of ReLU rounding decides the slope in a few of millions of places
    dump large 320 8 layers=6 width=256 heads=8 ff=1024 segment=128 memory=128 act=gelu
    compare large
}
