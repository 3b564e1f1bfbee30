#!/usr/bin/env bats
# remi2midi: files for pieces, tables of notes, verdicts on streams.
load ../helpers

NOTE='Velocity_79 Duration_8'

# raw NAME TOKENS...: a MIDI file made of tokens.
raw() {
    local name=$1
    shift
    echo "$*" | remi2midi --raw -o "$name"
}

@test "remi2midi: tokens survive a MIDI file" {
    raw a.mid "Bar TimeSig_3/4 Tempo_90 Position_1 Program_7 Pitch_60 $NOTE Pitch_60 $NOTE" \
        "PitchDrum_40 $NOTE Bar Bar TimeSig_7/8 Position_3 Tempo_150 Pitch_127 $NOTE"
    midi2remi -u a.mid | grep -v '^#' >once
    [ "$(wc -l <once)" -eq 3 ]
    midi2remi a.mid | remi2midi >b.mid
    midi2remi -u b.mid | grep -v '^#' | diff once -
    run -0 /usr/bin/python3 - b.mid <<'PY'
import sys
from mido import MidiFile
f = MidiFile(sys.argv[1])
notes = sorted((m.channel == 9, m.note, m.velocity) for m in f if m.type == 'note_on' and m.velocity)
print(f.type, f.ticks_per_beat, notes)
print([(m.numerator, m.denominator) for m in f if m.type == 'time_signature'])
PY
    [ "${lines[0]}" = "1 480 [(False, 60, 79), (False, 60, 79), (False, 127, 79), (True, 40, 79)]" ]
    [ "${lines[1]}" = "[(3, 4), (7, 8)]" ]
}

@test "remi2midi: a directory of pieces, each with a name of its own" {
    mkdir -p in/x in/y
    raw in/x/song.mid "Pitch_60 $NOTE"
    raw in/y/song.kar "Pitch_61 $NOTE"
    raw in/y/.hidden.mid "Pitch_62 $NOTE"
    raw in/y/-dash.mid "Pitch_63 $NOTE"
    raw "in/y/$(printf 'new\nline').mid" "Pitch_64 $NOTE"
    raw "in/y/$(printf 'l%.0s' {1..240}).mid" "Pitch_65 $NOTE"
    midi2remi -o s in
    remi2midi -d out s
    [ "$(find out -type f | wc -l)" -eq 6 ]
    for name in song.mid song-2.mid _.hidden.mid _-dash.mid new_line.mid; do
        [ -s "out/$name" ] || fail "no $name"
    done
    midi2remi -u out/song-2.mid | grep -q Pitch_61
    mkdir again
    remi2midi -d again s
    diff -r out again
    echo file >taken
    run -73 --separate-stderr remi2midi -d taken s
    says taken
}

@test "remi2midi: one file wants one piece" {
    raw a.mid "Pitch_60 $NOTE"
    midi2remi -o two a.mid a.mid
    echo old >x.mid
    run -65 --separate-stderr remi2midi -o x.mid two
    says "'two': there is more than one piece; use -d DIR"
    [ "$(cat x.mid)" = old ]
    run -65 --separate-stderr remi2midi two
    [ -z "$output" ]
    mkdir none
    midi2remi -q -o zero none
    run -65 --separate-stderr remi2midi -o x.mid zero
    says "there is no piece"
    [ "$(cat x.mid)" = old ]
    remi2midi -d many zero
    [ -z "$(ls many)" ]
    [ -z "$(compgen -G '*.tmp.*')" ]
}

@test "remi2midi: bare tokens of any shape make a file" {
    printf 'Velocity_3\nTimeSig_4/4\n\n  EOS Bar' | remi2midi --raw -q -o a.mid
    midi2remi -u --keep-empty a.mid | grep -q '^Bar TimeSig_4/4'
    run -0 --separate-stderr remi2midi --raw -o b.mid <<<"Bar Pitch_60 Bar"
    says "1 tokens make no sense"
    : | remi2midi --raw -o empty.mid
    run -65 --separate-stderr remi2midi --raw -o c.mid <<<$'Bar\nBar Pitch_128'
    says "line 2: no token 'Pitch_128'"
    [ ! -e c.mid ]
    run -64 --separate-stderr remi2midi --raw --grid 7 <<<Bar
    says "grid 7"
    echo "Bar Position_95 Pitch_60 $NOTE" | remi2midi --raw --grid 24 -o d.mid
    midi2remi -u --grid 24 d.mid | grep -q "Position_95"
}

@test "remi2midi: the table of notes" {
    raw "a,b.mid" "Tempo_90 Position_2 Program_7 Pitch_60 Velocity_3 Duration_3 Bar PitchDrum_40 $NOTE"
    midi2remi "a,b.mid" | remi2midi --csv >got
    printf '%s\n' piece,onset_ticks,duration_ticks,pitch,velocity,program,drum \
        '"a,b.mid",240,180,60,3,7,0' '"a,b.mid",1920,480,40,79,0,1' | diff - got
    midi2remi "a,b.mid" "a,b.mid" | remi2midi --csv -o file
    [ "$(wc -l <file)" -eq 5 ]
}

@test "remi2midi --check: a sound stream passes in silence" {
    raw a.mid "Program_7 Pitch_60 $NOTE"
    midi2remi -o s a.mid a.mid
    run -0 --separate-stderr remi2midi --check s s
    [ -z "$output$stderr" ]
    midi2remi -u a.mid | remi2midi --check
}

@test "remi2midi --check: a violation has a place and a reason" {
    local head='Bar TimeSig_4/4 Position_0 Tempo_120'
    check() { # TOKENS, WORDS of the message
        run -65 --separate-stderr remi2midi --raw --check <<<"$1"
        says "$2"
    }
    check "$head Bar Position_4 Position_5" "bar 2, token 7, Position_5: out of place"
    check "$head Pitch_60 $NOTE" "bar 1, token 5, Pitch_60: no program stated"
    check "$head Bar TimeSig_4/4" "token 6, TimeSig_4/4: time signature does not change"
    check "$head PitchDrum_40" "the end: it comes too early"
    remi2midi --raw --check <<<"BOS $head EOS"
    # in a stream: made by hand with the right sums, so that only the grammar is wrong
    raw a.mid "Program_7 Pitch_60 $NOTE"
    midi2remi -u a.mid | sed 's/Position_0/Position_1/' >wrong
    local sum
    sum=$(grep '^Bar' wrong | xxhsum -H3 | grep -oE '[0-9a-f]{16}')
    sed -i "s/\"xxh3\":\"[0-9a-f]*\"/\"xxh3\":\"$sum\"/" wrong
    run -65 --separate-stderr remi2midi --check wrong
    says "remi2midi: 'wrong': piece 0 'a.mid': bar 1, token 3, Position_1: the first position is not 0"
}

@test "remi2midi: damaged streams are refused and leave nothing" {
    raw a.mid "Program_7 Pitch_60 $NOTE"
    midi2remi -o s a.mid
    local size option
    size=$(wc -c <s)
    head -c $((size - 1)) s >short
    midi2remi -u a.mid | sed 's/Pitch_60/Pitch_61/' >changed
    echo hello >alien
    midi2remi -u a.mid | sed '1s/"name":"remi"/"name":"romi"/' >other
    for bad in short changed alien other a.mid; do
        for option in "-o x.mid" "--check"; do
            # shellcheck disable=SC2086  # two words on purpose
            run -65 --separate-stderr remi2midi $option "$bad"
            says "remi2midi: '$bad': "
            [ ! -e x.mid ]
        done
    done
    run -66 --separate-stderr remi2midi missing
    says "'missing'"
}

@test "remi2midi: -d leaves no empty folder that it made" {
    raw a.mid "Program_7 Pitch_60 $NOTE"
    midi2remi -o s a.mid
    head -c 100 s >short
    mkdir none
    midi2remi -q -o zero none
    run -65 remi2midi -d new short
    [ ! -e new ]
    run -66 remi2midi -d new missing
    [ ! -e new ]
    remi2midi -d new zero
    [ ! -e new ]
    remi2midi -d none zero # one that was there stays
    [ -d none ]
    run -65 remi2midi -d new s short
    [ -s new/a.mid ]
    mkfifo pipe
    remi2midi -d waits pipe &
    local tool=$! status=0
    for _ in {1..100}; do
        [ ! -d waits ] || break
        sleep 0.05
    done
    kill -TERM $tool
    wait $tool || status=$?
    [ "$status" -eq 143 ]
    [ ! -e waits ]
}

@test "remi2midi: output appears whole or not at all" {
    raw a.mid "Pitch_60 $NOTE"
    midi2remi -o s a.mid
    run -74 bash -c 'remi2midi s >/dev/full'
    run -74 remi2midi -o /dev/full s
    run -73 remi2midi -o no/such.mid s
    remi2midi -o b.mid s
    remi2midi s | cmp - b.mid
    mkfifo pipe
    cat pipe >copy &
    remi2midi -o pipe s
    wait $!
    cmp copy b.mid
    [ -z "$(compgen -G '*.tmp.*')" ]
    TMPDIR=$PWD/nowhere run -0 remi2midi -o c.mid s
    cmp c.mid b.mid
}

@test "remi2midi: a very long piece is written in linear time, or refused where memory ends" {
    [[ $BARLINE_BUILD != *san ]] || skip "sanitizers reserve all addresses"
    awk 'BEGIN {for (i = 0; i < 15625; i++) {
        printf "Bar"
        for (k = 0; k < 8; k++) printf " Position_%d Pitch_%d Velocity_79 Duration_4", 2 * k, 60 + k
        print ""}}' >long.txt
    run -0 timeout 10 remi2midi --raw -o long.mid long.txt
    midi2remi -u -q long.mid | grep -o Pitch_ | wc -l >notes
    [ "$(cat notes)" -eq 125000 ]
    local kib failed=0
    for kib in 10000 14000 18000 22000 26000 30000; do
        run --separate-stderr bash -c "ulimit -v $kib && exec remi2midi --raw -o x.mid long.txt"
        [ "$status" -eq 0 ] || { [ "$status" -eq 70 ] && says "out of memory" && [ ! -e x.mid ]; }
        [ "$status" -eq 0 ] || failed=$((failed + 1))
        [ -z "$(compgen -G '*.tmp.*')" ]
        rm -f x.mid
    done
    [ "$failed" -gt 0 ]
}

@test "remi2midi: misuse is one line and status 64" {
    raw a.mid "Pitch_60 $NOTE"
    midi2remi -o s a.mid
    local args
    for args in '--check --csv' '--check -o x' '-d d -o x' '-d d --check' '-d d --csv' '--what' '-d'; do
        # shellcheck disable=SC2086  # several words on purpose
        run -64 --separate-stderr remi2midi s $args
        says "remi2midi: "
    done
    [ ! -e d ]
    [ ! -e x ]
    run -64 script -qec 'remi2midi s' /dev/null
    has "terminal"
    run -64 script -qec 'remi2midi -o x.mid' /dev/null
    has "no input"
}

@test "remi2midi: --raw --vocab takes the names of a vocabulary and undoes its merges" {
    midi2remi --chords "$SAMPLES"/fur-elise.mid "$SAMPLES"/can-can.mid -o s.tok.zst
    vocab --bpe 200 --order count s.tok.zst -o merged.tsv
    shard -u -o d --split train=1 --vocab merged.tsv --numpy s.tok.zst
    # the second piece as another program would print it: names of ids, BOS and EOS too
    /usr/bin/python3 -c '
import numpy
words = [line.split("\t")[1] for line in open("merged.tsv") if line[0] != "#"]
ids, at = numpy.load("d/train-tokens.npy"), numpy.load("d/train-offsets.npy")
print(*[words[i] for i in ids[at[1]:at[2]]])' >names
    [ "$(grep -o 'Merge_' names | wc -l)" -gt 500 ]
    remi2midi --raw --vocab merged.tsv --csv names | cut -d, -f 2- >a
    remi2midi --csv s.tok.zst | grep -e fur-elise -e onset | cut -d, -f 2- >b
    [ "$(wc -l <b)" -gt 100 ]
    cmp a b
    run -65 --separate-stderr remi2midi --raw --vocab merged.tsv --csv <<<'Bar Merge_1+2'
    says "line 1: no token 'Merge_1+2' in vocabulary 'merged.tsv'"
    for how in '--vocab merged.tsv' '--raw --grid 4 --vocab merged.tsv' '--raw --scheme remi --vocab merged.tsv'; do
        # shellcheck disable=SC2086  # several words
        run -64 --separate-stderr remi2midi $how --csv names
        says "--vocab goes with --raw and states the scheme itself"
    done
    run -66 remi2midi --raw --vocab nosuch --csv names
}

@test "remi2midi: --raw takes every grid that a scheme has" {
    for scheme in performance:100 performance:125 remi:12; do
        local how=(--scheme "${scheme%:*}" --grid "${scheme#*:}")
        midi2remi "${how[@]}" "$SAMPLES/sakura.mid" -o t.tok.zst
        text t.tok.zst | grep -v '^#' >words
        remi2midi --raw "${how[@]}" -o raw.mid words
        remi2midi -o whole.mid t.tok.zst
        cmp raw.mid whole.mid
    done
    run -64 --separate-stderr remi2midi --raw --scheme performance --grid 99 words
    says "grid 99: scheme 'performance' has 100, 125"
}

@test "remi2midi: -d does not follow links that stand in the folder" {
    mkdir d
    echo precious >diary.txt
    midi2remi "$SAMPLES/can-can.mid" -o s.tok.zst
    remi2midi s.tok.zst -d d
    name=$(ls d)
    cp "d/$name" right.mid
    ln -sf ../diary.txt "d/$name"
    remi2midi s.tok.zst -d d
    [ "$(cat diary.txt)" = precious ]
    [ ! -L "d/$name" ]
    cmp "d/$name" right.mid
    rm "d/$name"
    mkfifo "d/$name" # nobody reads it
    timeout 5 remi2midi s.tok.zst -d d
    cmp "d/$name" right.mid
    rm "d/$name"
    mkdir "d/$name"
    run -73 --separate-stderr remi2midi s.tok.zst -d d
    says "$name"
}

@test "remi2midi: pieces of two streams in one file, by name or by place" {
    midi2remi "$SAMPLES"/[a-d]*.mid -o tunes.tok.zst
    n=$(text tunes.tok.zst | grep -c '^#piece')
    remi2midi tunes.tok.zst --csv -o one.csv
    run -0 --separate-stderr remi2midi tunes.tok.zst --mix tunes.tok.zst --csv -o two.csv
    [[ $stderr != *meters* ]]
    diff <(sed 1d two.csv | sort) <(grep -hv ^piece, one.csv one.csv | sort)
    remi2midi -d both tunes.tok.zst --mix tunes.tok.zst
    [ "$(find both -name '*.mid' | wc -l)" -eq "$n" ]
    # another order goes by name, no names by place
    text tunes.tok.zst >tunes
    sed '/^#piece/s/"name":"[^"]*"/"name":""/' tunes >nameless
    remi2midi nameless --mix tunes --csv -o three.csv
    diff <(cut -d, -f2- two.csv) <(cut -d, -f2- three.csv)
    sed '/^#piece/s/"name":"[^"]*"/"name":"sample-000999"/' tunes >samples
    remi2midi tunes --mix samples --csv -o four.csv
    cmp two.csv four.csv
    midi2remi "$SAMPLES"/[d]*.mid "$SAMPLES"/[a-c]*.mid -o turned.tok.zst
    remi2midi turned.tok.zst --mix tunes.tok.zst --csv -o five.csv
    cmp <(sort two.csv) <(sort five.csv)
    # performances have names, but no bars
    midi2remi --scheme performance "$SAMPLES"/[a-d]*.mid -o played.tok.zst
    run -0 --separate-stderr remi2midi tunes.tok.zst --mix played.tok.zst --csv -o mixed.csv
    [ "$(wc -l <mixed.csv)" -gt "$(wc -l <one.csv)" ]
    [[ $stderr == *"its meters are not those in 'played.tok.zst'; the bars of both do not stay together"* ]]
}

@test "remi2midi: a further piece for a name is mixed with it" {
    midi2remi "$SAMPLES"/adeste*.mid -u | sed '/^#piece/s/\.mid"/.mid.7"/' >seventh
    midi2remi "$SAMPLES"/adeste*.mid -o one.tok.zst
    remi2midi seventh --mix one.tok.zst --csv | sed 1d | cut -d, -f 2- | sort >got
    remi2midi one.tok.zst --mix one.tok.zst --csv | sed 1d | cut -d, -f 2- | sort | cmp - got
}

@test "remi2midi: what has no partner, and misuse of --mix" {
    midi2remi "$SAMPLES"/[a-c]*.mid -o many.tok.zst
    midi2remi "$SAMPLES"/a*.mid -o few.tok.zst
    run -65 --separate-stderr remi2midi many.tok.zst --mix few.tok.zst --csv -o x.csv
    says "has no partner in 'few.tok.zst'"
    run -65 --separate-stderr remi2midi few.tok.zst --mix many.tok.zst --csv -o x.csv
    says "'many.tok.zst' has"
    midi2remi "$SAMPLES"/adeste*.mid -o one.tok.zst
    run -65 --separate-stderr remi2midi one.tok.zst --mix many.tok.zst -o x.mid
    says "each wants a partner"
    run -66 --separate-stderr remi2midi one.tok.zst --mix nowhere -o x.mid
    says "'nowhere': cannot open"
    run -64 --separate-stderr remi2midi one.tok.zst --mix one.tok.zst --check
    says "--mix goes with what is written"
    run -64 --separate-stderr remi2midi --mix - -o x.mid <one.tok.zst
    says "--mix -: standard input"
    [ -z "$(find . -name 'x.*')" ]
}
