#!/bin/bash
# train.sh BUILD: the speed of training as TSV: name, value, unit. In one run: the sgemm
# rate; for three sizes, in each precision that this build and processor offer, with one
# and two threads: tokens a second, the share of sgemm that they are worth, the peak
# memory; and where PyTorch is installed its figures for the same model, the same kind of
# data and as many threads, and the ratios.
#
# Every figure is the median of ROUNDS (3) processes of SECONDS (4) each, ours and theirs
# by turns. With two threads PyTorch runs in each of its settings once and in the
# best of them from then on. SIZES, PRECISIONS, THREADS choose; TORCH=0 leaves it out.
# DROPOUT (0) is that of activations and of attention, for both. OPENMP_BLAS: see
# torch.bash.
set -eu
cd "$(dirname "$0")/../.."
ours=$1/tests/bench/train_speed
seconds=${SECONDS_EACH:-4}
dropout=${DROPOUT:-0}
. tests/bench/torch.bash
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# name, vocabulary, settings
sizes='
L6-d64 839 layers=6 width=64 heads=8 ff=256 segment=64 memory=64 batch=16
L6-d256 320 layers=6 width=256 heads=8 ff=1024 segment=128 memory=128 batch=8
L12-d512 320 layers=12 width=512 heads=8 ff=2048 segment=512 memory=512 batch=2
'

measure_ours() { # measure_ours PRECISION THREADS VOCAB SETTING...: tokens/s, MiB, sgemm, share
    local precision=$1 threads=$2
    shift 2
    [ "$precision" = fp32 ] || set -- "$@" precision="$precision"
    "$ours" "$seconds" "$threads" "$@"
}

is_offered() { # is_offered PRECISION: by the build and the processor; if not, it says why
    seconds=0 measure_ours "$1" 1 9 layers=1 segment=8 memory=0 batch=1 >/dev/null
}

median() { # median FILE COLUMN
    cut -f "$2" "$1" | sort -g | awk '{x[NR] = $1} END {printf "%.3f", (x[int((NR + 1) / 2)] + x[int(NR / 2) + 1]) / 2}'
}

best_setting() { # best_setting FILE...: the name of the one with the highest median
    local f
    for f in "$@"; do
        printf '%s\t%s\n' "$(median "$f" 1)" "$f"
    done | sort -g | tail -n 1 | cut -f 2
}

say() { # say NAME VALUE UNIT
    local digits=2
    [ "${2%.*}" -lt 100 ] || digits=0
    printf '%s\t%.*f\t%s\n' "$1" "$digits" "$2" "$3"
}

# Rounds of one size, precision and number of threads, and what came out.
compare() { # compare NAME PRECISION THREADS VOCAB SETTING...
    local name=$1 precision=$2 threads=$3 round setting tried best
    shift 3
    rm -f "$work"/*.tsv
    read -ra tried < <(settings_of "$threads" | xargs)
    for ((round = 0; round < ${ROUNDS:-3}; round++)); do
        measure_ours "$precision" "$threads" "$@" >>"$work/ours.tsv"
        [ "$compares" -eq 1 ] || continue
        [ "$precision" != bf16x3 ] || continue # which it has not
        for setting in "${tried[@]}"; do
            torch "$setting" speed.py "$seconds" "$precision" "$@" >>"$work/$setting.tsv"
        done
        best=$(best_setting "$work"/*:*.tsv)
        tried=("$(basename "$best" .tsv)")
    done
    report "train-$name-$precision-j$threads"
    [ -z "${best:-}" ] || report_torch "train-$name-$precision-j$threads" "$best"
}

report() { # report PREFIX
    say "$1" "$(median "$work/ours.tsv" 1)" token/s
    say "$1-sgemm" "$(median "$work/ours.tsv" 3)" GFLOP/s
    say "$1-share" "$(median "$work/ours.tsv" 4)" "% of sgemm"
    say "$1-memory" "$(median "$work/ours.tsv" 2)" MiB
}

report_torch() { # report_torch PREFIX FILE
    local ratio
    say "$1-torch" "$(median "$2" 1)" "token/s, $(basename "$2" .tsv) OpenMP:BLAS threads"
    say "$1-torch-memory" "$(median "$2" 2)" MiB
    ratio=$(awk "BEGIN {printf \"%.3f\", $(median "$work/ours.tsv" 1) / $(median "$2" 1)}")
    say "$1-torch-ratio" "$ratio" "ours over theirs"
    ratio=$(awk "BEGIN {printf \"%.3f\", $(median "$work/ours.tsv" 2) / $(median "$2" 2)}")
    say "$1-torch-memory-ratio" "$ratio" "ours over theirs"
}

compares=${TORCH:-1}
if [ "$compares" -eq 1 ] && ! has_torch; then
    echo "bench-train: python3-torch is not installed: no comparison" >&2
    compares=0
fi
precisions=()
for precision in ${PRECISIONS:-fp32 bf16 bf16x3}; do
    if is_offered "$precision"; then precisions+=("$precision"); fi
done
while read -r name settings; do
    [[ " ${SIZES:-L6-d64 L6-d256 L12-d512} " == *" $name "* ]] || continue
    read -ra settings <<<"$settings dropout=$dropout att_dropout=$dropout"
    for precision in "${precisions[@]}"; do
        for threads in ${THREADS:-1 2}; do
            compare "$name" "$precision" "$threads" "${settings[@]}"
        done
    done
done <<<"$sizes"
