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
