#!/bin/bash
# drums.sh BUILD OUT: the models of grooves beside the same in PyTorch, on the split that the
# data set has of its own. MIDI=folder, with labels.tsv and its column split (LABELS=file for
# another). Leaves all in OUT and prints, as TSV:
#
#   train-PRESET-jN        windows a second, ours and PyTorch's by turns, the median of ROUNDS
#                          (3), and their ratio; of each of PRESETS (groove). With one
#                          thread seconds are of the processor, which others do not share
#   window-PRESET          one window from drums to drums in one process and on one thread, ms,
#                          ours and PyTorch's by turns: the medians of ROUNDS medians and of
#                          their 99ths of a hundred, the ratio, and sgemm of the same core. The
#                          goal for groove: below 1 ms where sgemm makes 120 GFLOP/s, elsewhere
#                          3 times as fast as PyTorch
#   score                  after EPOCHS (10; 0: none) of the first preset's published settings,
#                          both from weights of their own: loss and its terms on validation,
#                          where velocities and offsets are squared errors, summed over
#                          voices, cells without a hit weighing less; hit accuracy and F1
#
# THREADS (1), SECONDS_EACH (4) of each measurement. PYTHON, OPENMP_BLAS: see torch.bash.
set -eu
cd "$(dirname "$0")/../.."
. tests/bench/torch.bash
build=$1 out=$2
threads=${THREADS:-1} seconds=${SECONDS_EACH:-4}
read -ra presets <<<"${PRESETS:-groove}"
mkdir -p "$out"
if [ ! -e "$out/valid" ]; then
    midi2remi -q --scheme groove --max-reject 100% "$MIDI" -o "$out/all.tensors.zst" -f 2>"$out/rejects"
    shard -q --split-from "${LABELS:-$MIDI/labels.tsv}:split" -o "$out/data" -f "$out/all.tensors.zst"
    shard -q --unshard train "$out/data" -u -f -o "$out/train"
    shard -q --unshard valid "$out/data" -u -f -o "$out/valid"
fi

median() { sort -g | awk '{x[NR] = $1} END {print (x[int((NR + 1) / 2)] + x[int(NR / 2) + 1]) / 2}'; }

elapsed() { # elapsed OPTION...: seconds of a run without evaluation
    local TIMEFORMAT=%R
    [ "$threads" -gt 1 ] || TIMEFORMAT='%U + %S'
    awk "BEGIN {print $({ time xltrain -q --data "$out/data" -o "$out/speed" -f -j "$threads" \
        --set eval_every=0 --set eval_tokens=64 "$@"; } 2>&1)}"
}

# Windows a second: what more steps need more, so that neither beginning nor end counts.
ours() { # ours PRESET STEPS BATCH
    local few many
    few=$(elapsed --preset "$1" --steps 10)
    many=$(elapsed --preset "$1" --steps $((10 + $2)))
    awk "BEGIN {print $2 * $3 / ($many - $few)}"
}

speed() { # speed PRESET
    local steps round batch name=train-$1-j$threads
    xltrain -q --data "$out/data" -o "$out/$1" -f --preset "$1" --steps 1 --set eval_every=0
    batch=$(jq .batch "$out/$1/config.json")
    steps=$(awk "BEGIN {t = $(elapsed --preset "$1" --steps 40) / 40; print int($seconds / t) + 1}")
    rm -f "$out"/rate.*
    for ((round = 0; round < ${ROUNDS:-3}; round++)); do
        ours "$1" "$steps" "$batch" >>"$out/rate.ours"
        torch "$threads:$threads" drums_train.py "$out/$1/config.json" --seconds "$seconds" "$out/train" >>"$out/rate.torch"
    done
    awk -v name="$name" -v a="$(median <"$out/rate.ours")" -v b="$(median <"$out/rate.torch")" 'BEGIN {
        printf "%s\t%.1f\twindows/s\n%s-torch\t%.1f\twindows/s\n%s-torch-ratio\t%.2f\tours over theirs\n", name, a, name, b, name, a / b}'
}

# One window after the other, each by itself.
window() { # window PRESET
    local round
    rm -f "$out"/window.*
    for ((round = 0; round < ${ROUNDS:-3}; round++)); do
        "$build/tests/bench/drum_window" "$out/$1" "$out/valid" "$seconds" >>"$out/window.ours"
        torch 1:1 drums_window.py "$out/$1/config.json" "$out/valid" "$seconds" >>"$out/window.torch"
    done
    of() { cut -f "$2" "$out/window.$1" | median; }
    awk -v name="window-$1" -v a="$(of ours 2)" -v a99="$(of ours 3)" -v gflops="$(of ours 4)" \
        -v b="$(of torch 2)" -v b99="$(of torch 3)" 'BEGIN {
        printf "%s\t%.3f\tms\n%s-99\t%.3f\tms\n", name, a, name, a99
        printf "%s-torch\t%.3f\tms\n%s-torch-99\t%.3f\tms\n", name, b, name, b99
        printf "%s-torch-ratio\t%.2f\ttheirs over ours\n%s-sgemm\t%.1f\tGFLOP/s\n", name, b / a, name, gflops}'
}

# The same number of steps of both; ours as it ends, not its best.
score() { # score PRESET EPOCHS
    local windows batch steps
    windows=$(jq .splits.train.tokens "$out/data/manifest.json")
    batch=$(jq .batch "$out/$1/config.json")
    steps=$(awk "BEGIN {print int($windows * $2 / $batch) + 1}")
    xltrain -q --data "$out/data" -o "$out/ours" -f --preset "$1" --steps "$steps" -j "$threads" --set eval_every="$steps"
    xltrain -q --data "$out/data" -o "$out/ours" --eval valid >"$out/score.ours"
    torch "$threads:$threads" drums_train.py "$out/ours/config.json" "$steps" "$out/train" "$out/valid" >"$out/score.torch"
    {
        printf 'score\tsteps\t'
        head -n 1 "$out/score.ours" | cut -f 4-
        printf 'barline\t%d\t' "$steps"
        tail -n 1 "$out/score.ours" | cut -f 4-
        printf 'pytorch\t%d\t' "$steps"
        tail -n 1 "$out/score.torch" | cut -f 2-
    }
}

for preset in "${presets[@]}"; do
    speed "$preset"
    window "$preset"
done
[ "${EPOCHS:-10}" = 0 ] || score "${presets[0]}" "${EPOCHS:-10}"
