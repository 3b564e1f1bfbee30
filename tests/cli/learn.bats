#!/usr/bin/env bats
# What is trained learns, whatever its seed: the first command of the README, and in the
# long form every preset and every architecture. Ten seeds of each on a thousand tunes want
# `make test-slow DATA=dir`, with folk tunes as MIDI files in dir/nottingham; without them
# the samples in several keys stand in.
load ../helpers

# final DIR: the loss on the whole validation split after the last step
final() {
    tail -n 1 "$1/metrics.tsv" | cut -f 9
}

@test "learn: the README's first training ends far below the frequencies of tokens" {
    # docs.bats runs them under sanitizers, where 600 steps are half an hour
    [[ $BARLINE_BUILD != *san ]] || skip "what is learned is the same"
    awk '/^# 1\./{on=1} /^(```)?$/{on=0} on' "$BARLINE_ROOT/README.md" | sed '/xlsample/d' >script
    [ "$(grep -c 'xltrain --data data -o run --preset tiny --steps 600' script)" -eq 1 ]
    ln -s "$SAMPLES" .
    run -0 --separate-stderr bash -e script
    [ -z "$stderr" ] || fail "$stderr"
    # the frequencies alone have 4.1, without what came next seeds end between 1.7 and 2.0
    awk -v x="$(final run)" 'BEGIN {exit !(x > .4 && x < .9)}' || fail "loss $(final run)"
}

@test "learn: a model that knows only frequencies is told of once, with what to try" {
    midi2remi "$SAMPLES"/[a-c]*.mid | shard -o data
    local tiny=(--preset tiny --set layers=1 --set width=16 --set heads=2 --set ff=16
        --set segment=16 --set memory=16 --set batch=2 --set warmup=5 --set eval_every=0)
    run -0 --separate-stderr xltrain --data data -o noise "${tiny[@]}" --steps 215 --set lr=1e-7
    says "step 205: the loss"
    says "still that of the tokens' bare frequencies"
    says "try --set lr=3.33e-08, --set warmup=150 or another --seed"
    run -0 --separate-stderr xltrain --data data -o noise2 --set pre_norm=0 "${tiny[@]}" --steps 215 --set lr=1e-7
    says "try --set pre_norm=1,"
    run -0 --separate-stderr xltrain --data data -o short "${tiny[@]}" --steps 204 --set lr=1e-7
    [ -z "$stderr" ]
    run -0 --separate-stderr xltrain --data data -o learns "${tiny[@]}" --steps 215 --set lr=0.02 \
        --set width=64 --set ff=128
    [ -z "$stderr" ] || fail "$stderr"
}

@test "learn: settings that follow others; a published form is one setting away" {
    midi2remi "$SAMPLES"/a*.mid | shard -o data
    # settings NAME OPTION...: what a run begins with
    settings() {
        xltrain -q --data data -o "$1" --steps 1 --preset tiny --set layers=1 --set width=8 "${@:2}"
        jq -c '[.pre_norm, .embed_scale, .warmup, .lr, .init_std]' "$1/config.json"
    }
    [ "$(settings xl)" = "[1,0,50,0.003,0.02]" ]
    [ "$(settings post --set pre_norm=0)" = "[0,1,150,0.003,0.02]" ]
    [ "$(settings own --set pre_norm=0 --set warmup=9 --set embed_scale=0)" = "[0,0,9,0.003,0.02]" ]
    [ "$(settings remi --set arch=remi)" = "[0,1,150,0.003,0.02]" ]
    [ "$(settings back --set arch=lstm --set arch=xl)" = "[1,0,50,0.003,0.02]" ]
    [ "$(settings distances --set arch=music-transformer)" = "[1,0,150,0.003,0.02]" ]
    [ "$(settings gpt2 --set arch=gpt2)" = "[1,0,50,0.003,0.02]" ]
    [ "$(settings lstm --set arch=lstm)" = "[0,1,100,0.012,0]" ]
    # in a file the order is free
    echo '{"warmup":7,"embed_scale":0,"pre_norm":0,"arch":"compressive"}' >c.json
    [ "$(settings file --config c.json)" = "[0,0,7,0.003,0.02]" ]
    for name in post own remi distances lstm file; do
        xltrain -q --data data --config $name/config.json -o again.$name
        cmp $name/config.json again.$name/config.json
    done
    midi2remi -q --scheme groove --hop 1 --max-reject 100% "$SAMPLES" | shard --split train=1 -o data -f
    [ "$(settings vae --set arch=groove-vae)" = "[0,0,50,0.001,0]" ]
    [ "$(settings groove --set arch=groove-vae --set arch=lstm --set arch=groove)" = "[0,0,50,0.003,0]" ]
}

# ---- the long form ----

tunes() { # tunes: shards to learn from, in the folder tunes
    if [ -d "${DATA:-}/nottingham" ]; then
        midi2remi -q --max-reject 100% "$DATA/nottingham" | shard -o tunes
    else
        midi2remi "$SAMPLES" | shard --augment transpose=-5..6 -o tunes
    fi 2>/dev/null
}

# What models of grooves learn from, in the folder drums: a table of splits there or by hash.
drums() {
    local table=("${DATA:-}"/groove/labels.tsv)
    if [ -e "${table[0]}" ]; then
        midi2remi -q --scheme groove --max-reject 100% "$DATA/groove" | shard --split-from "${table[0]}:split" -o drums
    else
        midi2remi -q --scheme groove --hop 1 --max-reject 100% "$SAMPLES" | shard --split train=.7,valid=.3 -o drums
    fi 2>/dev/null
}

# bare OPTION...: on stdout the loss of the answer to all windows that is best for them: each
# voice hit as often, as loud and as late as on the mean; nine tenths of it, of a VAE, which
# learns to use its latents slowly, 19 twentieths
bare() {
    xltrain -q --data drums -o bare -f "$@" --steps 1 --set eval_every=0
    shard -q --unshard valid -o valid -f drums
    zstdcat valid | /usr/bin/python3 -B "$BARLINE_ROOT/tests/torch/drums_bare.py" bare/config.json |
        awk -v share="$(grep -q groove-vae bare/config.json && echo .95 || echo .9)" '{print share * $1}'
}

# spread NAME SEEDS OPTION...: says the final losses; the worst is within 10 % of the median,
# which is below $below (2.5)
spread() {
    local name=$1 seeds=$2 seed
    shift 2
    for ((seed = 0; seed < seeds; seed++)); do
        xltrain -q --no-pg "$@" -f -o run --seed $seed --set eval_every=0
        final run
    done | sort -g >losses
    awk -v name="$name" -v below="${below:-2.5}" '{x[NR] = $1}
        END {
            median = (x[int((NR + 1) / 2)] + x[int(NR / 2) + 1]) / 2
            printf "# %s: %d seeds, median %.3f, below %.3f, worst %.3f, best %.3f\n", name, NR, median, below, x[NR], x[1]
            exit !(x[NR] < 1.1 * median && median < below)
        }' losses >&3
}

# bats test_tags=slow
@test "learn: tiny on the samples, ten seeds" {
    midi2remi "$SAMPLES" | shard -o data
    spread "tiny, samples, 600 steps" 10 --data data --preset tiny --steps 600
}

# bats test_tags=slow
@test "learn: every architecture, ten seeds" {
    tunes
    drums
    run -64 --separate-stderr xltrain --data tunes -o run --set arch=?
    local arch list=${stderr#*one of }
    for arch in $(tr -d , <<<"${list%%, not*}"); do
        if [[ $arch == groove* ]]; then
            local of_drums=(--preset tiny --set "arch=$arch") steps=300
            [ "$arch" = groove ] || { of_drums+=(--set beta=0.005); steps=2000; }
            below=$(bare "${of_drums[@]}") spread "tiny, $arch, $steps steps" 10 --data drums "${of_drums[@]}" --steps $steps
            continue
        fi
        # eight lanes: a quarter of the time, and harder than the 32 of the preset
        spread "tiny, $arch, 300 steps of 8 lanes" 10 --data tunes --preset tiny --set batch=8 --set "arch=$arch" --steps 300
    done
}

# Published rates, under which a model answers with the bare frequencies for a thousand steps
# and then leaves them: with fewer windows a step than published, which those steps do not
# miss. A VAE with a smaller beta, as its latents stay empty for longer than these steps; those
# of width 512 with AdamW, as by their published rates some seeds still have nothing but the
# frequencies after 3,000 steps. Ten seeds want some 6 minutes of one core of groove, 3 of
# groove-small, 4 of the VAE; three seeds 3 of groove-large, 4 of groove-deep.
of_grooves() { # of_grooves PRESET
    local seeds=10 steps=2500 batch=4 more=()
    case $1 in
    groove-vae) steps=1000 batch=16 more=(--set beta=0.02) ;;
    groove-large | groove-deep) seeds=3 steps=800 more=(--set optimizer=adamw --set lr=0.0003 --set warmup=100) ;;
    esac
    below=$(bare --preset "$1") spread "$1, $steps steps of $batch" $seeds --data drums --preset "$1" \
        --steps $steps --set batch=$batch "${more[@]}"
}

# bats test_tags=slow
@test "learn: every preset, ten seeds; remi's twelve layers on short segments, three" {
    tunes
    drums
    local preset list
    list=$(xltrain --help | sed -n 's/^ *--preset \([^ ]*\).*/\1/p')
    [ -n "$list" ]
    for preset in ${list//|/ }; do
        case $preset in
        gpt2*) continue ;; # the sizes of published weights: days
        groove*) of_grooves "$preset" ;;
        remi) spread "remi, segment 64, 300 steps" 3 --data tunes --preset remi --steps 300 \
            --set segment=64 --set memory=64 ;;
        *) spread "$preset, 300 steps" 10 --data tunes --preset "$preset" --steps 300 ;;
        esac
    done
}

# bats test_tags=slow
@test "learn: the sample of the validation split has the loss of the whole" {
    # pieces of two kinds, most of them long and alike
    midi2remi "$SAMPLES" | shard -o data
    tunes
    if [ -d "${DATA:-}/nottingham" ]; then
        midi2remi -q --max-reject 100% "$SAMPLES" "$DATA/nottingham" 2>/dev/null | shard -o mixed
    else
        midi2remi "$SAMPLES" | shard --split train=.4,valid=.6 -o mixed
    fi
    local arch
    for arch in xl gpt2 compressive lstm; do
        xltrain -q --data mixed -o run -f --preset tiny --set arch=$arch --steps 300 --set eval_tokens=20000
        tail -n 1 run/metrics.tsv | awk -F '\t' -v arch=$arch '{
            printf "# %s: %.4f of %d tokens, %.4f of %d\n", arch, $7, $8, $9, $10
            exit !($8 < $10 && $7 < 1.02 * $9 && $7 > .98 * $9)}' >&3
    done
}
