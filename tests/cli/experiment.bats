# experiment.bats - pipelines/experiment.mk and featstats --runs: a grid of settings and
# seeds is interrupted, gone on with, fails in parts, and still gives one table.
load ../helpers

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    midi2remi "$BARLINE_ROOT"/samples/a*.mid | shard -q --split train=.6,valid=.2,test=.2 -o data
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    ln -s "$BATS_FILE_TMPDIR/data" "$BARLINE_ROOT/samples" "$BARLINE_ROOT/pipelines" .
    EXPERIMENT=pipelines/experiment.mk
    unset DATA # in `make test-slow DATA=dir` a folder of tunes, here one of shards
}

TINY='--preset tiny --set layers=1 --set width=8 --set heads=2 --set ff=8 --set segment=16 --set memory=16 --set batch=2 --set eval_every=5 --set eval_tokens=200'

# grid N: N settings that differ in their learning rate, and one that cannot be
grid() {
    local i
    for ((i = 1; i <= $1; i++)); do printf 's%d\t%s --steps 20 --set lr=0.00%d\n' "$i" "$TINY" "$i"; done
    printf '# a note\n\nwrong\t%s --set nothing=3\n' "$TINY"
}

# experiment WORD...: the command of the page; killed processes leave no messages here
experiment() { make -s -f "$EXPERIMENT" GRID=grid.tsv "$@"; }

# kill_at_random TIMES OUT SEEDS SECONDS: begins, kills the whole group with one of the two
# signals before SECONDS are over, and again
kill_at_random() {
    local i signal job lock
    RANDOM=5
    for ((i = 0; i < $1; i++)); do
        setsid make -s -j2 -f "$EXPERIMENT" GRID=grid.tsv OUT="$2" SEEDS="$3" >/dev/null 2>&1 &
        job=$!
        sleep "$((RANDOM % $4)).$((RANDOM % 9 + 1))"
        signal=$([ $((i % 2)) -eq 0 ] && echo KILL || echo TERM)
        kill -"$signal" -- "-$job" 2>/dev/null || true
        wait "$job" || true
        # what is killed may take a moment to go
        for lock in "$2"/*/*/lock; do [ ! -e "$lock" ] || flock "$lock" true; done
    done
}

same_table() { # same_table A B: all but time and memory
    local dir
    for dir in "$1" "$2"; do
        experiment -j2 OUT="$dir" SEEDS="$3" >/dev/null 2>"$dir.said"
        find "$dir" -mindepth 2 -maxdepth 2 -type d | sort >"$dir.list"
        xargs featstats --runs --no-costs <"$dir.list" >"$dir.tsv"
        xargs featstats --runs --no-costs --summary <"$dir.list" >"$dir.txt"
        xargs featstats --runs --curves <"$dir.list" >"$dir.svg"
        xargs featstats --runs --no-costs --html "$dir.html" <"$dir.list" >/dev/null
    done
    for kind in tsv txt svg html; do cmp "$1.$kind" "$2.$kind"; done
}

@test "experiment.mk: killed at random and gone on with: the same table and picture" {
    grid 2 >grid.tsv
    kill_at_random 4 killed "1 2" 1
    same_table whole killed "1 2"
    [ "$(grep -c '	done	0	2	1,2	' whole.tsv)" -eq 2 ]
    grep -q '^wrong	failed	64	2	1,2	' whole.tsv
    grep -q "failed with status 64: xltrain: unknown key 'nothing'" whole.said
}

# bats test_tags=slow
@test "experiment.mk: a grid of 60 runs, killed ten times at random: the same table and picture" {
    grid 19 >grid.tsv
    kill_at_random 10 killed "1 2 3" 2
    [ "$(cat killed/*/*/metrics.tsv | wc -l)" -gt 0 ]
    same_table whole killed "1 2 3"
    [ "$(grep -c '	done	0	3	1,2,3	' whole.tsv)" -eq 19 ]
}

@test "experiment.mk: finished runs are not begun again; what failed is, with RETRY" {
    grid 1 >grid.tsv
    run -0 experiment SEEDS=7
    has "wrong"
    cp -r grid.runs before
    run -0 --separate-stderr experiment SEEDS=7
    [ -z "$stderr" ]
    diff -r before grid.runs
    run -0 --separate-stderr experiment SEEDS=7 RETRY=1
    says "grid.runs/wrong/7: failed with status 64"
    # one that was killed is tried again by itself
    sed -i 's/^status.*/status\t137/' grid.runs/s1/7/run.tsv
    run -0 experiment SEEDS=7 table
    has "failed with status 137, seed 7"
    run -0 experiment SEEDS=7
    grep -q '^s1	done	0	1	7	' grid.runs/table.tsv
}

@test "experiment.mk: a line that changed under its runs is refused, before anything is done" {
    grid 1 >grid.tsv
    experiment SEEDS=1 >/dev/null 2>&1
    sed -i 's/--steps 20/--steps 30/' grid.tsv
    printf 'new\t%s --steps 5\n' "$TINY" >>grid.tsv
    run -2 --separate-stderr experiment SEEDS=1
    says "grid.tsv: line 1: 's1' was begun as '$TINY --steps 20 --set lr=0.001'; give the changed line another name"
    [ ! -e grid.runs/new ]
    sed -i 's/--steps 30/--steps 20/; s/nothing=3/lr=0.5 --steps 5/' grid.tsv # wrong was never begun
    run -0 experiment SEEDS=1
    grep -q '^wrong	done	0	1	1	' grid.runs/table.tsv
    # other shards, too
    midi2remi "$SAMPLES"/b*.mid | shard -q -o other
    run -2 --separate-stderr experiment SEEDS=1 DATA=other
    says "it learnt from other shards than other"
}

@test "experiment.mk: what no grid may say is refused with its line" {
    local line want
    while IFS='|' read -r line want; do
        printf '%b\n' "$line" >grid.tsv
        run -2 --separate-stderr experiment
        says "$want"
    done <<'END'
a b\t--steps 3|grid.tsv: line 1: 'a b' is no name
a\t--steps 3\na\t|line 2: 'a' stands in line 1 already
# note\na\t--seed 4|line 2: '--seed' is not for the grid
a\t-o x|'-o' is not for the grid
a\t--set seed=3|'seed=3' is not for the grid
# nothing|it has no line
../a\t|'../a' is no name
END
    run -2 --separate-stderr make -f "$EXPERIMENT"
    says "GRID is not set"
    run -2 --separate-stderr make -f "$EXPERIMENT" GRID=none
    says "cannot read the grid 'none': a text of lines 'NAME TAB OPTIONS', as"
    printf 'a\t--steps 3\n' >grid.tsv
    run -2 --separate-stderr experiment DATA=none
    says "there are no shards in 'none'"
    run -2 --separate-stderr experiment PART=4/3
    says "there is no part 4"
}

@test "experiment.mk: --minutes go on with what is left of them" {
    printf 'm\t%s --set eval_every=100 --minutes 0.05\n' "$TINY" >grid.tsv
    make -s -f "$EXPERIMENT" GRID=grid.tsv SEEDS=1 runs 2>said &
    local job=$!
    until grep -q '^[0-9]' grid.runs/m/1/metrics.tsv 2>/dev/null; do
        kill -0 "$job" || fail "$(cat said)"
        sleep 0.1
    done
    sleep 1
    kill -TERM "$job"
    wait "$job" || true
    until flock -n grid.runs/m/1/lock true; do sleep 0.1; done
    [ ! -e grid.runs/m/1/eval.tsv ]
    run -0 experiment SEEDS=1
    # three seconds in both together, and what a start takes
    awk '!/^[#s]/ {s += $3} END {exit !(s > 1.8 && s < 5.5)}' grid.runs/m/1/costs.tsv ||
        fail "$output $(cat grid.runs/m/1/{costs.tsv,run.tsv,log,config.json} said)"
    [ "$(grep -c '^[0-9]' grid.runs/m/1/costs.tsv)" -ge 2 ]
    # killed between the last step and its record: not a step more
    cp grid.runs/m/1/metrics.tsv .
    sed -i '/^status/d' grid.runs/m/1/run.tsv
    run -0 experiment SEEDS=1
    cmp metrics.tsv grid.runs/m/1/metrics.tsv
    grep -q '^m	done' grid.runs/table.tsv
}

@test "experiment.mk: parts of a Slurm array and runs of GNU parallel make the same table" {
    grid 2 >grid.tsv
    experiment OUT=whole SEEDS=1 >/dev/null 2>&1
    # the page's own script, a task after another
    awk '/^```bash$/ {on = 1; next} /^```/ {on = 0} on' pipelines/experiment.md |
        sed 's/"1 2 3"/1 OUT=array/; s|/9"|/2"|' >task
    grep -q SLURM_ARRAY_TASK_ID task
    for i in 1 2; do
        SLURM_CPUS_PER_TASK=1 SLURM_ARRAY_TASK_ID=$i SLURM_ARRAY_JOB_ID=1 bash task 2>/dev/null
    done
    [ ! -e array/table.tsv ]
    # GNU parallel, or what does the same for one operand
    experiment OUT=parallel SEEDS=1 list >list
    [ "$(wc -l <list)" -eq 3 ]
    if command -v parallel >/dev/null; then
        parallel -j2 make -s -f $EXPERIMENT GRID=grid.tsv CORES=1 OUT=parallel SEEDS=1 <list 2>/dev/null
    else
        xargs -P2 -n1 make -s -f "$EXPERIMENT" GRID=grid.tsv CORES=1 OUT=parallel SEEDS=1 <list 2>/dev/null
    fi
    for dir in whole array parallel; do
        experiment OUT=$dir SEEDS=1 table >/dev/null
        cut -f 1-16 $dir/table.tsv >$dir.tsv # without the costs
        cmp whole.tsv $dir.tsv
    done
    grep -q 'status 64, seed 1$' whole/table.txt
}

@test "experiment.mk: a task of the page's Slurm script that is told to stop saves, and is queued again" {
    printf 'long\t%s --steps 1000000 --set eval_every=0\n' "$TINY" >grid.tsv
    awk '/^```bash$/ {on = 1; next} /^```/ {on = 0} on' pipelines/experiment.md >task
    mkdir stub
    printf '#!/bin/sh\necho "$@" >>requeued\n' >stub/scontrol
    chmod +x stub/scontrol
    PATH=$PWD/stub:$PATH SLURM_CPUS_PER_TASK=1 SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_JOB_ID=7 bash task 2>/dev/null &
    local job=$!
    until grep -q '^[0-9]' grid.runs/long/1/metrics.tsv 2>/dev/null; do sleep 0.1; done
    kill -TERM "$job"
    wait "$job" || true
    [ "$(cat requeued)" = 'requeue 7_1' ]
    [ -e grid.runs/long/1/latest ]
    ! grep -q status grid.runs/long/1/run.tsv || fail "it has a status"
    run -0 experiment SEEDS=1 table
    has "unfinished, seed 1"
    # a grid that is refused ends the task for good
    sed -i 's/1000000/2000000/' grid.tsv
    PATH=$PWD/stub:$PATH SLURM_CPUS_PER_TASK=1 SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_JOB_ID=7 run -2 bash task
    [ "$(wc -l <requeued)" -eq 1 ]
}

@test "experiment.md: every command in it runs" {
    awk '/^## By hand/ {exit} /^```sh$/ {on = 1; next} /^```/ {on = 0} on' pipelines/experiment.md >script
    [ "$(grep -c featstats script)" -eq 4 ]
    rm data
    local small=${TINY/ --set memory=16/} # which an LSTM has not
    sed -i "s/--steps 600/& $small --steps 10/; s/^make .*/& SEEDS='1 2'/; s|samples|samples/a*.mid|" script
    run bash -e -x script
    [ "$status" -eq 0 ] || fail "$output"
    [ "$(grep -c '	done	0	2	1,2	' grid.runs/table.tsv)" -eq 3 ]
    for f in table.txt curves.svg curves-log.svg report.html; do [ -s "grid.runs/$f" ]; done
    for f in by-minutes.svg xl.svg; do /usr/bin/python3 -c "import xml.dom.minidom as m; m.parse('$f')"; done
    [ "$(awk 'NR == 2 {print NF}' results.tsv)" -eq 16 ]
}

# made NAME SETTING SEED STATUS BEST BITS: a run folder as the pipeline leaves it, with
# columns in another order and more of them, which are found by name all the same
made() {
    mkdir -p "$1"
    printf '#run {"schema":"run/1"}\nname\t%s\nsettings\t--set x=%s\nseed\t%s\n' "$2" "$2" "$3" >"$1/run.tsv"
    [ "$4" = - ] || printf 'status\t%s\n' "$4" >>"$1/run.tsv"
    [ "$5" = - ] && return
    printf '#train {"schema":"train-log/1"}\nstep\ttokens\tloss\tvalid_notes\tvalid_loss\n' >"$1/metrics.tsv"
    printf '1\t10\t5\tnan\tnan\n2\t20\t4\t7\t%s\n3\t30\t3\t7\t9\n' "$5" >>"$1/metrics.tsv"
    printf 'split\tstep\tppl\tloss\ntest\t2\t3\t1%s\n' "$5" >"$1/eval.tsv"
    printf 'name\tvalue\tunit\nnats\t9\t\nbits_per_note\t%s\tbits\n' "$6" >"$1/surprise.tsv"
    printf '#costs {}\nstep\tseconds\ttokens\tpeak_bytes\n2\t4\t20\t1048576\n3\t2\t10\t2097152\n' >"$1/costs.tsv"
}

@test "featstats: --runs is the mean and deviation over the seeds of what the folders say" {
    made r/b1 b 1 0 1.5 6
    made r/a1 a 1 0 2.25 8
    made r/a2 a 2 0 2.75 9
    made r/a3 a 3 70 - -
    made r/c1 c 4 - 1 7
    made r/d1 d 5 - - -
    featstats --runs r/b1 r/a2 r/a1 r/a3 r/c1 r/d1 --no-pg >t
    [ "$(head -n 1 t)" = '#runs {"schema":"runs/1","settings":4,"runs":6}' ]
    cmp <(featstats --runs r/b1 r/a2 r/a1 r/a3 r/c1 r/d1 --tsv) <(sed 1d t)
    /usr/bin/python3 - <<'PY'
import csv, math, statistics
rows = list(csv.DictReader(list(open('t'))[1:], delimiter='\t'))
assert [(r['setting'], r['state'], r['status'], r['runs'], r['seeds']) for r in rows] == [
    ('b', 'done', '0', '1', '1'), ('a', 'done', '0', '2', '2,1'), ('a', 'failed', '70', '1', '3'),
    ('c', 'unfinished', '0', '1', '4'), ('d', 'not run', '0', '1', '5')], rows
b, a, failed, c, d = rows
want = {'nats': (12.25, 12.75), 'bits_per_note': (8, 9), 'valid_loss': (2.25, 2.75), 'best_step': (2, 2),
        'steps': (3, 3), 'tokens_per_s': (5, 5), 'minutes': (.1, .1), 'memory_mib': (2, 2)}
assert list(a)[6:] == [n + e for n in want for e in ('', '_sd')]
for name, x in want.items():
    assert math.isclose(float(a[name]), statistics.mean(x)), (name, a)
    assert math.isclose(float(a[name + '_sd']), statistics.stdev(x), abs_tol=1e-9), (name, a)
    assert b[name + '_sd'] == 'nan' and failed[name] == 'nan' and d[name] == 'nan'
assert a['settings'] == '--set x=a' and float(c['valid_loss']) == 1
PY
    # without costs they are the same columns but the last six
    featstats --runs r/b1 r/a2 r/a1 r/a3 r/c1 r/d1 --no-pg --no-costs | cmp - <(cut -f 1-16 t)
    featstats --runs --summary r/* >people
    grep -qP '^a +2 .* 8\.500 \(0\.707\) ' people
    grep -qP 'failed with status 70, seed 3$' people
    # the picture names every setting, and what became of it
    for by in step tokens minutes; do featstats --runs --curves --by $by r/* >$by.svg; done
    grep -qF 'a: 2.5000 ±0.3536, 2 seeds' tokens.svg
    grep -qF 'd: not run' tokens.svg
    grep -qF 'minutes of training' minutes.svg
    run ! cmp -s step.svg minutes.svg
    featstats --runs --curves --log r/* >log.svg
    featstats --runs --html page.html r/* >/dev/null
    /usr/bin/python3 - <<'PY'
import xml.dom.minidom
for f in 'step.svg', 'minutes.svg', 'log.svg':
    assert 'nan' not in open(f).read().replace('nants', ''), f
    xml.dom.minidom.parse(f)
page = open('page.html').read()
assert page.count('<svg') == 2 and '>nan<' not in page and 'failed, status 70' in page
PY
}

# points SVG: its dots, its bars, and the paths of one point, which nobody sees
points() {
    /usr/bin/python3 - "$1" <<'PY'
import re, sys, xml.dom.minidom
svg = xml.dom.minidom.parse(sys.argv[1])
paths = [p.getAttribute('d') for p in svg.getElementsByTagName('path')]
print(len(svg.getElementsByTagName('circle')), sum('V' in d for d in paths),
      sum(re.fullmatch(r'(M[-0-9.]+ [-0-9.]+)?', d) is not None for d in paths))
PY
}

@test "featstats: --runs --curves shows runs with one evaluation as dots, their seeds as a bar" {
    made r/a1 a 1 0 2.25 8
    made r/a2 a 2 0 2.75 9
    made r/b1 b 1 0 1.5 6
    made r/c1 c 1 0 3 6
    sed -i '/^3\t/d' r/[ab]?/metrics.tsv # c has two, which are a line
    for how in --by=step --by=tokens --log; do
        featstats --runs --curves $how r/* >dots.svg
        [ "$(points dots.svg)" = '5 1 0' ] || fail "$how: $(points dots.svg)"
    done
    # seeds that have but one step in common are a bar among their lines
    made r/a2 a 2 0 2.75 9
    featstats --runs --curves r/* >dots.svg
    [ "$(points dots.svg)" = '4 1 0' ]
    # the frame shows the better half, and what is above stays out of it
    made r/d1 d 1 0 90 6
    made r/e1 e 1 0 1.75 6
    sed -i '/^3\t/d' r/[de]1/metrics.tsv
    featstats --runs --curves r/a1 r/b1 r/d1 r/e1 >dots.svg
    [ "$(points dots.svg)" = '4 0 0' ]
}

@test "featstats: --runs takes folders that xltrain alone made, and says which are none" {
    xltrain -q --data data $TINY --steps 10 --seed 3 -o alone
    xltrain -q --data data $TINY --steps 10 -o cut
    sed -i 's/"steps":10/"steps":20/' cut/config.json
    printf '11\t3' >>cut/metrics.tsv # torn by a power failure
    featstats --runs --no-pg alone cut >t
    grep -q '^alone	done	0	1	3		nan	nan	nan	nan	' t
    grep -q '^cut	unfinished	0	1	0		' t
    [ "$(awk -F '\t' '$1 == "cut" {print $15}' t)" = 10 ]
    mkdir empty
    run -66 --separate-stderr featstats --runs alone empty
    says "featstats: 'empty': no run folder: it has no metrics.tsv"
    run -66 --separate-stderr featstats --runs none
    says "'none'"
    echo 'not a table' >empty/metrics.tsv
    run -65 --separate-stderr featstats --runs empty
    says "metrics.tsv is not the log of a training run"
    printf '{' >alone/config.json
    run -65 --separate-stderr featstats --runs alone
    says "'alone/config.json': bad JSON"
    run -64 --separate-stderr featstats --runs
    says "--runs wants run folders"
    run -64 --separate-stderr featstats --runs --roll cut
    says "--runs goes with --summary, --curves, --html or alone"
    run -64 --separate-stderr featstats --log cut
    says "--log needs --runs"
    # numbers without room between them, and beyond all bounds
    printf 'step\ttokens\tloss\tvalid_loss\n1\t1\t1\t1e17\n2\t1e300\t1\t100000000000000016\n1e99\t1\t1\t1\n' >empty/metrics.tsv
    for how in --by=step --by=minutes --log; do timeout 10 featstats --runs --curves $how empty >/dev/null; done
    timeout 10 featstats --curves empty >/dev/null
    # what names are made of harms neither table nor page
    mkdir odd
    printf 'name\t<a href="x">&\nsettings\t</td>\nseed\t1\nstatus\t999999\n' >odd/run.tsv
    featstats --runs odd --html odd.html >/dev/null
    run ! grep -q '<a href="x">' odd.html
    featstats --runs --curves odd >odd.svg
    /usr/bin/python3 -c "import xml.dom.minidom as m; m.parse('odd.svg')"
}
