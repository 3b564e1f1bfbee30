#!/usr/bin/env bats
# The Makefile: what is built anew, and what is not.
load ../helpers

# object VARIABLE...: what make says of an object of ours, made with these
object() {
    make -C "$BARLINE_ROOT" --no-print-directory -s V= "B=$BATS_TEST_TMPDIR/b" \
        "$BATS_TEST_TMPDIR/b/lib/base/err.o" "$@"
}

@test "build: another flag, compiler or sanitizer makes objects anew, the same ones do not" {
    local change
    object CFLAGS=-O0 | grep -q CC
    [ -z "$(object CFLAGS=-O0)" ]
    for change in 'CFLAGS=-O0 -g' 'CPPFLAGS=-DA="b c"' 'CC=cc' 'SAN=undefined' 'LDFLAGS=-s'; do
        object "$change" | grep -q CC || fail "$change makes nothing anew"
        [ -z "$(object "$change")" ] || fail "$change makes it twice"
    done
}

@test "build: a program of others uses the installed library" {
    # a build of its own flags, whatever the tools under test are made with
    unset MAKEFLAGS MFLAGS MAKEOVERRIDES B SAN CPU MPI CFLAGS CPPFLAGS LDFLAGS
    make -C "$BARLINE_ROOT" --no-print-directory -s install PREFIX="$PWD/usr" >/dev/null
    [ -x usr/bin/xlsample ] && [ -e usr/include/barline/flow/convert.h ]
    run -1 grep -rlE '^/\* [a-z0-9_]+\.h \((internal|tools)\)' usr/include
    [ ! -e usr/include/barline/cli ]
    # each public header stands on its own
    local header
    while read -r header; do echo "#include \"$header\""; done \
        < <(cd usr/include/barline && find . -name '*.h' | sort) >all.c
    export PKG_CONFIG_PATH=$PWD/usr/lib/pkgconfig
    # shellcheck disable=SC2046
    ${CC:-cc} -std=c11 -Wall -Wextra -Werror -fsyntax-only $(pkg-config --cflags barline) all.c
    # shellcheck disable=SC2046
    ${CC:-cc} -std=c11 -Wall -Wextra -Werror "$BARLINE_ROOT/tests/example/example.c" \
        $(pkg-config --cflags --libs barline) -o example
    midi2remi "$SAMPLES"/{sakura,kesh-jig,can-can}.mid | shard -q --split train=1,valid=0,test=0 -o data
    xltrain -q --data data -o run --preset tiny --steps 3
    ./example "$SAMPLES/sakura.mid" run >out
    [ "$(wc -l <out)" -eq 2 ]
    # the second line goes on with the first
    [[ $(tail -n 1 out) == "BOS $(head -n 1 out)"* ]]
    run -1 ./example /dev/null run
    make -C "$BARLINE_ROOT" --no-print-directory -s uninstall PREFIX="$PWD/usr"
    [ -z "$(find usr -type f)" ]
}
