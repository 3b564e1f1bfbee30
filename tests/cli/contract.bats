# contract.bats - what all seven tools promise alike (DESIGN: the tools). Each test is one
# promise, looped over the tools; `feed` knows how each takes an input and an output.
load ../helpers

TOOLS=(midi2remi vocab shard xltrain xlsample remi2midi featstats)
TINY=(--preset tiny --set layers=1 --set width=16 --set heads=2 --set ff=32
    --set segment=16 --set memory=16 --set batch=4 --seed 1 -q)

# One of each kind of data, made once: song.mid one.tok.zst two.tok.zst data/ run/
setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    local mids=("$BARLINE_ROOT"/samples/*.mid)
    cp "${mids[0]}" song.mid
    midi2remi song.mid -o one.tok.zst
    midi2remi "${mids[@]:0:6}" -o two.tok.zst
    shard two.tok.zst -o data --split train=.5,valid=.25,test=.25
    xltrain --data data -o run --steps 2 "${TINY[@]}"
    cp -L run/latest ckpt.safetensors
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    F=$BATS_FILE_TMPDIR
}

# The input each tool reads, as one file.
declare -gA INPUT=(
    [midi2remi]=song.mid [vocab]=two.tok.zst [shard]=two.tok.zst [remi2midi]=one.tok.zst
    [xltrain]=data/train-00000-of-00001.safetensors.zst [xlsample]=ckpt.safetensors
    [featstats]=two.tok.zst
)

# feed TOOL INPUT OUTPUT [ARG...]: the tool's everyday work.
feed() {
    local tool=$1 in=$2 out=$3
    shift 3
    case $tool in
    xltrain)
        rm -rf shards
        cp -r "$F/data" shards
        cp "$in" shards/train-00000-of-00001.safetensors.zst
        xltrain --data shards -o "$out" --steps 1 "${TINY[@]}" "$@"
        ;;
    xlsample) xlsample "$in" -o "$out" --bars 2 "$@" ;;
    *) "$tool" "$in" -o "$out" "$@" ;;
    esac
}

# refused STATUS TOOL INPUT [TEXT]: one line on stderr with the tool's name and TEXT, nothing
# on stdout, nothing left.
refused() {
    local status=$1 tool=$2 input=$3
    rm -rf out
    run -"$status" --separate-stderr feed "$tool" "$input" out
    [ -z "$output" ] || fail "$tool wrote to stdout: $output"
    says "$tool: "
    says "${4:-}"
    [ ! -e out ] || fail "$tool left an output"
    local left=(*.tmp.*)
    [ ! -e "${left[0]}" ] || fail "$tool left ${left[*]}"
}

@test "every tool: --help goes to stdout with 0, and shows usage, examples, see also" {
    for tool in "${TOOLS[@]}"; do
        for flag in -h --help; do
            run -0 --separate-stderr "$tool" $flag
            [ -z "$stderr" ]
            has "$tool - "
            has "Usage: $tool "
            has "Examples:"
            has "See also:"
        done
    done
}

@test "every tool: --version names barline, libraries, build and processor" {
    for tool in "${TOOLS[@]}"; do
        run -0 --separate-stderr "$tool" --version
        has "$tool (barline) "
        has "build: "
        has "cpu: "
        # every library that it is linked with, by name and version
        local pair libraries
        libraries=$(ldd "$(command -v "$tool")")
        for pair in libzstd:zstd libjansson:jansson libxxhash:xxHash libnettle:nettle libsmf:libsmf \
            libglib:GLib openblas:OpenBLAS libmpi:MPI; do
            [[ $libraries != *"${pair%%:*}"* ]] || [[ $output =~ ${pair#*:}\ v?[0-9]+\.[0-9] ]] ||
                fail "$tool does not name ${pair#*:}: $output"
        done
        # of OpenBLAS, whose kernels decide the bits, the one that is used
        [[ $libraries != *openblas* ]] || [[ $output =~ OpenBLAS\ [0-9.]+\ [A-Z][A-Za-z]+ ]] ||
            fail "$output"
        [ "$output" = "$("$tool" -V)" ]
    done
}

@test "tools that multiply: OpenBLAS is told the processor where it takes an older one" {
    [[ $BARLINE_BUILD != *san ]] || skip "what is preloaded comes before the sanitizer"
    run -0 bash -c 'unset OPENBLAS_CORETYPE; xltrain --version'
    lines_here=${#lines[@]}
    [[ $output == *"cpu: x86-64 avx"* && $output == *OpenBLAS* ]] || skip "no AVX2 here"
    cat >old.c <<'C'
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
__attribute__((destructor)) static void end(void)
{
    char name[16];
    FILE *f = fopen("comm", "w");
    prctl(PR_GET_NAME, name);
    fprintf(f, "%s\n", name);
    fclose(f);
}
char *openblas_get_corename(void)
{
    char *told = getenv("OPENBLAS_CORETYPE");
    return told != NULL ? told : "Prescott";
}
C
    cc -shared -fPIC -o old.so old.c
    unset OPENBLAS_CORETYPE
    local tool
    for tool in xltrain xlsample; do
        run -0 env LD_PRELOAD="$PWD/old.so" "$tool" --version
        [[ $output =~ OpenBLAS\ [0-9.]+\ (SkylakeX|Haswell)[,$'\n'] ]] || fail "$output"
        [[ $output == *"OPENBLAS_CORETYPE="*"told to OpenBLAS"* ]] || fail "$output"
        [ "$(cat comm)" = "$tool" ]
        [ "${#lines[@]}" -ge "$lines_here" ]
        # a user's own value stays, whatever it is
        run -0 env LD_PRELOAD="$PWD/old.so" OPENBLAS_CORETYPE=Nehalem "$tool" --version
        [[ $output == *" Nehalem"* && $output != *"told to"* ]] || fail "$output"
        run -0 env LD_PRELOAD="$PWD/old.so" OPENBLAS_CORETYPE= "$tool" --version
        [[ $output != *"told to"* ]] || fail "$output"
    done
    # arguments, input and status are those of one start; a value that changes nothing
    # is no cause for another
    printf 'char *openblas_get_corename(void) { return "Prescott"; }\n' >deaf.c
    cc -shared -fPIC -o deaf.so deaf.c
    local so
    for so in old deaf; do
        run -65 --separate-stderr env LD_PRELOAD="$PWD/$so.so" xlsample -v - <<<'no checkpoint'
        [[ $stderr == *"told to OpenBLAS"*$'\n'"xlsample: '-': "* ]] || fail "$stderr"
    done
    # nothing is said or changed where the core is right
    run -65 --separate-stderr xlsample -v - <<<'no checkpoint'
    [[ $stderr != *"told to"* ]] || [[ $(xltrain --version) == *"told to"* ]]
    # tools that do not multiply know nothing of it
    run -0 env LD_PRELOAD="$PWD/old.so" shard --version
    [[ $output != *"told to"* ]]
}

@test "every tool: a misuse is one line on stderr that says where to look, and 64" {
    for tool in "${TOOLS[@]}"; do
        for bad in --no-such-option -Z "--jobs=x" "--jobs=k" "--jobs=-1" "--progress=maybe" --output; do
            run -64 --separate-stderr "$tool" $bad
            [ -z "$output" ]
            says "$tool: "
            says "try '$tool --help'"
        done
    done
}

@test "every tool: standard input named twice is a misuse" {
    for tool in "${TOOLS[@]}"; do
        run -64 --separate-stderr "$tool" - song - </dev/null
        says "$tool: '-', standard input, is named twice"
    done
}

@test "every tool: the man page documents exactly the options of --help" {
    for tool in "${TOOLS[@]}"; do
        "$tool" --help | grep -oP '^  (-\w, |    )--\K[a-z0-9-]+' | sort >help
        grep -oP '^\.It (Fl \w )?(, )?Fl -\K[a-z0-9-]+' "$BARLINE_ROOT/bin/$tool.1" | sort >man
        diff help man || fail "$tool: help (<) and man page (>) differ"
    done
}

@test "every tool: what changes nothing is not in --help, but taken" {
    for tool in "${TOOLS[@]}"; do
        "$tool" --help >help
        for option in jobs seed plain no-pg force; do
            grep -q -- "--$option" help || awk '/taken, as by all tools/ {print last; exit}
                /^\.El/ {last = ""} {last = last $0 " "}' "$BARLINE_ROOT/bin/$tool.1" |
                grep -qE -- "Fl (-$option|j|u|f)( |$)" || fail "$tool --$option"
        done
    done
    run grep -l 'Has no effect here' "$BARLINE_ROOT"/bin/*.1
    [ -z "$output" ]
    run -64 --separate-stderr vocab --help-me
    vocab -j 2 --seed 3 -u -f --scheme remi >/dev/null
}

@test "every tool: an unknown option names the nearest, a range is whole" {
    while read -r tool wrong meant; do
        run -64 --separate-stderr "$tool" "$wrong"
        says "unknown option '$wrong'; there is $meant; try"
    done <<'END'
xlsample --temprature --temperature
xlsample --promt --prompt
xlsample --promptbars --prompt-bars
midi2remi --cords --chords
midi2remi --rejets --rejects
shard --augmnet --augment
xltrain --minuts --minutes
featstats --sumary --summary
remi2midi --ouptut=x --output
END
    # one that is short for several
    run -64 --separate-stderr xlsample run --temp 0.8
    says "'--temp' is short for --tempo or --temperature: write one of them; try"
    run -64 --separate-stderr midi2remi --ke=x
    says "'--ke' is short for --key or --keep or --keep-empty: write one of them"
    # settings of models are no options
    while read -r wrong set; do
        run -64 --separate-stderr xltrain --data data -o run "$wrong" 3
        says "unknown option '$wrong'; a setting is --set $set=VALUE; try"
    done <<'END'
--lr lr
--arch arch
--batch-size batch
--d_model=9 width
--learning-rate lr
--dropuot dropout
END
    for wrong in --nonsense --xyzzy=3 --frobnicate; do
        run -64 --separate-stderr xltrain --data data -o run $wrong
        says "unknown option '$wrong'; try"
    done
    run -64 --separate-stderr xlsample --xyzzy
    says "unknown option '--xyzzy'; try"
    run -64 --separate-stderr xlsample "--$(printf 'x%.0s' {1..200})"
    [[ $stderr != *'there is'* ]]
    run -64 --separate-stderr xlsample --max-tokens 99999999
    says "--max-tokens is 99999999, which is not within 1..16777216"
    run -64 --separate-stderr xltrain --seed 9999999999999999
    says "not within 0..9007199254740992"
}

@test "every tool: groff prints the man page whole, without a warning" {
    for tool in "${TOOLS[@]}"; do
        groff -mdoc -Tutf8 -ww -P-cbou "$BARLINE_ROOT/bin/$tool.1" >page 2>warnings
        [ ! -s warnings ] || fail "$tool: $(cat warnings)"
        # every heading, the last word and every author is there
        sed -n 's/^\.Sh //p' "$BARLINE_ROOT/bin/$tool.1" | while read -r heading; do
            grep -qx "$heading" page || fail "$tool: no $heading"
        done
        sed -n 's/^\.%T \([^ ]* [^ ]*\).*/\1/p' "$BARLINE_ROOT/bin/$tool.1" |
            while read -r words; do
                tr -s ' \n' ' ' <page | grep -qF "$words" || fail "$tool: no $words"
            done
    done
}

# about OPTION TOOL: the lines of --help on it, without its default
about() {
    "$2" --help | awk -v o="--$1" '$1 == o || $2 == o {on = 1; print; next} /^ *-|^[^ ]|^$/ {on = 0} on' |
        tr -s ' \n' ' ' | sed -E 's/ \[[^]]*\] $//; s/: with --(raw|scheme): /: /; s/ with --(raw|scheme): / /; s/^ //; s/ $//'
}

@test "shared options: the same help, metavariable and bounds in every tool that has them" {
    local option tool seen first has_it value bad
    for option in $(sed -n 's/^ *0, "\([a-z0-9-]*\)", BL_OPT_.*/\1/p' "$BARLINE_ROOT/lib/cli/shared.h"); do
        seen=() first=
        for tool in "${TOOLS[@]}"; do
            has_it=$(about "$option" "$tool")
            [ -n "$has_it" ] || continue
            seen+=("$tool")
            first=${first:-$has_it}
            [ "$has_it" = "$first" ] || fail "$tool: '$has_it', elsewhere '$first'"
            grep -qxF ".It Fl -$option Ar $(awk '{print $2}' <<<"$has_it")" "$BARLINE_ROOT/bin/$tool.1" ||
                fail "$tool.1 has another metavariable than '$has_it'"
        done
        # each page's paragraph says it in the same words, and more
        for tool in "${seen[@]}"; do
            sed -n "/^\.It Fl -$option /,/^\.\(It\|El\)/p" "$BARLINE_ROOT/bin/$tool.1" | sed '1d; s/^\.[A-Z][a-z] //' |
                tr '\n' ' ' | grep -qiF "$(sed -E "s/^--$option [^ ]+ //; s/[,:].*//" <<<"$first")" ||
                fail "$tool.1 does not say of --$option: $first"
        done
        [ "${#seen[@]}" -ge 2 ] || fail "--$option is of ${seen[*]} alone"
        case $option in
        grid) bad=(-1 1001 x) ;;
        pair) bad=(lifo '' over) ;;
        meter) bad=(3 0/4 3/5 4/256 256/4 3/4/5 '') ;;
        level) bad=(-1 20 x) ;;
        max-reject) bad=(x -1 101% 3x '') ;;
        *) fail "a shared option --$option: say here which values are bad" ;;
        esac
        for value in "${bad[@]}"; do
            first=
            for tool in "${seen[@]}"; do
                run -64 --separate-stderr "$tool" "--$option=$value" </dev/null
                says "$tool: --$option "
                first=${first:-${stderr//$tool/TOOL}}
                [ "${stderr//$tool/TOOL}" = "$first" ] || fail "$tool: '$stderr', elsewhere '$first'"
            done
        done
    done
    # the shortest beats that a file can state are within
    featstats --meter 4/128 "$F/song.mid" >/dev/null
    midi2remi --scheme performance --meter 4/128 "$F/song.mid" -o out
}

@test "every tool: starts in a moment" {
    # of the processor's time, as others may be at work
    local TIMEFORMAT='%U %S' spent most starts
    for tool in "${TOOLS[@]}"; do
        starts=10 most=0.01
        if "$tool" --version | grep -q 'told to OpenBLAS'; then starts=20; fi # each twice
        [[ $BARLINE_BUILD != *san ]] || most=0.05
        spent=$({ time for _ in 1 2 3 4 5 6 7 8 9 10; do "$tool" --help >/dev/null; done; } 2>&1)
        awk -v most="$most" -v n="$starts" '{exit !($1 + $2 < n * most)}' <<<"$spent" || fail "$tool --help ten times: $spent s"
    done
}

@test "every tool: a full disk is 74 with a message" {
    for tool in "${TOOLS[@]}"; do
        run -74 --separate-stderr bash -c "$tool --help >/dev/full"
        says "$tool: "
    done
    for tool in midi2remi vocab remi2midi featstats xlsample; do
        run -74 --separate-stderr feed "$tool" "$F/${INPUT[$tool]}" /dev/full
        says "$tool: "
    done
}

@test "every tool: a missing input is 66 and names it" {
    for tool in "${TOOLS[@]}"; do
        [ "$tool" != xltrain ] || continue
        refused 66 "$tool" nowhere/absent "absent"
    done
    run -66 --separate-stderr xltrain --data nowhere -o out
    says "nowhere"
}

@test "every tool: an output that cannot be created is 73 and names it" {
    for tool in "${TOOLS[@]}"; do
        run -73 --separate-stderr feed "$tool" "$F/${INPUT[$tool]}" no/such/folder/out
        says "$tool: "
        says "no/such/folder"
    done
}

@test "every tool: an empty input is 65" {
    : >empty
    for tool in "${TOOLS[@]}"; do
        [ "$tool" != midi2remi ] || continue
        refused 65 "$tool" empty
    done
}

@test "every tool: an input of another kind is 65 and leaves nothing" {
    printf 'once upon a time\n' >prose
    head -c 5000 /dev/zero >zeros
    for tool in "${TOOLS[@]}"; do
        [ "$tool" != midi2remi ] || continue
        refused 65 "$tool" prose
        refused 65 "$tool" zeros
        [ "$tool" = featstats ] || refused 65 "$tool" "$F/song.mid"
    done
}

@test "midi2remi: what is not MIDI is rejected with a reason, and the stream is still whole" {
    printf 'once upon a time\n' >prose
    : >empty
    for bad in prose empty "$F/one.tok.zst"; do
        run -65 --separate-stderr midi2remi "$bad" -o "$(basename "$bad").out"
        says "midi2remi: '$bad': "
        [ "$(text "$(basename "$bad").out" | tail -n 1)" = '#eos {"pieces":0,"tokens":0,"rejects":1}' ]
    done
}

@test "every tool: an input cut anywhere is 65 and leaves nothing" {
    for tool in vocab shard xltrain xlsample remi2midi featstats; do
        local size cut
        size=$(stat -c %s "$F/${INPUT[$tool]}")
        for i in 0 1 2 3 5 8 11 13 14 15; do
            cut=$((size * i / 16))
            head -c "$cut" "$F/${INPUT[$tool]}" >cut
            refused 65 "$tool" cut
        done
        head -c $((size - 1)) "$F/${INPUT[$tool]}" >cut
        refused 65 "$tool" cut
    done
}

@test "every tool: bytes after the end are refused" {
    for tool in vocab shard xltrain xlsample remi2midi featstats; do
        { cat "$F/${INPUT[$tool]}"; echo trailing; } >long
        refused 65 "$tool" long
    done
}

@test "every tool: a flipped bit is refused, or changes nothing" {
    for tool in vocab shard xltrain xlsample remi2midi featstats; do
        feed "$tool" "$F/${INPUT[$tool]}" whole
        for at in 3 40 97 200 401 600; do
            python3 -c "
import sys
b = bytearray(open(sys.argv[1], 'rb').read())
b[$at * len(b) // 640] ^= 16
open('flipped', 'wb').write(b)" "$F/${INPUT[$tool]}"
            rm -rf out
            run --separate-stderr feed "$tool" flipped out
            if [ "$status" -eq 0 ]; then
                diff -r whole out || fail "$tool accepted damage at $at/640"
            else
                [ "$status" -eq 65 ] || fail "$tool: status $status"
                [ ! -e out ] || fail "$tool left an output"
            fi
        done
        rm -rf whole
    done
}

@test "every tool: the same input and seed give the same bytes, for any -j" {
    for tool in "${TOOLS[@]}"; do
        feed "$tool" "$F/${INPUT[$tool]}" a -j 1
        feed "$tool" "$F/${INPUT[$tool]}" b -j 2
        diff -r a b || fail "$tool differs between -j 1 and -j 2"
        rm -rf a b
    done
}

@test "stream tools: a pipe gives what a file gives" {
    for tool in midi2remi vocab shard remi2midi featstats; do
        feed "$tool" "$F/${INPUT[$tool]}" a --no-pg
        case $tool in
        shard) cat "$F/${INPUT[$tool]}" | shard -o b --no-pg ;;
        *) cat "$F/${INPUT[$tool]}" | "$tool" --no-pg >b ;;
        esac
        if [ "$tool" = midi2remi ] || [ "$tool" = featstats ]; then
            # the name of the piece is all that may differ
            cmp <(text a | sed 's/"name":"[^"]*"//; s/^[^#\t]*\t//') \
                <(text b | sed 's/"name":"[^"]*"//; s/^[^#\t]*\t//')
        else
            diff -r a b
        fi
        rm -rf a b
    done
}

@test "every tool: a reader that goes away ends it without a word" {
    for tool in "${TOOLS[@]}"; do
        run --separate-stderr bash -c "$tool --help | true"
        [ -z "$stderr" ] || fail "$tool: $stderr"
    done
    for tool in midi2remi vocab remi2midi featstats xlsample; do
        run --separate-stderr bash -c "trap '' PIPE; $tool '$F/${INPUT[$tool]}' | true"
        [ -z "$stderr" ] || fail "$tool: $stderr"
    done
}

@test "every tool: a closed standard output is an error, not a lost file" {
    for tool in midi2remi vocab remi2midi featstats xlsample; do
        run -74 --separate-stderr bash -c "$tool '$F/${INPUT[$tool]}' >&-"
        says "$tool: "
    done
}

@test "stream tools: no compressed or binary data to a terminal, no waiting for one" {
    for tool in midi2remi remi2midi xlsample; do
        run script -qec "$tool '$F/${INPUT[$tool]}'" /dev/null
        [ "$status" -eq 64 ] || fail "$tool: status $status: $output"
        has "standard output is a terminal"
    done
    for tool in midi2remi vocab remi2midi featstats; do
        run script -qec "timeout 5 $tool >/dev/null" /dev/null
        [ "$status" -eq 64 ] || fail "$tool: status $status: $output"
        has "no input"
    done
}

@test "provenance: each tool adds itself to the chain, --no-pg leaves it out" {
    chain() { jq -r '[.[] | .id] | join(" ")' <<<"$1"; }
    text "$F/one.tok.zst" | sed -n '1s/^#remi //p' | jq -c .pg >pg
    [ "$(chain "$(cat pg)")" = "midi2remi" ]
    [ "$(chain "$(jq -c .pg "$F/data/manifest.json")")" = "midi2remi shard" ]
    xlsample "$F/ckpt.safetensors" --bars 1 -u -o s.tok
    [ "$(chain "$(sed -n '1s/^#remi //p' s.tok | jq -c .pg)")" = "midi2remi shard xltrain xlsample" ]
    midi2remi "$F/song.mid" -u --no-pg -o n.tok
    [ "$(sed -n '1s/^#remi //p' n.tok | jq 'has("pg")')" = false ]
    # nothing of this machine, nothing of today
    ! grep -q "$BATS_FILE_TMPDIR\|$(hostname)" pg
}

@test "every tool: an existing output is replaced whole, and survives a failed run" {
    for tool in midi2remi vocab remi2midi featstats xlsample; do
        echo old >out
        feed "$tool" "$F/${INPUT[$tool]}" out
        [ "$(head -c 3 out)" != old ]
        echo old >out
        head -c 20 "$F/${INPUT[$tool]}" >cut
        [ "$tool" = midi2remi ] && continue # a broken file is a reject, its stream is whole
        run -65 feed "$tool" cut out
        [ "$(cat out)" = old ] || fail "$tool harmed the old file"
    done
}

@test "file names with blanks, quotes, dashes, percent signs and newlines go through" {
    local name
    for name in 'a b.mid' "o'clock.mid" '-x.mid' '100%.mid' $'new\nline.mid' $'caf\xe9.mid'; do
        cp "$F/song.mid" "./$name"
        midi2remi -o t.tok.zst -- "$name"
        [ "$(text t.tok.zst | grep -c '^#piece')" -eq 1 ]
        remi2midi --force -d back t.tok.zst
        [ "$(find back -name '*.mid' | wc -l)" -eq 1 ]
        rm -rf back "./$name"
    done
}

@test "a locale with a decimal comma changes nothing" {
    featstats "$F/two.tok.zst" >a
    LC_ALL=de_DE.UTF-8 featstats "$F/two.tok.zst" >b
    cmp a b
}

@test "every stream of tensors names the programs that made it, unless --no-pg" {
    midi2remi "$SAMPLES" | shard -q -o data
    xltrain -q --data data --preset tiny --set layers=1 --set width=16 --set heads=2 --set ff=32 \
        --steps 1 -o run
    chain() { /usr/bin/python3 - "$1" <<'END'
import json, sys
data, last = open(sys.argv[1], "rb").read(), ""
while data:
    n = 8 + int.from_bytes(data[:8], "little")
    head = json.loads(data[8:n])
    last = head.pop("__metadata__").get("pg", "[]")
    data = data[n + max(t["data_offsets"][1] for t in head.values()):]
print(*[p["id"] for p in json.loads(last)])
END
    }
    for pg in "" --no-pg; do
        # shellcheck disable=SC2086  # none or one word
        xltrain -q $pg -u --data data -o run --eval valid --log-probs p >/dev/null
        # shellcheck disable=SC2086
        featstats $pg -u --tensors "$F/two.tok.zst" -o t
        # more than a record
        for _ in {1..140}; do cat "$F/two.tok.zst"; done | featstats $pg -u --tensors -o many
        if [ -z "$pg" ]; then
            [ "$(chain p)" = "midi2remi shard xltrain xltrain" ]
            [ "$(chain t)" = "midi2remi featstats" ]
            [ "$(chain many)" = "midi2remi featstats" ]
        else
            [ -z "$(chain p)$(chain t)$(chain many)" ]
        fi
    done
}

@test "a hangup that is ignored, as nohup does, ends no tool" {
    local tool pid
    mkfifo pipe
    for tool in midi2remi remi2midi featstats; do
        bash -c 'trap "" HUP; exec "$@"' - "$tool" pipe -o out $([ "$tool" != remi2midi ] || echo --csv) &
        pid=$!
        for _ in {1..100}; do # its output is begun, and guarded
            [ -z "$(compgen -G 'out.tmp.*')" ] || break
            sleep 0.05
        done
        kill -HUP "$pid"
        cat "$F/${INPUT[$tool]}" >pipe
        wait "$pid" || fail "$tool: status $?"
        [ -s out ] || fail "$tool wrote nothing"
        rm out
    done
}

@test "a signal ends every tool at once that waits for an input" {
    local command pid status
    midi2remi "$SAMPLES"/[a-c]*.mid | shard --split train=.6,valid=.4 -o data
    mkfifo pipe
    for command in 'midi2remi pipe -o out' 'vocab pipe -o out' 'shard pipe -o out' \
        'xltrain --config pipe --data data -o out' 'xltrain --init pipe --data data -o out' \
        'xlsample pipe -o out' 'remi2midi pipe -o out' 'featstats pipe -o out'; do
        timeout -s KILL 20 $command 2>err 3>&- &
        pid=$!
        sleep 0.1
        kill -TERM "$pid" # which timeout passes on
        status=0
        wait "$pid" || status=$?
        for _ in {1..50}; do pgrep -f "^$command" >/dev/null || break; sleep 0.1; done
        ! pgrep -f "^$command" >&2 || fail "$command leaves a worker"
        [ "$status" -eq 124 ] || [ "$status" -eq 143 ] || fail "$command: status $status: $(cat err)"
        [ -z "$(compgen -G 'out*')" ] || fail "$command leaves $(echo out*)"
    done
}
