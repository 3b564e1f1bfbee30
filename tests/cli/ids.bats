#!/usr/bin/env bats
# Ids that others made: NumPy, JSON, text; vocabularies of others; MidiTok and back.
load ../helpers

# pieces FOLDER: the pieces of a folder of shards, one a line, as names
pieces() {
    /usr/bin/python3 - "$1" <<'PY'
import glob, json, struct, sys
words = [l.split('\t')[1] for l in open(sys.argv[1] + '/vocab.tsv') if l[0] != '#']
lines = []
for f in glob.glob(sys.argv[1] + '/*.safetensors'):
    raw = open(f, 'rb').read()
    n = struct.unpack('<Q', raw[:8])[0]
    head = json.loads(raw[8:8 + n])
    def get(name, kind):
        a, b = head[name]['data_offsets']
        return struct.unpack(f'<{(b - a) // struct.calcsize(kind)}{kind}', raw[8 + n + a:8 + n + b])
    offsets, tokens = get('piece_offsets', 'q'), get('tokens', 'H')
    lines += [' '.join(words[t] for t in tokens[a:b]) for a, b in zip(offsets, offsets[1:])]
print('\n'.join(sorted(lines)))
PY
}

vocabulary() { # as MidiTok's: specials first
    echo '{"PAD_None":0,"BOS_None":1,"EOS_None":2,"MASK_None":3,"Bar_None":4,"Pitch_60":5,"Duration_1.0.8":6,"a b":7,"Merge_4_5":9}'
}

@test "ids: NumPy, JSON and text are the same pieces" {
    vocabulary >v.json
    /usr/bin/python3 - <<'PY'
import json
import numpy as np
rows = [[4, 5, 6], [4, 4, 5], [6, 7, 9]]
for kind in ('<i2', '<u2', '<i4', '<i8', 'u1'):
    np.save('two-%s.npy' % kind[-2:], np.array(rows, kind))
np.save('padded.npy', np.array([[1, 4, 5, 6, 2], [4, 4, 5, -100, -100], [6, 7, 9, 0, 0]]))
np.save('one.npy', np.array(rows[0], np.uint16))
np.save('real.npy', np.array(rows[0], float))
json.dump({'ids': rows}, open('rows.json', 'w'))
json.dump(rows, open('bare.json', 'w'))
json.dump({'tokens': [['Bar_None', 'Pitch_60', 'Duration_1.0.8'], [4, 4, 'Pitch_60'],
                      ['Duration_1.0.8', 'a b', 9]]}, open('names.json', 'w'))
open('text', 'w').write('4 5 6\nBar_None Bar_None Pitch_60\n\n6,7,9\n')
PY
    for f in two-i2.npy two-u2.npy two-i4.npy two-i8.npy two-u1.npy padded.npy rows.json \
        bare.json names.json text; do
        shard -q -u --ids --vocab v.json -o "d-$f" "$f"
        [ "$(pieces "d-$f")" = "BOS Bar_None Bar_None Pitch_60 EOS
BOS Bar_None Pitch_60 Duration_1.0.8 EOS
BOS Duration_1.0.8 Id_7 Id_9 EOS" ] || fail "$f: $(pieces "d-$f")"
        cmp "d-$f/vocab.tsv" d-two-i2.npy/vocab.tsv || [ "$f" != two-i2.npy ]
    done
    shard -q -u --ids --vocab v.json -o many one.npy text rows.json
    [ "$(pieces many | wc -l)" -eq 7 ]
    shard -q -u --ids -o bare bare.json # names are the numbers
    pieces bare | grep -qx 'BOS 4 5 6 EOS'
    printf '4 5\n6 7\n' | shard -q -u --ids -o piped
    echo '4 5' >one
    run -0 --separate-stderr shard --ids -o warned one
    [[ $stderr == *"split 'valid' is empty"* ]]
    [ "$(pieces piped | head -n 1)" = "BOS 4 5 EOS" ]
}

@test "ids: vocab --from MidiTok's and Hugging Face's files, and ours" {
    vocabulary >plain.json
    echo '{"tokenization":"REMI","config":{},"_vocab_base":'"$(vocabulary)}" >base.json
    echo '{"model":{"type":"WordLevel","vocab":'"$(vocabulary)"'},"added_tokens":[{"id":8,"content":"<new>"}]}' >hf.json
    echo '{"<pad>":2,"<s>":0,"</s>":1,"x":3,"y":4}' >other.json
    # with merges learned: letters stand for names
    cat >learned.json <<'EOT'
{"tokenization":"REMI","config":{},"_vocab_base":{"PAD_None":0,"Bar_None":1},
"_vocab_base_byte_to_token":{"!":"PAD_None","\"":"Bar_None"},
"_model":"{\"model\":{\"vocab\":{\"!\":0,\"\\\"\":1,\"\\\"\\\"\":2}}}"}
EOT
    words() { vocab "$@" | grep -v '^#' | cut -f 2 | tr '\n' ' '; }
    [ "$(words --from plain.json)" = "PAD BOS EOS MASK Bar_None Pitch_60 Duration_1.0.8 Id_7 Id_9 " ]
    [ "$(words --from base.json)" = "$(words --from plain.json)" ]
    [ "$(words --from hf.json)" = "PAD BOS EOS MASK Bar_None Pitch_60 Duration_1.0.8 Id_7 Id_8 Id_9 " ]
    [ "$(words --from other.json)" = "PAD BOS EOS MASK x y " ]
    [ "$(words --from learned.json)" = "PAD BOS EOS MASK Bar_None Id_2 " ]
    vocab --scheme remi --no-pg -o remi.tsv
    [ "$(words --from remi.tsv)" = "$(words --scheme remi)" ]
    vocab --scheme remi --miditok -o m.json
    [ "$(words --from m.json | wc -w)" -eq $(($(words --scheme remi | wc -w) + 1)) ]
    printf '3 4 0\n' | shard -q -u --ids --vocab other.json -o d - # <s>, 0, is BOS
    [ "$(pieces d)" = "BOS x y EOS" ] || fail "$(pieces d)"
}

@test "ids: trained, evaluated, sampled, prompted, exported" {
    /usr/bin/python3 -c '
import json
json.dump({"ids": [[(a * i) % 7 + a % 3 for i in range(60)] for a in range(1, 40)]}, open("i.json", "w"))'
    shard -q --ids --split train=.8,valid=.2 -o data i.json
    xltrain -q --data data --preset tiny --set arch=gpt2 --set layers=1 --set width=16 --set heads=2 --set ff=32 \
        --set segment=32 --set batch=2 --set eval_every=0 --steps 60 -o run
    [ "$(xltrain --data data -o run --eval valid | tail -n 1 | cut -f 1)" = valid ]
    xlsample -q run --max-tokens 40 --no-pg -u -n 2 --seed 1 >new
    [ "$(grep -v '^#' new | tr ' ' '\n' | grep -vc '^[0-8]$')" -eq 0 ]
    [ "$(grep -v '^#' new | wc -w)" -gt 20 ]
    xlsample -q run --max-tokens 5 --no-pg -u --prompt new | grep -v '^#' >more
    [[ "$(head -n 1 more) " == "$(grep -v '^#' new | head -n 1) "* ]]
    run -64 --separate-stderr xlsample run --seconds 3
    says "--max-tokens"
    run -64 --separate-stderr xlsample run --bars 3
    says "--max-tokens"
    for tool in remi2midi featstats vocab; do
        run -65 --separate-stderr $tool new -o out
        says "ids of another program"
    done
    xltrain -q -o run --export hub
    xlsample -q hub --max-tokens 40 --no-pg -u -n 2 --seed 1 | cmp - new
}

@test "ids: what is wrong with a file is one line" {
    vocabulary >v.json
    wrong() { # wrong STATUS TEXT FILE OPTION...
        local status=$1 text=$2
        shift 2
        run "-$status" --separate-stderr shard --ids -o out "$@"
        says "$text"
        [ ! -e out ]
    }
    echo '4 x 5' >text
    wrong 65 "'x' is no number; --vocab FILE says" text
    wrong 65 "'text': line 1: 'x' is not in the vocabulary" text --vocab v.json
    echo '4 99999' >high
    wrong 65 "the id 99999 is not within" high
    echo '4 8 4' >hole
    wrong 65 "no token of 'v.json' has the id 8" hole --vocab v.json
    echo '4 2 4' >inside
    wrong 65 "'EOS' stands inside a piece" inside --vocab v.json
    echo '{"ids":[[[1,2],[3,4]]]}' >compound.json
    wrong 65 "several ids at a place" compound.json
    echo '{"notes":[1]}' >none.json
    wrong 65 "no list 'ids' or 'tokens'" none.json
    echo '[1,' >cut.json
    wrong 65 "cut.json" cut.json
    : >empty
    wrong 65 "no ids are in it" empty
    /usr/bin/python3 - <<'PY'
import numpy as np
np.save('real.npy', np.zeros(3))
np.save('big.npy', np.zeros(3, '>i4'))
np.save('cube.npy', np.zeros((2, 2, 2), int))
np.save('fortran.npy', np.asfortranarray(np.zeros((2, 3), int)))
raw = open('cube.npy', 'rb').read()
np.save('short.npy', np.arange(9))
raw = open('short.npy', 'rb').read()
open('short.npy', 'wb').write(raw[:-1])
open('head.npy', 'wb').write(raw[:20])
PY
    wrong 65 "whole numbers are read" real.npy
    wrong 65 "the low byte first" big.npy
    wrong 65 "one or two dimensions" cube.npy
    wrong 65 "Fortran" fortran.npy
    wrong 65 "as many bytes as its shape" short.npy
    wrong 65 "header" head.npy
    /usr/bin/python3 - <<'PY'
import json
import numpy as np
np.save('good.npy', np.arange(3, dtype=np.uint16))
raw = bytearray(open('good.npy', 'rb').read())
raw[6] = 9
open('nine.npy', 'wb').write(raw)
np.save('most.npy', np.array([4, 5, 2 ** 64 - 1], np.uint64))
open('nul', 'wb').write(b'4 5\n6\0 7\n')
open('top', 'w').write('65531\n')
json.dump({'t%d' % i: i for i in range(65532)}, open('many.json', 'w'))
PY
    wrong 65 "'nine.npy': the array is of format 9; 1 to 3 are read" nine.npy
    wrong 65 "'most.npy': the id 9223372036854775807 is not within" most.npy
    wrong 65 "'nul': byte 5: a zero byte" nul
    wrong 65 "the highest id is 65531: up to 65530 are read" top
    wrong 65 "'many.json': 65536 tokens, with PAD, BOS, EOS and MASK: 65535 are the most" text \
        --vocab many.json
    echo 65530 | shard -q --ids -o top-most
    wrong 64 "'-', standard input, is named twice" - text -
    wrong 64 "do not go with it" text --augment transpose=-1..1
    run -64 --separate-stderr vocab --from v.json --scheme remi
    says "is a vocabulary already"
    echo '{"tokenization":"REMI","config":{}}' >settings.json
    run -65 --separate-stderr vocab --from settings.json
    says "json.dump(tokenizer.vocab, file)"
    echo '{"a":0,"b":0}' >twice.json
    run -65 --separate-stderr vocab --from twice.json
    says "both have the id 0"
    echo '[1]' >list.json
    run -65 --separate-stderr vocab --from list.json
    says "list.json"
}

# A stand-in where MidiTok is not installed: a byte of a file is a token.
stand_in() {
    cat >miditok.py <<'PY'
class TokenizerConfig:
    def __init__(self, **options): pass

class Ids:
    def __init__(self, ids): self.ids = ids
    def dump_midi(self, path): open(path, 'wb').write(bytes(i - 4 for i in self.ids))

class REMI:
    def __init__(self, config):
        names = ['PAD_None', 'BOS_None', 'EOS_None', 'MASK_None'] + [f'Byte_{i}' for i in range(256)]
        self.vocab = {n: i for i, n in enumerate(names)}
    def __call__(self, path): return Ids([b + 4 for b in open(path, 'rb').read()[:300]])
    def decode(self, ids): return Ids(ids)
PY
}

@test "ids: the page of MidiTok's bridge runs as it stands" {
    local python=${TRANSFORMERS:-/usr/bin/python3} page=$BARLINE_ROOT/pipelines/miditok.md
    "$python" -c 'import miditok' 2>/dev/null || stand_in
    awk '/^```python$/{on=1; next} /^```/{on=0} on' "$page" >bridge.py
    awk '/^```sh$/{on=1; next} /^```/{on=0} on' "$page" |
        sed "s,^python3,'$python',; s/--steps 600/--steps 3 --set layers=1 --set width=16 --set heads=2 --set ff=16/" >script
    [ "$(wc -l <script)" -eq 5 ]
    [ "$(grep -c . bridge.py)" -le 10 ]
    mkdir samples
    cp "$SAMPLES"/{a*,five-in-hand}.mid samples
    run bash -e script
    [ "$status" -eq 0 ] || fail "$output"
    [ -s new.mid ] && [ -s run/latest ]
}

@test "ids: MidiTok reads and writes a piece with drums by vocab --miditok" {
    local python=${TRANSFORMERS:-/usr/bin/python3}
    "$python" -c 'import miditok' 2>/dev/null || skip "MidiTok is not installed"
    vocab --scheme remi --miditok -o m.json
    "$python" - "$SAMPLES/five-in-hand.mid" <<'PY'
import sys
import symusic
from miditok import REMI
tok, score = REMI(params='m.json'), symusic.Score(sys.argv[1])
drums = sum(len(t.notes) for t in score.tracks if t.is_drum)
ids = tok(score).ids
back = tok.decode(ids)
assert drums > 100 and 'Program_-1' in tok.vocab and max(ids) == tok.vocab['Program_-1']
assert sum(len(t.notes) for t in back.tracks if t.is_drum) == drums
PY
}

@test "ids: an array of rows without numbers is refused at once" {
    python3 - <<'END'
head = "{'descr': '<i4', 'fortran_order': False, 'shape': (100000000000, 0), }\n".encode()
open('zero.npy', 'wb').write(b'\x93NUMPY\x01\x00' + len(head).to_bytes(2, 'little') + head)
END
    run -65 --separate-stderr timeout 20 shard --ids -o d zero.npy
    says "rows without a number"
}
