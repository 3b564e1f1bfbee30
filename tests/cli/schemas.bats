#!/usr/bin/env bats
# schemas.bats - every JSON part the tools write is valid; what the schemas refuse the tools
# refuse too; the golden files of every released version are read and mean the same.
load ../helpers

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    local samples=$BARLINE_ROOT/samples
    midi2remi "$samples"/{sakura,we-three-kings,abide-with-me}.mid "$samples"/render.py \
        -o s.tok.zst --max-reject 1 2>/dev/null
    midi2remi "$samples"/sakura.mid -u -o plain.tok
    printf 'file\tgenre\nodd.mid\tblues\n' >labels.tsv
    echo 'PitchDrum_36 Velocity_79 Duration_1 PitchDrum_36 Velocity_63 Duration_1 PitchDrum_82 Velocity_63 Duration_1' |
        remi2midi --raw -o odd.mid
    midi2remi --scheme groove --labels labels.tsv odd.mid "$samples"/twelve-bar-blues.mid -u -o g.tensors -q
    shard -o drums g.tensors -q
    vocab --order seen s.tok.zst -o vocab.tsv
    shard s.tok.zst --vocab vocab.tsv -u -o data
    featstats s.tok.zst -o feat.tsv
    featstats --vs s.tok.zst s.tok.zst -o featvs.tsv
    featstats --novelty s.tok.zst --vs s.tok.zst s.tok.zst -o featnov.tsv
    featstats --judge s.tok.zst --vs s.tok.zst s.tok.zst -o featjudge.tsv
    featstats --tensors s.tok.zst -o feat.tensors.zst
    xltrain --data data -o run --steps 2 --preset tiny --set layers=1 --set width=8 \
        --set heads=2 --set ff=8 --set segment=8 --set memory=8 --set batch=2 -q
    xltrain --data data -o run --eval train --log-probs log-probs -q >/dev/null
    featstats --runs run -o runs.tsv
    xlsample run --bars 1 -o sample.tok.zst
    cat >parts.py <<'PY'
"""The JSON parts of files of all formats, each with the schema that describes it."""
import glob, io, json, os
import zstandard
from jsonschema import Draft202012Validator

ROOT = os.environ['BARLINE_ROOT'] + '/schemas/'

def content(path):
    b = open(path, 'rb').read()
    if b[:1] in b'#{' or not b.startswith(b'\x28\xb5\x2f\xfd'):
        return b
    return zstandard.ZstdDecompressor().stream_reader(io.BytesIO(b), read_across_frames=True).read()

LINES = {'#remi': 'remi-tokens-header', '#piece': 'remi-tokens-piece', '#end': 'remi-tokens-end',
         '#eos': 'remi-tokens-eos', '#vocab': 'remi-vocab-header', '#feat': 'feat-header',
         '#featend': 'feat-end', '#featvs': 'featvs-header',
         '#featnov': 'featnov-header', '#featjudge': 'featjudge-header', '#runs': 'runs-header'}

def of_lines(path):
    for line in content(path).decode('ascii').splitlines():
        tag, _, rest = line.partition(' ')
        if tag in LINES:
            yield LINES[tag], json.loads(rest)

def of_tensors(path, schema):
    b = content(path)
    n = int.from_bytes(b[:8], 'little')
    meta = json.loads(b[8:8 + n])['__metadata__']
    yield schema, meta
    if 'config' in meta:
        yield 'config', json.loads(meta['config'])

def records(path):
    """Each record of a stream of tensors: metadata, header and data."""
    b = content(path)
    while b:
        n = 8 + int.from_bytes(b[:8], 'little')
        head = json.loads(b[8:n])
        end = n + max(t['data_offsets'][1] for t in head.values() if 'data_offsets' in t)
        yield head.pop('__metadata__'), head, b[n:end]
        b = b[end:]

def of_rows(path):
    for meta, _, _ in records(path):
        yield 'tensors-meta', meta

def of_json(path, schema):
    yield schema, json.load(open(path))

def of_folder(path):
    yield from of_json(path + '/manifest.json', 'remi-shards-manifest')
    yield from of_lines(path + '/vocab.tsv')
    for f in glob.glob(path + '/*.tensors*'):
        yield from of_rows(f)
    for f in glob.glob(path + '/*.safetensors*'):
        yield from of_tensors(f, 'remi-shard-meta')

def validators():
    out = {}
    for path in glob.glob(ROOT + '*.schema.json'):
        schema = json.load(open(path))
        Draft202012Validator.check_schema(schema)
        out[os.path.basename(path)[:-12]] = Draft202012Validator(schema)
    return out
PY
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    F=$BATS_FILE_TMPDIR
    G=$BARLINE_ROOT/schemas/golden
    export PYTHONPATH=$F F G BARLINE_ROOT
}

@test "schemas: the first example of remi-tokens.md follows the grammar, and its figures are right" {
    sed -n '/^```$/,/^```$/p' "$BARLINE_ROOT/schemas/remi-tokens.md" | sed -n '2,6p' >example
    [ "$(head -c 5 example)" = '#remi' ]
    grep -v '^#' example >music
    remi2midi --raw --check music
    sed -n 's/^#end //p' example | jq -e --arg xxh3 "$(xxhsum -H3 <music | grep -o '[0-9a-f]\{16\}$')" \
        --argjson tokens "$(wc -w <music)" --argjson bars "$(grep -c ^Bar music)" \
        '.xxh3 == $xxh3 and .tokens == $tokens and .bars == $bars'
}

@test "schemas: what the tools write, and the golden files, are valid" {
    /usr/bin/python3 - <<'PY'
import itertools, os
from parts import *
F, G = os.environ['F'], os.environ['G']
v, seen = validators(), {}
parts = itertools.chain(
    of_lines(F + '/s.tok.zst'), of_lines(F + '/sample.tok.zst'), of_lines(F + '/vocab.tsv'),
    of_folder(F + '/data'), of_folder(F + '/drums'), of_lines(F + '/feat.tsv'), of_lines(F + '/featvs.tsv'),
    of_lines(F + '/featnov.tsv'), of_lines(F + '/featjudge.tsv'), of_lines(F + '/runs.tsv'),
    of_tensors(F + '/feat.tensors.zst', 'feat-tensors-meta'), of_json(F + '/run/config.json', 'config'),
    of_tensors(F + '/run/latest', 'xl-checkpoint-meta'),
    of_rows(F + '/g.tensors'), of_rows(G + '/tensors-1.tensors.zst'),
    of_tensors(F + '/log-probs', 'xl-logprobs-meta'),
    of_lines(G + '/remi-tokens-1.tok.zst'), of_lines(G + '/remi-tokens-1-degrees.tok.zst'),
    of_lines(G + '/remi-tokens-1-common-key.tok.zst'),
    of_lines(G + '/remi-vocab-1.tsv'),
    of_folder(G + '/remi-shard-1'), of_folder(G + '/remi-shard-1-exports'),
    of_lines(G + '/feat-1.tsv'), of_lines(G + '/feat-2.tsv'),
    of_json(G + '/xl-config-1.json', 'config'),
    of_tensors(G + '/xl-checkpoint-1.safetensors', 'xl-checkpoint-meta'),
    of_tensors(G + '/xl-checkpoint-2.safetensors', 'xl-checkpoint-meta'))
for schema, part in parts:
    for error in v[schema].iter_errors(part):
        raise SystemExit(f'{schema}: {error.message}')
    seen[schema] = seen.get(schema, 0) + 1
missing = set(v) - set(seen)
assert not missing, f'no part for {missing}'
print(seen)
PY
}

@test "schemas: every page names its schemas, every link leads somewhere" {
    cd "$BARLINE_ROOT/schemas"
    for page in *.md golden/README.md; do
        grep -oP '\]\(\K[^)#]+' "$page" | while read -r link; do
            [[ $link == http* ]] || [ -e "$(dirname "$page")/$link" ] || fail "$page: $link"
        done
    done
    for schema in *.schema.json; do
        jq -e '.["$schema"] and .title and .description' "$schema" >/dev/null || fail "$schema"
    done
}

@test "schemas: settings are in schema and man page what they are in the table (make settings)" {
    "$BARLINE_BUILD/tests/settings" schema | diff - "$BARLINE_ROOT/schemas/config.schema.json"
    "$BARLINE_BUILD/tests/settings" man >list
    sed -n '/made by make settings/,/end of settings/p' "$BARLINE_ROOT/bin/xltrain.1" |
        sed '1d;$d' | diff list -
    [ "$(grep -c '^.It Cm' list)" -ge 60 ]
}

@test "schemas: the readers and commands printed in the pages work" {
    fence() { awk -v f="\`\`\`$1" '$0 == f{on = 1; next} /^\`\`\`/{on = 0} on' "$BARLINE_ROOT/schemas/$2"; }
    cp "$F"/{s.tok.zst,vocab.tsv} .
    fence python remi-tokens.md >tokens.py
    /usr/bin/python3 tokens.py s.tok.zst >names
    [ "$(cut -f 2 names | awk '{n += $1} END{print n}')" -eq "$(zstdcat s.tok.zst | grep -v '^#' | wc -w)" ]
    zstdcat s.tok.zst | head -n -1 | zstd -q -o cut.zst
    run -1 /usr/bin/python3 tokens.py cut.zst
    has "the stream is cut"
    fence python feat-tensors.md >tensors.py
    echo 'for names, t in read_tensors("t"): print(names, t["n_notes"].astype(int).tolist())' >>tensors.py
    cat "$F/feat.tensors.zst" "$F/feat.tensors.zst" >t
    /usr/bin/python3 tensors.py >twice
    featstats --tensors -u "$F/s.tok.zst" -o t
    cmp twice <(/usr/bin/python3 tensors.py | sed 'p')
    has_notes=$(featstats s.tok.zst | awk -F'\t' 'NR > 2 && !/^#/ {printf "%s%s", sep, $2; sep = ", "}')
    grep -q "\[$has_notes\]" twice
    { fence python tensors.md; echo 'for name, x in rows("t", "hvo"): print(name, x.shape, int(x[..., :9].sum()))'; } >rows.py
    zstd -q "$F/g.tensors" -o t -f
    [ "$(/usr/bin/python3 rows.py | sed "s|^.*/||")" = "odd.mid (1, 32, 27) 1
twelve-bar-blues.mid (24, 32, 27) 672" ]
    head -c 5000 "$F/g.tensors" | zstd -q -f -o t
    run -1 /usr/bin/python3 rows.py
    fence python remi-shard.md >shard.py
    /usr/bin/python3 shard.py "$F/data/train-00000-of-00001.safetensors" >ids
    shard s.tok.zst --vocab vocab.tsv -o z
    /usr/bin/python3 shard.py z/train-00000-of-00001.safetensors.zst | cmp ids -
    [ "$(wc -w <ids)" -eq "$(jq .splits.train.tokens z/manifest.json)" ]
    { fence python remi-vocab.md; echo 'print(len(ids), ids["EOS"])'; } >vocab.py
    [ "$(/usr/bin/python3 vocab.py)" = "$(grep -vc '^#' vocab.tsv) 2" ]
    cp s.tok.zst x.tok.zst
    cp s.tok.zst a.tok.zst
    cp s.tok.zst b.tok.zst
    fence sh remi-tokens.md >commands
    [ "$(wc -l <commands)" -ge 6 ]
    bash -e commands >/dev/null
    vocab both.tok.zst >/dev/null
}

@test "schemas: what they refuse the tools refuse, and both take x- keys" {
    /usr/bin/python3 - <<'PY'
import copy, json, os, shutil, subprocess
from parts import *
F = os.environ['F']
v = validators()
text = content(F + '/plain.tok').decode()
table = content(F + '/vocab.tsv').decode()

def paths(o, at=()):
    """Where the keys of an object and of the objects in it are."""
    for key, value in o.items():
        yield at + (key,)
        if isinstance(value, dict):
            yield from paths(value, at + (key,))
        if isinstance(value, list):
            for i, item in enumerate(value):
                if isinstance(item, dict):
                    yield from paths(item, at + (key, i))

def into(o, at):
    for k in at[:-1]:
        o = o[k]
    return o

def mutants(part):
    for at in paths(part):
        m = copy.deepcopy(part)
        del into(m, at)[at[-1]]
        yield m
        for other in None, True, -1, 1.5, 1 << 60, 'x y', [], ['x'], {}, {'x': 1}:
            m = copy.deepcopy(part)
            into(m, at)[at[-1]] = other
            yield m
    m = dict(part, more=1)
    yield m
    for live in {'t0': 5}, {'tempo': '120'}, {'t0': 5, 'tempo': 0}, {'t0': -1, 'tempo': 120}:
        yield dict(part, **live)

def run(*command):
    p = subprocess.run(command, capture_output=True)
    assert p.returncode in (0, 65), (command, p.stderr)
    return p.returncode == 0

def put(path, s):
    with open(path, 'w') as f:
        f.write(s)
    return path

def line_of(tag, part, whole):
    lines = whole.splitlines()
    k = next(i for i, l in enumerate(lines) if l.startswith(tag + ' '))
    lines[k] = tag + ' ' + json.dumps(part)
    return '\n'.join(lines) + '\n'

def record(part):
    """The shard for training with other metadata."""
    b = content(F + '/data/train-00000-of-00001.safetensors')
    n = int.from_bytes(b[:8], 'little')
    head = json.loads(b[8:8 + n])
    head['__metadata__'] = part
    text = json.dumps(head).encode().ljust(n)
    return n.to_bytes(8, 'little') + text + b[8 + n:]

def row_record(kind):
    """A stream whose first record of that kind has other metadata."""
    def accepts(part):
        with open('t', 'wb') as f:
            for meta, head, data in records(F + '/g.tensors'):
                if meta['record'] == kind and meta.get('i', '0') == '0':
                    meta = part
                text = json.dumps(dict(head, __metadata__=meta)).encode()
                f.write(len(text).to_bytes(8, 'little') + text + data)
        return run('remi2midi', '--check', 't')
    return accepts

def folder(name, data):
    shutil.rmtree('data', ignore_errors=True)
    shutil.copytree(F + '/data', 'data')
    with open('data/' + name, 'wb') as f:
        f.write(data)
    return run('xltrain', '--dry-run', '--data', 'data', '--preset', 'tiny')

tries = {
    'remi-tokens-header': ('#remi', lambda p: run('vocab', put('s', line_of('#remi', p, text)))),
    'remi-tokens-piece': ('#piece', lambda p: run('vocab', put('s', line_of('#piece', p, text)))),
    'remi-tokens-end': ('#end', lambda p: run('vocab', put('s', line_of('#end', p, text)))),
    'remi-tokens-eos': ('#eos', lambda p: run('vocab', put('s', line_of('#eos', p, text)))),
    'remi-vocab-header': ('#vocab', lambda p: run('shard', '-f', '-o', 'x', '--vocab',
        put('v', line_of('#vocab', p, table)), F + '/s.tok.zst')),
    'remi-shards-manifest': (None, lambda p: folder('manifest.json', json.dumps(p).encode())),
    'remi-shard-meta': (None, lambda p: folder('train-00000-of-00001.safetensors', record(p))),
}
rows = [dict(m) for _, m in of_rows(F + '/g.tensors')]
assert 'fixes' in rows[1] and 'labels' in rows[1]
for part in rows[0], rows[1], rows[-1]:
    tries['tensors-meta ' + part['record']] = (part, row_record(part['record']))
bad = {}
for name, (tag, accepts) in tries.items():
    schema = name.split()[0]
    if isinstance(tag, dict):
        part = tag
    elif tag == '#vocab':
        part = dict(of_lines(F + '/vocab.tsv'))[schema]
    elif tag:
        part = dict(of_lines(F + '/plain.tok'))[schema]
    else:
        part = dict(of_folder(F + '/data'))[schema]
    if schema == 'remi-shard-meta':
        part = dict(of_tensors(F + '/data/train-00000-of-00001.safetensors', schema))[schema]
    if schema == 'remi-tokens-piece':
        part['fixes'] = {'clipped': 2}
    assert v[schema].is_valid(part) and accepts(part), schema
    assert v[schema].is_valid(dict(part, **{'x-mine': 'y'})), schema
    assert accepts(dict(part, **{'x-mine': 'y'})), schema
    for m in mutants(part):
        if not v[schema].is_valid(m):
            assert not accepts(m), f'{schema}: the tool takes {json.dumps(m)}'
            bad[name] = bad.get(name, 0) + 1
assert sum(bad.values()) >= 400 and len(bad) == len(tries), bad
print(bad)
PY
}

@test "golden: the token stream means what it meant" {
    vocab --order seen "$G/remi-tokens-1.tok.zst" >v
    diff <(sed 1d "$G/remi-vocab-1.tsv") <(sed 1d v)
    shard --vocab "$G/remi-vocab-1.tsv" "$G/remi-tokens-1.tok.zst" -o x
    midi2remi --no-pg -u "$SAMPLES"/{sakura,abide-with-me}.mid | grep -v '^#' |
        diff - <(zstdcat "$G/remi-tokens-1.tok.zst" | grep -v '^#')
    remi2midi -d out "$G/remi-tokens-1.tok.zst"
    [ "$(ls out | wc -l)" -eq 2 ]
}

@test "golden: the key and chords as its degrees mean what they meant" {
    midi2remi --no-pg -u --degrees "$SAMPLES"/{sakura,abide-with-me}.mid | grep -v '^#' |
        diff - <(zstdcat "$G/remi-tokens-1-degrees.tok.zst" | grep -v '^#')
    zstdcat "$G/remi-tokens-1-degrees.tok.zst" | head -n 1 | sed 's/^#remi //' |
        jq -e '.tokenizer == {name: "remi", grid: 4, chords: 1, key: 1, degrees: 1}'
    remi2midi --check "$G/remi-tokens-1-degrees.tok.zst"
    remi2midi -d out "$G/remi-tokens-1-degrees.tok.zst"
    midi2remi --no-pg -u --degrees out/*.mid | grep -v '^#' | sort |
        diff - <(zstdcat "$G/remi-tokens-1-degrees.tok.zst" | grep -v '^#' | sort)
}

@test "golden: the common key means what it meant" {
    midi2remi --no-pg -u --common-key "$SAMPLES"/{sakura,abide-with-me}.mid | grep -v '^#' |
        diff - <(zstdcat "$G/remi-tokens-1-common-key.tok.zst" | grep -v '^#')
    zstdcat "$G/remi-tokens-1-common-key.tok.zst" | head -n 1 | sed 's/^#remi //' |
        jq -e '.tokenizer == {name: "remi", grid: 4, key: 1, common_key: 1}'
    remi2midi -d out "$G/remi-tokens-1-common-key.tok.zst"
    # the notes are those of the keys of the pieces
    diff <(midi2remi -u --no-pg out/*.mid | grep ^Bar | sort) \
        <(midi2remi -u --no-pg "$SAMPLES"/{sakura,abide-with-me}.mid | grep ^Bar | sort)
}

@test "golden: the shards are what they were" {
    local golden of=(--no-pg --vocab "$G/remi-vocab-1.tsv" --split train=.5,valid=.5)
    shard "$G/remi-tokens-1.tok.zst" "${of[@]}" -o remi-shard-1
    shard "$G/remi-tokens-1.tok.zst" "${of[@]}" --llmc --megatron --numpy -o remi-shard-1-exports
    for golden in remi-shard-1 remi-shard-1-exports; do
        diff <(ls "$G/$golden") <(ls $golden)
        for split in train valid test; do diff "$G/$golden/$split.pieces.tsv" $golden; done
        diff <(sed 1d "$G/$golden/vocab.tsv") <(sed 1d $golden/vocab.tsv)
        for key in splits share vocab_sha256 tokenizer tokenizer_sha256; do
            diff <(jq -cS .$key "$G/$golden/manifest.json") <(jq -cS .$key $golden/manifest.json)
        done
        xltrain --dry-run --data "$G/$golden" --preset tiny
        # what wrote it is of no matter: it is all the manifest's, and replaced
        cp -r "$G/$golden" old
        shard -f "$G/remi-tokens-1.tok.zst" "${of[@]}" -o old
        diff -r remi-shard-1 old
        rm -r old
    done
    for export in "$G"/remi-shard-1-exports/*.{bin,idx,npy}; do
        cmp "$export" "remi-shard-1-exports/${export##*/}"
    done
}

@test "golden: shards of pairs are what they were" {
    shard "$G/remi-tokens-1.tok.zst" --condition "$G/remi-tokens-1.tok.zst" --no-pg \
        --vocab "$G/remi-vocab-1.tsv" --split train=.5,valid=.5 -o data
    for split in train valid test; do diff "$G/remi-shard-1-pairs/$split.pieces.tsv" data; done
    for key in splits share vocab_sha256; do
        diff <(jq -cS .$key "$G/remi-shard-1-pairs/manifest.json") <(jq -cS .$key data/manifest.json)
    done
    xltrain --dry-run --data "$G/remi-shard-1-pairs" --preset tiny --set condition=bars
}

@test "golden: shards of pieces with holes are what they were" {
    shard "$G/remi-tokens-1.tok.zst" --holes 2 --around 0 --no-pg --vocab "$G/remi-vocab-1.tsv" \
        --split train=.5,valid=.5 -o data
    for split in train valid test; do diff "$G/remi-shard-1-holes/$split.pieces.tsv" data; done
    for key in splits share vocab_sha256; do
        diff <(jq -cS .$key "$G/remi-shard-1-holes/manifest.json") <(jq -cS .$key data/manifest.json)
    done
    xltrain --data "$G/remi-shard-1-holes" --preset tiny --steps 2 -o run -q
    jq -e '.condition == "prefix" and .holes == 1' run/config.json
}

@test "golden: checkpoints of both versions sample and are evaluated; training goes on and writes the second" {
    for version in 1 2; do
        xlsample "$G/xl-checkpoint-$version.safetensors" --bars 1 -u --no-pg -o "$version.tok"
        vocab "$version.tok" >/dev/null
        # a run that the version before left, on the way
        mkdir of-$version
        cp "$G/xl-checkpoint-$version.safetensors" of-$version/ckpt-00000002.safetensors
        ln -s ckpt-00000002.safetensors of-$version/latest
        ln -s ckpt-00000002.safetensors of-$version/best
        cp "$G/xl-config-1.json" of-$version/config.json
        sed -n 1,3p "$G/train-log-$version.tsv" >of-$version/metrics.tsv
        xltrain --resume --data "$G/remi-shard-1" --steps 4 -o of-$version -q
        xltrain --eval valid --data "$G/remi-shard-1" -o of-$version
        head -c 20000 of-$version/latest | grep -aq '"schema":"xl-checkpoint/2"'
    done
}

@test "golden: the checkpoint samples, and training goes on from it" {
    xlsample "$G/xl-checkpoint-1.safetensors" --bars 1 -u -o s.tok
    vocab s.tok >/dev/null
    xltrain --data "$G/remi-shard-1" --config "$G/xl-config-1.json" --steps 3 \
        --init "$G/xl-checkpoint-1.safetensors" -o run -q
    diff <(sed -n 2p "$G/train-log-2.tsv") <(sed -n 2p run/metrics.tsv)
    # a table of the first version goes on as it is, and is drawn beside one of the second
    cut -f 1-7 run/metrics.tsv | sed 's/log.2/log\/1/' >old
    diff <(sed -n 1,2p "$G/train-log-1.tsv") <(sed -n 1,2p old)
    cp -r run resumed
    cp old resumed/metrics.tsv
    xltrain --resume --data "$G/remi-shard-1" --steps 5 -o resumed -q
    [ "$(awk -F '\t' 'NR > 1 {print NF}' resumed/metrics.tsv | sort -u)" = 7 ]
    [ "$(tail -n 1 resumed/metrics.tsv | cut -f 1)" = 5 ]
    [ "$(readlink resumed/best)" = ckpt-00000005.safetensors ]
    featstats --curves "$G"/train-log-[12].tsv >curves.svg
    [ "$(grep -o 'best validation' curves.svg | wc -l)" -eq 2 ]
}

@test "golden: the tensor stream means what it meant" {
    printf 'file\tgenre\ntwelve-bar-blues.mid\tblues\n' >labels.tsv
    (cd "$SAMPLES" && midi2remi --scheme groove --labels "$OLDPWD/labels.tsv" -q -u \
        haenschen-klein.mid twelve-bar-blues.mid) >t
    cmp t <(zstdcat "$G/tensors-1.tensors.zst")
    remi2midi --check "$G/tensors-1.tensors.zst"
    remi2midi --csv "$G/tensors-1.tensors.zst" | cut -d, -f 1 | sort | uniq -c | awk '{print $1, $2}' >counts
    printf '%s\n' '257 haenschen-klein.mid' '1 piece' '672 twelve-bar-blues.mid' | diff counts -
}
