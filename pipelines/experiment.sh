#!/bin/bash
# experiment.sh - what experiment.mk does with one run, and with its grid:
#
#     experiment.sh plan           prints the run folders, or why the grid will not do
#     experiment.sh run FOLDER     trains and measures one, or goes on with it
#     experiment.sh table          makes table, picture and page of what is there
#
# GRID, OUT, DATA, SEEDS, SPLIT, PART, RETRY and CORES come from the environment;
# experiment.md explains them. The tools are those on PATH.
set -euf -o pipefail
export LC_ALL=C
: "${GRID:=}" "${OUT:=}" "${DATA:=}" "${SEEDS:=}" "${SPLIT:=test}" "${PART:=}" "${RETRY:=}"

say() { echo "experiment: $*" >&2; }

refuse() { # refuse WORDS...: the reason, in one line
    say "$*"
    exit 65
}

# ---- the grid ----

declare -a names=()         # of the settings, in order
declare -A settings_of=()   # each one's words, with single blanks
declare -A line_of=()

# What would be another run, in another place, or none.
check_words() { # check_words LINE WORD...
    local n=$1 word
    shift
    for word in "$@"; do
        case $word in
        -o* | --output* | --seed* | seed=* | --set=seed=* | --resume | -f | --force | -j* | --jobs* | \
            --eval* | --log-probs* | --costs* | --dry-run | -h | --help | -V | --version)
            refuse "$GRID: line $n: '$word' is not for the grid; folder, seeds and processors are those of" \
                "the experiment"
            ;;
        esac
    done
}

read_grid() {
    local line n=0 name words
    [ -r "$GRID" ] || refuse "cannot read the grid '$GRID': a text of lines 'NAME TAB OPTIONS', as 'wide TAB --set width=256'"
    while IFS= read -r line || [ -n "$line" ]; do
        n=$((n + 1))
        line=${line%$'\r'}
        [[ ! $line =~ ^[[:blank:]]*(#.*)?$ ]] || continue
        name=${line%%$'\t'*}
        [[ $name =~ ^[A-Za-z0-9][A-Za-z0-9._+-]*$ ]] ||
            refuse "$GRID: line $n: '$name' is no name: letters, digits and ._+- are, then a TAB and the settings"
        [ -z "${settings_of[$name]+set}" ] ||
            refuse "$GRID: line $n: '$name' stands in line ${line_of[$name]} already"
        read -ra words <<<"${line:${#name}}"
        check_words "$n" "${words[@]}"
        names+=("$name")
        settings_of[$name]=${words[*]}
        line_of[$name]=$n
    done <"$GRID"
    [ ${#names[@]} -gt 0 ] || refuse "$GRID: it has no line; one a setting: name, TAB, options of xltrain"
    for n in $SEEDS; do
        [[ $n =~ ^(0|[1-9][0-9]{0,14})$ ]] || refuse "SEEDS: '$n' is no seed"
    done
}

# The shards that words name, or DATA: $data; and of their manifest, - without one, $hash.
declare -A hashes=()
find_data() { # find_data WORD...
    data=$DATA
    while [ $# -gt 0 ]; do
        case $1 in
        --data=*) data=${1#--data=} ;;
        --data) data=${2:-} ;;
        esac
        shift
    done
    hash=${hashes[x$data]:--}
    [ "$hash" = - ] && [ -r "$data/manifest.json" ] || return 0
    hash=$(sha256sum <"$data/manifest.json")
    hash=${hash%% *}
    hashes[x$data]=$hash
}

# ---- what a run folder says of itself ----

# The value of a key in a run's record, nothing without: $value. No process is begun, as
# grids may be large.
find_value() { # find_value RUN KEY
    local key rest
    value=
    [ -e "$1/run.tsv" ] || return 0
    while IFS=$'\t' read -r key rest; do
        [ "$key" != "$2" ] || value=$rest
    done <"$1/run.tsv"
}

record() { # record RUN NAME SEED [STATUS]
    local words data hash
    read -ra words <<<"${settings_of[$2]}"
    find_data "${words[@]}"
    {
        printf '#run {"schema":"run/1"}\nname\t%s\nsettings\t%s\nseed\t%s\n' "$2" "${settings_of[$2]}" "$3"
        printf 'data\t%s\n' "$hash"
        [ $# -lt 4 ] || printf 'status\t%s\n' "$4"
    } >"$1/run.tsv.tmp"
    sync "$1/run.tsv.tmp"
    mv "$1/run.tsv.tmp" "$1/run.tsv"
}

# Whether a run has ended for good: done, or by an error that would come again.
is_over() { # is_over RUN SETTINGS
    local value
    find_value "$1" settings
    [ "$value" = "$2" ] || return 1
    find_value "$1" status
    case $value in
    0) return 0 ;;
    64 | 65 | 70) [ -z "$RETRY" ] ;;
    *) return 1 ;;
    esac
}

# A folder holds what its line says, or nothing is done at all. One without a single step
# (a setting that xltrain did not take) may yet become anything.
check_run() { # check_run NAME SEED
    local run=$OUT/$1/$2 value words data hash
    [ -s "$run/metrics.tsv" ] && [ -e "$run/run.tsv" ] || return 0
    find_value "$run" settings
    [ "$value" = "${settings_of[$1]}" ] ||
        refuse "$GRID: line ${line_of[$1]}: '$1' was begun as '$value'; give the changed line another name," \
            "or remove $OUT/$1"
    read -ra words <<<"$value"
    find_data "${words[@]}"
    find_value "$run" data
    [ "$value" = "$hash" ] || [ "$value" = - ] || [ "$hash" = - ] ||
        refuse "$run: it learnt from other shards than $data; name another OUT, or remove $OUT/$1"
}

plan() {
    local name seed i=0 part=0 parts=1 runs=()
    read_grid
    [ -r "$DATA/manifest.json" ] || refuse "there are no shards in '$DATA'; shard -o $DATA makes them"
    if [ -n "$PART" ]; then
        [[ $PART =~ ^([1-9][0-9]{0,8})/([1-9][0-9]{0,8})$ ]] || refuse "PART is I/N, as in 3/16, not '$PART'"
        part=$((BASH_REMATCH[1] - 1)) parts=${BASH_REMATCH[2]}
        [ "$part" -lt "$parts" ] || refuse "PART: there is no part $PART"
    fi
    for name in "${names[@]}"; do
        for seed in $SEEDS; do
            check_run "$name" "$seed"
            [ $((i++ % parts)) -ne "$part" ] || runs+=("$OUT/$name/$seed")
        done
    done
    printf '%s\n' "${runs[@]}"
}

# ---- one run ----

child='' stopped=''
stop() {
    stopped=1
    [ -z "$child" ] || kill -TERM "$child" 2>/dev/null || true
}

# Runs a program so that a signal to this script ends it in order; sets $status.
attend() { # attend PROGRAM ARGUMENT...
    status=0
    "$@" &
    child=$!
    [ -z "$stopped" ] || stop
    wait "$child" || status=$?
    while kill -0 "$child" 2>/dev/null; do # wait ended with the signal
        status=0
        wait "$child" || status=$?
    done
    child=
}

share() { # the processors of one run among those that make has at work
    local cores=${CORES:-$(nproc)} jobs=1
    [[ ! " ${MAKEFLAGS:-} " =~ \ -j([0-9]*)\  ]] || jobs=${BASH_REMATCH[1]:-$cores}
    echo $((cores > jobs ? cores / jobs : 1))
}

# What is left of --minutes M in a run that goes on: the time its checkpoints did not take.
# Once the planned steps are done, or the time is, the run is as long as it is.
less_minutes() { # less_minutes RUN WORD...: sets $words
    local run=$1 minutes='' step
    shift
    words=()
    while [ $# -gt 0 ]; do
        case $1 in
        --minutes=*) minutes=${1#--minutes=} ;;
        --minutes) minutes=${2:-} && shift ;;
        *) words+=("$1") ;;
        esac
        shift
    done
    [ -n "$minutes" ] || return 0
    step=$(readlink "$run/latest" | tr -dc 0-9)
    minutes=$(awk -v all="$minutes" -v step="$((10#${step:-0}))" '
        FILENAME ~ /config.json$/ {if (match($0, /"steps":[0-9]+/)) steps = 0 + substr($0, RSTART + 8, RLENGTH - 8); next}
        !/^#/ {spent += $3}
        END {left = all - spent / 60; if (left > 0 && step < steps) printf "%.6f", left}' \
        "$run/config.json" "$([ -e "$run/costs.tsv" ] && echo "$run/costs.tsv" || echo /dev/null)")
    if [ -n "$minutes" ]; then words+=(--minutes "$minutes"); else words+=(--steps "$((10#${step:-0}))"); fi
}

train() { # train RUN SEED WORD...
    local run=$1 seed=$2 how=--force words data hash
    shift 2
    words=("$@")
    if [ -e "$run/latest" ]; then
        how=--resume
        less_minutes "$run" "$@"
    else
        rm -f "$run/costs.tsv"
    fi
    find_data "$@"
    attend xltrain -q --data "$data" "${words[@]}" --seed "$seed" -o "$run" -j "$(share)" \
        --costs "$run/costs.tsv" "$how"
}

# What the best checkpoint is worth on the split that nothing was chosen by.
measure() { # measure RUN WORD...
    local run=$1 data hash
    shift
    find_data "$@"
    attend xltrain -q --data "$data" -o "$run" -j "$(share)" --eval "$SPLIT" \
        --log-probs "$run/logprobs.tmp" >"$run/eval.tsv.tmp"
    [ "$status" -ne 0 ] || attend featstats -q --surprise "$run/logprobs.tmp" >"$run/surprise.tsv.tmp"
    rm -f "$run/logprobs.tmp"
    [ "$status" -eq 0 ] || return 0
    mv "$run/eval.tsv.tmp" "$run/eval.tsv"
    mv "$run/surprise.tsv.tmp" "$run/surprise.tsv"
}

run() { # run FOLDER: 0 whatever becomes of it, 75 where this script was told to stop
    local run=$1 name seed words status
    seed=${run##*/}
    name=${run%/*}
    name=${name##*/}
    read_grid
    [ -n "${settings_of[$name]+set}" ] || refuse "$run: the grid has no '$name'"
    mkdir -p "$run"
    trap stop TERM INT HUP
    exec 9>>"$run/lock"
    if ! flock -n 9; then
        say "another one is at work on $run"
        return 0
    fi
    check_run "$name" "$seed"
    ! is_over "$run" "${settings_of[$name]}" || return 0
    record "$run" "$name" "$seed"
    read -ra words <<<"${settings_of[$name]}"
    train "$run" "$seed" "${words[@]}" 2>"$run/log"
    [ "$status" -ne 0 ] || [ -n "$stopped" ] || measure "$run" "${words[@]}" 2>>"$run/log"
    if [ -n "$stopped" ]; then
        return 75
    elif [ "$status" -eq 75 ]; then
        say "$run: stopped; the next make goes on"
    else
        record "$run" "$name" "$seed" "$status"
        [ "$status" -eq 0 ] || say "$run: failed with status $status: $(tail -n 1 "$run/log")"
    fi
}

# ---- the results ----

table() {
    local name seed runs=()
    read_grid
    for name in "${names[@]}"; do
        for seed in $SEEDS; do
            mkdir -p "$OUT/$name/$seed"
            [ -e "$OUT/$name/$seed/run.tsv" ] || record "$OUT/$name/$seed" "$name" "$seed"
            runs+=("$OUT/$name/$seed")
        done
    done
    featstats -q --runs --html "$OUT/report.html" -o "$OUT/table.tsv" "${runs[@]}"
    featstats -q --runs --summary -o "$OUT/table.txt" "${runs[@]}"
    featstats -q --runs --curves -o "$OUT/curves.svg" "${runs[@]}"
    featstats -q --runs --curves --log -o "$OUT/curves-log.svg" "${runs[@]}"
    cat "$OUT/table.txt"
}

"$@"
