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

# begin DIR: a run that does not end by itself, in the background, at work
begin() {
    xltrain "${small[@]}" --set steps=1000000 --set eval_every=0 -o "$1" 2>err &
    pid=$!
    until [ -s "$1/metrics.tsv" ] && [ "$(wc -l <"$1/metrics.tsv")" -gt 4 ]; do sleep 0.01; done
}

# ends STATUS: so does what `begin` began
ends() {
    local status=0
    wait "$pid" || status=$?
    [ "$status" -eq "$1" ] || fail "status $status: $(cat err)"
}

@test "xltrain: a signal sent twice at once, as by timeout, is one; a hangup is heeded" {
    local n pid
    for n in TERM INT HUP; do
        begin "run.$n"
        kill "-$n" "$pid"
        sleep 0.005
        kill "-$n" "$pid" 2>/dev/null || true
        ends 75
        [ -f "run.$n/latest" ]
    done
    trap '' HUP # as nohup has it
    begin run
    trap - HUP
    kill -HUP "$pid"
    sleep 0.1
    kill -TERM "$pid"
    ends 75
    begin slow
    kill -STOP "$pid" # so that both wait when it goes on
    kill -TERM "$pid"
    kill -INT "$pid"
    kill -CONT "$pid"
    ends 75
}

@test "xltrain: a second signal, later, ends at once" {
    local pid status=0
    xltrain "${small[@]}" --set accumulate=60000 -o run 2>err & # a step of hours
    pid=$!
    until [ -s run/metrics.tsv ]; do sleep 0.01; done
    kill -TERM "$pid"
    sleep 0.6
    kill -TERM "$pid"
    wait "$pid" || status=$?
    [ "$status" -eq 143 ] || fail "status $status: $(cat err)"
}

@test "xltrain: a run that another process writes is left to it" {
    local pid
    begin run
    run -73 --separate-stderr xltrain -f "${small[@]}" --steps 3 -o run
    says "'run': another xltrain is at work there"
    kill -USR1 "$pid"
    until [ -f run/latest ]; do sleep 0.01; done
    run -73 --separate-stderr xltrain --resume --data data -o run
    says "'run': another xltrain is at work there"
    kill -TERM "$pid"
    ends 75
    # not one row lost or twice: the number of each is that of its line
    tail -n +3 run/metrics.tsv | awk -F '\t' '$1 != NR || NF != 10 {exit 1}'
    xltrain -f "${small[@]}" --steps 3 -o run
}

@test "xltrain: a folder that is removed meanwhile is told, with 74" {
    local pid
    begin run
    rm -r run
    kill -TERM "$pid"
    ends 74
    grep -q 'no checkpoint of step' err
}

@test "xltrain: on a full disk older checkpoints make room for the next one" {
    unshare -rm true 2>/dev/null || skip "no file system of our own here"
    local size
    size=$(stat -Lc %s whole/latest)
    mkdir disk
    # room for two and a half, one of which is both the latest and, unmeasured, the best
    midi2remi "$SAMPLES"/[a-c]*.mid | shard --split train=1 -o all
    run -0 --separate-stderr unshare -rm bash -c '
        mount -t tmpfs -o "size=$1" none disk; shift
        xltrain "$@" -o disk/run && ls disk/run' - $((size * 5 / 2)) \
        "${small[@]}" --data all --set eval_every=2 --steps 20
    [ -z "$stderr" ] || fail "$stderr"
    has ckpt-00000020.safetensors
}

@test "xltrain: a run whose links are lost or stale goes on from its newest checkpoint" {
    cp -r whole/ run
    rm run/latest run/best
    xltrain --resume --steps 420 --data data -o run
    [ "$(readlink run/latest)" = ckpt-00000420.safetensors ]
    cp -r whole/ copy
    ln -sfn ckpt-99999999.safetensors copy/latest
    xltrain --resume --data data -o copy --steps 420
    cmp run/latest copy/latest
    # killed between the two links: `best` is that of before
    xltrain "${small[@]}" --steps 80 --set eval_every=40 --set lr=0.001 --keep 3 -o two
    [ "$(readlink two/best)" = ckpt-00000080.safetensors ]
    ln -sfn ckpt-00000040.safetensors two/best
    xltrain --resume --steps 81 --set lr=0 --data data -o two
    [ "$(readlink two/best)" = ckpt-00000080.safetensors ]
}

@test "xltrain: a damaged checkpoint comes with the way back, which works" {
    cp -r whole/ run
    truncate -s 5000 "run/$(readlink run/latest)"
    run -65 --separate-stderr xltrain --resume --data data -o run
    says "'ln -sfn ckpt-"
    eval "$(sed "s/.*'\(ln .*\)' goes back/\1/" <<<"$stderr")"
    xltrain --resume --data data -o run
    cmp whole/latest run/latest
}

@test "xltrain: a table that is torn is mended, one that is no table is left alone" {
    cp -r whole/ run
    printf '\0\0\0\n401\t12' >>run/metrics.tsv
    xltrain --resume --steps 401 --data data -o run
    [ "$(tail -n 1 run/metrics.tsv | cut -f 1)" -eq 401 ]
    [ "$(wc -l <run/metrics.tsv)" -eq 403 ]
    sed -i '$d' run/metrics.tsv
    run -0 --separate-stderr xltrain --resume --steps 402 --data data -o run
    says "metrics.tsv lacks 1 of the rows up to step 401"
    sed -i '9s/^7/seven/' run/metrics.tsv
    cp run/metrics.tsv before
    run -65 --separate-stderr xltrain --resume --steps 403 --data data -o run
    says "'run/metrics.tsv': line 9"
    cmp before run/metrics.tsv
    echo 'my notes' >run/metrics.tsv
    run -65 --separate-stderr xltrain --resume --steps 403 --data data -o run
    says "move it away"
    [ "$(cat run/metrics.tsv)" = 'my notes' ]
    rm run/metrics.tsv
    run -0 --separate-stderr xltrain --resume --steps 403 --data data -o run
    says "lacks 402"
}

@test "xltrain: resuming holds no second copy of all that a run is made of" {
    [[ $BARLINE_BUILD != *san ]] || skip "sanitizers keep memory"
    local own=(--data all --set width=512 --set ff=4096 --set layers=2 --set batch=1)
    midi2remi "$SAMPLES"/[a-c]*.mid | shard --split train=1 -o all
    /usr/bin/time -f %M -o first xltrain "${small[@]}" "${own[@]}" --steps 1 -o run
    /usr/bin/time -f %M -o again xltrain --resume --steps 2 --data all -o run
    [ "$(cat again)" -lt $(($(cat first) * 3 / 2)) ] || fail "$(cat first) KiB, then $(cat again)"
}

@test "xltrain: memory beyond the machine's is one line before anything is written" {
    run -70 --separate-stderr xltrain "${small[@]}" --set segment=65536 --set memory=65536 \
        --set batch=4096 --set accumulate=65536 -o run
    says "GiB"
    [ ! -e run ]
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

@test "no hang: too little address space for the matrix library ends at once" {
    [[ $BARLINE_BUILD != *san ]] || skip "sanitizers reserve all addresses"
    midi2remi "$SAMPLES"/[a-c]*.mid | shard --split train=.8,valid=.2 -o few
    local kib
    for kib in 60000 100000 250000; do
        run -70 --separate-stderr timeout 20 bash -c "ulimit -v $kib && exec xltrain --data few -o small"
        says "address space is limited"
        [ ! -e small ]
        run -70 --separate-stderr timeout 20 bash -c "ulimit -v $kib && exec xlsample nothing"
        says "address space is limited"
    done
}

@test "threads that cannot be started: how many can is said, and so many do" {
    [[ $BARLINE_BUILD != *san ]] || skip "sanitizers reserve all addresses"
    midi2remi "$SAMPLES"/[a-c]*.mid | shard --split train=.8,valid=.2 -o few
    train=(xltrain -q --data few -o run --preset tiny --steps 1)
    run -70 --separate-stderr bash -c 'ulimit -v 400000 && exec "$@"' - "${train[@]}" -j 64
    says "of 64 cannot be started: memory or threads are limited (ulimit -v, -u); -j "
    bash -c 'ulimit -v 400000 && exec "$@"' - "${train[@]}" -j "$(grep -oP -- '; -j \K\d+' <<<"$stderr")"
}

@test "outputs beside the main one: costs, reports and pages never take another file's place" {
    midi2remi "$SAMPLES"/[a-c]*.mid -o all.tok.zst
    shard --split train=.8,valid=.2 -o few all.tok.zst
    local tiny=(--preset tiny --set layers=1 --set width=8 --set heads=2 --set ff=8 --steps 2)
    cp few/manifest.json before
    run -73 --separate-stderr xltrain --data few -o run "${tiny[@]}" --costs few/manifest.json
    says "'few/manifest.json': the file holds something else than costs"
    cmp before few/manifest.json
    xltrain -q --data few -o run2 "${tiny[@]}" --costs costs.tsv
    xltrain -q --data few -o run3 "${tiny[@]}" --costs costs.tsv
    [ "$(grep -c '^2' costs.tsv)" -eq 2 ]
    run -64 --separate-stderr shard -o sd --report sd all.tok.zst
    says "want a name each"
    # a report comes with the folder, or not at all
    mkdir taken && touch taken/mine
    run -73 shard -f -o taken --report rep all.tok.zst
    [ ! -e rep ]
    # the file that could not be written is named
    run -74 --separate-stderr shard -f -o few --report /dev/full all.tok.zst
    says "/dev/full"
    run -74 --separate-stderr featstats "$SAMPLES/sakura.mid" --html /dev/full -o t
    says "/dev/full"
    mkdir new
    run -74 --separate-stderr bash -c 'ulimit -f 1 && exec remi2midi all.tok.zst -d new'
    says "new/"
}
