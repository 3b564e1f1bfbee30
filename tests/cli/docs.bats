# docs.bats - what is written is run: every command of the `sh` fences of the README and of the
# pages to try by hand, and of the man pages' EXAMPLES, in order, in an empty folder that holds
# samples/ and pipelines/.
# Training is cut short by a wrapper that adds a tiny model and three steps; nothing else
# is changed. The README's two commands (make demo, make test) are run by .ci/run.
load ../helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    ln -s "$BARLINE_ROOT/samples" "$BARLINE_ROOT/pipelines" .
    mkdir wrapped
    cat >wrapped/xltrain <<EOF
#!/bin/bash
# --eval, --dry-run and --export take no time; a run that is resumed keeps its own size
case " \$* " in
*" --eval "* | *" --dry-run "* | *" --export "* | *" --help "*) exec "$(command -v xltrain)" "\$@" ;;
*" --resume "*) exec "$(command -v xltrain)" "\$@" --steps 6 ;;
# windows of drums are another kind of model
*" --preset groove"*) exec "$(command -v xltrain)" "\$@" --steps 3 --set width=32 --set heads=2 --set ff=64 ;;
esac
args=()
while [ \$# -gt 0 ]; do
    case \$1 in
    --minutes | --steps | --preset) shift ;;
    *) args+=("\$1") ;;
    esac
    shift
done
exec "$(command -v xltrain)" "\${args[@]}" --preset tiny --steps 3 --set layers=1 --set width=32 --set heads=2 --set ff=64
EOF
    chmod +x wrapped/xltrain
    PATH=$PWD/wrapped:$PATH
}

# runs SCRIPT-FILE: line by line would lose loops, so the whole script, traced on failure
runs() {
    run bash -x -e "$1" </dev/null
    [ "$status" -eq 0 ] || fail "status $status: $output"
}

@test "README: every command in it runs" {
    awk '/^```sh$/{on=1; next} /^```/{on=0} on' "$BARLINE_ROOT/README.md" >script
    [ "$(grep -c '|' script)" -ge 5 ]
    runs script
}

# by_hand PAGE...: runs the `sh` fences of pages, or those behind their headings "By hand"
by_hand() {
    local page
    for page in "$@"; do
        mkdir "$page"
        cd "$page"
        ln -s ../samples ../pipelines .
        awk '/^## By hand/{all = 1} {line[NR] = $0} END {
            from = !all; for (i = 1; i <= NR; i++) {
                if (line[i] ~ /^## /) from = !all || line[i] == "## By hand"
                if (line[i] ~ /^```/) on = line[i] == "```sh" && from; else if (on) print line[i]}}' \
            "$BARLINE_ROOT/pipelines/$page.md" >script
        [ "$(wc -l <script)" -ge 5 ] || fail "$page.md has fewer than five lines"
        runs script
        cd ..
    done
}

@test "pipelines: every command of the pages on tokens and on asking runs" {
    by_hand tokens asking
}

@test "pipelines: every command of the pages on bands, drums, judging and trials runs, where they say By hand" {
    by_hand accompany groove judge experiment
}

man_examples() { # man_examples TOOL: the commands of its EXAMPLES section
    awk '/^\.Sh /{on = $2 == "EXAMPLES"; next} !on{next}
         /^\.Bd /{literal=1; next} /^\.Ed/{literal=0; next}
         literal{print; next} sub(/^\.Dl /, ""){print}' "$BARLINE_ROOT/bin/$1.1" |
        sed 's/\\e/\\/g; s/\\&//g; s/\\(aq/'"'"'/g; s/\\(dq/"/g; s/\\-/-/g'
}

for_each_page() { # every page gets a folder of its own
    local tool
    for tool in "$@"; do
        mkdir "$tool"
        cd "$tool"
        ln -s ../samples ../pipelines .
        man_examples "$tool" >script
        [ "$(wc -l <script)" -ge 3 ] || fail "$tool(1) has fewer than three examples"
        runs script
        cd ..
    done
}

@test "man pages: every example of the data tools runs" {
    for_each_page midi2remi vocab shard remi2midi featstats
}

@test "man pages: every example of the model tools runs" {
    for_each_page xltrain xlsample
}

# rows: of the table of tests, "number TAB cell TAB ..." each
rows() {
    grep -E '^\| [0-9]+ \|' "$BARLINE_ROOT/tests/README.md" | sed 's/\\|/\x01/g; s/^| //; s/ |$//; s/ | /\t/g; s/\x01/|/g'
}

@test "docs: each row of the table of tests has a quick and a long form, which exist" {
    local number property quick fast night long command names file found
    [ "$(rows | cut -f 1 | tr '\n' ' ')" = "$(seq -s ' ' 25) " ]
    while IFS=$'\t' read -r number property quick fast night long; do
        for command in "$quick" "$night" "$property"; do [ -n "$command" ] || fail "row $number"; done
        for command in "$fast" "$long"; do
            command=${command//\`/}
            case $command in
            make\ *)
                make -C "$BARLINE_ROOT" help | grep -qE "(^|[ ,])$(cut -d ' ' -f 2 <<<"$command")[ :,]" ||
                    fail "row $number: no such target: $command"
                file=$(grep -oP 'FUZZ=\K[a-z]+' <<<"$command") || continue
                [ -f "$BARLINE_ROOT/tests/fuzz/fuzz_$file.c" ] || fail "row $number: no target $file"
                ;;
            *ONLY=*)
                names=$(grep -oP "ONLY='?\K[a-z_|0-9]+" <<<"$command")
                for file in ${names//|/ }; do
                    found=0
                    [ ! -f "$BARLINE_ROOT/tests/cli/$file.bats" ] || found=1
                    [ ! -f "$BARLINE_ROOT/tests/unit/$file.c" ] || found=1
                    [ "$found" -eq 1 ] || fail "row $number: no tests of the name $file"
                    [[ $command != BARLINE_SLOW=* ]] ||
                        grep -q 'tags=slow' "$BARLINE_ROOT/tests/cli/$file.bats" || fail "row $number: no long form"
                done
                ;;
            *) fail "row $number: what is '$command'?" ;;
            esac
        done
    done < <(rows)
}
