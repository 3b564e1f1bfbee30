#!/bin/bash
# sweep.sh KIND ERRNO STEP COMMAND...: runs the command with the k-th call of the kind
# failing, for k = 1, 1 + STEP, ... until there is no such call; STEP 0 tries some five of
# all. KIND+ fails all calls from the k-th on. Whatever fails, the command ends within its
# time with a status of the contract and one line that says why, leaves in `out` nothing or
# what it leaves undisturbed, and no temporary file. BEFORE is a command that is run ahead of
# each. Prints "KIND ERRNO: N calls, M tried, S succeeded" and what was wrong.
set -u
kind=$1 errno=$2 step=$3
shift 3
name=${kind%+} plus=${kind#"$name"}
shim=${SHIM:?the library that fails}
bad=0 tried=0 succeeded=0
shopt -s extglob
declare -A reasons=([4]='Interrupted system call' [5]='Input/output error'
    [12]='Cannot allocate memory' [28]='No space left on device')
reason=${reasons[$errno]-}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

wrong() {
    printf '%s:%d%s:%s %s: %s\n' "$name" "$k" "$plus" "$errno" "${command[0]}" "$*"
    [ ! -s "$scratch/err" ] || sed 's/^/    /' "$scratch/err" | head -n 4
    bad=$((bad + 1))
}

prepare() {
    rm -rf out out.tmp* out/*.tmp*
    [ -z "${BEFORE:-}" ] || eval "$BEFORE" || exit 1
}

# what `out` holds; how well it is compressed does not matter
look() {
    local f
    [ -e out ] || return
    find out -type f ! -name metrics.tsv | sort | while read -r f; do
        echo "$f $({ zstd -dcq "$f" 2>/dev/null || cat "$f"; } | sha256sum)"
    done
}

command=("$@")
run() { # run K
    FAIL=$name:$1$plus:$errno LD_PRELOAD=$shim timeout -k 1 20 "${command[@]}" \
        </dev/null >"$scratch/stdout" 2>"$scratch/err"
}

prepare
FAIL_COUNT=$scratch/count run 0 || { k=0 wrong "status $? undisturbed"; exit 1; }
look >"$scratch/whole"
cp "$scratch/stdout" "$scratch/said"
[ -s "$scratch/count" ] || { k=0 wrong "its calls were not counted"; exit 1; }
n=$(sort -n "$scratch/count" | tail -n 1)
[ "$step" -gt 0 ] || step=$((n / 5 + 1))
for ((k = 1; k <= n; k += step)); do
    prepare
    look >"$scratch/before"
    run "$k"
    status=$?
    tried=$((tried + 1))
    look >"$scratch/after"
    mapfile -t lines <"$scratch/err"
    leftover=(out.tmp* out/*.tmp*)
    for l in "${leftover[@]}"; do [ ! -e "$l" ] || wrong "status $status leaves $l"; done
    case $status in
    0)
        succeeded=$((succeeded + 1))
        cmp -s "$scratch/whole" "$scratch/after" || [ -n "${ANY_OUTPUT:-}" ] ||
            wrong "succeeds with another output"
        cmp -s "$scratch/said" "$scratch/stdout" || wrong "succeeds and prints something else"
        ;;
    70 | 66 | 73 | 74)
        [ "$errno" != 12 ] || [ "$status" -eq 70 ] || wrong "status $status, not 70"
        says=()
        for l in "${lines[@]}"; do
            [[ $l = *': warning: '* || $l = *'[unreadable]' ]] || says+=("$l")
        done
        [ "${#says[@]}" -eq 1 ] || wrong "status $status, ${#says[@]} lines of errors"
        # which file, and why: of those calls that are of files
        [[ $name != @(open|opendir|mkdir|write|fsync|close|rename|symlink) ||
            ${says[*]} = *@(\'*\'|'standard output')*": $reason"* ]] ||
            wrong "no file or no reason"
        cmp -s "$scratch/whole" "$scratch/after" || cmp -s "$scratch/before" "$scratch/after" ||
            [ -n "${ANY_OUTPUT:-}" ] || wrong "status $status leaves part of the output"
        ;;
    65) # what cannot be read of many files is told by name and left out
        [[ $name = @(open|read) && ${lines[0]} = *'[unreadable]' ]] || wrong "status $status" ;;
    *) wrong "status $status" ;;
    esac
    [ "$errno" != 4 ] || [ "$status" -eq 0 ] || wrong "status $status: interrupted is no failure"
done
printf '%s %s %s: %d calls, %d tried, %d succeeded, %d wrong\n' "$(basename "${command[0]}")" \
    "$kind" "$errno" "$n" "$tried" "$succeeded" "$bad"
[ "$bad" -eq 0 ]
