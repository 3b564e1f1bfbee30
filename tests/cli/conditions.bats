#!/usr/bin/env bats
# Pieces made for others: each way of a condition, from files and as it comes, with what
# else can be asked for; what does not fit together.
load ../helpers

small=(-q --preset tiny --set layers=1 --set width=32 --set heads=2 --set ff=64
    --set segment=32 --set memory=32 --set bar_rows=4 --steps 10 --set warmup=5)

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    local samples how
    samples=$(cd "${BATS_TEST_DIRNAME}/../../samples" && pwd)
    (cd "$samples" && printf 'path\tMode\n' && printf '%s\n' *.mid |
        awk '{print $0 "\t" (NR % 2 ? "odd" : "even")}') >labels.tsv
    midi2remi --chords --labels labels.tsv "$samples"/[a-d]*.mid -o all.tok.zst
    vocab --bpe 40 all.tok.zst -o merged.tsv
    shard -q --vocab merged.tsv all.tok.zst --condition all.tok.zst -o pairs
    for how in none prefix bars encoder; do
        xltrain "${small[@]}" --data pairs -o $how --set condition=$how
    done
    # short ones, of five bars each
    xlsample none -n 3 --bars 5 --seed 3 -o three.tok.zst
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    ln -s "$BATS_FILE_TMPDIR"/{none,prefix,bars,encoder,pairs} .
    cp "$BATS_FILE_TMPDIR"/three.tok.zst .
}

# pieces FILE: "name bars" of each piece
pieces() {
    text "$1" | awk '/^#piece/ {match($0, /"name":"[^"]*"/); name = substr($0, RSTART + 8, RLENGTH - 9)
        bars = 0} /^Bar/ {bars++} /^#end/ {print name, bars}'
}

@test "conditions: a piece for each, of its name and bars, in all three ways" {
    for how in prefix bars encoder; do
        xlsample $how --condition three.tok.zst -n 2 -o s.tok.zst
        remi2midi --check s.tok.zst
        [ "$(pieces s.tok.zst)" = "$(printf '%s 5\n' sample-000000{,.2} sample-000001{,.2} sample-000002{,.2})" ]
        # all of them with their conditions in one file each
        remi2midi --mix three.tok.zst -d both-$how s.tok.zst
        [ "$(find both-$how -name '*.mid' | wc -l)" -eq 6 ]
        for csv in '--mix three.tok.zst' 'three.tok.zst three.tok.zst'; do
            # shellcheck disable=SC2086  # several words
            remi2midi --csv $csv s.tok.zst | sed 1d | cut -d, -f 2- | sort >"of ${csv%% *}"
        done
        cmp 'of --mix' 'of three.tok.zst'
    done
    [ "$(text s.tok.zst | head -n 1 | grep -o '"id":"[a-z0-9]*"' | tail -n 1)" = '"id":"xlsample"' ]
}

@test "conditions: the same bytes for any -n and -j, from a file and from a pipe" {
    for how in prefix bars encoder; do
        xlsample $how --condition three.tok.zst -n 9 --seed 5 --no-pg -u -o a
        zstd -dcq three.tok.zst | xlsample $how --condition - -n 9 --seed 5 --no-pg -u -j1 >b
        cmp a b
        xlsample $how --condition three.tok.zst --seed 5 --no-pg -u -o few
        [ "$(grep -v '^#' few | head -n 5)" = "$(grep -v '^#' a | head -n 5)" ]
        xlsample $how --condition three.tok.zst --seed 6 --no-pg -u -o other
        run ! cmp -s few other
        [ "$(grep -v '^#' a | sort -u | wc -l)" -gt 20 ]
    done
}

@test "conditions: each of them tells, though weakly" {
    # after ten steps an other condition changes at least some of the likeliest tokens
    xlsample none -n 3 --bars 5 --seed 9 -o others.tok.zst
    for how in prefix bars encoder; do
        xlsample $how --condition three.tok.zst --no-pg -u -o a
        xlsample $how --condition others.tok.zst --no-pg -u -o b
        run ! cmp -s a b
    done
}

@test "conditions: a bar is there before the next one of its condition" {
    mkfifo in out
    xlsample bars --condition - -u --seed 4 <in >out 2>err &
    local tool=$! line n=0
    exec 7>in 8<out
    text three.tok.zst | head -n 2 >&7
    read -r -t 30 line <&8
    [[ $line == "#remi "* ]]
    while IFS= read -r line; do
        printf '%s\n' "$line" >&7
        [[ $line == Bar* ]] || continue
        while IFS= read -r -t 30 line <&8 && [[ $line != Bar* ]]; do :; done
        [[ $line == Bar* ]]
        n=$((n + 1))
    done < <(text three.tok.zst | sed -n '3,/^#end/p' | sed '$d')
    [ "$n" -eq 5 ]
    exec 7>&-
    run ! wait $tool
    [[ $(cat err) == *"'stdin': line "*"the stream ends inside a piece"* ]]
    exec 8<&-
}

@test "conditions: a live one says when its beat 1 is, and what is made says it, too" {
    local live='"t0":1234567890123,"tempo":97.5'
    for how in prefix bars encoder; do
        xlsample $how --condition three.tok.zst -u --no-pg -o a
        text three.tok.zst | sed "1s/}\$/,$live}/" | xlsample $how --condition - -u --no-pg >b
        [[ $(head -n 1 b) == *"$live"* ]] || fail "$how: $(head -n 1 b)"
        cmp <(tail -n +2 a) <(tail -n +2 b)
        run ! grep -q '"t0"' a
    done
}

@test "conditions: chords, tempo, labels, prompts and lengths go with them" {
    for how in prefix bars encoder; do
        xlsample $how --condition three.tok.zst --chords 'C Am' --tempo 91 --labels Mode_odd \
            --temperature 0.8 --top-k 50 -o s.tok.zst
        remi2midi --check s.tok.zst
        [ "$(text s.tok.zst | grep -c '^Mode_odd$')" -eq 3 ]
        [ "$(text s.tok.zst | grep -o 'Tempo_[0-9]*' | sort -u)" = Tempo_91 ]
        [ "$(text s.tok.zst | grep -o 'Chord_[^ ]*' | sort | uniq -c | tr -s ' \n' ' ')" = \
            " 6 Chord_A:min 9 Chord_C:maj " ]
        xlsample $how --condition three.tok.zst --bars 7 -o s.tok.zst
        [ "$(pieces s.tok.zst | awk '{print $2}' | sort -u)" = 7 ]
        xlsample none -n 2 --bars 3 --seed 8 -u -o theme
        xlsample $how --condition three.tok.zst --prompt theme -u -o s
        [ "$(pieces s | awk '{print $2}' | sort -u)" = 5 ]
        for i in 0 1 2; do
            [ "$(sed -n "/\"i\":$i,/,/^#end/p" s | grep ^Bar | head -n 3)" = \
                "$(sed -n "/\"i\":$((i % 2)),/,/^#end/p" theme | grep ^Bar)" ]
        done
        xlsample $how --condition three.tok.zst --seconds 4 --max-tokens 2000 -o s.tok.zst
        xlsample $how --condition three.tok.zst --bars 0 --max-tokens 400 -q -o s.tok.zst
        xlsample $how --condition three.tok.zst --like three.tok.zst -o s.tok.zst
        [ "$(pieces s.tok.zst | awk '{print $2}' | sort -u)" = 5 ]
        xlsample $how --condition three.tok.zst --max-tokens 20 -q -o s.tok.zst
        remi2midi --check s.tok.zst
    done
}

@test "conditions: what does not fit is one line, and nothing is written" {
    for how in prefix bars encoder; do
        run -64 --separate-stderr xlsample $how -o s
        says "name a token stream or a MIDI file with --condition"
        run -64 --separate-stderr xlsample $how --condition three.tok.zst --bars 4 -o s
        says "'three.tok.zst': piece 'sample-000000': the condition has more bars than the 4 asked for"
        run -64 --separate-stderr xlsample $how --condition three.tok.zst --prompt three.tok.zst -o s
        says "the prompt has all the bars of its condition; --bars N"
        # another scheme, or another grid
        midi2remi "$SAMPLES"/a*.mid -o plain.tok.zst
        run -65 --separate-stderr xlsample $how --condition plain.tok.zst -o s
        says "differ; make the condition as the data of the model were made"
        midi2remi --scheme performance "$SAMPLES"/a*.mid -o played.tok.zst
        run -65 --separate-stderr xlsample $how --condition played.tok.zst -o s
        says "'played.tok.zst' (performance"
        # empty, cut, damaged, absent, no stream
        text three.tok.zst | sed -n '1p; $s/:[0-9]*/:0/gp' >empty
        run -65 --separate-stderr xlsample $how --condition empty -o s
        says "'empty': there is no piece in the input"
        text three.tok.zst | sed -e '/^#piece/,/^#end/{/^[^#]/d}' \
            -e 's/"bars":[0-9]*,"tokens":[0-9]*,"xxh3":"[^"]*"/"bars":0,"tokens":0,"xxh3":"2d06800538d394c2"/' \
            -e 's/"tokens":[0-9]*,"rej/"tokens":0,"rej/' >hollow
        run -65 --separate-stderr xlsample $how --condition hollow -o s
        says "'hollow': piece 'sample-000000': a condition without a bar"
        text three.tok.zst | head -n 4 >cut
        run -65 --separate-stderr xlsample $how --condition cut -o s
        says "'cut': line 4: the stream ends inside a piece"
        head -c 200 three.tok.zst >cut.zst
        run -65 --separate-stderr xlsample $how --condition cut.zst -o s
        says "the input ends inside a zstd frame"
        run -66 --separate-stderr xlsample $how --condition nowhere -o s
        says "'nowhere': cannot open"
        run -65 --separate-stderr xlsample $how --condition - -o s <<<x
        says "'stdin': not a token stream"
        run -64 --separate-stderr xlsample $how --condition - --prompt - -o s
        says "can be standard input"
        [ ! -e s ]
    done
    run -64 --separate-stderr xlsample none --condition three.tok.zst -o s
    says "the run knows no condition; leave --condition out, or train one on pairs"
    [ ! -e s ]
}


@test "conditions: a step that learns nothing says nan, and is no loss of 0" {
    xltrain "${small[@]}" --data pairs -o whole --set condition=prefix --set stretch=9999
    [ "$(sed 1,2d whole/metrics.tsv | awk -F '\t' '($2 == before) != ($5 == "nan") {n++} {before = $2}
        BEGIN {before = 0} END {print n + 0}')" -eq 0 ]
    [ "$(sed 1,2d whole/metrics.tsv | cut -f 5 | grep -c nan)" -gt 0 ]
    # in stretches there is hardly such a step
    [ "$(jq .stretch prefix/config.json)" -eq 8 ]
    [ "$(sed 1,2d prefix/metrics.tsv | cut -f 5 | grep -c nan)" -eq 0 ]
    [ "$(sed 1,2d bars/metrics.tsv | cut -f 5 | grep -c '^0$')" -eq 0 ]
    # it goes on, and is measured where a sample has targets or all of the split
    xltrain -q --data pairs -o prefix2 --init whole --steps 2 --set eval_tokens=20 --set eval_every=1
    [ "$(tail -n 1 prefix2/metrics.tsv | awk -F '\t' '$7 > 0 && $8 > 0' | wc -l)" -eq 1 ]
}

@test "conditions: the forecast of memory knows pairs, and plain runs write none of their settings" {
    midi2remi "$SAMPLES"/*.mid -o s.tok.zst
    shard -q s.tok.zst --condition s.tok.zst --augment transpose=-5..6 --split train=1 -o big
    for how in none prefix bars encoder; do
        set=(--preset tiny --set layers=1 --set width=32 --set heads=2 --set ff=64 --set segment=64
            --set memory=64 --set condition=$how --steps 2 --data big)
        told=$(xltrain "${set[@]}" --dry-run | awk '$1 == "memory" {print $2}')
        xltrain "${set[@]}" -q -o run-$how --costs costs.tsv
        # a sanitizer takes memory of its own
        [[ $(xltrain --version) == *sanitize* ]] ||
            [ "$(tail -n 1 costs.tsv | awk -v t="$told" '{print (t > .93 * $4)}')" -eq 1 ]
        rm costs.tsv
    done
    run ! grep -Eq 'condition|prefix_mask|encoder_layers|source|share_embed' run-none/config.json
    grep -q '"condition":"encoder"' run-encoder/config.json
}

# rows FILE: name and first numbers of each row of the encoder's embedding
rows() {
    python3 -c '
import json, struct, sys
b = open(sys.argv[1], "rb").read()
n = 8 + int.from_bytes(b[:8], "little")
t = json.loads(b[8:n])["param.enc.emb"]
start, end = t["data_offsets"]
words = [w.split("\t")[1] for w in open(sys.argv[2], encoding="utf-8") if w[0] != "#"]
for i, w in enumerate(words):
    print(w, *struct.unpack_from("<4f", b, n + start + 4 * i * t["shape"][1]))' "$1/latest" "$2/vocab.tsv"
}

@test "conditions: an encoder of its own words knows all of the data, and keeps them by name" {
    own=("${small[@]}" --set condition=encoder --set share_embed=0 --set lr=0)
    for how in '--steps 1' --dry-run; do
        run -64 --separate-stderr xltrain "${own[@]}" --data pairs --set source_vocab=10 $how -o bad
        says "source_vocab is 10, and conditions in 'pairs' have token "
        [ "$(wc -l <<<"$stderr")" -eq 1 ] && [ ! -e bad ]
    done
    midi2remi "$SAMPLES"/[ab]*.mid -o s.tok.zst
    for n in 20 30; do
        vocab --bpe $n s.tok.zst -o $n.tsv
        shard -q --vocab $n.tsv s.tok.zst --condition s.tok.zst --split train=1 -o of$n
    done
    size=$(grep -vc '^#' of20/vocab.tsv)
    for more in 0 $((size + 7)); do
        xltrain "${own[@]}" --data of20 --set source_vocab=$more -o from$more
        xltrain -q --data of30 --init from$more -o to$more --set lr=0 --steps 1
        rows from$more of20 | sort >before
        rows to$more of30 | sort >after
        [ "$(comm -12 before after | wc -l)" -eq "$size" ]
        xlsample to$more --condition s.tok.zst --max-tokens 20 -q -o /dev/null --bars 200
    done
}

@test "conditions: a table of splits moves both sides" {
    midi2remi "$SAMPLES"/[a-d]*.mid -o s.tok.zst
    text s.tok.zst | sed -n 's/^#piece.*"name":"\([^"]*\)".*/\1/p' |
        awk 'BEGIN {print "piece\tsplit"} {print $0 "\t" (NR % 3 == 0 ? "test" : NR % 3 == 1 ? "train" : "valid")}' >t.tsv
    shard s.tok.zst --condition s.tok.zst --split-from t.tsv:split --augment transpose=0..1 -o data
    for split in train valid test; do
        [ "$(cut -f 1 data/$split.pieces.tsv | grep -v '^#' | sort -u | wc -l)" -gt 0 ]
        while IFS= read -r name; do
            [ "$(awk -F '\t' -v n="$name" '$1 == n {print $2}' t.tsv)" = $split ]
        done < <(grep -v '^#' data/$split.pieces.tsv | tr '\t' '\n' | grep '\.mid$')
    done
    xltrain -q --data data -o run --preset tiny --set layers=1 --set width=16 --set heads=2 \
        --set ff=16 --set condition=bars --steps 2
    # what the table does not know
    sed '$d' t.tsv >less.tsv
    run -65 --separate-stderr shard s.tok.zst --condition s.tok.zst --split-from less.tsv:split -o none2
    [ ! -e none2 ]
}

# sides TARGETS CONDITIONS: a run `band` of what midi2remi makes with these options
sides() {
    local i=0 how
    for how in "$@"; do
        # shellcheck disable=SC2086  # several words
        midi2remi -q --max-reject 100% $how "$SAMPLES"/[a-d]*.mid -o side$((i++)).tok.zst 2>/dev/null
    done
    shard -q --max-alone 100% side0.tok.zst --condition side1.tok.zst --force -o sides
    xltrain "${small[@]}" --data sides -o band --force --set condition=bars --steps 2
}

# as_by_hand RUN OPTION...: of song.mid the bytes that a stream of midi2remi gives
as_by_hand() {
    local run=$1
    shift
    midi2remi -q "$@" song.mid -o hand.tok.zst
    xlsample "$run" -qu --no-pg -n 2 --condition hand.tok.zst -o hand
    xlsample "$run" -qu --no-pg -n 2 --condition song.mid -o own
    cmp hand own
    midi2remi -q "$@" <song.mid | xlsample "$run" -qu --condition - -o hand
    xlsample "$run" -qu --condition - -o own <song.mid
    cmp hand own
}

@test "conditions: of a MIDI file the part is taken that the run learned from, as by hand" {
    cp "$SAMPLES/korobeiniki.mid" song.mid
    sides '--chords --drop melody' '--keep melody --chords --strict --part 1/1'
    as_by_hand band --keep melody --chords --strict
    # its takes are files in the order of their names
    xlsample band -q --condition song.mid -n 3 --max-tokens 200 -o takes.tok.zst
    remi2midi -d takes takes.tok.zst
    [ "$(cd takes && echo ./*)" = './song.2.mid ./song.3.mid ./song.mid' ]
    xlsample band -q --condition song.mid --max-tokens 200 | remi2midi -o first.mid
    cmp first.mid takes/song.mid
    # and said
    run --separate-stderr xlsample band -v --condition song.mid -o own.tok.zst
    [[ $stderr == *"xlsample: the condition was made as those of the run: midi2remi --keep=melody --chords --strict song.mid"* ]]
    [ "$(pieces own.tok.zst)" = "$(pieces <(midi2remi -u song.mid))" ]
    # a pipe is looked at once, a file that is cut or has no such part is none
    mkfifo tunes
    cat song.mid >tunes &
    timeout 10 xlsample band -qu --no-pg --condition tunes -o piped
    diff <(grep -v '^#' piped) <(text own.tok.zst | grep -v '^#')
    head -c 60 song.mid >cut.mid
    run -65 --separate-stderr xlsample band --condition cut.mid -o s
    says "xlsample: 'cut.mid': byte "
    # all its bars in threes, other note-offs; of options that are repeated the last one counts
    sides '--drop melody --pair all --trim --meter 3/4' '--keep melody --meter 3/4 --pair all --trim'
    as_by_hand band --keep melody --meter 3/4 --pair all --trim
    sides '--keep melody --keep bass' '--keep bass --keep melody'
    as_by_hand band --keep bass --keep melody
    # what the model has no word for is the nearest
    midi2remi --drop melody "$SAMPLES/god-rest-ye.mid" -o one.tok.zst
    midi2remi --keep melody "$SAMPLES/god-rest-ye.mid" -o two.tok.zst
    vocab --min-count 1 one.tok.zst two.tok.zst -o few.tsv
    shard -q --vocab few.tsv one.tok.zst --condition two.tok.zst --split train=1 -o known
    xltrain "${small[@]}" --data known -o few --set condition=bars --steps 2
    run --separate-stderr xlsample few --condition song.mid -o few.tok.zst
    says "tokens of the condition are not in the model's vocabulary; the nearest"
    remi2midi --check few.tok.zst
}

@test "conditions: a MIDI file that nobody knows how to read is no condition, and how it becomes one is said" {
    cp "$SAMPLES/korobeiniki.mid" song.mid
    line="song.mid': a MIDI file; make a condition of it, with --keep PARTS where the run's are parts: midi2remi --grid 4 --chords FILE | xlsample RUN --condition -"
    # one way alone: of both sides, or of one beside another whose chain was left out?
    sides '--chords --drop melody' '--chords --keep melody --no-pg'
    run -65 --separate-stderr xlsample band --condition song.mid -o s
    says "$line"
    # a vocabulary of the melodies, beside basses on both sides
    sides '--chords --keep bass' '--chords --keep bass'
    midi2remi -q --chords --keep melody "$SAMPLES"/[a-d]*.mid --max-reject 100% -o tunes.tok.zst
    shard -q --vocab <(vocab --bpe 20 tunes.tok.zst) side0.tok.zst --condition side1.tok.zst --force -o sides
    xltrain "${small[@]}" --data sides -o band --force --set condition=bars --steps 2
    run -65 --separate-stderr xlsample band --condition song.mid -o s
    says "$line"
    # another's weights, whose data stand in the chain as well
    sides '--chords --drop melody' '--chords --keep melody'
    xltrain "${small[@]}" --data sides -o band2 --init band --set condition=bars --steps 2
    run -65 --separate-stderr xlsample band2 --condition song.mid -o s
    says "$line"
    # two ways that are not of parts: which side was made in which?
    sides '--chords --trim' '--chords --meter 3/4'
    run -65 --separate-stderr xlsample band --condition song.mid -o s
    says "$line"
    # three, one of them of another part of the data
    midi2remi -q --chords --keep bass song.mid -o bass.tok.zst
    sides '--chords --drop melody' '--chords --keep melody'
    shard -q --max-alone 100% side0.tok.zst bass.tok.zst --condition side1.tok.zst --force -o sides
    xltrain "${small[@]}" --data sides -o band --force --set condition=bars --steps 2
    run -65 --separate-stderr xlsample band --condition song.mid -o s
    says "$line"
    # all of the songs on both sides, and a vocabulary of another part
    vocab --bpe 20 bass.tok.zst -o bass.tsv
    midi2remi -q --chords "$SAMPLES"/[a-d]*.mid -o all.tok.zst
    shard -q --vocab bass.tsv all.tok.zst --condition all.tok.zst --force -o sides
    xltrain "${small[@]}" --data sides -o band --force --set condition=bars --steps 2
    run -65 --separate-stderr xlsample band --condition song.mid -o s
    says "$line"
    # but both halves, and a vocabulary of all, are what they are
    shard -q --max-alone 100% --vocab <(vocab --bpe 20 all.tok.zst) side0.tok.zst --condition side1.tok.zst --force -o sides
    xltrain "${small[@]}" --data sides -o band --force --set condition=bars --steps 2
    as_by_hand band --chords --keep melody
    # labels of a table
    run -65 --separate-stderr xlsample bars --condition song.mid -o s
    says "song.mid': a MIDI file; make a condition of it"
    # chords are those of all parts: what the model has no word for is named, as of a stream
    midi2remi -q --chords --drop melody "$SAMPLES/god-rest-ye.mid" -o one.tok.zst
    midi2remi -q --chords --keep melody "$SAMPLES/god-rest-ye.mid" -o two.tok.zst
    shard -q --vocab <(vocab --min-count 1 one.tok.zst two.tok.zst) one.tok.zst --condition two.tok.zst --split train=1 --force -o sides
    xltrain "${small[@]}" --data sides -o band --force --set condition=bars --steps 2
    as_by_hand_fails=$(midi2remi --chords --keep melody song.mid | xlsample band --condition - -o s 2>&1 || true)
    run -65 --separate-stderr xlsample band --condition song.mid -o s
    says "piece 'song.mid': the model has no token 'Chord_"
    [ "${stderr#*: piece}" = "${as_by_hand_fails#*: piece}" ]
    # made by a model
    shard -q three.tok.zst --condition three.tok.zst --split train=1 --force -o sides
    xltrain "${small[@]}" --data sides -o band --force --set condition=bars --steps 2
    run -65 --separate-stderr xlsample band --condition - -o s <song.mid
    says "stdin': a MIDI file; make a condition of it, with --keep PARTS"
    [ ! -e s ]
}

@test "conditions: a piece so far and the rest of its condition's bars" {
    cp "$SAMPLES/korobeiniki.mid" song.mid
    sides '--chords --drop melody' '--chords --keep melody'
    midi2remi --chords --keep melody song.mid -u | grep -c '^Bar' >n.bars
    # what is so far is what the band played, the rest is made
    midi2remi --chords --drop=melody song.mid -o played.tok.zst
    shard -q played.tok.zst --split train=1 -o one
    shard --unshard train one --lines 4 -q -o four.tok.zst
    xlsample band --condition song.mid --prompt four.tok.zst -q -o more.tok.zst
    text more.tok.zst | grep -c '^Bar' | cmp - n.bars
    cmp <(text more.tok.zst | grep '^Bar' | head -n 4) <(text four.tok.zst | grep '^Bar')
}
