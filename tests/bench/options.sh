#!/bin/bash
# options.sh BUILD: what each option of the family costs in training, as TSV: the option,
# tokens a second, the share of sgemm that its operations (those of xltrain --dry-run) are
# worth, that of the plain block just before and after it, the peak memory in MiB, and what
# holds it back where it is below 60 %.
#
# L6 d256, one thread, medians of ROUNDS (3) processes of SECONDS_EACH (1.5) seconds; ONLY
# is a pattern of names.
set -eu
cd "$(dirname "$0")/../.."
program=$1/tests/bench/train_speed
seconds=${SECONDS_EACH:-1.5}
base=(320 layers=6 width=256 heads=8 ff=1024 segment=128 memory=128 batch=4 dropout=0)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# name, settings, and why it is not mostly products, where that is so
options='
norm-rms|norm=rms|
act-silu|act=silu|
glu|glu=1|
kv-heads-1|kv_heads=1|
kv-heads-2|kv_heads=2|
gate-gru|gate=gru|
mogrify|gate=gru mogrify=5|
embed-width|embed_width=128|
places|places=64|
bar-rows|bar_rows=16|
recall|recall=64|
rotary|pos=rotary|
block|block=64 memory=0|
local-layers|block=64 local_layers=1,2,3|
memory-layers|memory_layers=5,6|
dropout|dropout=0.1 att_dropout=0.1|
mean|arch=compressive compressed=128 compressor=mean|
max|arch=compressive compressed=128 compressor=max|
most-used|arch=compressive compressed=128 compressor=most_used|
conv-attention|arch=compressive compressed=128 compressor=conv|
conv-rows|arch=compressive compressed=128 compressor=conv compressor_loss=rows|
dilated-attention|arch=compressive compressed=128 compressor=dilated|
dilated-rows|arch=compressive compressed=128 compressor=dilated compressor_loss=rows|
music-transformer|arch=music-transformer positions=256|
gpt2|arch=gpt2 memory=0|
llama|arch=llama memory=0|
lstm|arch=lstm memory=0 layers=3|a product of a few lanes by a matrix for each token, one after the other
gru|arch=lstm cell=gru memory=0 layers=3|a product of a few lanes by a matrix for each token, one after the other
lstm-64-lanes|arch=lstm memory=0 layers=3 batch=64|the same, of more lanes
'

median() { # median FILE COLUMN
    cut -f "$2" "$1" | sort -g | awk '{x[NR] = $1} END {printf "%.1f", (x[int((NR + 1) / 2)] + x[int(NR / 2) + 1]) / 2}'
}

run() { # run SETTING...: tokens/s, MiB, sgemm, share
    "$program" "$seconds" 1 "${base[@]}" "$@"
}

printf 'option\ttoken/s\t%% of sgemm\tplain %%\tMiB\twhy\n'
while IFS='|' read -r name settings why; do
    [[ -n $name && $name =~ ${ONLY:-.} ]] || continue
    read -ra settings <<<"$settings"
    rm -f "$work"/*
    run >"$work/plain"
    for ((round = 0; round < ${ROUNDS:-3}; round++)); do
        run "${settings[@]}" >>"$work/own"
        run >>"$work/plain"
    done
    printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$name" "$(median "$work/own" 1)" "$(median "$work/own" 4)" \
        "$(median "$work/plain" 4)" "$(median "$work/own" 2)" "$why"
done <<<"$options"
