#!/bin/bash
# encoder.sh BUILD: the speed of training an encoder-decoder as TSV: name, value, unit. By
# turns, ROUNDS (3) times SECONDS_EACH (4): ours, with sgemm of the same threads, and
# torch.nn.Transformer of the same size on the same kind of data, where PYTHON (python3)
# has PyTorch. THREADS (2); each figure is the median.
set -eu
cd "$(dirname "$0")/../.."
ours=$1/tests/bench/train_speed
python=${PYTHON:-/usr/bin/python3} threads=${THREADS:-2} seconds=${SECONDS_EACH:-4}
source=256 vocab=320
size=(layers=6 width=256 heads=8 ff=1024 segment=128 batch=8)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

median() { # median FILE COLUMN
    cut -f "$2" "$1" | sort -g | awk '{x[NR] = $1} END {print (x[int((NR + 1) / 2)] + x[int(NR / 2) + 1]) / 2}'
}

say() { # say NAME FILE COLUMN UNIT
    printf 'encoder-L6-d256-j%s%s\t%.1f\t%s\n' "$threads" "$1" "$(median "$2" "$3")" "$4"
}

compares=0
! "$python" -c 'import torch' 2>/dev/null || compares=1
for ((round = 0; round < ${ROUNDS:-3}; round++)); do
    "$ours" "$seconds" "$threads" $vocab "${size[@]}" memory=0 dropout=0 condition=encoder source=$source >>"$work/ours"
    [ $compares -eq 0 ] || OMP_NUM_THREADS=$threads OPENBLAS_NUM_THREADS=$threads \
        "$python" -B tests/torch/encdec.py "$seconds" $vocab $source "${size[@]}" >>"$work/torch"
done
say '' "$work/ours" 1 token/s
say -sgemm "$work/ours" 3 GFLOP/s
say -share "$work/ours" 4 '% of sgemm'
say -memory "$work/ours" 2 MiB
if [ $compares -eq 1 ]; then
    say -torch "$work/torch" 1 token/s
    say -torch-memory "$work/torch" 2 MiB
    paste "$work/ours" "$work/torch" | awk '{print $1 / $5}' >"$work/ratio"
    say -torch-ratio "$work/ratio" 1 'ours over theirs'
else
    echo "bench-encoder: $python has no torch: no comparison" >&2
fi
