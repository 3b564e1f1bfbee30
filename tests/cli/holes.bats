#!/usr/bin/env bats
# Pieces with holes: data of them, a run that learns to fill them, pieces of which some
# bars are made anew and all else is as it was.
load ../helpers

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    local samples
    samples=$(cd "${BATS_TEST_DIRNAME}/../../samples" && pwd)
    midi2remi "$samples"/[a-d]*.mid -o all.tok.zst
    vocab --bpe 40 all.tok.zst -o merged.tsv
    shard -q --vocab merged.tsv --holes 3 all.tok.zst -o holes
    shard -q all.tok.zst -o plain
    small=(-q --preset tiny --set layers=1 --set width=32 --set heads=2 --set ff=64
        --set segment=32 --set memory=32 --steps 10 --set warmup=5)
    declare -p small >small.bash
    xltrain "${small[@]}" --data holes -o filler
    xltrain "${small[@]}" --data plain -o other
    # the first nine bars of some, with several instruments
    shard --unshard train plain --lines 9 -q -o short.tok.zst
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    ln -s "$BATS_FILE_TMPDIR"/{filler,other,holes,plain} .
    cp "$BATS_FILE_TMPDIR"/{all,short}.tok.zst .
    # shellcheck source=/dev/null
    source "$BATS_FILE_TMPDIR/small.bash"
}

# outside FROM TO FILE: the bars of each piece that are not within
outside() {
    text "$3" | awk -v from="$1" -v to="$2" '/^#piece/ {bar = 0; print "piece"}
        /^Bar/ {bar++} !/^#/ && (bar < from || bar > to)'
}

@test "holes: a folder has copies in the place of pieces, in the splits of the pieces" {
    for split in train valid test; do
        cut -f 4 holes/$split.pieces.tsv | sed 1d | sed 's/#.*//' | sort -u >with
        cut -f 4 plain/$split.pieces.tsv | sed 1d | sort -u >without
        diff with without
        sed 1d holes/$split.pieces.tsv | cut -f 4 | sed 's/#.*//' | sort | uniq -c |
            awk '$1 != 3 {exit 1}'
    done
    grep -q '"condition":"prefix","holes":1' filler/config.json
    ! grep -q holes other/config.json
}

@test "holes: seed and name decide, and nothing else" {
    shard all.tok.zst --holes 2 --seed 4 --no-pg -q -j 1 -o a
    text all.tok.zst | shard - --holes 2 --seed 4 --no-pg -q -j 4 -o b
    diff -r a b
    shard all.tok.zst --holes 2 --seed 5 --no-pg -q -o c
    run ! diff -rq a c
    shard all.tok.zst --holes 0 --no-pg -q -o d
    shard all.tok.zst --no-pg -q -o e
    diff -r d e
}

@test "holes: --left-only is the same holes without what comes after them" {
    shard all.tok.zst --holes 2 --seed 4 -q --no-pg -o both
    shard all.tok.zst --holes 2 --seed 4 --left-only -q --no-pg -o left
    for split in train valid test; do
        cmp <(cut -f 4 both/$split.pieces.tsv) <(cut -f 4 left/$split.pieces.tsv)
        shard --unshard $split both -u --no-pg -o both.tok
        shard --unshard $split left -u --no-pg -o left.tok
        cmp both.tok left.tok # the targets
    done
    xltrain "${small[@]}" --data both --steps 2 -o two
    xltrain "${small[@]}" --data left --steps 2 -o one
    run ! grep -q left_only two/config.json
    grep -q '"around":4,"left_only":1' one/config.json
    xltrain -q --data left --eval test --init one >table
    # filling gives the model what it was trained on: what comes after changes nothing...
    fill() { xlsample "$1" --prompt "$2" --seed "$3" --fill 3:program=19 --no-pg -u -q --max-tokens 200 |
        awk '/^Bar/ && ++bar == 3' | cut -d ' ' -f 1-20 | tr ' ' '\n'; }
    # whether nothing else is made of the long one; of the last notes some go for what follows
    is_within() { ! diff <(fill "$1" long.tok "$2") <(fill "$1" ends.tok.zst "$2") | grep -q '^<'; }
    midi2remi "$SAMPLES/amazing-grace.mid" -u -o long.tok
    shard -q long.tok --split train=1 -o song
    shard --unshard train song --lines 3 -q -o ends.tok.zst
    local same=0
    for seed in 1 2; do
        is_within one $seed || fail "seed $seed"
        # ...as it does to one that knows both sides
        if is_within two $seed; then same=$((same + 1)); fi
    done
    [ "$same" -lt 2 ]
    run -64 --separate-stderr shard all.tok.zst --left-only -o s
    says "--left-only goes with --holes alone"
}

@test "holes: copies in other keys and tempos move both sides" {
    shard all.tok.zst --holes 2 --augment transpose=-1..1,tempo=.9..1.1/3 -o a 2>err
    [ "$(grep -c '#hole=1.*#transpose=+1,tempo=1$' <(cut -f 4 a/train.pieces.tsv))" -gt 0 ]
    [ "$(grep -c '#hole=1.*#transpose=+0,tempo=1.1$' <(cut -f 4 a/train.pieces.tsv))" -gt 0 ]
    # all copies of a copy, but where a pitch leaves the keyboard or a tempo its bounds
    n=$(cut -f 4 a/train.pieces.tsv | grep -c '#hole=[12],bars=[-0-9]*$')
    [ "$(cut -f 4 a/train.pieces.tsv | grep -c 'tempo=0.9$')" -ge $((2 * n)) ]
}

@test "holes: hundreds of fills leave all outside as it was, and are valid" {
    for hole in 3-5 1-2 9 1-9 4:program=0-127 2-8:drums,program=0-63 5:melody 6-9:bass; do
        bars=${hole%%:*}
        xlsample filler --prompt short.tok.zst --fill $hole -n 9 --seed 2 -q \
            --max-tokens 300 -o f.tok.zst || continue # nobody plays the part
        remi2midi --check f.tok.zst
        xlsample filler --prompt short.tok.zst --fill $hole -n 1 --seed 2 -q \
            --max-tokens 300 --no-pg -u -o one
        outside "${bars%-*}" "${bars#*-}" one >got
        outside "${bars%-*}" "${bars#*-}" short.tok.zst | diff - got
        outside "${bars%-*}" "${bars#*-}" short.tok.zst |
            awk '/^piece/ {if (p != "") for (i = 0; i < 9; i++) printf "%s", p; p = ""}
                {p = p $0 "\n"} END {for (i = 0; i < 9; i++) printf "%s", p}' >want
        outside "${bars%-*}" "${bars#*-}" f.tok.zst | diff want -
        n=$((${n:-0} + $(text f.tok.zst | grep -c '^#piece')))
    done
    [ "$n" -ge 300 ]
    # whole songs, of several instruments, in other meters
    xlsample filler --prompt all.tok.zst --fill 5-8 --max-tokens 400 -q -o f.tok.zst
    remi2midi --check f.tok.zst
    diff <(outside 5 8 all.tok.zst) <(outside 5 8 f.tok.zst)
    run ! cmp -s <(text all.tok.zst | grep -v '^#') <(text f.tok.zst | grep -v '^#')
}

@test "holes: featstats --fidelity --hole counts the notes outside of it that are kept" {
    # kept_of FILE: asked, kept, chance
    kept_of() { featstats --fidelity short.tok.zst --hole "$hole" "$1" | awk -F '\t' '$1 == "outside" {print $2, $3, $4}'; }
    for hole in 3-5 2-8:drums,program=0-63; do
        xlsample filler --prompt short.tok.zst --fill $hole -n 2 -q --max-tokens 300 -o f.tok.zst
        read -r asked kept chance < <(kept_of f.tok.zst)
        [ "$kept" = 1.0000 ] || fail "$hole: $kept of $asked"
        awk "BEGIN {exit !($chance < .5)}"
    done
    hole=3-5
    [ "$(kept_of short.tok.zst | cut -d ' ' -f 2)" = 1.0000 ]
    n=$(kept_of short.tok.zst | cut -d ' ' -f 1)
    [ "$n" -eq "$(outside 3 5 short.tok.zst | grep -oE 'Pitch(Drum)?_' | wc -l)" ]
    # of another hole the notes are not all there
    xlsample filler --prompt short.tok.zst --fill 9 -q --max-tokens 300 -o nine.tok.zst
    read -r asked kept chance < <(kept_of nine.tok.zst)
    awk "BEGIN {exit !($kept < 1 && $kept > .5)}" || fail "$kept of $asked"
    run ! grep outside <(featstats --fidelity short.tok.zst short.tok.zst)
    run -64 --separate-stderr featstats --hole 3-5 short.tok.zst
    says "--hole needs --fidelity"
    run -64 --separate-stderr featstats --fidelity short.tok.zst --hole 5-3 short.tok.zst
    says "'5-3' is no hole; one is bars such as 9-12, or 9-12:bass"
}

# bats test_tags=slow
@test "holes: a thousand random fills leave all outside as it was, and are valid" {
    local n=0 from to hole
    for seed in {1..60}; do
        from=$((seed % 9 + 1)) to=$((from + seed / 9)) who=('' :melody :bass :drums :program=0-63)
        to=$((to > 9 ? 9 : to)) hole=$from-$to${who[seed % 5]}
        xlsample filler --prompt short.tok.zst --fill "$hole" -n 4 --seed $seed -q --max-tokens 300 \
            -o f.tok.zst || continue # nobody plays the part
        remi2midi --check f.tok.zst
        [ "$(featstats --fidelity short.tok.zst --hole "$hole" f.tok.zst | awk '$1 == "outside" {print $3}')" = 1.0000 ]
        outside $from $to short.tok.zst |
            awk '/^piece/ {if (p != "") for (i = 0; i < 4; i++) printf "%s", p; p = ""}
                {p = p $0 "\n"} END {for (i = 0; i < 4; i++) printf "%s", p}' >want
        outside $from $to f.tok.zst | diff want -
        n=$((n + $(text f.tok.zst | grep -c '^#piece')))
    done
    [ "$n" -ge 1000 ]
}

@test "holes: the same bytes for any -n and -j, of a stream, a pipe and a MIDI file" {
    xlsample filler --prompt short.tok.zst --fill 3-4 -n 2 --seed 5 --no-pg -u -j 1 -o a
    text short.tok.zst | xlsample filler --prompt - --fill 3-4 -n 2 --seed 5 --no-pg -u -j 3 >b
    cmp a b
    [ "$(grep -c '"name":"[^"]*.mid.2"' a)" -eq "$(text short.tok.zst | grep -c '^#piece')" ]
    xlsample filler --prompt "$SAMPLES"/amazing-grace.mid --fill 3-4 -o f.tok.zst
    remi2midi --check f.tok.zst
    midi2remi "$SAMPLES"/amazing-grace.mid -o one.tok.zst
    diff <(outside 3 4 one.tok.zst | grep -v piece) <(outside 3 4 f.tok.zst | grep -v piece)
}

@test "holes: several fills of a song are files in the order of their names" {
    cp "$SAMPLES"/a[a-z]*.mid .
    local song
    song=$(basename "$(find . -name 'a*.mid' | sort | head -n 1)" .mid)
    xlsample filler -q --prompt "$song.mid" --fill 2 -n 2 --max-tokens 300 | remi2midi -d fills
    [ "$(cd fills && echo ./*)" = "./$song.2.mid ./$song.mid" ]
}

@test "holes: what fills them is read back as a stream, without MASK" {
    shard --unshard train holes -u -o t.tok
    run ! grep -q MASK t.tok
    grep -q '^Bar' t.tok
}

@test "holes: what does not fit is one line, and nothing is written" {
    run -64 --separate-stderr xlsample filler --prompt short.tok.zst --fill 8-10 -o s
    says "--fill 8-10: it has 9 bars, and a hole lies within them"
    run -64 --separate-stderr xlsample other --prompt short.tok.zst --fill 2 -o s
    says "--fill: the run has not learned to fill holes; 'shard --holes' makes data that teach it"
    run -64 --separate-stderr xlsample filler --prompt short.tok.zst --fill 2:program=127 -o s
    says "nobody in it plays that"
    for bad in 0 4-3 x 3: 3:oboe 3:chords 3:track=a; do
        run -64 --separate-stderr xlsample filler --prompt short.tok.zst --fill $bad -o s
        [ "${#stderr_lines[@]}" -eq 1 ]
    done
    run -64 --separate-stderr xlsample filler --fill 2 -o s
    says "--fill wants the piece that has the hole: --prompt FILE"
    run -64 --separate-stderr xlsample filler --prompt short.tok.zst --fill 2 --bars 4 -o s
    says "--fill: all but the bars of the hole stays as --prompt has it"
    run -64 --separate-stderr xlsample filler --prompt short.tok.zst --fill 2 --no-grammar -o s
    says "leave --no-grammar out"
    run -64 --separate-stderr xlsample filler -o s
    says "the run fills holes; name a piece and the bars to fill, as in --prompt FILE --fill 5-8"
    run -65 --separate-stderr xlsample filler --condition short.tok.zst -o s
    says "it has no hole, and the run fills holes; --prompt FILE --fill BARS takes a piece without one"
    [ ! -e s ]
    run -64 --separate-stderr shard all.tok.zst --holes 2 --condition all.tok.zst -o s
    says "--holes: a piece's condition is the piece itself with a hole"
    midi2remi --scheme performance "$SAMPLES"/a*.mid -q -o p.tok.zst
    run -64 --separate-stderr shard p.tok.zst --holes 2 -o s
    says "--holes: pieces of the scheme 'performance' have no bars; those of 'remi' can have holes"
    midi2remi --scheme remi-2020 "$SAMPLES"/a*.mid -q -o p.tok.zst
    run -64 --separate-stderr shard p.tok.zst --holes 2 -o s
    says "--holes: pieces of the scheme 'remi-2020' cannot have any"
    for how in bars encoder; do
        run -64 --separate-stderr xltrain --data holes --preset tiny --set condition=$how -o s
        says "they go with condition=prefix, not $how"
    done
    run -64 --separate-stderr xltrain --data plain --preset tiny --set condition=prefix --set holes=1 -o s
    says "holes=1 wants pieces with holes, which 'plain' has not; shard --holes makes some"
    [ ! -e s ]
}
