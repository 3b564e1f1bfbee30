#!/bin/bash
# copying.sh BUILD OUT: does compressed memory help where nothing else can? Music that
# says a motif again after 17, 51 and 221 tokens (copy_task.c), segments of 16, a memory
# that ends before the motif, and one beyond it: each compressor, SEEDS (1 2 3) of each.
# Resumes; its table is OUT/table.tsv, its page pipelines/copying.md.
#
# STEPS (1500), DISTANCES (17 51 221), JOBS (1) runs at a time.
set -eu
cd "$(dirname "$0")/../.."
build=$1 out=$2
mkdir -p "$out"

# memory and slots: a slot is four tokens
declare -A memory=([17]=4 [51]=16 [221]=64) slots=([17]=4 [51]=12 [221]=44)

grid() { # grid DISTANCE
    local d=$1 base set='--set segment=16 --set batch=16 --set dropout=0 --set layers=2 --set width=64'
    base="$set --set heads=4 --set ff=128 --steps ${STEPS:-1500} --set lr=0.003 --set warmup=50"
    base+=" --set eval_every=500 --set arch=compressive --set memory=${memory[$d]}"
    printf 'without\t%s --set compressed=0\n' "$base"
    base+=" --set compressed=${slots[$d]} --set ratio=4"
    printf '%s\t%s\n' mean "$base --set compressor=mean" max "$base --set compressor=max" \
        most_used "$base --set compressor=most_used"
    for c in conv dilated; do
        for loss in attention rows; do
            printf '%s\t%s\n' "$c-$loss" "$base --set compressor=$c --set compressor_loss=$loss"
        done
    done
    printf 'memory\t%s --set compressed=0 --set memory=%d\n' "${base% --set compressed=*}" "$((d + 15))"
}

for d in ${DISTANCES:-17 51 221}; do
    data=$out/data-$d
    if [ ! -e "$data" ]; then
        "$build/tests/bench/copy_task" "$d" 1200 "$d" >"$out/$d.tok.zst"
        vocab -q --order seen -o "$out/$d.vocab" "$out/$d.tok.zst"
        shard -q --near off --vocab "$out/$d.vocab" -o "$data" "$out/$d.tok.zst"
    fi
    grid "$d" >"$out/$d.tsv"
    make -s -j"${JOBS:-1}" -f pipelines/experiment.mk GRID="$out/$d.tsv" DATA="$data" OUT="$out/$d" \
        SEEDS="${SEEDS:-1 2 3}" CORES="${CORES:-1}"
done

# A row a compressor, a column a distance: nats a token on pieces not trained on.
{
    printf 'memory'
    for d in ${DISTANCES:-17 51 221}; do printf '\t%s\tsd' "$d"; done
    printf '\n'
    cut -f 1 "$out/${d}.tsv" | while read -r name; do
        printf '%s' "$name"
        for d in ${DISTANCES:-17 51 221}; do
            awk -F '\t' -v name="$name" '
                /^#/ {next}
                !head {head = 1; for (i = 1; i <= NF; i++) at[$i] = i; next}
                $at["setting"] == name {printf "\t%s\t%s", $at["nats"], $at["nats_sd"]; found = 1}
                END {if (!found) printf "\t-\t-"}' "$out/$d/table.tsv"
        done
        printf '\n'
    done
} >"$out/table.tsv"
column -t "$out/table.tsv"
