#!/bin/bash
# run.sh BUILD SECONDS TARGET...: lets libFuzzer search with each target for so long, from
# the seeds of make_corpus.py and what earlier searches found. Inputs that break a claim
# are kept in BUILD/findings; the exit status is 1 if there is one.
set -eu
build=$1 seconds=$2
shift 2
/usr/bin/python3 "$(dirname "$0")/make_corpus.py" "$build/seeds"
mkdir -p "$build/findings"
status=0
for target; do
    mkdir -p "$build/corpus/$target" "$build/seeds/$target"
    "$build/tests/fuzz/libfuzzer_$target" -max_total_time="$seconds" -timeout=10 \
        -max_len=4096 -rss_limit_mb=4096 -artifact_prefix="$build/findings/$target-" \
        -print_final_stats=1 "$build/corpus/$target" "$build/seeds/$target" \
        >"$build/$target.log" 2>&1 || status=1
    printf '%-8s %s runs\n' "$target" \
        "$(sed -n 's/^stat::number_of_executed_units: *//p' "$build/$target.log")"
done
[ "$status" -eq 0 ] || echo "barline: see $build/findings and $build/*.log" >&2
exit "$status"
