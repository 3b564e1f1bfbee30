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
    says "'eight.tok.zst': its tokens are not the model's: they are of grid 8, not 4; 'midi2remi --grid 4'"
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
    [[ $stderr == *"3 of 3 pieces have no note; a model trained longer makes fewer"* ]]
    run -0 --separate-stderr xlsample run -n 3 --max-tokens 1 --bars 1 --programs sax -o s
    [[ $stderr == *"3 of 3 pieces have no note; a model has --programs play that played in its training"* ]]
    run -0 --separate-stderr xlsample run -n 3 --max-tokens 1 --bars 1 -q -o s
    [ -z "$stderr" ]
}

@test "xlsample: what cannot be settled is refused with its reason" {
    run -64 --separate-stderr xlsample settled --chords 'C H' -o s
    says "'H' is no chord"
    run -64 --separate-stderr xlsample settled --chords ' | ' -o s
    says "no chord is named"
    run -64 --separate-stderr xlsample run --chords C -o s
    says "'midi2remi --grid 4 --chords'"
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

# words FILE KIND: which tokens of a kind it has, once each
words() {
    text "$1" | grep -v '^#' | grep -oE "$2[^ ]*" | sort -u | xargs
}

@test "xlsample: --memory is how far back each token sees, twice that of training where it may be" {
    local f=$BATS_FILE_TMPDIR how=(--bars 24 --seed 3 -u --no-pg)
    xlsample $f/run "${how[@]}" >twice
    xlsample $f/run "${how[@]}" --memory 256 | cmp - twice
    xlsample $f/run "${how[@]}" --memory 128 >once
    xlsample $f/run "${how[@]}" --memory 20 >short
    ! cmp -s once twice
    ! cmp -s once short
    # what is within reach of both is the same
    cmp <(grep -v '^#' once | tr ' ' '\n' | head -n 127) <(grep -v '^#' twice | tr ' ' '\n' | head -n 127)
    cmp <(grep -v '^#' once | tr ' ' '\n' | head -n 19) <(grep -v '^#' short | tr ' ' '\n' | head -n 19)
    # a model that looks farther back is not worse at what comes
    xltrain -q --data $f/data --eval valid -o $f/run --set eval_memory=128 >near
    xltrain -q --data $f/data --eval valid -o $f/run --set eval_memory=256 >far
    awk -F '\t' '/^valid/ { loss[++n] = $4 } END { exit n != 2 || loss[2] > 1.01 * loss[1] }' near far || { cat near far; false; }
    # learned places are as many as there were
    xltrain -q --data $f/data -o learned --preset tiny --set arch=gpt2 --set layers=1 --set width=32 \
        --set heads=2 --set ff=64 --set segment=32 --set memory=0 --steps 2 --set warmup=1
    run -64 xlsample learned --memory 64
    [[ $output == "xlsample: 'learned/best': --memory: this run sees as far as it was trained to,"* ]] || { echo "$output"; false; }
    xlsample learned --memory 0 --bars 1 >/dev/null
}

@test "xlsample: --prompt song.mid goes on from a MIDI file as from its tokens" {
    cp "$SAMPLES/greensleeves.mid" song.mid
    xlsample -q run --prompt song.mid --bars 2 --no-pg -u -o a
    midi2remi song.mid | xlsample -q run --prompt - --bars 2 --no-pg -u -o b
    cmp a b
    xlsample -q run --prompt - --bars 2 --no-pg -u <song.mid >c
    cmp a c
    # a model of chords, labels and merges reads chords, and is told labels
    xlsample -q settled --prompt song.mid --labels Mode_odd --bars 2 --no-pg -u -o d
    remi2midi --check d
    [ "$(text d | grep -c '^Mode_odd$')" -eq 1 ]
    midi2remi --chords -u song.mid | grep '^Bar' >want
    cmp want <(grep '^Bar' d | head -n "$(wc -l <want)")
    xlsample -q performer --prompt song.mid --seconds 2 -u -o e
    remi2midi --check e
    printf 'MThd no music' >bad.mid
    run -65 --separate-stderr xlsample run --prompt bad.mid -o s
    says "bad.mid"
    [ ! -e s ]
}

@test "xlsample: --prompt-bars takes the first bars of a prompt" {
    cp "$SAMPLES/greensleeves.mid" song.mid
    xlsample -q run --prompt song.mid --prompt-bars 3 --bars 2 -u -o a
    remi2midi --check a
    [ "$(pieces a)" = "sample-000000 5" ]
    cmp <(midi2remi -u song.mid | grep '^Bar' | head -n 3) <(grep '^Bar' a | head -n 3)
    xlsample -q run --prompt song.mid --prompt-bars 9999 --bars 1 -u -o b
    [ "$(grep -c '^Bar' b)" -eq $(($(midi2remi -u song.mid | grep -c '^Bar') + 1)) ]
    run -64 --separate-stderr xlsample performer --prompt song.mid --prompt-bars 3 -o s
    says "--prompt-bars: the tokens of 'performance' have none"
}

@test "xlsample: what a MIDI prompt has and the model has not, the nearest stands for" {
    cp "$SAMPLES"/{mary-had-a-little-lamb,ode-to-joy,frere-jacques}.mid .
    midi2remi ./*.mid -o few.tok.zst
    vocab --order count --min-count 1 few.tok.zst -o few.tsv
    shard -q -o few --vocab few.tsv few.tok.zst
    xltrain -q --data few -o small --preset tiny --set layers=1 --set width=16 --set heads=2 \
        --set ff=16 --steps 2
    run -0 --separate-stderr xlsample small --prompt "$SAMPLES/old-macdonald.mid" --prompt-bars 4 --bars 1 -o s
    says "tokens of the prompt are not in the model's vocabulary"
    remi2midi --check s
    [ "$(pieces s)" = "sample-000000 5" ]
    midi2remi "$SAMPLES/old-macdonald.mid" -o f.tok.zst
    run -65 --separate-stderr xlsample small --prompt f.tok.zst -o t
    says "is not in the model's vocabulary"
}

@test "xlsample: what a small vocabulary leaves no token for is said" {
    local tiny=(--preset tiny --set layers=1 --set width=16 --set heads=2 --set ff=16 --steps 2)
    # pieces without a note: behind a second Position_0 nothing can stand
    for i in 1 2 3; do
        printf 'MThd\0\0\0\6\0\0\0\1\1\340MTrk\0\0\0\11\217\0\377\1\1%d\0\377\57\0' $i >s$i.mid
    done
    midi2remi -q --keep-empty s?.mid -o silent.tok.zst
    vocab --order count --min-count 1 silent.tok.zst -o silent.tsv
    shard -q -o silent --near off --split train=1 --vocab silent.tsv silent.tok.zst
    xltrain -q --data silent -o mute "${tiny[@]}"
    run -0 --separate-stderr xlsample mute -n 8 --bars 9 --temperature 9 --top-p 1 -o s
    [[ $stderr == *"pieces end where the model's vocabulary and what was asked for leave no token"* ]]
    [[ $stderr != *max-tokens* ]]
    # chords whose key, or whose degrees in the key, are not there
    cp "$SAMPLES"/{mary-had-a-little-lamb,ode-to-joy,frere-jacques}.mid .
    midi2remi -q mary*.mid ode*.mid frere*.mid --degrees -o few.tok.zst
    vocab --order count --min-count 1 few.tok.zst -o few.tsv
    shard -q -o few --vocab few.tsv few.tok.zst
    xltrain -q --data few -o small "${tiny[@]}"
    run -64 --separate-stderr xlsample small --chords 'F# C#' -o t
    says "the model's vocabulary has no token 'Key_C#:maj'"
    [ ! -e t ]
}

@test "xlsample: -o song.mid names the line that works" {
    run -64 --separate-stderr xlsample run -o new.mid
    says "these are tokens, no MIDI file; instead of it end the line with '| remi2midi -o new.mid'"
    xlsample -q run --bars 2 | remi2midi -q -o new.mid
    [ "$(head -c 4 new.mid)" = MThd ]
    run -64 --separate-stderr midi2remi "$SAMPLES/fur-elise.mid" -o a.MID
    says "no MIDI file"
    xlsample -q run --bars 1 -f -o tokens.mid
    for tool in 'xlsample run' 'remi2midi tokens.mid' "midi2remi $SAMPLES/fur-elise.mid"; do
        run -64 --separate-stderr $tool -o new.wav
        says "-o new.wav: nothing here is sound; 'make listen PIECE=FILE OUT=piece.wav' makes it"
    done
    run -64 --separate-stderr xlsample run -o new.Flac
    says "nothing here is sound"
    [ ! -e new.wav ] && [ ! -e new.Flac ]
    # what is no music at all
    cp tokens.mid tokens
    for other in "vocab tokens:a vocabulary:tsv" "vocab --json tokens:a vocabulary:json" \
        "featstats tokens:a table:tsv" "featstats --json tokens:JSON:jsonl" \
        "featstats --roll tokens:a picture:svg" "remi2midi --csv tokens:a table:csv"; do
        IFS=: read -r line what suffix <<<"$other"
        run -64 --separate-stderr $line -o out.mid
        says "-o out.mid: this is $what, no MIDI file: -o out.$suffix takes it; 'remi2midi FILE -o out.mid' makes a MIDI file of tokens"
        $line -q -o out.$suffix
        [ -s out.$suffix ] && [ ! -e out.mid ]
    done
    # what a model is not
    run -65 --separate-stderr xlsample "$SAMPLES/fur-elise.mid"
    says "not safetensors but a MIDI file"
    run -65 --separate-stderr xlsample tokens.mid
    says "not safetensors but a token stream"
}

@test "xlsample: --seed random draws another each time and says which" {
    run -0 --separate-stderr xlsample run --bars 2 --seed random --no-pg -u -o a
    says "xlsample: --seed "
    seed=${stderr##* }
    xlsample run --bars 2 --seed "$seed" --no-pg -u -o b
    cmp a b
    run -0 --separate-stderr xlsample -v run --bars 1 --seed random -u -o c
    [[ $(head -n 1 c) == *"--seed=$(grep -oE -m 1 -- '--seed [0-9]+' <<<"$stderr" | cut -d ' ' -f 2)"* ]]
    for _ in 1 2 3; do xlsample run --bars 1 --seed random -o c 2>>seeds; done
    [ "$(sort -u seeds | wc -l)" -gt 1 ]
    run -64 --separate-stderr xlsample run --seed chance
    says "--seed wants a whole number"
}

@test "xlsample: --meter and --programs leave nothing else" {
    xlsample -q run -n 3 --bars 6 --meter 3/4 --programs piano,73,drums -o s
    remi2midi --check s
    [ "$(words s TimeSig_)" = TimeSig_3/4 ]
    for p in $(words s Program_); do
        [[ $p == Program_[0-7] || $p == Program_73 ]] || fail "$p"
    done
    xlsample -q run -n 2 --bars 4 --programs drums -o s
    remi2midi --check s
    [ -z "$(words s Pitch_)" ]
    [ -n "$(words s PitchDrum_)" ]
    xlsample -q run -n 2 --bars 4 --programs bass,48-51 -o s
    [ -z "$(words s PitchDrum_)" ]
    # by name: "violin" is one, "sax" are four
    xlsample -q run -n 2 --bars 4 --programs violin,Alto-Sax -o s
    remi2midi --check s
    for p in $(words s Program_); do [[ $p == Program_40 || $p == Program_65 ]] || fail "$p"; done
    xlsample -q run -n 2 --bars 4 --programs sax -o s
    for p in $(words s Program_); do [[ $p == Program_6[4-7] ]] || fail "$p"; done
    # and as General MIDI writes it
    for name in 'Lead 5 (charang)' 'Pad 2 (warm)' 'FX 1 (rain)' alto_sax Synth_Lead; do
        xlsample -q run -n 1 --bars 1 --programs "$name" -o s
    done
    xlsample -q run -n 2 --bars 4 --programs 'lead 5 (Charang)' -o s
    for p in $(words s Program_); do [ "$p" = Program_84 ] || fail "$p"; done
    # who may play does so in the place of who may not, and no tempos in theirs
    local free only
    free=$(xlsample -q run -n 32 --bars 8 -u | grep -o Tempo_ | wc -l)
    only=$(xlsample -q run -n 32 --bars 8 -u --programs violin | grep -o Tempo_ | wc -l)
    [ $((4 * only)) -le $((5 * free)) ] || fail "$only tempos with one instrument, $free with all"
    # after a prompt the new bars are so, those given stay
    xlsample -q run --prompt "$SAMPLES/greensleeves.mid" --bars 3 --meter 4/4 --programs 40 -u -o s
    remi2midi --check s
    { echo '#'; grep '^Bar' s | tail -n 3; } >new
    [ "$(words new TimeSig_) $(words new Program_)" = "TimeSig_4/4 Program_40" ]
    run -64 --separate-stderr xlsample run --programs piano,kazoo -o no
    says "'kazoo' is no instrument; those are programs"
    run -64 --separate-stderr xlsample run --programs 128 -o no
    says "'128' is no instrument"
    run -64 --separate-stderr xlsample run --meter 77/1 -o no
    says "no token 'TimeSig_77/1'"
    run -64 --separate-stderr xlsample performer --meter 3/4 -o no
    says "only in 'remi'"
    [ ! -e no ]
}

# classes FILE: the pitch classes of its melodic notes, as one line
classes() {
    text "$1" | grep -oE ' Pitch_[0-9]+' | sed 's/.*_//' | awk '{print $1 % 12}' | sort -nu | xargs
}

@test "xlsample: --key is the token of a model of keys, and a mask for others, which is said" {
    run -0 --separate-stderr xlsample run -n 4 --bars 6 --temperature 2 --key C -o s
    [[ $stderr == "xlsample: warning: --key is a mask: the model knows no keys"* ]] || fail "$stderr"
    remi2midi --check s
    [ "$(classes s)" = "0 2 4 5 7 9 11" ]
    xlsample -q run -n 4 --bars 6 --temperature 2 --key 'F# minor' -o s
    [ "$(classes s)" = "1 2 4 5 6 8 9 11" ] # with the leading note
    for same in F♯m gbm Gb:min F#-; do
        xlsample -q run -n 4 --bars 6 --temperature 2 --key "$same" -o t
        cmp <(text s | grep '^Bar') <(text t | grep '^Bar') || fail "$same"
    done
    # of merges too; the chords are those of the key, or those that were asked for
    xlsample -q settled -n 4 --bars 6 --temperature 2 --key Bb -o s
    remi2midi --check s
    [ "$(classes s)" = "0 2 3 5 7 9 10" ]
    for c in $(bars s | grep -oE 'Chord_[^ ]+'); do
        [[ $c =~ _(A#|C|D|D#|F|G|A|N) ]] || fail "$c"
    done
    xlsample -q settled -n 4 --bars 6 --temperature 2 --key C --chords 'E Am' -o s
    remi2midi --check s
    [ "$(classes s)" = "0 2 4 5 7 8 9 11" ]
    # behind a prompt the new bars are
    xlsample -q run --prompt "$SAMPLES/greensleeves.mid" --bars 3 --key B -u -o s
    { echo '#'; grep '^Bar' s | tail -n 3; } >new
    for c in $(classes new); do [[ " 1 3 4 6 8 10 11 " == *" $c "* ]] || fail "$c"; done

    run -0 --separate-stderr xlsample composer -n 4 --bars 2 --key Eb -o s
    [ -z "$stderr" ]
    [ "$(text s | grep -oE 'Key_[^ ]+' | xargs)" = "Key_D#:maj Key_D#:maj Key_D#:maj Key_D#:maj" ]
    xlsample composer --bars 4 --key G --chords 'C D' -o s
    [ "$(text s | grep -oE '(Key|Chord)_[^ ]+' | xargs)" = \
        "Key_G:maj Chord_IV:maj Chord_V:maj Chord_IV:maj Chord_V:maj" ]
    xlsample composer --bars 4 --key Am --chords 'i iv' -o s
    [ "$(text s | grep -oE 'Key_[^ ]+' | xargs)" = Key_A:min ]
    # as of one in a common key
    midi2remi --common-key "$SAMPLES"/[s-t]*.mid | shard --split train=.8,valid=.2 -o common
    xltrain -q --data common -o moved --preset tiny --set layers=1 --set width=32 --set heads=2 --steps 2
    run -0 --separate-stderr xlsample moved --bars 4 --key D -o s
    [ -z "$stderr" ] && [ "$(text s | grep -oE 'Key_[^ ]+' | xargs)" = Key_D:maj ]
    run -64 --separate-stderr xlsample composer --key G --prompt "$SAMPLES/greensleeves.mid" -o no
    says "--key: the prompt has its own"
    for bad in c H 'C lydian' C7 '' '  '; do
        run -64 --separate-stderr xlsample run --key "$bad" -o no
        says "'$bad' is no key; one is 'C', 'F#m' or 'Bb minor'"
    done
    run -64 --separate-stderr xlsample performer --key C -o no
    says "only in 'remi'"
    [ ! -e no ]
}

# moments FILE LOW HIGH: fails where a bar has another number of moments with notes
moments() {
    text "$1" | grep '^Bar' | awk -v low="$2" -v high="$3" '{n = 0; open = 0
        for (i = 1; i <= NF; i++) {
            if ($i ~ /^Position_/) open = 1
            if ($i ~ /^Pitch/ && open) {n++; open = 0}}
        if (n < low || n > high) {print NR ": " n; exit 1}}'
}

@test "xlsample: --density is how many moments of each bar have a note" {
    while read -r density low high how; do
        xlsample -q run -n 4 --bars 8 --meter 4/4 --density "$density" $how -o s
        remi2midi --check s
        moments s "$low" "$high"
    done <<<'0.1 1 1
0.5 2 2
1 3 5
2 6 10 --temperature 2 --top-p 1
4 12 16
24 16 16 --temperature 2 --top-p 1'
    # by the length of the bar, with drums alone, with merges and chords, behind a prompt
    xlsample -q run -n 4 --bars 6 --meter 6/8 --density 2 --programs drums -o s
    moments s 5 7
    xlsample -q settled -n 4 --bars 6 --meter 4/4 --density 2 --chords 'C Am' --temperature 2 -o s
    remi2midi --check s
    moments s 6 10
    xlsample -q run --prompt "$SAMPLES/greensleeves.mid" --bars 5 --meter 4/4 --density 4 -u -o s
    { echo '#'; grep '^Bar' s | tail -n 5; } >new
    moments new 12 16
    # 0 asks for nothing
    xlsample -q run -n 2 --no-pg -o a
    xlsample -q run -n 2 --no-pg --density 0 -o b
    cmp a b
    run -64 --separate-stderr xlsample performer --density 2 -o no
    says "only in 'remi'"
    run -64 --separate-stderr xlsample run --density 25 -o no
    says "0..24"
}

@test "xlsample: a pickup is left, and no note is struck twice at once" {
    # so hot that both would be in every other piece
    xlsample -q run -n 60 --bars 4 --temperature 3 --top-p 1 -u -o s
    remi2midi --check s
    awk '/^#piece/ {bar = 0; next} /^#/ {next}
        {bar++; m = ""; for (i = 1; i <= NF; i++) if ($i ~ /^TimeSig_/) m = $i}
        bar == 1 {pickup = m ~ /_1\//; n += pickup}
        bar == 2 && pickup && (m == "" || m ~ /_1\//) {print; exit 1}
        END {if (n == 0) exit 2}' s
    twice() {
        awk '/^#/ {next} {for (i = 1; i <= NF; i++) {
            if ($i ~ /^Program_/) p = $i; if ($i ~ /^Position_/) delete seen
            if ($i ~ /^PitchDrum_/) n += seen[$i]++ > 0; else if ($i ~ /^Pitch_/) n += seen[p $i]++ > 0}
            delete seen} END {print n + 0}' "$1"
    }
    [ "$(twice s)" -eq 0 ]
    xlsample -q run -n 60 --bars 4 --temperature 3 --top-p 1 --no-grammar -u -o free
    [ "$(twice free)" -gt 0 ]
    # who gives bars of one beat goes on in them
    printf 'MThd\0\0\0\6\0\0\0\1\0\140MTrk\0\0\0\050\0\377\130\4\1\2\030\010\0\220\074\100\140\200\074\100\0\220\076\100\140\200\076\100\0\220\100\100\140\200\100\100\0\377\057\0' >one.mid
    xlsample -q run --prompt one.mid --bars 30 --meter 1/4 -u -o t
    [ "$(words t TimeSig_)" = TimeSig_1/4 ]
    xlsample -q run --prompt one.mid --prompt-bars 1 --bars 1 -u -o t
    [[ $(grep '^Bar' t | tail -n 1) == "Bar TimeSig_"* ]]
}

@test "xlsample: chords as musicians write them" {
    xlsample -q settled --bars 8 --chords 'C:2 am:2 | B♭Δ F♯ø7 G13 N.C.' -o s.tok.zst
    remi2midi --check s.tok.zst
    [ "$(bars s.tok.zst | grep -oE 'Chord_[^ ]+' | xargs)" = \
        "Chord_C:maj Chord_A:min Chord_A#:maj7 Chord_F#:hdim7 Chord_G:dom7 Chord_N" ]
    [ "$(bars s.tok.zst | grep -n Chord_ | cut -d : -f 1 | xargs)" = "1 3 5 6 7 8" ]
    xlsample -q settled --bars 8 --chords 'C/E C6 D9 Dadd9 E5 e- C:7 C:min:2' -o s.tok.zst
    [ "$(bars s.tok.zst | grep -oE 'Chord_[^ ]+' | xargs)" = \
        "Chord_C:maj Chord_D:dom7 Chord_D:maj Chord_E:maj Chord_E:min Chord_C:dom7 Chord_C:min" ]
    # as lead sheets have it: other letters, parentheses
    xlsample -q settled --bars 8 -o s.tok.zst \
        --chords 'CMaj7 DMAJ9 EMI7 fmi Gmi7b5 A7(b9)/E BmMaj7 Cm(maj7):2'
    [ "$(bars s.tok.zst | grep -oE 'Chord_[^ ]+' | xargs)" = \
        "Chord_C:maj7 Chord_D:maj7 Chord_E:min7 Chord_F:min Chord_G:hdim7 Chord_A:dom7 Chord_B:min Chord_C:min" ]
    # as Harte has it: a colon, a bass note by its degree
    xlsample -q settled --bars 9 -o s.tok.zst \
        --chords 'C:min7/b3 D:maj7 E:maj/5 F:hdim7/b7:2 G:sus4(b7) A:7/3 C6/9 Bb:minmaj7/bb7'
    [ "$(bars s.tok.zst | grep -oE 'Chord_[^ ]+' | xargs)" = \
        "Chord_C:min7 Chord_D:maj7 Chord_E:maj Chord_F:hdim7 Chord_G:sus4 Chord_A:dom7 Chord_C:maj Chord_A#:min" ]
    for wrong in H C:65 C/H C/14 C:min7/ N:x Cfoo '♯' 'C(b9)'; do
        run -64 --separate-stderr xlsample settled --chords "C $wrong" -o s
        says "'$wrong' is no chord"
    done
    # the words of the man page are the words of the tool
    man=$BARLINE_ROOT/bin/xlsample.1
    sed -n '/told the model/,/^.El/{/told the model/d; s/^.It "*\(.*\)" Ta \(.*\)/\2 \1/p}' "$man" >table
    [ "$(wc -l <table)" -eq 12 ]
    while read -r told written; do
        chords=() want=Chord_D:$told
        [ "$told" != no ] || want=Chord_N
        for w in $written; do
            case $w in nothing, | chord) ;; N*) chords+=("$w") ;; *) chords+=("D$w") ;; esac
        done
        xlsample -q settled --bars ${#chords[@]} --chords "${chords[*]}" -u -o s.tok
        [ "$(grep -oE 'Chord_[^ ]+' s.tok | sort -u)" = "$want" ] || fail "${chords[*]}"
    done <table
}

# endless SIGNAL BARS OPTION...: bars in out, stopped by a signal when so many are there
endless() {
    local sig=$1 bars=$2 pid
    shift 2
    mkfifo in
    xlsample run --endless "$@" >in 2>err 3>&- &
    pid=$!
    # shellcheck disable=SC2016  # awk's own
    tee out <in | (zstd -dcf --no-check 2>/dev/null || cat) | awk -v n="$bars" -v p="$pid" -v s="$sig" \
        '/^Bar/ && ++bars == n {system("kill -" s " " p)}'
    wait "$pid"
}

@test "xlsample: --endless goes on with the bars of any piece, and a signal ends the stream well" {
    xlsample run --bars 40 --seed 7 -u -o forty.tok
    for sig in INT TERM HUP; do
        endless "$sig" 45 --seed 7 -u || fail "$sig: $?"
        [ ! -s err ] || grep -q "tok/s" err
        remi2midi --check out
        # where a piece may end its last bar is drawn among other tokens
        diff <(grep ^Bar forty.tok | head -n 39) <(grep ^Bar out | head -n 39)
        tail -n 1 out | grep -q '^#eos {"pieces":1,'
        rm in
    done
    endless INT 1 --prompt all.tok.zst --prompt-bars 2 -u
    remi2midi --check out
    xlsample run --prompt all.tok.zst --prompt-bars 2 --bars 1 -u -o prompted.tok
    diff <(grep ^Bar prompted.tok | head -n 2) <(grep ^Bar out | head -n 2)
    xlsample run --endless | head -c 20000 >/dev/null # who goes away ends it
    timeout -s INT 2 xlsample run --endless -o whole.tok.zst || [ $? -eq 124 ]
    remi2midi --check whole.tok.zst
}

@test "xlsample: --endless takes no more memory for more bars" {
    mkfifo in
    xlsample run --endless -u >in 2>/dev/null 3>&- &
    pid=$! bars=0
    while IFS= read -r line; do
        bars=$((bars + 1))
        # by then all that is recalled has its room
        [ "$bars" -ne 1500 ] || first=$(awk '/RssAnon/ {print $2}' "/proc/$pid/status")
        [ "$bars" -ne 3500 ] || {
            last=$(awk '/RssAnon/ {print $2}' "/proc/$pid/status")
            kill "$pid"
        }
    done <in
    wait "$pid"
    [ $((last - first)) -le 256 ] || fail "$first KiB, after $bars bars $last"
}

@test "xlsample: --endless goes with nothing that says how long" {
    for option in "-n 2" "--bars 2" "--seconds 3" "--like all.tok.zst" "--max-tokens 9"; do
        # shellcheck disable=SC2086  # options are words
        run -64 --separate-stderr xlsample run --endless $option
        says "--endless goes on until it is stopped"
    done
    run -64 --separate-stderr xlsample performer --endless
    says "--endless: the tokens of 'performance' have no bars"
}

@test "xlsample: --control changes what is wished, a line at a time" {
    # a file says the same each time; what is no line is said and passed over
    cat >score <<'E'
temperature 0
@3 chords G
@5 chords -
@5 nonsense
threshold .5
@4 temperature 1
@7 labels Mode_odd
@9 stop
E
    run -0 --separate-stderr xlsample settled --endless --chords 'C Am' --labels Mode_even --control score --no-pg -u
    says_two "--control: '@5 nonsense': what can be said is" "--control: 'threshold': of runs of grooves"
    printf '%s\n' "$output" >a
    xlsample settled --endless --chords 'C Am' --labels Mode_even --control score --no-pg -u -q 2>/dev/null >b
    cmp a b
    remi2midi --check a
    [ "$(pieces a | tr '\n' ' ')" = "sample-000000 6 sample-000001 8 " ]
    [ "$(sed -n '/"i":0/,/^#end/p' a | grep -o 'Chord_[^ ]*' | head -n 3 | tr '\n' ' ')" = "Chord_C:maj Chord_A:min Chord_G:maj " ]
    [ "$(grep -c '^Mode_odd$' a)" -eq 1 ]
    # how often something begins, from a bar on
    printf 'density 1\n@3 density 4\n@5 density 25\n' >score
    run -0 --separate-stderr xlsample run --bars 4 --meter 4/4 --control score -u -o s
    says "'@5 density 25': 'density' is a number from 0 to 24"
    { echo '#'; grep '^Bar' s | head -n 2; } >slow
    { echo '#'; grep '^Bar' s | tail -n 2; } >quick
    moments slow 3 5
    moments quick 12 16
    # chords that come later take no key away that was asked for
    echo '@2 chords C G' >score
    xlsample composer -n 3 --bars 3 --key D --control score -u -o s
    [ "$(grep -o 'Key_[^ ]*' s | tr '\n' ' ')" = "Key_D:maj Key_D:maj Key_D:maj " ]
    # what waits for bars far away keeps nothing from the next one
    { seq -f '@999%g temperature 1' 300 && echo stop; } >score
    run -0 --separate-stderr timeout 60 xlsample run --endless --control score -o s
    [ "$(grep -c '256 lines wait' <<<"$stderr")" -eq 44 ]
    # of a FIFO, whose writers come and go
    mkfifo ask
    xlsample run --endless --control ask -u >out 2>err 3>&- &
    pid=$!
    echo foo >ask
    for _ in {1..100}; do
        ! grep -q foo err || break
        sleep .05
    done
    printf 'temperature 2\nst' >ask
    echo op >ask
    wait "$pid"
    remi2midi --check out
    [ "$(grep -c control err)" -eq 1 ]
    # of a descriptor; -n is told, too
    xlsample run -n 3 --bars 4 --control fd:7 -u 7< <(echo '@3 stop') >out
    [ "$(pieces out)" = "sample-000000 2" ]
    xlsample run -n 3 --bars 4 --control fd:7 -u 7< <(echo 'stop') >out
    [ "$(tail -n 1 out)" = '#eos {"pieces":0,"tokens":0,"rejects":0}' ]
    for what in absent fd:77; do
        run -66 --separate-stderr xlsample run --control $what
        says "--control: "
    done
    run -64 --separate-stderr xlsample run --control fd:x
    says "'fd:x' is no descriptor"
}

says_two() {
    [ "$(printf '%s\n' "$stderr" | grep -c control)" -eq 2 ] || fail "not two lines: $stderr"
    [[ $stderr == *"$1"* && $stderr == *"$2"* ]] || fail "missing '$1' or '$2' in: $stderr"
}
