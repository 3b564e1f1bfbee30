#!/usr/bin/env bats
# drums.bats - models of grooves: trained on windows of hits, velocities and offsets, and
# asked for patterns.
load ../helpers

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    midi2remi --scheme groove --hop 1 "$BARLINE_ROOT"/samples/{twelve-bar-blues,harbour-habanera,korobeiniki}.mid \
        -q -o three.tensors.zst
    shard -o data -q three.tensors.zst
    shard -o train -q --split train=1 three.tensors.zst
    midi2remi "$BARLINE_ROOT"/samples/{twelve-bar-blues,harbour-habanera,korobeiniki}.mid -q | shard -o tokens -q
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    F=$BATS_FILE_TMPDIR
    small=(--data "$F/train" --preset groove --set layers=1 --set width=16 --set heads=2 --set ff=16
        --set batch=4 --set eval_every=5 --set optimizer=adamw --set lr=0.003 -q)
    vae=("${small[@]}" --set arch=groove-vae --set latent=4 --set dec_layers=1 --set dec_width=8
        --set dec_heads=2 --set dec_ff=8)
}

# column NAME RUN: its last value
column() {
    awk -v name="$1" 'NR == 2 {for (i = 1; i <= NF; i++) if ($i == name) c = i} END {print $c}' "$2/metrics.tsv"
}

@test "drums: a transformer and a VAE learn, and their tables say what" {
    xltrain "${small[@]}" -o run --steps 150 --set batch=8
    awk -v x="$(column valid_f1 run)" 'BEGIN {exit !(x > 0.4)}' || fail "$(column valid_f1 run)"
    [ "$(awk 'NR > 1 {print NF}' run/metrics.tsv | sort -u)" -eq 22 ]
    # the terms are the loss
    awk 'NR > 2 {d = $5 - $11 - $12 - $13 - $14; if (d * d > 1e-10 * $5 * $5) exit 1}' run/metrics.tsv
    xltrain "${vae[@]}" -o vae --steps 60 --set beta_cycle=20 --set beta_rise=0.5
    awk 'NR > 2 {d = $5 - $11 - $12 - $13 - $14; if (d * d > 1e-10 * $5 * $5) exit 1}' vae/metrics.tsv
    # beta begins at 0 in each cycle
    [ "$(awk 'NR > 2 && $14 == 0 {print $1}' vae/metrics.tsv | tr '\n' ' ')" = "1 21 41 " ]
    awk -v a="$(awk 'NR == 3 {print $5}' vae/metrics.tsv)" -v b="$(column loss vae)" 'BEGIN {exit !(b < a)}'
    # the table of a split has the same
    run -0 --separate-stderr xltrain --data "$F/train" -o run --eval train
    [ "$(cut -f 1,5- <<<"${lines[0]}" | tr '\t' ' ')" = "split hits velocities offsets divergence accuracy f1" ]
}

@test "drums: the same bytes in one go or resumed, for any -j; workers are their own" {
    for how in small vae; do
        local -n args=$how
        xltrain "${args[@]}" -o $how.a --steps 12 -j 1 --set accumulate=2
        xltrain "${args[@]}" -o $how.b --steps 7 -j 2 --set accumulate=2
        xltrain --data "$F/train" -o $how.b --resume --steps 12 -j 2 -q
        cmp <(sed 9d $how.a/metrics.tsv) <(sed 9d $how.b/metrics.tsv) # where it ended it was evaluated
        cmp <(tail -c 20000 $how.a/latest) <(tail -c 20000 $how.b/latest)
        xltrain "${args[@]}" -o $how.w --steps 4 --set workers=2
        [ "$(column step $how.w)" -eq 4 ]
    done
    # of halves of a batch the sum is that of the whole, but for roundings and dropout
    xltrain "${small[@]}" -o one --steps 1 --set dropout=0 --set att_dropout=0
    xltrain "${small[@]}" -o two --steps 1 --set dropout=0 --set att_dropout=0 --set workers=2
    [ "$(awk 'NR == 3 {printf "%.4f %.4f %.4f", $5, $6, $16}' one/metrics.tsv)" = \
        "$(awk 'NR == 3 {printf "%.4f %.4f %.4f", $5, $6, $16}' two/metrics.tsv)" ]
}

@test "drums: patience ends a run, and what is held out of train is the same each time" {
    xltrain "${small[@]}" -o run --steps 1000 --set lr=0 --set eval_every=1 --set patience=3
    [ "$(column step run)" -eq 4 ]
    [ "$(column valid_tokens run)" -gt 0 ]
    # a split that is there is taken as it is
    xltrain "${small[@]}" --data "$F/data" -o other --steps 5
    [ "$(column split_tokens other)" -eq $((32 * $(jq .splits.valid.tokens "$F/data/manifest.json"))) ]
}

@test "drums: what is seen, weighed and counted can be set" {
    for how in 'inputs=3' 'input=voices:kick,snare' 'density=1' 'hit_balance=.9' 'genre_balance=.9' \
        'optimizer=sgd' 'optimizer=muon' 'miss_weight=1' 'average=.1' 'pre_norm=1' 'glu=1'; do
        xltrain "${small[@]}" -o run -f --steps 2 --set "$how"
    done
    grep -q '"input":"voices:kick,snare"' <(xltrain "${small[@]}" -o run -f --steps 1 --set input=voices:snare,kick && cat run/config.json)
    for how in reduce=sum velocity_loss=bce offset_loss=bce beta=0; do
        xltrain "${vae[@]}" -o run -f --steps 2 --set $how
    done
    # weights are of training alone
    xltrain "${small[@]}" -o a --steps 1 --set lr=0
    xltrain "${small[@]}" -o b --steps 1 --set lr=0 --set hit_balance=.99
    [ "$(column valid_loss a)" = "$(column valid_loss b)" ] && [ "$(column loss a)" != "$(column loss b)" ]
    for bad in "input=voices:kick,gong" "input=all" "inputs=4" "memory=8" "places=3" "latent=4" "heads=3" \
        "dec_layers=3" "condition=bars" "embed_width=8"; do
        run -64 --separate-stderr xltrain "${small[@]}" -o bad --set "$bad"
        [ "$(wc -l <<<"$stderr")" -eq 1 ]
    done
    run -64 --separate-stderr xltrain "${vae[@]}" -o bad --set dec_heads=3
    says "dec_heads (3) do not divide dec_width (8)"
    run -64 --separate-stderr xltrain --data "$F/tokens" -o bad --set input=voices:kick
    says "input goes with arch=groove and groove-vae only"
    [ ! -e bad ]
}

@test "drums: tokens where grooves are wanted, and the reverse, is one line" {
    run -64 --separate-stderr xltrain --data "$F/train" -o bad
    says "'$F/train' holds grooves: --preset groove or groove-vae"
    run -64 --separate-stderr xltrain "${small[@]}" --data "$F/tokens" -o bad
    says "'$F/tokens' holds tokens, and groove learns from grooves"
    xltrain "${small[@]}" -o run --steps 2
    run -64 --separate-stderr xltrain --data "$F/train" -o run --eval train --log-probs -
    says "--log-probs goes with tokens, not with grooves"
    run -65 --separate-stderr xltrain --data "$F/tokens" -o run --eval train
    says "differ"
    midi2remi --scheme groove --window 4 "$SAMPLES/twelve-bar-blues.mid" -q | shard -o four --split train=1 -q
    run -64 --separate-stderr xltrain --data four --init run -o bad --eval train
    says "'four' has windows of 64 steps, the model reads 32"
    xltrain "${small[@]}" --data four -o long --steps 2
    grep -q '"segment":64' long/config.json
}
