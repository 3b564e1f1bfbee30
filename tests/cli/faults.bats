#!/usr/bin/env bats
# xltrain never loses work: kills at any moment, resuming at any step, damaged files, full
# disks, folders that cannot be written, memory that is not there.
load ../helpers

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    local root
    root=$(cd "${BATS_TEST_DIRNAME}/../.." && pwd)
    midi2remi "$root"/samples/*.mid | shard --split train=.6,valid=.2,test=.2 -o data
    xltrain "${small[@]}" --set steps=400 --set eval_every=40 -o whole
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    ln -s "$BATS_FILE_TMPDIR/data" data
    ln -s "$BATS_FILE_TMPDIR/whole" whole
}

small=(--data data --set layers=1 --set width=16 --set heads=2 --set ff=32
    --set segment=16 --set memory=16 --set batch=2 --set warmup=2 --set eval_tokens=200)

# interrupted SIGNAL TIMES STATUS: as `whole`, but stopped TIMES times at random moments
interrupted() {
    local n pid status resume=
    rm -rf run
    for n in $(seq "$2"); do
        if [ -L run/latest ]; then resume=1; else rm -rf run; fi
        if [ -n "$resume" ]; then
            xltrain --resume --data data -o run 2>err &
        else
            xltrain "${small[@]}" --set steps=400 --set eval_every=40 -o run 2>err &
        fi
        pid=$! status=0
        sleep "$(awk -v n="$n" 'BEGIN {srand(n); print 0.02 + rand() * 0.25}')"
        kill "-$1" "$pid" 2>/dev/null || true
        wait "$pid" || status=$?
        [ "$status" -eq "$3" ] || [ "$status" -eq 0 ] || fail "status $status: $(cat err)"
    done
    if [ -L run/latest ]; then
        xltrain --resume --data data -o run
    else
        xltrain -f "${small[@]}" --set steps=400 --set eval_every=40 -o run
    fi
    cmp whole/latest run/latest
    cmp whole/metrics.tsv run/metrics.tsv
    # a checkpoint of a stop may stay among the last two; nothing half-written does
    [ -z "$(find run -name '*.tmp*')" ]
}

@test "xltrain: killed four times at random, the bytes of one go" {
    interrupted KILL 4 137
}

@test "xltrain: stopped four times at random, the bytes of one go" {
    interrupted TERM 4 75
}

# bats test_tags=slow
@test "xltrain: killed twenty times at random, five times over" {
    for _ in 1 2 3 4 5; do interrupted KILL 20 137; done
}

# bats test_tags=slow
@test "xltrain: stopped twenty times at random" {
    interrupted TERM 20 75
}

@test "xltrain: resumed at each of ten steps, the bytes of one go" {
    local step own=(--set schedule=constant --set eval_every=1 --set dropout=0.1 --no-pg)
    xltrain "${small[@]}" "${own[@]}" --steps 12 -o one
    for step in 1 2 3 4 5 6 7 8 9 10; do
        xltrain -f "${small[@]}" "${own[@]}" --steps "$step" -o two
        xltrain --resume --steps 12 --data data -o two
        cmp one/latest two/latest || fail "resumed at step $step it differs"
    done
}

@test "xltrain: a flipped bit anywhere in a checkpoint is one line, the older one goes on" {
    local file size at
    cp -r whole/ run
    file=run/$(readlink run/latest)
    cp "$file" good
    size=$(stat -c %s "$file")
    for at in 3 200 $((size / 2)) $((size - 1)); do
        cp good "$file"
        printf '\x5a' | dd of="$file" bs=1 seek="$at" conv=notrunc status=none
        cmp -s good "$file" && continue
        run -65 --separate-stderr xltrain --resume --steps 420 --data data -o run
        says "$(basename "$file")" || says latest
        [ "${#stderr_lines[@]}" -eq 1 ]
    done
    truncate -s $((size - 7)) "$file"
    run -65 --separate-stderr xltrain --resume --steps 420 --data data -o run
    [ "${#stderr_lines[@]}" -eq 1 ]
    # the one before it is whole: pointing to it is enough
    ln -sfn "$(ls run | grep '^ckpt' | tail -n 2 | head -n 1)" run/latest
    xltrain --resume --data data -o run
    cmp whole/latest run/latest
}

@test "xltrain: damaged shards are refused before anything is written" {
    local shard
    cp -rL data/ broken
    shard=$(find broken -name '*train*' -type f | head -n 1)
    [ -n "$shard" ]
    truncate -s -5 "$shard"
    run ! --separate-stderr xltrain "${small[@]}" --data broken -o run
    says "$(basename "$shard")"
    [ ! -e run ]
    cp "$BATS_FILE_TMPDIR/data/$(basename "$shard")" "$shard"
    printf '\x5a\x5b' | dd of="$shard" bs=1 seek=$(($(stat -c %s "$shard") / 2)) conv=notrunc status=none
    run ! --separate-stderr xltrain "${small[@]}" --data broken -o run
    says "$(basename "$shard")"
    [ "${#stderr_lines[@]}" -eq 1 ]
    [ ! -e run ]
}

@test "xltrain: other data than the run's are refused" {
    cp -r whole/ run
    midi2remi "$BARLINE_ROOT"/samples/[a-m]*.mid | shard -o other
    run ! --separate-stderr xltrain --resume --steps 420 --data other -o run
    [ "${#stderr_lines[@]}" -eq 1 ]
    cmp whole/latest run/latest
}

@test "xltrain: a folder that cannot be made or written is one line" {
    : >file
    run -73 --separate-stderr xltrain "${small[@]}" --steps 3 -o file/run
    says file/run
    [ "${#stderr_lines[@]}" -eq 1 ]
    [ "$(id -u)" -ne 0 ] || skip "root may write everywhere"
    mkdir locked
    chmod 500 locked
    run -73 --separate-stderr xltrain "${small[@]}" --steps 3 -o locked/run
    [ "${#stderr_lines[@]}" -eq 1 ]
}

@test "xltrain: memory that is not there is one line before anything is written" {
    [ -z "${ASAN_OPTIONS:-}" ] || [[ $BARLINE_BUILD != *san ]] || skip "sanitizers reserve all addresses"
    run --separate-stderr bash -c 'ulimit -v 400000 && exec xltrain "$@"' - "${small[@]}" \
        --set width=4096 --set ff=16384 --set layers=64 --steps 3 -o run
    [ "$status" -eq 70 ] || fail "status $status: $stderr"
    says memory
    [ "${#stderr_lines[@]}" -eq 1 ]
    [ ! -e run ]
}
