# refresh.bats - pipelines/refresh.mk: what is new is read, what is gone leaves, nothing
# new writes nothing, and an interrupted run costs nothing.
load ../helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    mkdir midi "midi/a b"
    cp "$SAMPLES"/a*.mid midi
    cp "$SAMPLES"/b*.mid "midi/a b"
}

refresh() {
    make -f "$BARLINE_ROOT/pipelines/refresh.mk" MIDI=midi CORPUS=corpus "$@"
}

# names: of all pieces of the corpus, sorted, as the stream has them (bytes as %XX)
names() {
    cat corpus/tokens/*.tok.zst | zstd -dcq | sed -n 's/^#piece //p' | jq -r .name | sort
}

# state [FOLDER]: all that can show that something was written
state() {
    find "${1:-corpus}" -printf '%P %i %s %T@ %C@ %l\n' | sort
}

# whole: the corpus holds what one run of the tool over the folder gives
whole() {
    (cd midi && find . -iname '*.mid' -print0 | midi2remi -u --max-reject 100% --files0-from - 2>/dev/null) >direct
    diff <(sed -n 's/^#piece //p' direct | jq -c '[.name, .sha256]' | sort) \
        <(cat corpus/tokens/*.tok.zst | zstd -dcq | sed -n 's/^#piece //p' | jq -c '[.name, .sha256]' | sort)
    cat corpus/tokens/*.tok.zst | remi2midi --check - >/dev/null
}

@test "refresh: the first run reads all and says so in one line; the second writes nothing" {
    run -0 --separate-stderr refresh
    local n parts
    n=$(find midi -name '*.mid' | wc -l)
    parts=$(find corpus/tokens/ -name '*.tok.zst' | wc -l)
    [ "$output" = "refresh: $n new, 0 changed, 0 removed; $n files, $parts parts read, 0 files rejected" ]
    [ -z "$stderr" ]
    whole
    state >before
    # (the leak sanitizer cannot work under strace)
    ASAN_OPTIONS=detect_leaks=0 run -0 strace -f -qq -o calls -e trace=file,write make -f "$BARLINE_ROOT/pipelines/refresh.mk" MIDI=midi CORPUS=corpus
    [ -z "$output" ]
    state | diff before -
    run ! grep -E ' (rename|unlink|link|symlink|mkdir)[a-z0-9]*\(.*= 0' calls
    # what is opened for writing: the lock, and nothing that would be made
    run ! grep -E 'open.*O_(WRONLY|RDWR)' <(grep -vE '/lock"|/dev/(null|tty)"' calls)
    run ! grep -E 'open.*midi/.*\.mid' calls
}

@test "refresh: new, changed, removed, renamed files; only their buckets are read" {
    refresh
    find corpus/tokens/ -name '*.tok.zst' -printf '%P %i\n' >before
    cp "$SAMPLES/korobeiniki.mid" midi
    cat "$SAMPLES/can-can.mid" >midi/amazing-grace.mid
    rm midi/auld-lang-syne.mid
    mv midi/abide-with-me.mid "midi/a b/abode.mid"
    run -0 refresh
    has "refresh: 2 new, 1 changed, 2 removed;"
    whole
    # the buckets of the five names, and no others, have other files now than before
    local bucket name touched=0
    find corpus/tokens/ -name '*.tok.zst' -printf '%P %i\n' >after
    for name in korobeiniki.mid amazing-grace.mid auld-lang-syne.mid abide-with-me.mid 'a b/abode.mid'; do
        printf %s "$name" | xxhsum -q -H3 | grep -o '..$'
    done | sort -u >buckets
    while read -r bucket; do
        run ! grep -xFf before <(grep "^$bucket" after)
        touched=$((touched + $(grep -c "^$bucket" before || true)))
    done <buckets
    [ "$(grep -cxFf after before)" -eq $(($(wc -l <before) - touched)) ]
    run -0 refresh
    [ -z "$output" ]
}

@test "refresh: a file edited in place with the same size, and one with the same time, are noticed" {
    refresh
    printf '\x40' | dd of=midi/adeste-fideles.mid bs=1 seek=100 conv=notrunc status=none
    run -0 refresh
    has "0 new, 1 changed, 0 removed"
    touch -r midi/adeste-fideles.mid stamp
    cat "$SAMPLES/can-can.mid" >midi/adeste-fideles.mid
    touch -r stamp midi/adeste-fideles.mid
    run -0 refresh
    has "0 new, 1 changed, 0 removed"
    whole
}

@test "refresh: names with blanks, line feeds, quotes, any bytes; links to files" {
    local name
    local odd=($'new\nline' '  two blanks' '-u' "quote'\"" '%41' $'tab\there' $'\xff\xfe' '$HOME `x` \\')
    for name in "${odd[@]}"; do
        cp "$SAMPLES/can-can.mid" "midi/./$name.mid"
    done
    cp "$SAMPLES/can-can.mid" 'midi/X.MID'
    ln -s "$SAMPLES/blue-danube.mid" midi/link.mid
    ln -s nowhere midi/dangling.mid
    refresh
    rm midi/dangling.mid
    whole
    names | grep -qxF 'new%0Aline.mid'
    names | grep -qxF 'link.mid'
    rm midi/$'new\nline.mid'
    run -0 refresh
    has "0 new, 0 changed, 1 removed"
    whole
    run -0 refresh
    [ -z "$output" ]
}

@test "refresh: buckets are those of --part" {
    refresh
    local hex
    for hex in $(basename -a -s .tok.zst corpus/tokens/*.tok.zst | head -n 5); do
        (cd midi && midi2remi -u --part $((0x$hex + 1))/256 .) | sed -n 's/^#piece //p' | jq -r .name | sort >direct
        zstd -dcq "corpus/tokens/$hex.tok.zst" | sed -n 's/^#piece //p' | jq -r .name | sort | diff direct -
    done
}

@test "refresh: broken files are listed, not fatal, and not read again" {
    printf 'no music' >midi/broken.mid
    : >midi/empty.mid
    run -0 --separate-stderr refresh
    has ", 2 files rejected"
    [ -z "$stderr" ]
    [ "$(cut -f 1,2 corpus/tokens/rejects.tsv | sort | tr '\t\n' ' ;')" = "broken.mid not-midi;empty.mid empty;file code;" ]
    run -0 refresh
    [ -z "$output" ]
    rm midi/empty.mid
    run -0 refresh
    has "1 removed"
    has ", 1 files rejected"
}

@test "refresh: other options read everything again, once" {
    refresh
    run -0 refresh OPTIONS='--grid 12'
    has "0 new, 0 changed, 0 removed"
    [ "$(cat corpus/tokens/*.tok.zst | zstd -dcq | sed -n 's/^#remi //p' | jq .tokenizer.grid | sort -u)" = 12 ]
    run -0 refresh OPTIONS='--grid 12'
    [ -z "$output" ]
}

@test "refresh: what it needs and has not it names before it begins" {
    mkdir some
    for tool in bash env make midi2remi xxhsum flock mkdir dirname; do ln -s "$(command -v $tool)" some; done
    rm some/flock
    run -2 env PATH="$PWD/some" make -f "$BARLINE_ROOT/pipelines/refresh.mk" MIDI=midi CORPUS=corpus
    has "refresh: this needs flock (Debian: xxhash util-linux)"
    rm some/midi2remi
    run -2 env PATH="$PWD/some" make -f "$BARLINE_ROOT/pipelines/refresh.mk" MIDI=midi CORPUS=corpus
    has "refresh: this needs midi2remi flock: 'make install' puts barline's own on the PATH"
    [ ! -e corpus ]
}

@test "refresh: an empty or missing folder is an error and leaves the corpus" {
    refresh
    state corpus/tokens/ >before
    mv midi elsewhere
    run -2 refresh
    has "midi"
    mkdir midi
    run -2 refresh
    has "there is no MIDI file in"
    state corpus/tokens/ | diff before -
    rmdir midi
    mv elsewhere midi
    run -0 refresh
    [ -z "$output" ]
}

@test "refresh: a run that fails leaves the old state whole; the next one goes on with what was done" {
    refresh
    state corpus/tokens/ >before
    touch midi/*.mid
    # a tool that fails at the fourth bucket
    mkdir fail
    cat >fail/midi2remi <<'E2'
#!/bin/bash
[[ $* != */dev/null* ]] || exec "$REAL" "$@"
echo >>"$COUNT"
[ "$(wc -l <"$COUNT")" -ne 4 ] || kill -KILL $$
exec "$REAL" "$@"
E2
    chmod +x fail/midi2remi
    export COUNT=$PWD/count REAL
    REAL=$(command -v midi2remi)
    PATH=$PWD/fail:$PATH run -2 refresh
    state corpus/tokens/ | diff before -
    [ "$(find corpus/next -name '*.tok.zst' | wc -l)" -eq 3 ]
    state corpus/next/ | grep tok.zst >done
    run -0 refresh
    has "0 new, $(find midi -maxdepth 1 -name '*.mid' | wc -l) changed, 0 removed"
    while read -r file inode rest; do
        state corpus/tokens/ | grep -q "^$file $inode "
    done <done
    [ ! -e corpus/next ]
    [ "$(find corpus -maxdepth 1 -name 'tokens.*' | wc -l)" -eq 1 ]
    whole
}

@test "refresh: interrupted at many moments, the state is always whole" {
    refresh
    local i
    for i in 1 2 3 4 5 6; do
        cp "$SAMPLES/can-can.mid" "midi/more $i.mid"
        timeout -s INT "0.0$((i * 2 - 1))" make -j2 -f "$BARLINE_ROOT/pipelines/refresh.mk" MIDI=midi CORPUS=corpus >/dev/null 2>&1 || true
        cat corpus/tokens/*.tok.zst | remi2midi --check - >/dev/null
        [ "$(names | wc -l)" -ge "$(($(tr -cd '\0' <corpus/tokens/manifest | wc -c) - 1))" ]
    done
    flock corpus/lock true
    refresh
    whole
}

@test "refresh: two at once: the second says so and changes nothing" {
    mkdir corpus
    flock corpus/lock sleep 5 &
    until ! flock -n corpus/lock true 2>/dev/null; do :; done
    run -2 refresh
    has "another one is at work on corpus"
    [ ! -e corpus/tokens ]
    kill %1
    wait || true
}

# bats test_tags=slow
@test "refresh: 100,000 files: nothing new takes under a second and writes nothing" {
    /usr/bin/python3 - many 100000 <<'E2'
import os, struct, sys
folder, n = sys.argv[1], int(sys.argv[2])
for i in range(n):
    if i % 1000 == 0:
        os.makedirs(f"{folder}/{i // 1000:03d}")
    notes = b"".join(bytes([0, 0x90, p, 64, 96, 0x80, p, 0]) for p in (i >> 14 & 127, i >> 7 & 127, i & 127))
    track = notes + b"\0\xff\x2f\0"
    with open(f"{folder}/{i // 1000:03d}/piece {i}.mid", "wb") as f:
        f.write(b"MThd" + struct.pack(">IHHH", 6, 0, 1, 96) + b"MTrk" + struct.pack(">I", len(track)) + track)
E2
    run -0 make -j2 -f "$BARLINE_ROOT/pipelines/refresh.mk" MIDI=many CORPUS=corpus
    has "100000 new, 0 changed, 0 removed; 100000 files, 256 parts read, 0 files rejected"
    state >before
    local best=9999 start took
    for _ in 1 2 3; do
        start=$(date +%s%N)
        run -0 make -f "$BARLINE_ROOT/pipelines/refresh.mk" MIDI=many CORPUS=corpus
        took=$((($(date +%s%N) - start) / 1000000))
        [ "$took" -ge "$best" ] || best=$took
        [ -z "$output" ]
    done
    echo "# 100,000 files, nothing new: $best ms" >&3
    [ "$best" -lt 1000 ]
    state | diff before -
    cp many/000/piece\ 7.mid many/new.mid
    run -0 make -f "$BARLINE_ROOT/pipelines/refresh.mk" MIDI=many CORPUS=corpus
    has "1 new, 0 changed, 0 removed; 100001 files, 1 parts read, 0 files rejected"
    [ "$(cat corpus/tokens/*.tok.zst | zstd -dcq | grep -c '^#piece')" -eq 100001 ]
}
