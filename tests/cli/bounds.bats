#!/usr/bin/env bats
# No input takes memory or time out of proportion to its bytes: JSON of many small values,
# chains of programs, lists of files.
load ../helpers

# bounded STATUS KIB SECONDS COMMAND...: it ends so, with one line, within these
bounded() {
    local most=$2 seconds=$3
    run --separate-stderr "-$1" /usr/bin/time -o used -f '%M %e' "${@:4}"
    [[ $BARLINE_BUILD != *san ]] || return 0 # sanitizers take memory and time of their own
    # the line before it says that the command failed
    tail -n 1 used | awk -v m="$most" -v s="$seconds" '{exit !($1 < m && $2 < s)}' ||
        fail "$(cat used)"
}

# head_of FILE N: safetensors, of which the file's N bytes are the header
head_of() {
    local i n=$2
    for i in 1 2 3 4 5 6 7 8; do
        printf '%b' "\\x$(printf %02x $((n % 256)))"
        n=$((n / 256))
    done
    cat "$1"
}

# many TEXT BYTES: the text over and over
many() {
    yes "$1" | tr -d '\n' | head -c "$2"
}

@test "bounds: small values of JSON by the million are refused before they are made" {
    midi2remi "$SAMPLES"/[a-c]*.mid | shard --split train=1 -o data
    local value shard
    shard=$(basename data/train-*.zst)
    for value in '[],' '{},' '0,' '"",' '[[[' '[{"a":0}],'; do
        { printf '{"a":[' && many "$value" 16000000 && printf '0]}'; } >text
        head_of text "$(stat -c %s text)" | zstd -q | cat >bomb
        cp bomb "data/$shard"
        bounded 65 65536 1 xltrain --data data -o run --steps 1
        says "$shard"
        bounded 65 65536 1 xlsample bomb
        says "JSON text"
    done
    [ ! -e run ]
    { printf '{"splits":[' && many '[],' 64000000 && printf '0]}'; } >data/manifest.json
    bounded 65 65536 1 xltrain --data data -o run --steps 1
    says "'data/manifest.json'"
    { printf '#remi {"a":[' && many '[],' 1000000 && printf '0]}\n'; } >stream.tok
    bounded 65 65536 1 vocab stream.tok
}

@test "bounds: one long string of JSON is no way around" {
    { printf '{"__metadata__":{"a":"' && many 'a' 16000000 && printf '"}}'; } >text
    head_of text "$(stat -c %s text)" >bomb
    bounded 65 65536 1 xlsample bomb
    says "8 MiB"
}

@test "bounds: three thousand streams of as many programs join in linear time" {
    midi2remi -u "$SAMPLES/can-can.mid" >one
    awk -v n=3000 'NR == 1 {header = $0; next} /^#eos/ {eos = $0}
        END {for (i = 0; i < n; i++) {
            h = header; sub(/"id":"midi2remi"/, "\"id\":\"tool-" i "\"", h); print h
            print "#eos {\"pieces\":0,\"tokens\":0,\"rejects\":0}"}}' one >many
    bounded 0 65536 0.5 vocab many -o out
    [ "$(grep -o '"id":"tool-' out | wc -l)" -eq 1023 ] || fail "$(head -c 300 out)"
}

@test "bounds: a list or table that is none is refused at its beginning" {
    local song=$SAMPLES/can-can.mid
    bounded 65 65536 1 midi2remi --files0-from /dev/zero -o out
    says "'/dev/zero'"
    bounded 65 65536 1 midi2remi --files0-from <(yes) -o out
    says "this is no list"
    bounded 65 65536 1 midi2remi --labels /dev/zero "$song" -o out
    says "'/dev/zero'"
    bounded 65 65536 1 midi2remi --labels <(yes | tr -d '\n') "$song" -o out
    bounded 65 65536 1 featstats --labels /dev/zero "$song" -o out
    bounded 65 65536 1 featstats --labels <(yes | tr -d '\n') "$song" -o out
    bounded 65 65536 1 midi2remi --beats /dev/zero "$song" -o out
    bounded 65 65536 1 midi2remi --beats <(yes | tr -d '\n') "$song" -o out
    [ "$(find . -name 'out*' | wc -l)" -le 1 ] # of --beats the stream without the file
}

@test "bounds: beats of any number and any distance" {
    local song=$SAMPLES/can-can.mid
    { many '1\' 20000000 | tr '\\' '\n'; } >many.txt
    bounded 65 131072 2 midi2remi --beats "$PWD/many.txt" -u "$song"
    says many.txt
    printf '0\n.00002' >near.txt
    bounded 65 65536 1 midi2remi --beats "$PWD/near.txt" -u "$song"
    says "longer than"
    printf '0\n.0000001\n900000000' >far.txt
    bounded 0 65536 1 midi2remi --beats "$PWD/far.txt" -u "$song"
}
