#!/usr/bin/env bats
# xltrain as several processes of MPI: the bytes of one, together at the start, in the
# middle and at the end. `make test-mpi` builds what it needs.
load ../helpers

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    MISSING=
    command -v mpirun >/dev/null || MISSING="there is no mpirun (Debian: openmpi-bin)"
    xltrain --version >version
    grep -q ' MPI' version || MISSING="this build has no MPI: make test-mpi"
    export MISSING
    [ -z "$MISSING" ] || return 0
    # the tests' machine may be small and its user root
    export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_btl_vader_single_copy_mechanism=none
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    local root
    root=$(cd "${BATS_TEST_DIRNAME}/../.." && pwd)
    midi2remi "$root"/samples/*.mid | shard --split train=.6,valid=.2,test=.2 -o data
}

setup() {
    [ -z "$MISSING" ] || skip "$MISSING"
    cd "$BATS_TEST_TMPDIR" || return 1
    ln -s "$BATS_FILE_TMPDIR/data" data
}

small=(--data data --set layers=2 --set width=16 --set heads=2 --set ff=32
    --set segment=16 --set memory=16 --set batch=4 --set workers=4 --set warmup=2
    --set dropout=0.1 --set eval_every=5 --set eval_tokens=200)

@test "mpi: one, two and four processes write the same bytes" {
    xltrain "${small[@]}" --steps 10 -o one
    for n in 1 2 4; do
        mpirun -n "$n" xltrain "${small[@]}" --steps 10 -o "run$n"
        cmp one/latest "run$n/latest"
        cmp one/metrics.tsv "run$n/metrics.tsv"
        [ "$(ls one)" = "$(ls "run$n")" ]
    done
}

@test "mpi: Muon and averaged weights: the same bytes" {
    local own=(--set optimizer=muon --set average=0.1)
    xltrain "${small[@]}" "${own[@]}" --steps 10 -o one
    for n in 2 4; do
        mpirun -n "$n" xltrain "${small[@]}" "${own[@]}" --steps 10 -o "run$n"
        cmp one/latest "run$n/latest"
        cmp one/metrics.tsv "run$n/metrics.tsv"
    done
}

@test "mpi: the auxiliary loss of a step has one divisor, whoever counts it" {
    local own=(--set arch=compressive --set memory=8 --set accumulate=2 --set init_std=0.2)
    xltrain "${small[@]}" "${own[@]}" --steps 10 -o one
    for n in 2 4; do
        mpirun -n "$n" xltrain "${small[@]}" "${own[@]}" --steps 10 -o "run$n"
        cmp one/latest "run$n/latest"
        cmp one/metrics.tsv "run$n/metrics.tsv"
    done
}

@test "mpi: a run goes on with another number of processes" {
    local own=(--set schedule=constant --no-pg)
    xltrain "${small[@]}" "${own[@]}" --steps 9 -o one
    mpirun -n 4 xltrain "${small[@]}" "${own[@]}" --steps 3 -o run
    mpirun -n 2 xltrain --resume --data data --steps 6 -o run
    xltrain --resume --data data --steps 9 -o run
    cmp one/latest run/latest
}

@test "mpi: a signal to any process stops all with a checkpoint and 75" {
    local status=0 last
    xltrain "${small[@]}" --set steps=600 -o one
    mpirun -n 2 xltrain "${small[@]}" --set steps=600 -o run 2>err &
    local launcher=$!
    until [ -s run/metrics.tsv ] && [ "$(wc -l <run/metrics.tsv)" -gt 5 ]; do sleep 0.02; done
    last=$(pgrep -P "$launcher" -x xltrain | tail -n 1)
    kill -TERM "$last"
    wait "$launcher" || status=$?
    [ "$status" -eq 75 ] || fail "status $status: $(cat err)"
    [ "$(grep -c -e '--resume goes on' err)" -eq 1 ]
    mpirun -n 2 xltrain --resume --data data -o run
    cmp one/latest run/latest
    cmp one/metrics.tsv run/metrics.tsv
}

@test "mpi: one killed ends the others, and the last checkpoint is good" {
    local status=0
    xltrain "${small[@]}" --set steps=300 -o one
    mpirun -n 4 xltrain "${small[@]}" --set steps=300 -o run 2>err &
    local launcher=$!
    until [ -L run/latest ] && [ "$(wc -l <run/metrics.tsv)" -gt 12 ]; do sleep 0.02; done
    kill -KILL "$(pgrep -P "$launcher" -x xltrain | tail -n 1)"
    wait "$launcher" || status=$?
    [ "$status" -ne 0 ]
    mpirun -n 4 xltrain --resume --data data -o run
    cmp one/latest run/latest
}

@test "mpi: misuse is told once" {
    run ! --separate-stderr mpirun -n 2 xltrain "${small[@]}" --set workers=1 -o run
    [ "$(grep -c '^xltrain:' <<<"$stderr")" -eq 1 ]
    [[ $stderr == *"2 processes cannot share 1 workers"* ]]
    [ ! -e run ]
    run ! --separate-stderr mpirun -n 3 xltrain "${small[@]}" -o run
    [ "$(grep -c '^xltrain:' <<<"$stderr")" -eq 1 ]
    [[ $stderr == *"a power of two"* ]]
    [ ! -e run ]
    mpirun -n 2 xltrain "${small[@]}" --steps 2 -o run
    run ! --separate-stderr mpirun -n 2 xltrain "${small[@]}" --steps 2 -o run
    [ "$(grep -c '^xltrain:' <<<"$stderr")" -eq 1 ]
    [[ $stderr == *"holds a run already"* ]]
}

@test "mpi: processes with other settings are told apart" {
    run ! --separate-stderr mpirun -n 1 xltrain "${small[@]}" --steps 4 -o run \
        : -n 1 xltrain "${small[@]}" --steps 5 -o run
    [[ $stderr == *"process 1 has other settings or data"* ]]
    [ ! -e run ]
}
