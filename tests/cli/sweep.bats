#!/usr/bin/env bats
# Every tool, with each of its allocations and calls of the system failing in turn: a status
# of the contract, one line that says why, nothing half written. tests/faults/ has the means.
load ../helpers

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    local root
    root=$(cd "${BATS_TEST_DIRNAME}/../.." && pwd)
    cc -shared -fPIC -O1 -o fail.so "$root/tests/faults/fail.c" -ldl
    cp "$root/samples/can-can.mid" one.mid
    cp "$root/samples/sakura.mid" two.mid
    printf 'file\tgenre\none.mid\tDance\ntwo.mid\tSong\n' >labels.tsv
    midi2remi one.mid two.mid -o two.tok.zst
    midi2remi --scheme groove one.mid -o groove.tensors.zst
    midi2remi "$root"/samples/[a-c]*.mid | shard --split train=.6,valid=.2,test=.2 -o data
    xltrain --data data "${small[@]}" --steps 3 -o run
    midi2remi --chords "$root"/samples/[a-c]*.mid -o all.tok.zst
    shard --split train=1 all.tok.zst --condition all.tok.zst -o pairs
    for how in prefix bars encoder; do
        xltrain --data pairs "${small[@]}" --steps 2 --set condition=$how -o $how
    done
    # whose data say how a MIDI file becomes a condition
    midi2remi -q --max-reject 100% --drop melody "$root"/samples/[a-c]*.mid -o rest.tok.zst
    midi2remi -q --max-reject 100% --keep melody "$root"/samples/[a-c]*.mid -o tunes.tok.zst
    shard -q --max-alone 100% --split train=1 rest.tok.zst --condition tunes.tok.zst -o halves
    xltrain --data halves "${small[@]}" --steps 2 --set condition=bars -o band
    xlsample run -n 2 --bars 2 -o asked.tok.zst
    midi2remi --chords two.mid -o condition.tok.zst
    shard --split train=1 groove.tensors.zst -o grooves
    xltrain --data grooves "${drums[@]}" --steps 2 -o vae
}

small=(--set layers=1 --set width=16 --set heads=2 --set ff=32 --set segment=16
    --set memory=16 --set batch=2 --set warmup=2 --set eval_tokens=200)

drums=(--preset groove-vae --set layers=1 --set width=8 --set heads=2 --set ff=8
    --set latent=2 --set dec_layers=1 --set dec_width=8 --set dec_heads=2 --set dec_ff=8
    --set batch=2)

setup() {
    cd "$BATS_FILE_TMPDIR" || return 1
    [[ $BARLINE_BUILD != *san ]] || skip "sanitizers allocate for themselves"
    export SHIM=$BATS_FILE_TMPDIR/fail.so
}

sweep() {
    "$BARLINE_ROOT/tests/faults/sweep.sh" "$@" || bad=1
}

# each_tool KIND ERRNO STEP
each_tool() {
    sweep "$@" midi2remi --labels labels.tsv --chords one.mid two.mid -o out
    sweep "$@" midi2remi --scheme groove --labels labels.tsv one.mid -o out
    sweep "$@" vocab two.tok.zst -o out
    sweep "$@" shard two.tok.zst --split train=1 -o out
    # what stands before the output is left or replaced as a whole
    BEFORE='cp -r data out' sweep "$@" shard -f two.tok.zst -o out
    # a run that was begun, and each of several files, may be there
    ANY_OUTPUT=1 sweep "$@" xltrain --data data "${small[@]}" --steps 3 -o out
    ANY_OUTPUT=1 BEFORE='cp -rL run out && rm out/latest out/best' \
        sweep "$@" xltrain --resume --steps 4 --data data -o out
    sweep "$@" xlsample run -n 2 --bars 2 -o out
    sweep "$@" featstats two.tok.zst -o out
    sweep "$@" featstats --vs two.tok.zst one.mid two.mid -o out
    # libsmf, where it still writes, asserts its way out
    nm -D "$(command -v remi2midi)" | grep -q smf_save ||
        {
            ANY_OUTPUT=1 sweep "$@" remi2midi two.tok.zst -d out
            sweep "$@" remi2midi groove.tensors.zst -o out
        }
}

# each_pair KIND ERRNO STEP: pieces made for others, and grooves
each_pair() {
    sweep "$@" midi2remi --keep melody --degrees one.mid -o out
    sweep "$@" shard two.tok.zst --condition two.tok.zst --split train=1 -o out
    sweep "$@" shard groove.tensors.zst --split train=1 -o out
    for how in prefix bars encoder; do
        ANY_OUTPUT=1 sweep "$@" xltrain --data pairs "${small[@]}" --set condition=$how --steps 2 -o out
        sweep "$@" xlsample $how --condition condition.tok.zst --max-tokens 60 -o out
    done
    ANY_OUTPUT=1 sweep "$@" xltrain --data grooves "${drums[@]}" --set hit_balance=.9 --set genre_balance=.9 --steps 2 -o out
    ANY_OUTPUT=1 BEFORE='cp -rL vae out && rm out/latest out/best' \
        sweep "$@" xltrain --resume --steps 4 --data grooves -o out
    sweep "$@" xlsample vae --condition groove.tensors.zst --between 2 -n 2 -o out
    sweep "$@" xlsample vae --latent -n 2 -o out
    sweep "$@" featstats --fidelity two.tok.zst two.tok.zst -o out
    nm -D "$(command -v remi2midi)" | grep -q smf_save ||
        ANY_OUTPUT=1 sweep "$@" remi2midi two.tok.zst --mix two.tok.zst -d out
}

@test "sweep: pairs and grooves without memory, at some places" {
    local bad=0
    each_pair alloc 12 0
    each_pair alloc+ 12 0
    # GLib has words of its own where there is no more memory at all
    sweep alloc 12 0 xlsample band --condition two.mid --max-tokens 60 -o out
    [ "$bad" -eq 0 ]
}

@test "sweep: memory that is not there, at five places of each tool" {
    local bad=0
    each_tool alloc 12 0
    [ "$bad" -eq 0 ]
}

@test "sweep: memory that is gone for good from five places on of each tool" {
    local bad=0
    each_tool alloc+ 12 0
    sweep alloc+ 12 0 featstats one.mid two.mid --html out
    [ "$bad" -eq 0 ]
}

@test "sweep: a full disk at some calls of each tool" {
    local bad=0 call
    for call in open write fsync rename; do each_tool "$call" 28 0; done
    [ "$bad" -eq 0 ]
}

@test "sweep: interrupted calls of each tool are no failure" {
    local bad=0 call
    for call in read write; do each_tool "$call" 4 0; done
    [ "$bad" -eq 0 ]
}

@test "sweep: a run folder that cannot be listed once keeps its newest checkpoints" {
    local k=1 train=(xltrain --data data "${small[@]}" --set eval_every=1 --steps 4 --keep 3 -f -o kept)
    FAIL=opendir:0:5 FAIL_COUNT=count LD_PRELOAD=$SHIM "${train[@]}"
    [ "$(find kept -name 'ckpt-*' | wc -l)" -ge 3 ]
    for ((; k <= $(sort -n count | tail -n 1); k++)); do
        FAIL=opendir:$k:5 LD_PRELOAD=$SHIM "${train[@]}" || continue # said before it began
        [ "$(find kept -name 'ckpt-*' | wc -l)" -ge 3 ] || fail "call $k: $(ls kept)"
    done
    [ "$k" -gt 4 ]
}

@test "sweep: folders that cannot be listed" {
    local bad=0 code
    for code in 13 5 12; do
        BEFORE='cp -r data out' sweep opendir $code 1 shard -f two.tok.zst -o out
        ANY_OUTPUT=1 BEFORE='cp -rL run out && rm out/latest out/best' \
            sweep opendir $code 1 xltrain --resume --steps 4 --data data -o out
    done
    [ "$bad" -eq 0 ]
}

# bats test_tags=slow
@test "sweep: memory that is not there, at every place" {
    local bad=0
    each_tool alloc 12 1
    [ "$bad" -eq 0 ]
}

# bats test_tags=slow
@test "sweep: memory that is gone for good, from many places on" {
    local bad=0
    each_tool alloc+ 12 23
    sweep alloc+ 12 23 featstats one.mid two.mid --html out
    [ "$bad" -eq 0 ]
}

# bats test_tags=slow
@test "sweep: no space, bad media, interruption at every call" {
    local bad=0 call
    for call in open opendir fopen read write fsync close stat pipe fork waitpid mkdir unlink symlink \
        ftruncate rename fwrite fflush mmap; do
        each_tool "$call" 28 1
        each_tool "$call" 5 1
    done
    for call in open read write fsync close waitpid; do each_tool "$call" 4 1; done
    [ "$bad" -eq 0 ]
}
