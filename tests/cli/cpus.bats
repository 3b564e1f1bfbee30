#!/usr/bin/env bats
# cpus.bats - the tools and the unit programs on processors that are not here, emulated by
# QEMU: Nehalem has no AVX, Haswell and the first EPYC have AVX2. No illegal instruction,
# the same bytes where the same are promised, near losses where rounding may differ.
# `make test-cpus` runs these, `make test-slow` also those tagged night.
# bats file_tags=slow
load ../helpers

# What each is without: asked for, its emulation would warn of it at every start.
declare -A model=(
    [Nehalem]=Nehalem
    [Haswell]=Haswell,-pcid,-x2apic,-tsc-deadline,-hle,-invpcid,-rtm
    [EPYC]=EPYC,-rdseed,-sha-ni,-fxsr-opt,-misalignsse,-3dnowprefetch,-osvw,-topoext,-nrip-save,-xsavec
)
tools=(midi2remi vocab shard xltrain xlsample remi2midi featstats)

# The programs of the kernels; the night runs all, some of which take minutes so
# (test_training, test_compare).
kernels='bf16|tiles|model|workers|batch|chords|novelty'

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    MISSING=
    [ "$(uname -sm)" = "Linux x86_64" ] || MISSING="only x86-64 Linux is emulated here"
    [[ $BARLINE_BUILD != *san ]] || MISSING="sanitizers and emulation do not go together"
    command -v qemu-x86_64 >/dev/null || MISSING="there is no QEMU (Debian: qemu-user)"
    export MISSING
    [ -z "$MISSING" ] || return 0
    # BLAS is to ask the emulated processor, not to be told
    unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE
    local cpu tool
    for cpu in "${!model[@]}"; do
        mkdir -p "$cpu/bin"
        printf '#!/bin/sh\nexec qemu-x86_64 -cpu %s "$@"\n' "${model[$cpu]}" >"$cpu/on"
        for tool in "${tools[@]}"; do
            printf '#!/bin/sh\nexec %s/%s/on %s "$@"\n' \
                "$PWD" "$cpu" "$(command -v "$tool")" >"$cpu/bin/$tool"
        done
        chmod +x "$cpu/on" "$cpu"/bin/*
    done
    few=("$SAMPLES"/{greensleeves,jingle-bells,fur-elise}.mid)
    chain here "${few[@]}"
    train here
}

setup() {
    [ -z "$MISSING" ] || skip "$MISSING"
    unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE
    cd "$BATS_FILE_TMPDIR" || return 1
    few=("$SAMPLES"/{greensleeves,jingle-bells,fur-elise}.mid)
}

# chain DIR MIDI...: all that is promised to be the same bytes, into DIR; WHOLE=1: also
# what takes half a minute under emulation
chain() {
    mkdir -p "$1"
    (
        cd "$1"
        midi2remi --chords "${@:2}" -o chords.tok.zst
        midi2remi --scheme performance "${@:2}" -o performance.tok.zst
        vocab chords.tok.zst -o vocab.tsv
        shard --split train=.6,valid=.2,test=.2 --augment transpose=-1..1 chords.tok.zst -o data
        remi2midi chords.tok.zst -d midi
        featstats ${WHOLE:+--si} chords.tok.zst -o features.tsv
        featstats --vs performance.tok.zst chords.tok.zst -o distances.tsv
    ) </dev/null
}

# train DIR: a run on the shards of `here`
train() {
    xltrain -q --data here/data -o "$1/run" --set layers=2 --set width=32 --set heads=2 --set ff=64 \
        --set segment=16 --set memory=16 --set batch=4 --set dropout=0.1 --set warmup=2 \
        --set eval_every=10 --set eval_tokens=200 --steps 10 "${@:2}"
}

# content DIR: the files of a chain with their hashes, decompressed
content() {
    find "$1" -path "$1/bin" -prune -o -path '*/run*' -prune -o -type f ! -name on -printf '%P\n' |
        sort | while read -r name; do
        printf '%s %s\n' "$name" "$(zstd -dcfq "$1/$name" | sha256sum)"
    done
}

# losses RUN: the loss and the validation loss of the last step
losses() {
    tail -n 1 "$1/metrics.tsv" | cut -f 5,7
}

# blas RUN: what multiplied
blas() {
    head -c 65536 "$1/latest" | grep -aoP '"blas\\*":\\*"\K[^"\\]+'
}

# emulated CPU NAME PATH: the chain, a training, a sample on that processor, whose
# version says PATH and whose BLAS takes the kernels NAME
emulated() {
    local cpu=$1 pieces
    PATH=$PWD/$cpu/bin:$PATH
    xltrain --version | grep -qx "cpu: $3"
    chain "$cpu" "${few[@]}"
    diff <(content here) <(content "$cpu")
    train "$cpu"
    echo "BLAS here: $(blas here/run), on $cpu: $(blas "$cpu/run")"
    [[ $(blas "$cpu/run") == *" $2" ]]
    paste <(losses here/run) <(losses "$cpu/run") | awk '
        function off(a, b) { return (a > b ? a - b : b - a) / a }
        { if (!(off($1, $3) < 1e-4 && off($2, $4) < 1e-4)) { print; exit 1 } }'
    pieces=$(xlsample -q -n 2 --bars 4 here/run --seed 3 -u | tee sample.tok |
        grep -c '^#piece')
    [ "$pieces" -eq 2 ]
    remi2midi --check sample.tok
    run --separate-stderr -0 xltrain --data here/data -o "$cpu/run-bf16" --config here/run/config.json \
        --steps 1 --precision bf16
    [[ $stderr == *"no unit for it: fp32 instead of bf16"* ]]
}

# units CPU PATTERN: unit programs whose names match; no check fails. Without test_crew:
# QEMU does not pass on the limit of memory that it sets.
units() {
    local list
    mapfile -t list < <(find "$BARLINE_BUILD/tests/unit" -type f -perm -u+x -name 'test_*' \
        ! -name '*.o' ! -name test_crew | grep -E "test_($2)\$" | sort)
    [ "${#list[@]}" -gt 0 ]
    export OPENBLAS_NUM_THREADS=1
    export on=$PWD/$1/on taps=$PWD/$1/taps
    mkdir -p "$taps"
    cd "$BARLINE_ROOT" # where the programs look for schemas and samples
    printf '%s\n' "${list[@]}" | xargs -P "$(nproc)" -I{} bash -c '
        tap=$taps/$(basename {})
        "$on" {} >"$tap" 2>&1 && ! grep -q "^not ok" "$tap" || { echo {}; tail -n 5 "$tap"; exit 1; }'
}

@test "Nehalem: the tools" {
    emulated Nehalem Nehalem "x86-64"
}

@test "Haswell: the tools" {
    emulated Haswell Haswell "x86-64 avx2"
}

@test "EPYC: the tools" {
    emulated EPYC Zen "x86-64 avx2"
}

@test "Nehalem: the unit programs of the kernels" {
    units Nehalem "$kernels"
}

@test "Haswell: the unit programs of the kernels" {
    units Haswell "$kernels"
}

# bats test_tags=night
@test "all unit programs on each processor" {
    local cpu
    for cpu in "${!model[@]}"; do
        units "$cpu" '.*'
    done
}

# bats test_tags=night
@test "all samples give the same bytes on each processor" {
    local cpu path=$PATH WHOLE=1
    chain all "$SAMPLES"/*.mid
    for cpu in "${!model[@]}"; do
        PATH=$PWD/$cpu/bin:$path
        rm -rf "emulated"
        chain emulated "$SAMPLES"/*.mid
        diff <(content all) <(content emulated)
    done
}
