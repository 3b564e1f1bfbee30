#!/usr/bin/env bats
# streams.bats - token streams as Unix knows them: joined, cut, compressed again, damaged.
# The reader is vocab, which reads everything and says what it counted.
load ../helpers

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    local samples=$BARLINE_ROOT/samples
    midi2remi "$samples"/sakura.mid -o a.tok.zst
    midi2remi "$samples"/{we-three-kings,abide-with-me}.mid -o b.tok.zst
    midi2remi "$samples"/{sakura,we-three-kings,abide-with-me}.mid -o ab.tok.zst
    midi2remi "$samples"/sakura.mid -u -o a.tok
    midi2remi "$samples"/sakura.mid --grid 12 -o grid.tok.zst
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    cp "$BATS_FILE_TMPDIR"/*.tok* .
}

counts() { # counts [FILE...]: the vocabulary without the record of programs
    vocab --no-pg "$@"
}

@test "streams: cat of two is one of all" {
    cat a.tok.zst b.tok.zst >joined
    counts joined >x
    counts ab.tok.zst | cmp x -
    counts a.tok.zst b.tok.zst | cmp x -
    cat a.tok.zst b.tok.zst | counts | cmp x -
    cat b.tok.zst a.tok.zst | counts | cmp x -
    counts - b.tok.zst <a.tok.zst | cmp x -
}

@test "streams: compressed again in any way they are the same" {
    zstdcat a.tok.zst b.tok.zst >bare
    counts ab.tok.zst >x
    counts bare | cmp x -
    zstd -q bare -o whole.zst
    counts whole.zst | cmp x -
    zstd -19 -q bare -o best.zst
    counts best.zst | cmp x -
    split -b 777 bare part.
    for part in part.*; do zstd -q --rm "$part"; done
    cat part.* | counts | cmp x -
    cat a.tok b.tok.zst >mixed # bare and compressed do not mix in one file
    run -65 --separate-stderr vocab mixed
    counts a.tok b.tok.zst | cmp x - # but as two
}

@test "streams: text tools tell the truth" {
    zstdcat ab.tok.zst >text
    cmp a.tok <(zstdcat a.tok.zst)
    [ "$(grep -c '^#piece' text)" -eq 3 ]
    tokens=$(grep -v '^#' text | wc -w)
    bars=$(grep -c '^Bar' text)
    [ "$(tail -n 1 text)" = "#eos {\"pieces\":3,\"tokens\":$tokens,\"rejects\":0}" ]
    [ "$(sed -n 's/^#end //p' text | jq -s 'map(.bars) | add')" -eq "$bars" ]
    [ "$(sed -n 's/^#end //p' text | jq -s 'map(.tokens) | add')" -eq "$tokens" ]
    [ "$(counts text | awk -F'\t' '$2 !~ /^(PAD|BOS|EOS|MASK)$/{n += $3} END{print n}')" -eq "$tokens" ]
    sed -n '/^#piece/,/^#end/{/^#/!p}' a.tok | xxhsum -H3 |
        grep -q "$(sed -n 's/^#end //p' a.tok | jq -r .xxh3)"
}

@test "streams: each piece is a frame with a checksum" {
    # header, three pieces, trailer
    run -0 zstd -lv ab.tok.zst
    [[ $output =~ "# Zstandard Frames: 5" ]] || fail "$output"
    [[ $output =~ "Check: XXH64" ]] || fail "$output"
}

@test "streams: of two schemes they do not join, and both files are named" {
    cat a.tok.zst grid.tok.zst >joined
    run -65 --separate-stderr vocab joined
    says "vocab: 'joined': line"
    says "follows; 'midi2remi --grid 4' makes such as before"
    run -65 --separate-stderr vocab a.tok.zst b.tok.zst grid.tok.zst
    says "'a.tok.zst'"
    says "'grid.tok.zst'"
    run -65 --separate-stderr shard -o data a.tok.zst grid.tok.zst
    says "'a.tok.zst'"
    says "'grid.tok.zst'"
    [ ! -e data ]
}

@test "streams: programs of all inputs are in the record, once each" {
    midi2remi "$SAMPLES"/sakura.mid --part 1/1 -o part.tok.zst
    cat a.tok.zst part.tok.zst >joined
    for inputs in "a.tok.zst b.tok.zst part.tok.zst" joined; do
        vocab $inputs | sed -n 's/^#vocab //p' | jq -c '[.pg[] | .id + " " + (.args | join(" "))]' >ids
        [ "$(cat ids)" = '["midi2remi ","midi2remi --part=1/1","vocab "]' ] || fail "$(cat ids)"
    done
}

@test "streams: cut at any byte they are refused, and nothing is written" {
    run -0 /usr/bin/python3 - <<'PY'
import os, subprocess
for name, step in ('a.tok.zst', 1), ('a.tok', 23), ('ab.tok.zst', 17):
    whole = open(name, 'rb').read()
    cuts = sorted(set(range(0, len(whole), step)) | {len(whole) - 1})
    for cut in cuts:
        p = subprocess.run(['vocab', '-o', 'out'], input=whole[:cut], capture_output=True)
        err = p.stderr.decode()
        assert p.returncode == 65, (name, cut, p.returncode, err)
        assert err.startswith("vocab: 'stdin': ") and err.count('\n') == 1, (name, cut, err)
        assert not p.stdout and not os.path.exists('out'), (name, cut)
    print(name, len(cuts))
left = [f for f in os.listdir('.') if '.tmp.' in f]
assert not left, left
PY
    [ "${#lines[@]}" -eq 3 ]
}

@test "streams: a flipped bit is refused or changes nothing" {
    run -0 /usr/bin/python3 - <<'PY'
import subprocess
whole = open('ab.tok.zst', 'rb').read()
want = subprocess.run(['vocab', '--order', 'seen'], input=whole, capture_output=True).stdout
refused = same = 0
for k in range(400):
    bit = (k * 8 * len(whole)) // 400 + k % 8
    b = bytearray(whole)
    b[bit // 8] ^= 1 << bit % 8
    p = subprocess.run(['vocab', '--order', 'seen'], input=bytes(b), capture_output=True)
    if p.returncode == 0:
        assert p.stdout == want, bit
        same += 1
    else:
        assert p.returncode == 65 and not p.stdout, (bit, p)
        refused += 1
print(refused, same)
assert refused > 380
PY
}

@test "streams: nothing, prose, zeros and other formats are no streams" {
    : >empty
    echo 'once upon a time' >prose
    head -c 100 /dev/zero >zeros
    printf '\x28\xb5\x2f\xfd' >magic
    zstd -q prose -o prose.zst
    vocab a.tok >table
    for bad in empty prose zeros magic prose.zst table "$SAMPLES/sakura.mid"; do
        run -65 --separate-stderr vocab "$bad"
        says "vocab: '$bad': "
        run -65 --separate-stderr shard -o data "$bad"
        says "shard: '$bad': "
        [ ! -e data ]
    done
    run -65 --separate-stderr vocab a.tok empty
    says "'empty'"
}

@test "streams: a newer version is named" {
    sed '1s|remi-tokens/1|remi-tokens/2|' a.tok >newer
    run -65 --separate-stderr vocab newer
    says "line 1: the schema is 'remi-tokens/2', this program knows 'remi-tokens/1'"
}

@test "streams: edited text is refused where it was edited" {
    sed '4s/Pitch_[0-9]*/Pitch_999/' a.tok >wrong
    run -65 --separate-stderr vocab wrong
    says "'wrong': line 4: 'Pitch_999' is not a token of scheme 'remi'"
    sed '4s/Bar/Bar Bar/' a.tok >longer
    run -65 --separate-stderr vocab longer
    says "tokens, not"
    sed '4s/Duration_[0-9]*/Duration_16/' a.tok >other
    run -65 --separate-stderr vocab other
    says "the piece does not match its hash"
    sed '$d' a.tok >headless
    run -65 --separate-stderr vocab headless
    says "the stream ends without '#eos'"
    sed 's/$/\r/' a.tok >dos
    run -65 --separate-stderr vocab dos
    says "'dos': line 1: the line holds a NUL or a carriage return"
    sed '2i #x-remark mine' a.tok | vocab >/dev/null
    sed '2i #remark mine' a.tok >remark
    run -65 --separate-stderr vocab remark
    says "line 2: unexpected line"
}

@test "streams: bombs are stopped in little memory" {
    { cat a.tok; head -c 140000000 /dev/zero | tr '\0' '#'; } | zstd -q --long=27 -o window.zst
    { head -n 1 a.tok; yes '#x-' | head -c 100000000; } | zstd -q -o wide.zst
    run -0 /usr/bin/python3 - <<'PY'
import resource, subprocess
for name, why in (('window.zst', 'the zstd frame asks for a window of more than 8 MiB'),
                  ('wide.zst', 'more than 1000 times')):
    p = subprocess.run(['vocab', name], capture_output=True)
    err = p.stderr.decode()
    assert p.returncode == 65 and why in err and not p.stdout, err
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 100000
PY
}
