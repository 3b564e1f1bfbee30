#!/bin/bash
# hour.sh BIN OUT: an hour of training (MINUTES) beside an hour of the PyTorch
# model: the same shards, settings, threads and schedule, PyTorch in its best thread
# setting. MIDI=folder is read to shards, or DATA=folder has them; its validation split is
# read whole by both, so a small one is made. Leaves all in OUT and prints both curves:
# loss in nats a token and bits a note. Our minutes include the evaluations, PyTorch's do
# not.
#
# XLTRAIN holds options for xltrain, e.g. "--preset small --precision bf16"; THREADS (2);
# TORCH_PRECISION (fp32) or bf16; EVALUATIONS (12).
set -eu
cd "$(dirname "$0")/../.."
. tests/bench/torch.bash
PATH=$PWD/$1:$PATH
out=$2
minutes=${MINUTES:-60} threads=${THREADS:-2} evaluations=${EVALUATIONS:-12}
read -ra options <<<"${XLTRAIN:---preset small} -j$threads"
precision=${TORCH_PRECISION:-fp32}
mkdir -p "$out"
data=${DATA:-$out/data}
if [ -n "${MIDI:-}" ] && [ ! -e "$data" ]; then
    midi2remi -q -j"$threads" "$MIDI" | shard -q --split train=.88,valid=.02,test=.1 -o "$data"
fi

rows_of() { # rows_of METRICS MINUTES: those with a validation loss, minutes by steps
    awk -F '\t' -v m="$2" '/^[#s]/ {next}
        {loss += $5; n++; last = $1}
        $7 != "nan" {step[++k] = $1; rest[k] = $1 "\t" $2 "\t" loss / n "\t" $7; loss = n = 0}
        END {for (i = 1; i <= k; i++) printf "%.3f\t%s\n", m * step[i] / last, rest[i]}' "$1"
}

best_setting() { # the thread setting in which PyTorch is fastest with the settings of OUT
    local setting words
    words=$(jq -r 'to_entries[] | select(.key != "schema" and .key != "vocab") |
        "\(.key)=\(.value)"' "$out/ours/config.json")
    for setting in $(settings_of "$threads"); do
        # shellcheck disable=SC2086  # words
        printf '%s\t%s\n' "$(torch "$setting" speed.py 5 "$precision" \
            "$(jq .vocab "$out/ours/config.json")" $words | cut -f 1)" "$setting"
    done | sort -g | tail -n 1 | cut -f 2
}

# how often to evaluate: from the steps of a few seconds
xltrain -q "${options[@]}" --data "$data" --minutes 0.2 --set eval_every=0 -f -o "$out/speed"
steps=$(tail -n 1 "$out/speed/metrics.tsv" | cut -f 1)
every=$(awk "BEGIN {n = int($steps / 0.2 * $minutes / $evaluations); print n < 1 ? 1 : n}")
xltrain "${options[@]}" --data "$data" --minutes "$minutes" --set eval_every="$every" \
    --set eval_tokens=0 -f -o "$out/ours"
rows_of "$out/ours/metrics.tsv" "$minutes" >"$out/ours.tsv"
curves=(barline="$out/ours.tsv")
if has_torch; then
    torch "$(best_setting)" run.py "$data" "$out/ours/config.json" "$minutes" \
        "$evaluations" "$precision" >"$out/torch.tsv"
    curves+=(pytorch="$out/torch.tsv")
fi
/usr/bin/python3 -B tests/torch/curve.py "$data" "${curves[@]}"
