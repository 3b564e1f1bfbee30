#!/bin/bash
# run.sh BUILD BIN: runs the unit programs of BUILD and the Bats files against the tools in
# BIN, two at a time, and ends with "N passed, N failed". Each test program and Bats file
# prints TAP; what failed is shown in full. BARLINE_SLOW=1 adds the tests tagged slow.
# ONLY=pattern runs the files whose name matches.
set -u
# Whoever ignores signals, as nohup does, has children that ignore them: tests send some.
[ -n "${BARLINE_SIGNALS:-}" ] ||
    exec env --default-signal BARLINE_SIGNALS=1 "$BASH" "$0" "$@"
cd "$(dirname "$0")/.." || exit 1
build=$1
BARLINE_ROOT=$PWD
PATH=$PWD/$2:$PATH
BARLINE_BUILD=$PWD/$build
export BARLINE_ROOT BARLINE_BUILD PATH
export LC_ALL=C OPENBLAS_NUM_THREADS=1 ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1}
unset MAKEFLAGS MFLAGS MAKELEVEL

results=$build/results
rm -rf "$results"
mkdir -p "$results"

one() { # one FILE: its TAP goes to results; one line says how it went
    local file=$1 tap start=$SECONDS passed failed status=0
    tap=$results/$(basename "$file").tap
    if [[ $file == *.bats ]]; then
        local filter=(--filter-tags '!slow')
        [ -z "${BARLINE_SLOW:-}" ] || filter=()
        bats --formatter tap "${filter[@]}" "$file" >"$tap" 2>&1 </dev/null || status=$?
    else
        "$file" >"$tap" 2>&1 </dev/null || status=$?
    fi
    passed=$(grep -c '^ok ' "$tap")
    failed=$(grep -c '^not ok ' "$tap")
    if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then # it crashed
        echo "not ok - $file ended with status $status" >>"$tap"
        failed=1
    fi
    printf '%4d passed %3d failed %4d s  %s\n' "$passed" "$failed" $((SECONDS - start)) "$(basename "$file")"
}
export -f one
export results

find "$build"/tests/unit -type f -perm -u+x \( -name 'test_*' -o -name 'double_*' \) ! -name '*.o' \
    >"$results/list"
find tests/cli -name '*.bats' >>"$results/list"
# the long ones first, so that both processors end at about the same time
grep -E "${ONLY:-.}" "$results/list" | sort -t/ -k3 | xargs -P "$(nproc)" -I{} bash -c 'one {}'

passed=$(cat "$results"/*.tap | grep -c '^ok ')
failed=$(cat "$results"/*.tap | grep -c '^not ok ')
if [ "$failed" -gt 0 ]; then
    for tap in "$results"/*.tap; do
        awk -v f="$(basename "$tap" .tap)" \
            '/^not ok /{print f ": " $0; show=1; next} /^ok /{show=0} show' "$tap"
    done
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
