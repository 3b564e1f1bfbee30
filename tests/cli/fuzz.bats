# fuzz.bats - the seeds and earlier findings of the fuzz targets, replayed without
# libFuzzer; files with one defect each give the notes they should; random mutations.
load ../helpers

setup_file() {
    /usr/bin/python3 "$BARLINE_ROOT/tests/fuzz/make_corpus.py" "$BATS_FILE_TMPDIR/seeds"
}

@test "fuzz: every target has seeds, 400 KiB at most, and keeps its claims on them" {
    local source target inputs
    for source in "$BARLINE_ROOT"/tests/fuzz/fuzz_*.c; do
        target=$(basename "$source" .c)
        target=${target#fuzz_}
        inputs=("$BATS_FILE_TMPDIR/seeds/$target")
        [ ! -d "$BARLINE_ROOT/tests/fuzz/found/$target" ] || inputs+=("$BARLINE_ROOT/tests/fuzz/found/$target")
        run -0 --separate-stderr "$BARLINE_BUILD/tests/fuzz/replay_$target" "${inputs[@]}"
        [ "${output% inputs}" -eq "$(find "${inputs[@]}" -type f | wc -l)" ]
        [ "${output% inputs}" -gt 0 ]
    done
    [ "$(du -sb "$BATS_FILE_TMPDIR/seeds" | cut -f 1)" -le 409600 ]
}

@test "fuzz: files with one defect: the notes are there, or the reason" {
    cd "$BATS_FILE_TMPDIR/seeds"
    run -0 midi2remi -u -q --rejects "$BATS_TEST_TMPDIR/rejects" --max-reject 100% -o "$BATS_TEST_TMPDIR/tokens" midi
    cd "$BATS_TEST_TMPDIR"
    {
        awk -F '"' '/^#piece/{name = $6} !/^#/{n[name] += gsub(/Velocity_/, "")} /^#end/{print name "\t" n[name] + 0 "\t"}' tokens
        awk -F '\t' 'NR > 1{print $1 "\t\t" $2}' rejects
    } | sed 's|^midi/||' | sort >made
    tail -n +2 "$BATS_FILE_TMPDIR/seeds/midi.tsv" | sort >wanted
    [ "$(wc -l <wanted)" -ge 60 ]
    diff wanted <(join -t $'\t' -o 2.1,2.2,2.3 wanted made)
}

@test "mutate: hundreds of mutations of the samples: no crash, none too slow" {
    run -0 "$BARLINE_BUILD/tests/mutate" -n 400 "$SAMPLES"
    has "400 mutations of 74 files"
    has " 0 over "
    has " 0 crashed or hung"
}

@test "mutate: the same seed gives the same mutations, another one others" {
    "$BARLINE_BUILD/tests/mutate" -n 200 -s 7 "$SAMPLES" | head -n 1 >one
    "$BARLINE_BUILD/tests/mutate" -n 200 -s 7 "$SAMPLES" | head -n 1 | diff one -
    "$BARLINE_BUILD/tests/mutate" -n 200 -s 8 "$SAMPLES" | head -n 1 >other
    run ! cmp one other
    run -66 "$BARLINE_BUILD/tests/mutate" nothing
}

# bats test_tags=slow
@test "mutate: a hundred thousand" {
    run -0 "$BARLINE_BUILD/tests/mutate" -n 100000 "$SAMPLES"
    has " 0 crashed or hung"
}
