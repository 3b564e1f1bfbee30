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

# links FOLDER: the relative links of its pages that lead nowhere
links() {
    find "$1" -name '*.md' | while read -r page; do
        grep -oP '\]\(\K[^)#]+' "$page" | while read -r link; do
            [[ $link == http* ]] || [ -e "$(dirname "$page")/$link" ] || echo "$page: $link"
        done
    done
}

@test "build: an installed copy has pages, samples and completions that lead to each other" {
    unset MAKEFLAGS MFLAGS MAKEOVERRIDES B SAN CPU MPI CFLAGS CPPFLAGS LDFLAGS
    make -C "$BARLINE_ROOT" --no-print-directory -s install PREFIX="$PWD/usr" >/dev/null
    [ -z "$(links usr/share)" ] || fail "$(links usr/share)"
    # paths that manual pages name are there
    grep -ohE "$PWD/usr/share/barline/[a-z0-9./-]+[a-z0-9]" usr/share/man/man1/*.1 | sort -u >named
    [ "$(wc -l <named)" -ge 20 ]
    while read -r path; do [ -e "$path" ] || fail "$path"; done < <(grep -v '/samples/' named)
    run -1 grep -nE '(^|[ (])(schemas|pipelines|samples)/' usr/share/man/man1/*.1
    [ -L usr/share/bash-completion/completions/xlsample ] && [ -s usr/share/zsh/site-functions/_barline ]
    # the demo, from there alone
    mkdir away
    (cd away && PATH="$PWD/../usr/bin:/usr/bin:/bin" make -s -f ../usr/share/barline/pipelines/demo.mk STEPS=2) >said
    [ "$(find away/demo/new -name '*.mid' | wc -l)" -eq 8 ]
    grep -q '^  xlsample demo/run' said
    make -C "$BARLINE_ROOT" --no-print-directory -s uninstall PREFIX="$PWD/usr"
    [ -z "$(find usr ! -type d)" ]
    # a blank would make two folders of one path, and take away another
    mkdir -p my/share/barline
    for goal in install uninstall; do
        run -2 make -C "$BARLINE_ROOT" --no-print-directory -s $goal PREFIX="$PWD/my usr"
        has "PREFIX and DESTDIR: a folder whose path has no blanks, not '$PWD/my usr'"
        run -2 make -C "$BARLINE_ROOT" --no-print-directory -s $goal PREFIX=/usr DESTDIR="$PWD/my root"
        has "no blanks"
    done
    [ "$(find my | xargs)" = "my my/share my/share/barline" ]
}

# bare ARGS...: a command in the bare system
bare() {
    chroot root env -i PATH=/usr/bin:/bin:/usr/sbin:/sbin DEBIAN_FRONTEND=noninteractive LC_ALL=C bash -euo pipefail -c "$@"
}

teardown() {
    ! mountpoint -q "$BATS_TEST_TMPDIR/root/proc" || umount "$BATS_TEST_TMPDIR/root/proc"
}

# bats test_tags=slow
@test "build: the package on a bare Debian 12: installed, the demo and pipelines run, removed; static tools before" {
    [ "$(id -u)" -eq 0 ] || skip "only root makes a bare system"
    grep -q '^VERSION_CODENAME=bookworm' /etc/os-release || skip "this is no Debian 12"
    unset MAKEFLAGS MFLAGS MAKEOVERRIDES B SAN CPU MPI CFLAGS CPPFLAGS LDFLAGS
    export DEBEMAIL=nobody@debian.org SOURCE_DATE_EPOCH=1700000000
    make -s -C "$BARLINE_ROOT" deb DEB="$PWD/deb" >/dev/null
    make -s -C "$BARLINE_ROOT" deb DEB="$PWD/again" >/dev/null
    cmp deb/*.deb again/*.deb
    lintian --fail-on error,warning,info deb/*.deb
    # nor where nobody says who packages it
    env -u DEBEMAIL -u EMAIL GIT_DIR=/none make -s -C "$BARLINE_ROOT" deb DEB="$PWD/plain" >/dev/null
    lintian --fail-on error,warning,info plain/*.deb
    make -s -C "$BARLINE_ROOT" static >/dev/null
    mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' |
        awk '$2 == "bookworm" {print $1; exit}')
    debootstrap --variant=minbase bookworm root "$mirror" >log || fail "$(tail -n 5 log)"
    mountpoint -q root/proc || mount -t proc proc root/proc

    # without a single library of ours
    mkdir root/static
    cp "$BARLINE_ROOT"/build/static/bin/{midi2remi,vocab,shard,xltrain,xlsample,remi2midi,featstats} root/static
    cp -r "$SAMPLES" root/songs
    chain='midi2remi $songs | shard -o data
        xltrain -q --data data -o run --preset tiny --steps 3
        xlsample run -n 2 --bars 4 --no-pg -o new.tok.zst
        remi2midi -d new new.tok.zst
        featstats new --tsv >features.tsv'
    bare "mkdir /a; cd /a; PATH=/static:\$PATH; songs=/songs; $chain"

    cp deb/*.deb root/barline.deb
    with=$(dpkg-deb -f deb/*.deb Recommends | tr -d ,)
    bare "apt-get -q update && apt-get -q install -y --no-install-recommends /barline.deb $with" >log 2>&1 ||
        fail "$(tail -n 5 log)"
    bare "mkdir /b; cd /b; songs=/usr/share/barline/samples; $chain; make -f /usr/share/barline/pipelines/demo.mk STEPS=20" >said
    [ "$(find root/b/demo/new -name '*.mid' | wc -l)" -eq 8 ]
    cmp root/a/new.tok.zst root/b/new.tok.zst
    [ -z "$(links root/usr/share/barline)" ]
    bare 'cd /b; make -s -j2 -f /usr/share/barline/pipelines/refresh.mk MIDI=/usr/share/barline/samples CORPUS=corpus
        shard -q -o more corpus/tokens/*.tok.zst
        make -s -f /usr/share/barline/pipelines/judge.mk RUN=demo/run DATA=demo/data N=4 >judged'
    bare '. /usr/share/bash-completion/completions/xlsample; complete -p featstats' | grep -q _barline
    dpkg-deb -c deb/*.deb | awk '/^[-l]/ {print substr($6, 2)}' >files
    [ "$(wc -l <files)" -ge 150 ]
    bare 'apt-get -q purge -y barline' >/dev/null
    while read -r file; do
        [ ! -e "root$file" ] && [ ! -L "root$file" ] || fail "$file is left"
    done <files
    [ ! -e root/usr/share/barline ]
}
