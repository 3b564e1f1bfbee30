#!/usr/bin/env bats
# xlsample: whole pieces, the same bytes for any number of them, prompts, misuse.
load ../helpers

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    local root
    root=$(cd "${BATS_TEST_DIRNAME}/../.." && pwd)
    midi2remi "$root"/samples/*.mid -o all.tok.zst
    shard -o data all.tok.zst
    # barely trained on purpose: the grammar must hold whatever the model says
    xltrain --data data -o run --preset tiny --set layers=1 --set width=32 --set heads=2 \
        --set ff=64 --steps 30 --set warmup=5
    # one of chords, labels and merges
    (cd "$root/samples" && printf 'path\tMode\n' && printf '%s\n' *.mid |
        awk '{print $0 "\t" (NR % 2 ? "odd" : "even")}') >labels.tsv
    midi2remi --chords --labels labels.tsv "$root"/samples/*.mid -o chords.tok.zst
    vocab --bpe 40 chords.tok.zst -o merged.tsv
    shard -o merged --vocab merged.tsv chords.tok.zst
    xltrain --data merged -o settled --preset tiny --set layers=1 --set width=32 \
        --set heads=2 --set ff=64 --steps 10 --set warmup=5
    midi2remi --degrees "$root"/samples/*.mid -o degrees.tok.zst
    shard -o degrees --augment transpose=-2..2 degrees.tok.zst
    xltrain --data degrees -o composer --preset tiny --set layers=1 --set width=32 \
        --set heads=2 --set ff=64 --steps 10 --set warmup=5
    midi2remi --scheme performance "$root"/samples/*.mid -o played.tok.zst
    shard -o played played.tok.zst
    xltrain --data played -o performer --preset tiny --set layers=1 --set width=32 \
        --set heads=2 --set ff=64 --steps 10 --set warmup=5
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    ln -s "$BATS_FILE_TMPDIR"/{run,settled,performer,composer} .
    ln -s "$BATS_FILE_TMPDIR/all.tok.zst" all.tok.zst
}

# pieces FILE: "name bars" of each piece
pieces() {
    text "$1" | awk '/^#piece/ {match($0, /"name":"[^"]*"/); name = substr($0, RSTART + 8, RLENGTH - 9)
        bars = 0} /^Bar/ {bars++} /^#end/ {print name, bars}'
}

@test "xlsample: pieces of the bars asked for, which the grammar accepts" {
    xlsample run -n 10 --bars 5 -o s.tok.zst
    remi2midi --check s.tok.zst
    [ "$(pieces s.tok.zst | awk '{print $2}' | sort -u)" = 5 ]
    [ "$(pieces s.tok.zst | head -n 1)" = "sample-000000 5" ]
    [ "$(pieces s.tok.zst | wc -l)" -eq 10 ]
    remi2midi -d out s.tok.zst
    [ "$(find out -name '*.mid' | wc -l)" -eq 10 ]
}

@test "xlsample: the grammar holds under every way to draw" {
    for how in "--temperature 5 --top-p 1" "--temperature 0" "--top-k 1" "--top-k 5 --top-p 1" \
        "--min-p 0.2 --top-p 1" "--top-p 0.3" "--top-p 0"; do
        # shellcheck disable=SC2086  # options are words
        xlsample run -n 4 --bars 2 $how -o s.tok.zst
        remi2midi --check s.tok.zst || fail "$how"
    done
}

@test "xlsample: piece i is the same for any -n and -j" {
    xlsample run -n 11 --bars 3 --seed 5 --no-pg -u -o eleven
    xlsample run -n 11 --bars 3 --seed 5 --no-pg -u -j1 -o again
    cmp eleven again
    for n in 1 3 9; do
        xlsample run -n $n --bars 3 --seed 5 --no-pg -u -o few
        last=$(grep -n '^#end' few | tail -n 1 | cut -d : -f 1)
        cmp <(head -n "$last" few) <(head -n "$last" eleven)
    done
    xlsample run -n 11 --bars 3 --seed 6 --no-pg -u -o other
    run ! cmp -s eleven other
    [ "$(grep -v '^#' eleven | sort -u | wc -l)" -gt 11 ]
}

@test "xlsample: many pieces of very different lengths come in order, each as it is alone" {
    xlsample run -n 90 --bars 0 --max-tokens 400 --temperature 1.5 --seed 2 --no-pg -u -q \
        -o many
    [ "$(pieces many | awk '{print $1}')" = "$(printf 'sample-%06d\n' {0..89})" ]
    xlsample run -n 9 --bars 0 --max-tokens 400 --temperature 1.5 --seed 2 --no-pg -u -q \
        -o few
    [ "$(sed '/^#end/d; /^#piece.*sample-000009/,$d; /^#eos/d' many)" = \
        "$(sed '/^#end/d; /^#eos/d' few)" ]
    [ "$(awk '/^#piece/ {n = 0} /^[^#]/ {n += NF} /^#end/ {print n}' many | sort -u | wc -l)" -gt 10 ]
}

@test "xlsample: goes on from prompts, in turn, and leaves them as they are" {
    xlsample run -n 3 --bars 2 -u -o theme
    xlsample run -n 5 --bars 4 --prompt theme -u -o more
    remi2midi --check more
    [ "$(pieces more | awk '{print $2}' | sort -u)" = 6 ]
    awk '/^#piece/ {i++; bar = 0; next} /^#/ {next} ++bar <= 2 {print (i - 1) % 3, bar, $0}' more |
        sort -u >heads
    awk '/^#piece/ {i++; bar = 0; next} /^#/ {next} {print i - 1, ++bar, $0}' theme |
        sort -u >want
    cmp heads want
    xlsample run -n 5 --bars 4 --prompt - -u <theme >piped
    cmp <(grep -v '^#remi' more) <(grep -v '^#remi' piped)
}

@test "xlsample: --bars 0 ends where the model ends, --max-tokens cuts whole notes" {
    run -0 --separate-stderr xlsample run -n 3 --bars 0 --max-tokens 150 -o s.tok.zst
    remi2midi --check s.tok.zst
    text s.tok.zst | awk '/^#end/ {match($0, /"tokens":[0-9]+/)
        if (substr($0, RSTART + 9, RLENGTH - 9) > 150) exit 1}'
    run -0 --separate-stderr xlsample run --bars 64 --max-tokens 20 -o s.tok.zst
    says "1 of 1 pieces were cut"
    remi2midi --check s.tok.zst
}

@test "xlsample: takes a file, a run folder or standard input; one with state or moved" {
    cp -r run/ moved
    rm moved/best
    xlsample run/best --bars 2 --no-pg -u -o a
    xlsample run --bars 2 --no-pg -u -o b
    cmp a b
    xlsample moved --bars 2 --no-pg -u >c
    xlsample - --bars 2 --no-pg -u <run/latest >d
    cmp c d
    xlsample - --bars 2 --no-pg -u < <(cat run/latest) >e
    cmp c e
}

@test "xlsample: the record of programs goes on, or is left out" {
    xlsample run --bars 1 -u -o s
    for tool in midi2remi shard xltrain xlsample; do
        head -n 1 s | grep -q "\"id\":\"$tool\"" || fail "$tool"
    done
    [[ $(head -n 1 s) != *"$BATS_FILE_TMPDIR"* ]]
    xlsample run --bars 1 -u --no-pg -o s
    run ! grep -q '"pg"' s
}

@test "xlsample: --no-grammar lets the model say what it likes" {
    xlsample run -n 4 --bars 2 --temperature 5 --top-p 1 --no-grammar -o s.tok.zst
    run -65 remi2midi --check s.tok.zst
    remi2midi -d out s.tok.zst
}

@test "xlsample: damage and strangers are refused, no output is left" {
    cp run/latest c
    printf '\377' | dd of=c bs=1 seek=9000 conv=notrunc status=none
    run -65 --separate-stderr xlsample c -o s
    says "c"
    head -c 6000 run/latest >c
    run -65 --separate-stderr xlsample c -o s
    says "c"
    : >c
    run -65 --separate-stderr xlsample c -o s
    says "c"
    run -65 --separate-stderr xlsample all.tok.zst -o s
    says "all.tok.zst"
    midi2remi --grid 8 "$SAMPLES"/*.mid -o eight.tok.zst
    run -65 --separate-stderr xlsample run --prompt eight.tok.zst -o s
    says "schemes of 'eight.tok.zst'"
    printf 'nonsense\n' >bad
    run -65 --separate-stderr xlsample run --prompt bad -o s
    says "bad"
    [ ! -e s ]
}

@test "xlsample: misuse is one line and 64, absence 66" {
    run -64 --separate-stderr xlsample
    says "checkpoint"
    run -64 --separate-stderr xlsample run run
    says "checkpoint"
    run -64 --separate-stderr xlsample run --top-p 2
    says "top-p"
    run -64 --separate-stderr xlsample run -n 0
    says "pieces"
    run -66 --separate-stderr xlsample none
    says "none"
    mkdir empty
    run -66 --separate-stderr xlsample empty
    says "no checkpoint"
}

@test "xlsample: a model over learned merges writes plain tokens, which the grammar accepts" {
    vocab --bpe 300 -o merged.tsv all.tok.zst
    shard --vocab merged.tsv -o merged all.tok.zst
    xltrain --data merged -o merging --preset tiny --set layers=1 --set width=32 --set heads=2 \
        --set ff=64 --steps 30 --set warmup=5
    xlsample merging -n 10 --bars 5 -o s.tok.zst
    remi2midi --check s.tok.zst
    [ "$(pieces s.tok.zst | awk '{print $2}' | sort -u)" = 5 ]
    xlsample merging -n 2 --bars 2 --prompt all.tok.zst -o p.tok.zst
    # the prompt stands before what was added, token for token
    text "$BATS_FILE_TMPDIR/all.tok.zst" | sed '/^#/d' >want
    text p.tok.zst | sed '/^#/d' >got
    cmp <(head -n 3 want) <(head -n 3 got)
    xlsample merging -n 10 --bars 5 -o again.tok.zst
    cmp s.tok.zst again.tok.zst
}

# bars FILE: the tokens of each bar that --chords and --tempo are about
bars() {
    text "$1" | grep '^Bar' | grep -oE '^Bar|Position_0|Chord_[^ ]+|Tempo_[0-9]+|Program|Pitch' |
        awk '/^Bar/ {if (NR > 1) print s; s = ""; next} {s = s " " $0} END {print s}'
}

@test "xlsample: chords of bars, the tempo and labels can be settled" {
    xlsample settled -n 3 --bars 7 --chords 'C Am | Bb,G7' --tempo 91 --labels Mode_odd -o s.tok.zst
    remi2midi --check s.tok.zst
    [ "$(text s.tok.zst | grep -c '^Mode_odd$')" -eq 3 ]
    bars s.tok.zst | grep -oE 'Chord_[^ ]+' >got
    for _ in 1 2 3; do
        printf 'Chord_%s\n' C:maj A:min A#:maj G:dom7 C:maj A:min A#:maj
    done | cmp - got
    [ "$(bars s.tok.zst | grep -vc '^ Position_0 Chord')" -eq 0 ]
    [ "$(bars s.tok.zst | grep -oE 'Tempo_[0-9]+' | sort | uniq -c | xargs)" = "3 Tempo_91" ]
    # a chord that stays is not said again
    xlsample settled --bars 4 --chords 'F F C:min' -o s.tok.zst
    remi2midi --check s.tok.zst
    [ "$(bars s.tok.zst | grep -oE 'Chord_[^ ]+' | xargs)" = "Chord_F:maj Chord_C:min Chord_F:maj" ]
    xlsample settled -n 4 --bars 4 --no-pg -u -o a
    xlsample settled -n 4 --bars 4 --no-pg -u --tempo 0 -o b
    cmp a b
}

@test "xlsample: chords as degrees: of a key that is drawn, or symbols, which have one" {
    xlsample composer -n 6 --bars 4 -o s
    remi2midi --check s
    [ "$(text s | grep -c '^Bar TimeSig_[^ ]* Key_[^ ]* Position_0 Chord_[IVb]*:')" -ge 1 ]
    xlsample composer -n 6 --bars 4 --chords 'I vi | ii7,bVII' -o s
    remi2midi --check s
    [ "$(text s | grep -oE 'Chord_[^ ]+' | sort | uniq -c | xargs)" = '6 Chord_I:maj 6 Chord_II:min7 6 Chord_VI:min 6 Chord_bVII:maj' ]
    xlsample composer -n 6 --bars 4 --chords 'D Bm G A7' -o s
    remi2midi --check s
    [ "$(text s | grep -oE '(Chord|Key)_[^ ]+' | sort | uniq -c | xargs)" = \
        '6 Chord_I:maj 6 Chord_IV:maj 6 Chord_V:dom7 6 Chord_VI:min 6 Key_D:maj' ]
    # behind a prompt they are in its key
    midi2remi -u --degrees "$BARLINE_ROOT/samples/abide-with-me.mid" -o theme
    xlsample composer --bars 2 --prompt theme --chords 'D N' -o s
    [ "$(text s | grep -oE 'Key_[^ ]+' | sort -u)" = Key_D:maj ]
    text s | grep -oE 'Chord_[^ ]+' | tail -n 2 | xargs >got
    [ "$(cat got)" = 'Chord_I:maj Chord_N' ] || fail "$(cat got)"
    run -64 --separate-stderr xlsample composer --chords 'I Am' -o s2
    says "chords are symbols or degrees, not both"
    run -64 --separate-stderr xlsample settled --chords 'vi' -o s2
    says "'vi' is no chord"
}

@test "xlsample: what is settled begins after the prompt" {
    xlsample settled -n 4 --bars 2 -u -o theme
    xlsample settled -n 4 --bars 3 --prompt theme --tempo 77 --chords 'Em N' -o more
    remi2midi --check more
    bars more | awk '(NR - 1) % 5 > 1' >new
    [ "$(grep -c '^ Position_0 Chord_E:min Tempo_77' new)" -eq 4 ]
    [ "$(grep -oE 'Chord_[^ ]+' new | sort | uniq -c | xargs)" = "8 Chord_E:min 4 Chord_N" ]
    run -64 --separate-stderr xlsample settled --prompt theme --labels Mode_odd -o s
    says "--labels"
}

@test "xlsample: --seconds makes bars, or shifts, until they last" {
    xlsample run -n 4 --seconds 30 -u -o s
    remi2midi --check s
    remi2midi -d out s
    /usr/bin/python3 - out/*.mid <<'END'
import sys, mido
for f in sys.argv[1:]:
    assert mido.MidiFile(f).length >= 29.9, f
END
    [ "$(pieces s | awk '$2 == 16' | wc -l)" -lt 4 ]
    # as long as they last, and not a bar longer: the bytes of so many bars
    xlsample run -j 1 --no-pg --seconds 900 --max-tokens 100000 -u -o s
    xlsample run -j 1 --no-pg --bars "$(pieces s | cut -d ' ' -f 2)" --max-tokens 100000 -u -o t
    cmp <(grep -v "^#" s | head -n -1) <(grep -v "^#" t | head -n -1) # in the last one EOS may come
    [ "$(pieces s | cut -d ' ' -f 2)" -gt 50 ]
    xlsample run --seconds 1000 --bars 2 -o s
    [ "$(pieces s)" = "sample-000000 2" ]
    xlsample performer -n 3 --seconds 7 -u -o s
    remi2midi --check s
    # a line is a second; no piece goes on beyond, none ends long before
    text s | awk '/^#piece/ {n = 0; next} /^#end/ {if (n < 5 || n > 7) exit 1} {n++}'
    xlsample performer -n 3 --seconds 7 -u --prompt s -o t
    text t | awk '/^#piece/ {n = 0; next} /^#end/ {if (n < 10 || n > 14) exit 1} {n++}'
}

@test "xlsample: without bars the model ends a piece, and pieces without a note are counted" {
    # so hot that the end is as likely as all else, at once in some of 800 pieces
    run -0 --separate-stderr xlsample performer -n 800 --temperature 100 --top-p 1 \
        --max-tokens 4 -o s
    remi2midi --check s
    text s | awk '/^#piece/ {n = 0} /^[^#]/ {n += NF} /^#end/ && n < 4 {m++} END {exit !(m > 0)}'
    empty=$(text s | awk '/^#piece/ {n = 0} /Note-On/ {n = 1} /^#end/ && !n {m++} END {print m + 0}')
    [ "$empty" -gt 0 ]
    [[ $stderr == *"warning: $empty of 800 pieces have no note"* ]]
    run -0 --separate-stderr xlsample run -n 3 --max-tokens 1 --bars 1 -o s
    [[ $stderr == *"3 of 3 pieces have no note"* ]]
    run -0 --separate-stderr xlsample run -n 3 --max-tokens 1 --bars 1 -q -o s
    [ -z "$stderr" ]
}

@test "xlsample: what cannot be settled is refused with its reason" {
    run -64 --separate-stderr xlsample settled --chords 'C H' -o s
    says "'H' is no chord"
    run -64 --separate-stderr xlsample settled --chords ' | ' -o s
    says "no chord is named"
    run -64 --separate-stderr xlsample run --chords C -o s
    says "midi2remi --chords"
    run -64 --separate-stderr xlsample settled --labels Mode_odd,Mode_even -o s
    says "one label of a kind"
    run -64 --separate-stderr xlsample settled --labels Pitch_60 -o s
    says "no label"
    run -64 --separate-stderr xlsample settled --labels Mode_none -o s
    says "no token 'Mode_none'"
    run -64 --separate-stderr xlsample settled --tempo 7 -o s
    says "20..300"
    run -64 --separate-stderr xlsample performer --bars 4 -o s
    says "--bars: the tokens of 'performance' have none; --seconds S"
    run -64 --separate-stderr xlsample performer --tempo 90 -o s
    says "only in 'remi'"
    [ ! -e s ]
}

@test "xlsample: --like makes as many pieces of as many bars, or seconds, as there are" {
    cp --remove-destination "$BATS_FILE_TMPDIR/all.tok.zst" . # zstd follows no links
    pieces all.tok.zst | cut -d ' ' -f 2 | head -n 5 >bars
    xlsample -q run --like all.tok.zst -n 5 -o new.tok.zst
    remi2midi --check new.tok.zst
    pieces new.tok.zst | cut -d ' ' -f 2 | diff - bars
    shard -q -o data all.tok.zst
    shard -q --unshard test --lines 4 data -o test.tok.zst
    xlsample -q run --like test.tok.zst -o new2.tok.zst
    [ "$(pieces new2.tok.zst | cut -d ' ' -f 2)" = "$(pieces test.tok.zst | cut -d ' ' -f 2)" ]
    # the same piece whoever else is drawn
    xlsample -q run --like test.tok.zst -n 1 -o one.tok.zst
    cmp <(text new2.tok.zst | sed -n '/^#piece {"i":0/,/^#end/p') <(text one.tok.zst | sed -n '/^#piece/,/^#end/p')
    # without bars: as many seconds, within a step of the clock
    shard -q --unshard test --lines 3 "$BATS_FILE_TMPDIR/played" -o played.tok.zst
    xlsample -q performer --like played.tok.zst -o seconds.tok.zst
    [ "$(text seconds.tok.zst | grep -c '^#piece')" -eq "$(text played.tok.zst | grep -c '^#piece')" ]
    remi2midi --check seconds.tok.zst
    run -65 --separate-stderr xlsample run --like played.tok.zst -o no
    says "its pieces are as many seconds long, those of 'remi' as many bars"
    run -64 --separate-stderr xlsample run --like all.tok.zst --bars 3 -o no
    says "it goes with neither --bars nor --seconds"
    [ ! -e no ]
}

@test "xlsample: weights in 8 bits draw the same bytes for any -j, and xltrain says what they cost" {
    local run few many how
    for run in run settled performer; do
        how='--bars 2'
        [ $run != performer ] || how='--seconds 2'
        xlsample -u --no-pg --precision int8 -n 2 $how --max-tokens 300 -j 1 $run >one.tok
        xlsample -u --no-pg --precision int8 -n 2 $how --max-tokens 300 -j 2 $run >two.tok
        cmp one.tok two.tok
        remi2midi --check one.tok
    done
    few=$(xltrain --data "$BATS_FILE_TMPDIR/data" --eval valid -o run | tail -n 1 | cut -f 4)
    many=$(xltrain --data "$BATS_FILE_TMPDIR/data" --eval valid -o run --precision int8 | tail -n 1 | cut -f 4)
    [ "$few" != "$many" ]
    awk -v a="$few" -v b="$many" 'BEGIN {d = (b - a) / a; exit !(d < 0.005 && d > -0.005)}' ||
        fail "$few in fp32, $many in int8"
    run -64 --separate-stderr xltrain --data "$BATS_FILE_TMPDIR/data" -o new --precision int8
    says "--eval"
    [ ! -e new ]
}
