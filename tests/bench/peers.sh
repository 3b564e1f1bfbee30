#!/bin/bash
# peers.sh BIN OUT: sampling beside the fastest inference on a processor that pip
# offers, as TSV: name, value, unit. GPT-2 and LLaMA of random weights, trained for one step
# here and handed to the peers as xltrain --export writes them; one stream and eight, one
# thread, 511 tokens a piece, the 40 likeliest. Peers: CTranslate2 in each type that it has,
# ONNX Runtime and PyTorch (scaled_dot_product_attention, keys and values in place). A
# figure is the median of ROUNDS (3) of SECONDS_EACH (1.5) seconds of processor time, all by
# turns, tokens a second of processor time; of xlsample whole runs less what one of a single
# token takes.
#
# PYTHON is that of the peers; without it OUT/venv is made with pip (torch: gigabytes).
# SIZES and STREAMS choose. A peer that is not there is left out.
set -eu
bin=$(realpath "$1")
root=$(realpath "$(dirname "$0")/../..")
mkdir -p "$2"
out=$(realpath "$2")
tokens=511 seconds=${SECONDS_EACH:-1.5} rounds=${ROUNDS:-3}
export PATH=$bin:$PATH OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 HF_HUB_OFFLINE=1
export TQDM_DISABLE=1 TRANSFORMERS_VERBOSITY=error PYTHONWARNINGS=ignore PYTHONDONTWRITEBYTECODE=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python=${PYTHON:-$out/venv/bin/python}
if [ ! -x "$python" ]; then
    python3 -m venv "$out/venv"
    "$python" -m pip install -q ctranslate2 onnxruntime onnx torch transformers safetensors
fi

sizes='
gpt2-L6-d256 arch=gpt2 layers=6 width=256 ff=1024 positions=512
gpt2-L12-d512 arch=gpt2 layers=12 width=512 ff=2048 positions=512
llama-L6-d256 arch=llama layers=6 width=256 ff=1024
llama-L12-d512 arch=llama layers=12 width=512 ff=2048
'

make_model() { # make_model NAME SETTING...: a run and a Hugging Face folder
    local name=$1 setting set=()
    shift
    [ ! -e "$out/$name.hf" ] || return 0
    [ -e "$out/data" ] || midi2remi -q "$root"/samples/*.mid |
        shard -q --split train=.6,valid=.2,test=.2 -o "$out/data"
    for setting in "$@" heads=8 batch=1 segment=512 memory=0 eval_every=0 eval_tokens=1; do
        set+=(--set "$setting")
    done
    xltrain -q -f -j1 -o "$out/$name" --data "$out/data" --steps 1 --seed 1 "${set[@]}"
    xltrain -q -o "$out/$name" --export "$out/$name.hf"
}

# Processor time of a command; its output is left in the work folder.
spent() {
    local TIMEFORMAT='%U %S'
    { time "$@" >"$work/said"; } 2>"$work/time"
    awk '{print $1 + $2}' "$work/time"
}

ours() { # ours NAME STREAMS PRECISION: tokens a second
    local command=(xlsample -q -u -f --no-pg -j1 --seed 1 --top-k 40 --top-p 1 --temperature 1 --bars 10000 -n "$2" --precision "$3")
    local start all=0 made=0 times=0
    start=$(spent "${command[@]}" --max-tokens 1 "$out/$1")
    while awk "BEGIN {exit !($all - $times * $start < $seconds)}"; do
        all=$(awk "BEGIN {print $all + $(spent "${command[@]}" --max-tokens $tokens "$out/$1")}")
        made=$((made + $(grep -v '^#' "$work/said" | wc -w))) times=$((times + 1))
    done
    awk "BEGIN {print $made / ($all - $times * $start)}"
}

peer() { # peer NAME STREAMS PEER TYPE
    "$python" "$root/tests/bench/peers/sample.py" "$3" "$out/$1.hf" "$2" "$tokens" "$seconds" "$4" \
        2>>"$out/errors"
}

median() {
    sort -g "$1" | awk '{x[NR] = $1} END {printf "%.0f", (x[int((NR + 1) / 2)] + x[int(NR / 2) + 1]) / 2}'
}

who='ours fp32
ours bf16
ours int8
torch float32
onnx float32
ct2 float32
ct2 bfloat16
ct2 int8'

printf 'version-barline\t%s\t\n' "$(xlsample --version | head -n 1 | cut -d ' ' -f 3)"
"$python" "$root/tests/bench/peers/sample.py" versions
: >"$out/errors"
while read -r name settings; do
    [[ -n $name && " ${SIZES:-gpt2-L6-d256 gpt2-L12-d512 llama-L6-d256} " == *" $name "* ]] || continue
    read -ra settings <<<"$settings"
    make_model "$name" "${settings[@]}"
    for streams in ${STREAMS:-1 8}; do
        rm -f "$work"/of-*
        for ((round = 0; round < rounds; round++)); do
            while read -r whom kind; do
                [ ! -e "$work/none-$whom-$kind" ] || continue
                if [ "$whom" = ours ]; then
                    ours "$name" "$streams" "$kind"
                else
                    peer "$name" "$streams" "$whom" "$kind" || touch "$work/none-$whom-$kind"
                fi >>"$work/of-$whom-$kind"
            done <<<"$who"
        done
        while read -r whom kind; do
            [ ! -s "$work/of-$whom-$kind" ] || printf 'sample-%s-streams%s-%s-%s\t%s\ttoken/s of processor time\n' \
                "$name" "$streams" "$whom" "$kind" "$(median "$work/of-$whom-$kind")"
        done <<<"$who"
    done
done <<<"$sizes"
[ -n "$(ls "$work"/of-ct2-* 2>/dev/null)" ] || echo "bench-peers: see $out/errors" >&2
