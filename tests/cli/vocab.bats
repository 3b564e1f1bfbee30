#!/usr/bin/env bats
# vocab: closed vocabularies, counts, orders.
load ../helpers

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    local samples=$BARLINE_ROOT/samples
    midi2remi "$samples"/{sakura,we-three-kings,abide-with-me}.mid -o s.tok.zst
    midi2remi "$samples"/sakura.mid --grid 12 -o fine.tok.zst
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    S=$BATS_FILE_TMPDIR/s.tok.zst
}

column() { # column N FILE
    grep -v '^#' "$2" | cut -f "$1"
}

@test "vocab: the closed vocabulary of a scheme, without any input" {
    vocab --scheme remi -o v
    [ "$(head -c 8 v)" = '#vocab {' ]
    [ "$(column 2 v | head -n 5 | tr '\n' ' ')" = 'PAD BOS EOS MASK Bar ' ]
    [ "$(column 3 v | sort -u)" = 0 ]
    [ "$(column 1 v | tail -n 1)" -eq $(($(sed -n '1s/^#vocab //p' v | jq .size) - 1)) ]
    column 1 v | awk '$1 != NR - 1{exit 1}'
    vocab --scheme remi --grid 4 --no-pg >w
    cmp <(sed 1d v) <(sed 1d w)
    vocab --scheme remi --grid 12 >x
    [ "$(wc -l <x)" -gt "$(wc -l <v)" ]
    # the order of the inputs has no part in it, nor have they
    vocab "$S" >y
    cmp <(column 2 v) <(column 2 y)
}

@test "vocab: its identity is the hash of its tokens" {
    for order in canonical seen count; do
        vocab --order $order "$S" >v
        [ "$(sed -n '1s/^#vocab //p' v | jq -r .tokens_sha256)" = \
            "$(column 2 v | sha256sum | cut -d ' ' -f 1)" ]
    done
    vocab --scheme remi >closed
    vocab "$S" >counted
    [ "$(sed -n '1s/^#vocab //p' closed | jq -r .tokens_sha256)" = \
        "$(sed -n '1s/^#vocab //p' counted | jq -r .tokens_sha256)" ]
}

@test "vocab: counts what other tools count" {
    vocab "$S" >v
    { zstdcat "$S" | grep -v '^#' | tr ' ' '\n'; printf 'BOS\nEOS\n%.0s' 1 2 3; } |
        sort | uniq -c | awk '{print $2 "\t" $1}' | sort >expected
    awk -F'\t' '!/^#/ && $3 > 0{print $2 "\t" $3}' v | sort | diff expected -
}

@test "vocab: --order seen is that of the first appearance" {
    vocab --order seen "$S" >v
    { printf 'PAD\nBOS\nEOS\nMASK\n'; zstdcat "$S" | grep -v '^#' | tr ' ' '\n' | awk '!seen[$0]++'; } |
        diff - <(column 2 v)
}

@test "vocab: --order count falls, ties in the order of the scheme" {
    vocab --order count "$S" >v
    [ "$(column 2 v | head -n 4 | tr '\n' ' ')" = 'PAD BOS EOS MASK ' ]
    vocab "$S" | awk -F'\t' '!/^#/ && $1 > 3 && $3 > 0' | sort -t $'\t' -k3,3nr -k1,1n |
        cut -f 2,3 | diff - <(grep -v '^#' v | sed 1,4d | cut -f 2,3)
}

@test "vocab: --min-count drops what is rare, never the specials" {
    vocab --min-count 100 "$S" >v
    vocab "$S" | awk -F'\t' '!/^#/ && ($1 < 4 || $3 >= 100){print $2 "\t" $3}' |
        diff - <(grep -v '^#' v | cut -f 2,3)
    vocab --min-count 1000000 "$S" >w
    [ "$(column 2 w | tr '\n' ' ')" = 'PAD BOS EOS MASK ' ]
    # it can be used
    vocab --order count --min-count 1 "$S" -o x
    shard "$S" --vocab x -o data
}

@test "vocab: --miditok names the same ids as MidiTok does" {
    vocab --scheme remi --miditok >m.json
    vocab --scheme remi --json >v.json
    [ "$(jq -c '[.tokenization, .config.beat_res, .config.num_velocities]' m.json)" = \
        '["REMI",{"0_64":8},32]' ]
    # what its reader asks for: ranges within 0..127, all meters, additional parameters
    [ "$(jq -c '.config | [.pitch_range, .drums_pitch_range, .additional_params]' m.json)" = \
        '[[0,127],[0,127],{"add_trailing_bars":true}]' ]
    jq -r '.config.time_signature_range | to_entries[] | "TimeSig_\(.value[])/\(.key)"' m.json |
        sort | diff - <(jq -r 'keys[] | select(startswith("TimeSig"))' v.json | sort)
    # ours, and one behind them: MidiTok states a program for drums
    [ "$(jq -c '[._vocab_base[]]' m.json)" = "$(jq -c '[.[], length]' v.json)" ]
    [ "$(jq '._vocab_base["Program_-1"]' m.json)" -eq "$(jq length v.json)" ]
    # name pairs of the same id: ours, MidiTok's
    paste <(jq -r 'keys_unsorted[]' v.json) <(jq -r '._vocab_base | keys_unsorted[]' m.json) >pairs
    for pair in 'PAD PAD_None' 'Bar Bar_None' 'TimeSig_6/8 TimeSig_6/8' 'Position_3 Position_6' \
        'Tempo_120 Tempo_120.0' 'Program_24 Program_24' 'Pitch_60 Pitch_60' \
        'PitchDrum_36 PitchDrum_36' 'Velocity_63 Velocity_63' 'Duration_1 Duration_0.1.8' \
        'Duration_10 Duration_1.2.8' 'Duration_64 Duration_8.0.8'; do
        grep -qx "${pair/ /$'\t'}" pairs || fail "no pair '$pair'"
    done
    midi2remi --chords "$SAMPLES" | vocab --miditok | jq -r '._vocab_base | keys[]' >names
    for name in Chord_C:maj Chord_A#:7min Chord_F#:7halfdim Chord_D:7dom Chord_N; do
        grep -qx "$name" names || fail "no $name"
    done
    run -64 --separate-stderr vocab --miditok --scheme performance
    says "--miditok has names for the scheme remi, not for performance"
    run -64 vocab --miditok --json --scheme remi
}

@test "vocab: --json is an object of ids" {
    vocab --json --order count "$S" >v.json
    [ "$(wc -l <v.json)" -eq 1 ]
    vocab --order count "$S" >v
    jq -r 'to_entries[] | "\(.value)\t\(.key)"' v.json | diff - <(grep -v '^#' v | cut -f 1,2)
}

@test "vocab: no input from a terminal, from nowhere, or twice" {
    run -64 --separate-stderr vocab --scheme remi "$S"
    says "give --scheme or files"
    run -64 --separate-stderr vocab --grid 4 "$S"
    says "--grid belongs to --scheme"
    run -64 --separate-stderr vocab --scheme jazz
    says "unknown scheme 'jazz'; there are: remi"
    run -64 --separate-stderr vocab --scheme remi --grid 5
    says grid
    run -64 --separate-stderr vocab --order length "$S"
    says order
    run -66 --separate-stderr vocab "$S" absent
    says "vocab: 'absent': cannot open: No such file or directory"
    [ -z "$output" ]
    run -66 --separate-stderr vocab .
    says "vocab: '.': cannot open: Is a directory; midi2remi makes a stream of the MIDI files in it"
}

@test "vocab: an error leaves the old output" {
    echo old >v
    head -c 500 "$S" >cut
    run -65 --separate-stderr vocab "$S" cut -o v
    says "'cut': byte 500: the input ends inside a zstd frame"
    [ "$(cat v)" = old ]
    [ "$(echo v*)" = v ]
    vocab "$S" -o v
    [ "$(head -c 7 v)" = '#vocab ' ]
}

@test "vocab: a piece without music and a stream without pieces" {
    printf '%s\n' "$(zstdcat "$S" | sed -n 1p)" '#eos {"pieces":0,"tokens":0,"rejects":3}' >none
    vocab none >v
    [ "$(column 3 v | sort -u)" = 0 ]
    vocab --order seen none >w
    [ "$(grep -vc '^#' w)" -eq 4 ]
    printf '%s\n' "$(zstdcat "$S" | sed -n 1p)" \
        '#piece {"i":0,"name":"silence","sha256":"","tpq":0,"ticks":0,"tracks":0}' \
        '#end {"i":0,"bars":0,"tokens":0,"xxh3":"2d06800538d394c2"}' \
        '#eos {"pieces":1,"tokens":0,"rejects":0}' >silent
    vocab silent >v
    [ "$(column 3 v | awk '{n += $1} END{print n}')" -eq 2 ]
}

@test "vocab: a verbose run says what it read" {
    run -0 --separate-stderr vocab -v "$S" -o v
    says "vocab: "
    says "3 pieces"
    run -0 --separate-stderr vocab "$S" -o v
    [ -z "$stderr" ]
}

@test "vocab: learned merges are stated by their parts and shorten what shard writes" {
    midi2remi "$BARLINE_ROOT"/samples/*.mid -o all.tok.zst
    vocab --bpe 200 -o merged.tsv all.tok.zst
    vocab --bpe 200 all.tok.zst | cmp - merged.tsv
    [ "$(grep -c 'Merge_' merged.tsv)" -eq 200 ]
    # each of two lower ids, the most frequent first, none with Bar or a special
    grep -v '^#' merged.tsv | awk -F'\t' '$2 ~ /^Merge_/ {
        split(substr($2, 7), part, "+")
        if (part[1] >= $1 || part[2] >= $1 || part[1] <= 4 || part[2] <= 4 || $3 < 2) exit 1
        if (last && $3 > last) exit 1
        last = $3 }'
    shard -o plain all.tok.zst
    shard --vocab merged.tsv -o merged all.tok.zst
    tokens() { jq '[.splits[].tokens] | add' "$1"/manifest.json; }
    [ "$(tokens merged)" -lt $(($(tokens plain) * 2 / 3)) ] || fail "$(tokens merged) $(tokens plain)"
    run -64 --separate-stderr vocab --bpe 10 --scheme remi
    run -64 --separate-stderr vocab --bpe 10 --min-count 2 all.tok.zst
    run -64 --separate-stderr vocab --bpe 65536 all.tok.zst
    sed 's/Merge_\([0-9]*\)+/Merge_9\1+/' merged.tsv >bad.tsv
    run -65 shard --vocab bad.tsv -o bad all.tok.zst
    # by order of first appearance too: the same merges under other ids
    vocab --bpe 200 --order seen all.tok.zst | grep -v '^#' | cut -f 3 | tail -n 200 >seen
    grep Merge_ merged.tsv | cut -f 3 | cmp - seen
}
