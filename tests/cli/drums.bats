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
    for how in 'inputs=3' 'input=voices:kick,snare' 'density=1' 'density=2' 'hit_balance=.9' 'genre_balance=.9' \
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
    run -64 --separate-stderr xltrain "${small[@]}" --data four --set segment=32 -o bad
    says "segment is 32, and the windows of 'four' have 64 steps"
    run -64 --separate-stderr xltrain --data "$F/tokens" --init run -o bad
    says "'$F/tokens' holds tokens, and groove learns from grooves"
    [ ! -e bad ]
    xltrain "${small[@]}" --data four -o long --steps 2
    grep -q '"segment":64' long/config.json
}

# drums FILE: names, bars, tempos and hits of a bare stream
drums() {
    python3 -c '
import sys, json, struct
b = open(sys.argv[1], "rb").read()
while b:
    n = 8 + int.from_bytes(b[:8], "little")
    head = json.loads(b[8:n])
    meta = head.pop("__metadata__")
    for name, t in sorted(head.items()):
        start, end = t["data_offsets"]
        print(meta.get("name"), meta["record"], name, t["shape"], b[n + start:n + end].hex())
    b = b[n + max(t["data_offsets"][1] for t in head.values()):]' "$1"
}

@test "drums: the forecast of memory and work knows both halves" {
    forecast() { xltrain "${set[@]}" --dry-run | awk -v name="$1" -v unit="$2" '$1 == name && $3 == unit {print $2}'; }
    for how in '--preset groove-small' '--preset groove-vae' \
        '--preset groove-vae --set dec_width=512 --set dec_ff=512 --set dec_heads=4'; do
        read -ra set <<<"$how --data $F/train"
        xltrain "${set[@]}" -q -o run -f --steps 2 --costs costs.tsv
        # a sanitizer takes memory of its own
        [[ $(xltrain --version) == *sanitize* ]] ||
            awk -v t="$(forecast memory bytes)" 'END {exit !(t > .93 * $4 && t < 1.15 * $4)}' costs.tsv
    done
    # 6 operations for each number of the matrices a step of a window meets, and attention
    set=(--data "$F/train" --preset groove --set layers=1 --set width=16 --set heads=2 --set ff=32)
    encoder=$((4 * 16 * 16 + 2 * 16 * 32 + 2 * 32 * 16 + 27 * 16))
    [ "$(forecast window flop)" = "$(printf %.4g $((32 * 6 * (encoder + 16 * 27))))" ]
    [ "$(forecast step windows)" -eq 16 ] && [ "$(forecast epoch windows)" -gt 50 ]
    [ -n "$(xltrain "${set[@]}" --dry-run | grep $'^speed\t.*\twindows/s, about$')" ]
    set+=(--set arch=groove-vae --set latent=4 --set dec_layers=2 --set dec_width=8 --set dec_heads=2 --set dec_ff=24)
    decoder=$((2 * 16 * 4 + 4 * 8 + 2 * (4 * 8 * 8 + 2 * 8 * 24 + 2 * 32 * 8) + 8 * 27))
    [ "$(forecast window flop)" = "$(printf %.4g $((32 * 6 * (encoder + decoder))))" ]
}

@test "drums: people read of windows, tables of targets" {
    xltrain "${small[@]:0:${#small[@]}-1}" -o run --minutes 0.06 --set eval_every=0 -v --progress always --costs costs.tsv 2>err
    mv costs.tsv run
    tr '\r' '\n' <err | sed 's/\x1b\[K//' >lines
    n=$(xltrain "${small[@]}" --dry-run | awk '$1 == "epoch" {print $2}')
    grep -E "^xltrain: groove, [0-9]+ parameters, [0-9]+ MiB, $n windows an epoch$" lines
    grep -E '^xltrain: [0-9]+/[0-9]+  .*  [0-9.]+k? win/s [0-9]+%  [0-9:]+ left$' lines
    n=$(tail -n 1 run/metrics.tsv | cut -f 1)
    grep "^xltrain: $n steps, $((4 * n)) windows, " lines
    # 32 targets a window
    featstats --runs run --html page.html -o runs.tsv
    speed=$(awk -F '\t' 'NR == 2 {for (i = 1; i <= NF; i++) if ($i == "tokens_per_s") c = i} NR == 3 {printf "%.0f", $c / 32}' runs.tsv)
    grep -q '<th>windows/s</th>' page.html && grep -q "<td>$speed</td>" page.html
    ! grep -q 'tokens/s' page.html
}

@test "drums: a pattern for each groove of a stream, by odds, thresholds and most hits" {
    xltrain "${small[@]}" -o run --steps 20
    xlsample run --condition "$F/three.tensors.zst" -u -o a
    remi2midi --check a
    # each piece under its name, with its bars and tempos
    midi2remi --scheme groove --hop 1 "$SAMPLES"/{twelve-bar-blues,harbour-habanera,korobeiniki}.mid -u -q -o in
    cmp <(drums a | grep -v hvo | cut -d ' ' -f 2-) <(drums in | grep -v hvo | cut -d ' ' -f 2-)
    # the tap is all that is seen of it
    xlsample run --condition a -u -o b -j 2
    ! cmp -s a b
    # so many of each, of which the first is the same, at a tempo of theirs
    for how in '' '--temperature 1'; do
        xlsample run --condition "$F/three.tensors.zst" $how -u -o one
        xlsample run --condition "$F/three.tensors.zst" $how -n 2 --tempo 91 -u -o two
        [ "$(drums two | awk '{print $1}' | uniq | sed 1d | grep -c '\.mid\.2$')" -eq 3 ]
        cmp <(drums one | grep hvo) <(drums two | grep -v '\.mid\.2 ' | grep hvo)
        if [ -n "$how" ]; then
            ! cmp -s <(drums two | grep hvo | grep '\.2 ' | cut -d ' ' -f 2-) <(drums one | grep hvo | grep mid | cut -d ' ' -f 2-)
        fi
        [ "$(drums two | grep 'piece tempo' | awk '{print $NF}' | fold -w 8 | sort -u | grep .)" = 0000b642 ]
    done
    hits() { xlsample run --condition "$F/three.tensors.zst" "$@" | remi2midi --csv | wc -l; }
    [ "$(hits --threshold 0)" -gt "$(hits --threshold .2)" ] && [ "$(hits --threshold .2)" -ge "$(hits)" ]
    [ "$(hits --threshold 1)" -le 1 ]
    [ "$(hits --threshold 0 --max-hits 1)" -lt "$(hits --threshold 0 --max-hits 5)" ]
    [ "$(hits --threshold 1,1,0,1,1,1,1,1,1 --max-hits 0,0,3,0,0,0,0,0,0)" -gt 1 ]
    # drawn by their odds: another seed, other hits
    [ "$(hits --temperature 1 --seed 1)" != 1 ]
    ! cmp -s <(xlsample run --condition a --temperature 1 --seed 1 -u) <(xlsample run --condition a --temperature 1 --seed 2 -u)
    cmp <(xlsample run --condition a --temperature 1 --seed 1 -u -j 1) <(xlsample run --condition a --temperature 1 --seed 1 -u -j 2)
}

@test "drums: a density as one number more or as a step of its own decides how many hits there are" {
    hits() { xlsample "$how" --condition "$F/three.tensors.zst" "$@" -q | remi2midi --csv | wc -l; }
    for how in 1 2; do
        # that of a voice which is never hit is all that is seen, but for the density
        xltrain "${small[@]}" -o "$how" --steps 1500 --set batch=16 --set density=$how --set input=voices:high-tom \
            --set eval_every=0 --set dropout=0 --set att_dropout=0
        few=$(hits --density .02) many=$(hits --density .15) own=$(hits)
        [ $((2 * many)) -gt $((3 * few)) ] || fail "density=$how: $few and $many hits"
        [ "$own" -gt "$few" ] && [ "$own" -lt "$many" ] # by default that of the groove
        xltrain "${vae[@]}" -o vae.$how --steps 3 --set density=$how
        xlsample vae.$how --density .3 --condition "$F/three.tensors.zst" -q | remi2midi --check
        xlsample vae.$how -n 2 -q | remi2midi --check
    done
    # weights of the one do not fit the other
    run -64 --separate-stderr xltrain "${small[@]}" -o bad --init 1 --set density=2
    [ "$(wc -l <<<"$stderr")" -eq 1 ]
}

@test "drums: a VAE makes windows of nothing, latents, drums of them, and ways between" {
    xltrain "${vae[@]}" -o run --steps 20
    xlsample run -n 3 --seed 1 -u -o three
    xlsample run -n 2 --seed 1 -u | drums /dev/stdin | grep piece >two
    grep -Ff two <(drums three) | wc -l | grep -qx 6
    remi2midi --check three
    xlsample run --condition "$F/three.tensors.zst" -u -o direct
    xlsample run --condition "$F/three.tensors.zst" --latent -o z
    xlsample run --condition z -u -o through
    cmp <(drums direct | cut -d ' ' -f 2-) <(drums through | cut -d ' ' -f 2-)
    drums <(xlsample run --latent --condition "$F/three.tensors.zst" -u) | grep -q 'piece z \[[0-9]*, 4\]'
    # from each window to the next: (n - 1) N + 1 of them, the windows' own among them
    midi2remi --scheme groove "$SAMPLES/korobeiniki.mid" -q -o k
    n=$(xlsample run --condition k -u | drums /dev/stdin | sed -n 's/.*piece bar \[\([0-9]*\)\].*/\1/p')
    xlsample run --condition k --between 4 -u -o way
    [ "$(drums way | sed -n 's/.*piece bar \[\([0-9]*\)\].*/\1/p')" -eq $(((n - 1) * 4 + 1)) ]
    remi2midi --check way
    for cut in 0 1; do # of latents the same way
        cmp <(drums way | cut -d ' ' -f 2-) <(xlsample run --condition <(xlsample run --condition k --latent) --between 4 -u | drums /dev/stdin | cut -d ' ' -f 2-)
    done
}

@test "drums: what a run of grooves cannot do is one line" {
    xltrain "${small[@]}" -o run --steps 2
    xltrain "${vae[@]}" -o vae --steps 2
    xltrain "${vae[@]}" -o dense --steps 2 --set density=1
    bad() { # status, what is said, arguments
        run "-$1" --separate-stderr xlsample "${@:3}" -o out
        says "$2"
        [ "$(wc -l <<<"$stderr")" -eq 1 ] && [ ! -e out ]
    }
    bad 64 "--latent wants a run of arch=groove-vae" run --latent --condition "$F/three.tensors.zst"
    bad 64 "-n without --condition wants a run of arch=groove-vae" run -n 2
    bad 64 "--between goes from each window of --condition" vae --between 3
    bad 64 "--density wants a run of density=1 or density=2" vae --density .2
    bad 64 "--density goes with grooves as --condition" dense --density .2
    bad 64 "--density 2: of grooves it is a share of cells, 0 to 1" dense --density 2
    bad 64 "--key goes with runs of tokens" vae --key C
    bad 64 "--bars goes with runs of tokens" vae --bars 3
    bad 64 "--threshold has 2 numbers" vae --threshold .1,.2
    bad 64 "--max-hits '-1': a whole number from 0" vae --max-hits -1
    bad 64 "--max-hits '1.5': a whole number from 0" vae --max-hits 1.5
    bad 64 "--latent gives no hits to choose" vae --latent --temperature 1
    midi2remi "$SAMPLES/korobeiniki.mid" -q -o tokens
    bad 65 "tokens': a stream of tokens: the run wants grooves" vae --condition tokens
    bad 65 "korobeiniki.mid': a MIDI file; make grooves of it: midi2remi --scheme groove FILE | xlsample RUN --condition -" \
        vae --condition "$SAMPLES/korobeiniki.mid"
    midi2remi --scheme groove --window 4 "$SAMPLES/korobeiniki.mid" -q -o four
    bad 65 "its windows have 64 steps, the run's 32" run --condition four
    xlsample vae -n 1 --latent -o z
    bad 64 "--density goes with grooves, where it is seen, not with latents" dense --condition z --density .2
    bad 65 "xlsample: '/dev/null': the input is empty" vae --condition /dev/null
    midi2remi --scheme groove "$SAMPLES/sakura.mid" -q --max-reject 1 -o none 2>/dev/null || true
    bad 65 "'none': there is no piece in the input" vae --condition none
    midi2remi --scheme groove "$SAMPLES/korobeiniki.mid" -q -o k
    # latents that are numbers, but lead to none
    xlsample vae -n 1 --latent -u --no-pg -o z
    python3 - <<'PY'
import struct, subprocess
b = open('z', 'rb').read()
head = 8 + int.from_bytes(b[:8], 'little')
n = head + 8 + int.from_bytes(b[head:head + 8], 'little')
data = b[n:n + 8] + struct.pack('<4f', 1e38, -1e38, 3e38, 3e38)
def hash(data):
    p = subprocess.run(['xxhsum', '-H3', '-'], input=data, capture_output=True, check=True).stdout.split()
    return p[-1] if b'=' in b''.join(p) else p[0][-16:]
open('far', 'wb').write(b[:n].replace(hash(b[n:n + 24]), hash(data)) + data + b[n + 24:])
PY
    bad 65 "'far': piece 'sample-000000', window of bar 0: the run makes numbers of it that are not finite" vae --condition far
    bad 65 "a smaller --between makes fewer" vae --condition k --between 60000
    bad 65 "a run of arch=groove has no latents" run --condition z
    head -c 500 "$F/three.tensors.zst" >cut
    bad 65 "cut'" vae --condition cut
    xltrain --data "$F/tokens" -o t --preset tiny --set layers=1 --set width=8 --set heads=2 --set ff=8 --steps 1 -q
    bad 64 "--latent goes with runs of grooves" t --latent
    bad 65 "three.tensors.zst': a stream of tensors, not of tokens" t --prompt "$F/three.tensors.zst"
    # a run is looked at before it is read, but not where it can be read once
    bad 64 "'-': a run of grooves is read from a file, not from a pipe" - <vae/latest
    bad 64 "'-': a run of grooves is read from a file, not from a pipe" - --latent <vae/latest
    head -c 3000 vae/latest >cut
    bad 65 "'cut': byte 3000: the input ends" cut --latent
    xlsample <(cat t/latest) --bars 1 -q -o one
    xlsample dense --density .3 --condition "$F/three.tensors.zst" | remi2midi --check
}

# svg FILE: as XML, and prints how many of each element
svg() {
    /usr/bin/python3 - "$1" <<'END'
import collections, sys, xml.dom.minidom
svg = xml.dom.minidom.parse(sys.argv[1]).documentElement
assert svg.tagName == "svg"
names = collections.Counter(n.tagName for n in svg.getElementsByTagName("*"))
print(*sorted(f"{k}={v}" for k, v in names.items()))
END
}

@test "drums: latents that are cut, or no numbers, are one line to whoever reads them" {
    xltrain "${vae[@]}" -o vae --steps 1
    xlsample vae --latent --condition "$F/three.tensors.zst" -q -u -o z
    xlsample vae --condition "$F/three.tensors.zst" -q -o made
    head -c $(($(wc -c <z) / 2)) z >cut
    python3 - <<'END' # the first number of the first piece is none, and its hash is right
import json, struct, subprocess
b = open("z", "rb").read()
at = 8 + int.from_bytes(b[:8], "little") # behind the header
n = at + 8 + int.from_bytes(b[at:at + 8], "little")
meta = json.loads(b[at + 8:n])
hash = meta.pop("__metadata__")["xxh3"]
size = max(t["data_offsets"][1] for t in meta.values())
first = n + meta["z"]["data_offsets"][0]
bad = b[:first] + struct.pack("<f", float("nan")) + b[first + 4:]
p = subprocess.run(["xxhsum", "-H3", "-"], input=bad[n:n + size], capture_output=True, check=True).stdout
own = p.split()[-1] if b"=" in p else p.split()[0][-16:]
open("nan", "wb").write(bad[:at] + bad[at:n].replace(hash.encode(), own) + bad[n:])
END
    bad() { # bad SAID FILE
        for tool in 'featstats --map -o out' 'featstats --groove made -o out --html page --vectors-of' \
            'xlsample vae -o out --condition' 'xlsample vae -o out --between 2 --condition'; do
            run -65 --separate-stderr $tool "$2"
            [ "$(wc -l <<<"$stderr")" -eq 1 ]
            says "'$2'"
            says "$1"
            [ ! -e out ] && [ ! -e page ] || fail "$tool leaves something"
        done
    }
    bad "the input ends" cut
    bad "row 0: number 0 of 'z' is nan" nan
    for tool in 'shard -o out' 'remi2midi -o out'; do
        run -65 --separate-stderr $tool z
        says "'z': a stream of groove z [4], not of grooves"
        [ ! -e out ]
    done
}

@test "drums: --heat draws each voice and label of grooves, alone or beside others" {
    featstats --heat "$F/three.tensors.zst" >one.svg
    [[ $(svg one.svg) == *rect=* ]]
    grep -q 'no label' one.svg
    [ "$(grep -oP -m 1 'viewBox="0 0 \K[0-9]+' one.svg)" -ge 560 ] # as wide as what it says
    printf 'name\tgenre\ntwelve-bar-blues.mid\tblues\nharbour-habanera.mid\thabanera\n' >labels
    midi2remi --scheme groove --labels labels -q "$SAMPLES"/{twelve-bar-blues,harbour-habanera,korobeiniki}.mid -o labelled
    featstats --heat labelled --vs "$F/three.tensors.zst" >two.svg
    for name in blues habanera 'no label' labelled three.tensors.zst 'closed hat'; do grep -q ">$name<" two.svg || fail "$name"; done
    featstats --heat - --vs "$F/three.tensors.zst" <labelled | sed 's/>-</>labelled</;s/stdin/labelled/' | cmp - two.svg
    # --groups says it, too, of any stream
    printf 'twelve-bar-blues.mid\tslow\n' >groups
    featstats --heat --groups groups labelled >grouped.svg
    grep -q '>slow<' grouped.svg && ! grep -q '>blues<' grouped.svg
    run -65 --separate-stderr featstats --heat "$SAMPLES/korobeiniki.mid"
    run -65 --separate-stderr featstats --heat <(midi2remi -q "$SAMPLES/korobeiniki.mid")
    says "no stream of tensors: 'midi2remi --scheme groove' makes one"
    run -64 --separate-stderr featstats --heat --map labelled
    run -64 --separate-stderr featstats --heat --summary labelled
    says "--heat and --map go with no other output"
}

@test "drums: --map draws vectors by components and t-SNE, and prints them, the same for a seed" {
    xltrain "${vae[@]}" -o vae --steps 20
    xlsample vae --latent --condition "$F/three.tensors.zst" -q -o z
    featstats --map z >map.svg
    [ "$(grep -c '<circle' map.svg)" -gt 20 ]
    svg map.svg
    grep -q 'Principal components' map.svg && grep -q 't-SNE, perplexity' map.svg
    featstats --map z | cmp - map.svg
    featstats --map --tsv z >t
    [ "$(head -n 1 t | tr '\t' ' ')" = "name bar group pc1 pc2 tsne1 tsne2" ]
    [ "$(awk -F '\t' 'NF != 7' t | wc -l)" -eq 0 ]
    # its page names the columns in their order
    [ "$(sed -n 's/^| \(`[a-z0-9`, ]*\) | .*/\1/p' "$BARLINE_ROOT/schemas/map.md" | tr -d '\140,' | xargs)" = "$(head -n 1 t | xargs)" ]
    # the components are those of numpy, but for their signs
    [ "$(drums <(zstdcat -f z) | wc -l)" -gt 2 ]
    zstdcat -f z >bare
    /usr/bin/python3 - <<'END'
import json, numpy
b, rows = open("bare", "rb").read(), []
while b:
    n = 8 + int.from_bytes(b[:8], "little")
    head = json.loads(b[8:n])
    head.pop("__metadata__")
    start, end = head["z"]["data_offsets"]
    rows.append(numpy.frombuffer(b[n + start:n + end], "<f4").reshape(head["z"]["shape"]))
    b = b[n + max(t["data_offsets"][1] for t in head.values()):]
x = numpy.concatenate(rows).astype(float)
x -= x.mean(0)
u, s, v = numpy.linalg.svd(x, full_matrices=False)
got = numpy.loadtxt("t", delimiter="\t", skiprows=1, usecols=(3, 4))
assert len(got) == len(x)
assert numpy.allclose(abs(got), abs(u[:, :2] * s[:2]), atol=1e-4 * s[0])
END
    featstats --map "$F/three.tensors.zst" >drums.svg # rows of any shape are vectors
    run -64 --separate-stderr featstats --map z --vs z
    run -65 --separate-stderr featstats --map z "$F/three.tensors.zst"
    says "a stream of groove hvo [32, 27] beside one of groove z [4]"
}

@test "drums: featstats measures a stream of grooves as the files that it becomes, by label" {
    midi2remi --scheme groove -q "$SAMPLES"/{twelve-bar-blues,harbour-habanera}.mid -o two
    remi2midi -q -d mids two
    featstats --groove --tsv two | cut -f 2- >a
    featstats --groove --tsv mids/twelve-bar-blues.mid mids/harbour-habanera.mid | cut -f 2- | cmp - a
    featstats --groove --tsv - <two | cut -f 2- | cmp - a
    cat two | featstats --groove --tsv | cut -f 2- | cmp - a
    zstdcat two | featstats --groove --tsv | cut -f 2- | cmp - a
    mkdir dir
    zstdcat two >dir/two.tensors
    featstats --groove --tsv dir | cut -f 2- | cmp - a
    [ "$(featstats --groove two | tail -n 1 | grep -o '"id":"[a-z0-9]*"' | xargs)" = "id:midi2remi id:featstats" ]
    # labels of the stream are groups, unless --groups says others
    printf 'name\tgenre\ntwelve-bar-blues.mid\tblues\nharbour-habanera.mid\thabanera\n' >labels
    midi2remi --scheme groove --labels labels -q "$SAMPLES"/{twelve-bar-blues,harbour-habanera}.mid -o labelled
    groups() { featstats --groove --tsv --vs labelled "$@" | tail -n +2 | cut -f 2 | sort -u | xargs; }
    [ "$(groups labelled)" = "all blues habanera" ]
    [ "$(groups two)" = "all" ]
    printf 'twelve-bar-blues.mid\tslow\n' >other
    [ "$(groups labelled --groups other)" = "all slow" ]
    # cut, or of something else
    head -c 900 two >cut
    run -65 --separate-stderr featstats --groove cut
    xltrain "${vae[@]}" -o vae --steps 2
    xlsample vae --latent --condition two -q -o z
    run -65 --separate-stderr featstats --groove z
    says "not of grooves"
}

@test "drums: a roll of drums alone has a row each voice, one without a note says so" {
    featstats --roll "$F/three.tensors.zst" >roll.svg
    svg roll.svg
    for name in kick snare 'closed hat' ride; do grep -q ">$name<" roll.svg; done
    run -1 grep -E '>(C4|other|drums)<' roll.svg
    [ "$(grep -o 'class="fa"' roll.svg | wc -l)" -gt 100 ]
    # a drum of none of the voices has one below; beside other notes drums are marks
    printf '%s\n' '0, 0, Header, 1, 1, 480' '1, 0, Start_track' '1, 0, Note_on_c, 9, 36, 90' '1, 240, Note_on_c, 9, 70, 90' \
        '1, 480, Note_off_c, 9, 36, 0' '1, 480, Note_off_c, 9, 70, 0' '1, 480, End_track' '0, 0, End_of_file' >odd.csv
    if command -v csvmidi >/dev/null; then
        csvmidi odd.csv odd.mid
        featstats --roll odd.mid | grep -q '>other<'
    fi
    featstats --roll "$SAMPLES/twelve-bar-blues.mid" >mixed.svg
    grep -q '>drums<' mixed.svg
    run -1 grep '>kick<' mixed.svg
    xltrain "${vae[@]}" -o vae --steps 1
    xlsample vae -n 1 --threshold 1 -q | featstats --roll >none.svg
    grep -q '>no notes<' none.svg
}

@test "drums: curves of the terms of the loss, those that there are, alone and in pages" {
    xltrain "${small[@]}" -o gt --steps 12
    xltrain "${vae[@]}" -o vae --steps 12
    terms() { grep -oE '>(loss of [a-z]+|divergence, times beta)<' "$1" | tr -d '<>' | sed 's/loss of //' | xargs; }
    featstats --curves gt >one.svg
    [ "$(terms one.svg)" = "hits velocities offsets" ]
    featstats --curves gt vae >two.svg
    [ "$(terms two.svg)" = "hits velocities offsets divergence, times beta" ]
    svg two.svg
    # a picture that stands alone has no variables: where one lacks there is a colour
    grep -q 'var(--a,#0b6bcb)' two.svg
    run -1 grep -E 'var\(--[a-z]\)|nats a token' two.svg
    featstats --runs gt vae --html runs.html >/dev/null
    # its loss is no nats of a token, where people read it
    for has in gt 'gt vae'; do
        featstats --runs --summary $has | sed 1q >titles
        [ "$(awk '{print $3}' titles)" = loss ] || fail "$(cat titles)"
    done
    run -1 grep -iE 'nats/token|nats a token are' runs.html
    [ "$(grep -o '<th>loss</th>' runs.html | wc -l)" = 2 ]
    [ "$(sed -n '/id="terms"/,$p' runs.html | grep -oE '<figcaption>[a-z]+' | cut -d '>' -f 2 | xargs)" = "hits velocities offsets divergence" ]
    featstats --runs --curves gt vae >bands.svg
    run -1 grep -E 'var\(--[a-z]\)' bands.svg
    featstats --groove --run vae --html page.html "$F/three.tensors.zst" >/dev/null
    [ "$(terms page.html)" = "hits velocities offsets divergence, times beta" ]
    run -1 grep -i 'nats a token' page.html
    # of tokens there are none
    xltrain --data "$F/tokens" -o t --preset tiny --set layers=1 --set width=8 --set heads=2 --set ff=8 --steps 2 --set eval_every=1 -q
    featstats --curves t >t.svg
    [ -z "$(terms t.svg)" ] && grep -q 'nats a token' t.svg
    featstats --runs t --html t.html >/dev/null
    [ "$(featstats --runs --summary t | awk 'NR == 1 {print $3}')" = nats/token ]
    grep -q '<th>nats/token</th>' t.html
    run -1 grep -E 'id="terms"' t.html
}

@test "drums: the page of grooves has their heat-maps, and the map of latents that it is given" {
    printf 'name\tgenre\ntwelve-bar-blues.mid\tblues\nharbour-habanera.mid\thabanera\n' >labels
    midi2remi --scheme groove --labels labels -q "$SAMPLES"/{twelve-bar-blues,harbour-habanera}.mid -o two.tensors.zst
    xltrain "${vae[@]}" -o vae --steps 5
    xlsample vae --latent --condition two.tensors.zst -q -o z
    xlsample vae --condition two.tensors.zst -q -o made
    featstats --groove --vs two.tensors.zst --html page.html --vectors-of z made >/dev/null
    python3 - <<'END'
import json, re, struct, subprocess, xml.dom.minidom as xml
page = open("page.html").read()
ids = re.findall('<h2 id="([a-z]+)"', page)
assert {"pieces", "scatter", "distances", "drums", "map", "groups"} <= set(ids), ids
assert "transitions" not in ids and "#transitions" not in page # nothing follows anything
assert re.findall('<nav>.*#drums.*#map', page)
part = page[page.index('id="drums"'):page.index('id="map"')]
assert "<figcaption>blues<" in part and "<figcaption>habanera<" in part
# loops by how many voices they strike
figure = part[part.index("Voices of a loop"):part.index("<figcaption>blues<")]
rows = re.findall("<tr><td>([0-9])</td><td>(.*?)</td><td>([0-9]+)</td>", figure)
assert len(rows) == 20 and len({who for _, who, _ in rows}) == 2, rows
for of, who in ("made", rows[0][1]), ("two.tensors.zst", rows[1][1]):
    loops = {int(n): int(k) for n, name, k in rows if name == who}
    windows = subprocess.run(["zstdcat", of], capture_output=True, check=True).stdout
    want = [0] * 10
    while windows:
        n = 8 + int.from_bytes(windows[:8], "little")
        head = json.loads(windows[8:n])
        head.pop("__metadata__")
        at, end = head["hvo"]["data_offsets"]
        x = struct.unpack(f"<{(end - at) // 4}f", windows[n + at:n + end])
        for w in range(0, len(x), 32 * 27):
            want[sum(any(x[w + 27 * t + v] for t in range(32)) for v in range(9))] += 1
        windows = windows[n + max(t["data_offsets"][1] for t in head.values()):]
    assert [loops[n] for n in range(10)] == want and sum(want) > 0, (of, loops, want)
assert 'class="fa"' in figure and 'class="fb"' in figure
# a count that all have in common stands between whole numbers, and both sets are seen
figure = page[page.index("n_programs<", page.index('id="distributions"')):]
figure = figure[:figure.index("</svg>")]
assert re.findall(">([-0-9.]+)</text>", figure) == ["0", "1", "2"], figure
assert re.findall('<line [^>]*class="(l[ab])"( stroke-dasharray)?', figure) == [("la", ""), ("lb", " stroke-dasharray")]
for p in re.findall("<svg.*?</svg>", page, re.S):
    xml.parseString(p)
assert "groove_noi" in page[page.index('id="groups"'):]
END
    featstats --groove --vs two.tensors.zst --html again.html --vectors-of z made >/dev/null
    cmp page.html again.html
    # without latents, or of files beside grooves, there is none of either
    featstats --groove --html page.html two.tensors.zst "$SAMPLES/korobeiniki.mid" >/dev/null
    run -1 grep -E 'id="(drums|map)"' page.html
    run -64 --separate-stderr featstats --groove --vectors-of z made
    says "--vectors-of needs --html"
}

@test "drums: from a pipe each window is answered as it comes, of a live stream the newest" {
    xltrain "${small[@]}" -o run --steps 5
    xlsample run --condition "$F/three.tensors.zst" --no-pg -u -o a
    zstd -dc "$F/three.tensors.zst" | xlsample run --condition - --no-pg -u | cmp - a
    xlsample run --condition <(zstd -dc "$F/three.tensors.zst") --no-pg -u | cmp - a
    {
        printf '\x99\x24\x64'
        sleep .3
        printf '\x99\x26\x64'
        sleep .3
    } | midi2remi --listen --count-in 0 --scheme groove --tempo 120 --no-pg -q -u >live
    t0() { grep -ao '"t0":"[0-9]*"' "$1"; }
    [ "$(t0 live | wc -l)" -eq 1 ]
    # what waits has been overtaken, but the last is answered
    # shellcheck disable=SC2002  # a pipe is the point
    cat live | xlsample run --condition - --no-pg -u -o newest
    grep -aq '"pieces":"1"' newest
    # who plays on is answered each time, before the next
    mkfifo in
    xlsample run --condition - --no-pg -u -q <in >out 3>&- &
    pid=$!
    exec 4>in
    {
        printf '\x99\x24\x64'
        sleep 1
        printf '\x99\x26\x64'
        for _ in {1..100}; do
            [ "$(grep -ac '"record":"piece"' out)" -lt 1 ] || break
            sleep .05
        done
        sleep .5
    } | midi2remi --listen --count-in 0 --scheme groove --tempo 120 --no-pg -q -u | tee said >&4
    [ "$(grep -ao '"record":"piece"' out | wc -l)" -eq 2 ]
    exec 4>&-
    wait "$pid"
    remi2midi --check out
    [ "$(t0 out)" = "$(t0 said)" ]
}

@test "drums: thresholds and most hits change window by window, and who says stop stops it" {
    xltrain "${small[@]}" -o run --steps 5
    printf '%s\n' 'threshold 0' 'max-hits 2' '@3 threshold 1' 'chords C' '@5 stop' >score
    zstd -dc "$F/three.tensors.zst" | xlsample run --condition - --control score -u -o a 2>err
    [ "$(grep -c "control: 'chords': of runs of tokens" err)" -eq 1 ]
    remi2midi --check a
    grep -aq '"pieces":"1","rows":"4"' a
    xlsample run --condition "$F/three.tensors.zst" --control score -u -q --no-pg -o b
    zstd -dc "$F/three.tensors.zst" | xlsample run --condition - --control score -u -q --no-pg 2>/dev/null | cmp - b
    # nine voices, twice each at most, of the windows before bar 3
    hits=$(remi2midi --csv a | tail -n +2 | wc -l)
    [ "$hits" -ge 18 ] && [ "$hits" -le 40 ]
}
