#!/usr/bin/env bats
# Folders of Hugging Face's form, in and out: weights, settings, tokens, refusals. The
# references are of transformers (tests/hub/record.py); where it is at hand, as
# TRANSFORMERS=python, it loads what is written here as well.
load ../helpers

HUB=${BARLINE_BUILD:-$BARLINE_ROOT/build/release}/tests/hub
FORMS=$BARLINE_ROOT/tests/hub

# A corpus, and two small models of it.
setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    local root arch
    root=$(cd "${BATS_TEST_DIRNAME}/../.." && pwd)
    midi2remi "$root"/samples/*.mid | shard --split train=.6,valid=.2,test=.2 -o data
    for arch in gpt2 llama; do
        xltrain --data data --set arch=$arch "${size[@]}" --steps 6 -o $arch
    done
}

size=(--set layers=2 --set width=16 --set heads=2 --set ff=32 --set segment=32
    --set memory=0 --set batch=2 --set warmup=2 --set eval_every=3 --set eval_tokens=200)

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    ln -s "$BATS_FILE_TMPDIR"/{data,gpt2,llama} .
}

# make FOLDER KIND WORD...: a folder by the rule of make.py
make() {
    /usr/bin/python3 "$FORMS/make.py" "$@"
}

# changed KEY VALUE: the folder `new`, which is `old` with another setting
changed() {
    rm -rf new
    cp -r old new
    /usr/bin/python3 - "$1" "$2" <<'PY'
import json, sys
c = json.load(open('old/config.json'))
c[sys.argv[1]] = json.loads(sys.argv[2])
json.dump(c, open('new/config.json', 'w'))
PY
}

@test "hub: logits, loss and greedy tokens of transformers, from each type, file and shards" {
    local kind
    for kind in gpt2 llama aria; do
        make "$kind-f32" $kind
        make "$kind-f16" $kind f16
        make "$kind-bf16" $kind bf16 shards
        make "$kind-old" $kind noprefix
        [ $kind = aria ] || xltrain --init "$kind-bf16" --export "$kind-back"
    done
    "$HUB" 1e-5 gpt2-f32 "$FORMS/gpt2.json" gpt2-f16 "$FORMS/gpt2.json" \
        gpt2-bf16 "$FORMS/gpt2.json" gpt2-old "$FORMS/gpt2.json" gpt2-back "$FORMS/gpt2.json" \
        llama-f32 "$FORMS/llama.json" llama-f16 "$FORMS/llama.json" \
        llama-bf16 "$FORMS/llama.json" llama-old "$FORMS/llama.json" \
        llama-back "$FORMS/llama.json" aria-f32 "$FORMS/aria.json" \
        aria-bf16 "$FORMS/aria.json" aria-old "$FORMS/aria.json"
    run -64 --separate-stderr xltrain --init aria-f32 --export aria-back
    says "norm of this model has no counterpart in llama"
    xltrain --init aria-f32 --data data --set segment=16 --set batch=2 --set eval_every=0 \
        --steps 2 -o tuned
}

@test "hub: written, read and written again: the same bytes, and the run's loss" {
    local arch
    for arch in gpt2 llama; do
        xltrain -o $arch --export once
        xltrain --init once --export twice
        diff -r once twice
        run --separate-stderr xltrain --init once --data data --eval test
        [ "$(tail -n 1 <<<"$output" | cut -f 4)" = \
            "$(xltrain -o $arch --data data --eval test | tail -n 1 | cut -f 4)" ]
        xlsample -q --bars 2 --seed 3 $arch -u --no-pg >a
        xlsample -q --bars 2 --seed 3 once -u --no-pg >b
        cmp a b
        xltrain --init once --data data --set eval_every=2 --set batch=2 --steps 2 -o tuned
        rm -r once twice tuned
    done
}

@test "hub: what is written: names, shapes, settings, tokens" {
    xltrain -o llama --export out
    [ "$(ls out | tr '\n' ' ')" = \
        "config.json generation_config.json miditok.json model.safetensors tokenizer.json tokenizer_config.json vocab.tsv " ]
    /usr/bin/python3 - <<'PY'
import json, struct
raw = open('out/model.safetensors', 'rb').read()
n = struct.unpack('<Q', raw[:8])[0]
head = json.loads(raw[8:8 + n])
assert head.pop('__metadata__') == {'format': 'pt'}
c = json.load(open('out/config.json'))
assert len(head) == 2 * 9 + 3 and all(t['dtype'] == 'F32' for t in head.values())
assert head['model.layers.1.mlp.gate_proj.weight']['shape'] == [32, 16]
assert head['lm_head.weight']['shape'] == [c['vocab_size'], 16]
assert c['model_type'] == 'llama' and c['max_position_embeddings'] == 32
assert (c['bos_token_id'], c['eos_token_id'], c['pad_token_id']) == (1, 2, 0)
t = json.load(open('out/tokenizer.json'))
words = t['model']['vocab']
assert len(words) == c['vocab_size'] and words['BOS'] == 1 and 'UNK' not in words
assert json.load(open('out/miditok.json'))['_vocab_base']['Bar_None'] == words['Bar']
PY
}

@test "hub: settings without a counterpart are refused in one line that names them" {
    local key value text
    make old gpt2
    while IFS='|' read -r key value text; do
        changed "$key" "$value"
        run -65 --separate-stderr xltrain --init new --export out
        says "$text"
        [ ! -e out ]
    done <<'EOT'
model_type|"bert"|model_type is 'bert'; gpt2, llama and aria are read
activation_function|"relu"|activation_function is 'relu'
scale_attn_by_inverse_layer_idx|true|scale_attn_by_inverse_layer_idx is true
scale_attn_weights|false|scale_attn_weights is false
add_cross_attention|true|add_cross_attention is true
quantization_config|{"bits": 4}|quantised weights are not read
vocab_size|128256|vocab_size is 128256
vocab_size|25|tensor 'transformer.wte.weight' has another shape
n_layer|3|tensor 'transformer.h.2.ln_1.weight' is missing
n_layer|1|tensor 'transformer.h.1.ln_1.weight' has no place
n_head|3|heads (3) do not divide the width (16)
n_embd|"x"|'n_embd'
n_embd|null|'n_embd' is missing
n_positions|65537|n_positions is 65537
EOT
    rm -r old
    make old llama
    while IFS='|' read -r key value text; do
        changed "$key" "$value"
        run -65 --separate-stderr xltrain --init new --export out
        says "$text"
    done <<'EOT'
head_dim|8|head_dim is 8
rope_scaling|{"type": "linear", "factor": 2.0}|type is 'linear'
rope_parameters|{"rope_type": "llama3", "rope_theta": 1e4}|rope_type is 'llama3'
partial_rotary_factor|0.5|partial_rotary_factor is 0.5
attention_bias|true|attention_bias is true
mlp_bias|true|mlp_bias is true
hidden_act|"gelu"|hidden_act is 'gelu'
tie_word_embeddings|true|lm_head.weight is not the embedding
num_key_value_heads|3|kv_heads (3) do not divide the heads (4)
rms_norm_eps|-1|norm_eps is -1
EOT
}

@test "hub: damaged, cut and missing files" {
    make old gpt2 shards
    rm old/model-00002-of-00002.safetensors
    run -66 --separate-stderr xltrain --init old --export out
    says "model-00002-of-00002.safetensors"
    rm -r old
    make old gpt2
    truncate -s -9 old/model.safetensors
    run -65 --separate-stderr xltrain --init old --export out
    says "old/model.safetensors"
    mv old/model.safetensors old/pytorch_model.bin
    run -65 --separate-stderr xltrain --init old --export out
    says "save the model as safetensors"
    rm old/pytorch_model.bin
    run -66 --separate-stderr xltrain --init old --export out
    says "neither model.safetensors nor an index"
    make shards llama shards
    sed -i 's,"model-00002,"../model-00002,' shards/model.safetensors.index.json
    run -65 --separate-stderr xltrain --init shards --export out
    says "is no file's name"
    echo '{"model_type": "gpt2",' >shards/config.json
    for use in '--export out' '--data data -o out'; do
        # shellcheck disable=SC2086
        run -65 --separate-stderr xltrain --init shards $use
        says "xltrain: 'shards/config.json': bad JSON"
    done
    run -65 --separate-stderr xlsample shards
    says "xlsample: 'shards/config.json': bad JSON"
    run -73 --separate-stderr xltrain -o gpt2 --export shards -f
    says "something else"
    echo '{"vocab_size": 3}' >shards/config.json
    run -65 --separate-stderr xltrain --init shards --export out
    says "'shards/config.json': 'model_type'"
    rm shards/model*
    run -66 --separate-stderr xltrain --init shards --export out
    says "'shards': the folder holds no checkpoint"
    [ ! -e out ] && [ -z "$(ls -d out.tmp* 2>/dev/null)" ]
}

@test "hub: stopped by a signal, a folder that is not whole is removed" {
    local signal nth
    printf '%s\n' '#include <signal.h>' '#include <stdlib.h>' 'int fsync(int fd);' \
        'int fsync(int fd) { static int n; (void)fd;' \
        'return ++n == atoi(getenv("NTH")) ? raise(atoi(getenv("SIGNAL"))) : 0; }' |
        ${CC:-cc} -shared -fPIC -x c -o stops.so -
    export ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0
    xltrain -o gpt2 --export old
    cp -r old before
    for signal in 15 2 1; do
        for nth in 1 3 7; do # of seven files
            run -$((128 + signal)) env NTH=$nth SIGNAL=$signal LD_PRELOAD="$PWD/stops.so" \
                xltrain -f -o gpt2 --export old
            [ -z "$(compgen -G 'old.*')" ] || fail "left: $(compgen -G 'old.*')"
            diff -r old before
        done
    done
}

@test "hub: misuse, models without a counterpart, folders that hold something" {
    run -64 --separate-stderr xltrain --export out
    says "name one of them"
    run -64 --separate-stderr xltrain -o gpt2 --init gpt2 --export out
    says "name one of them"
    run -64 --separate-stderr xltrain -o gpt2 --data data --export out
    says "trains and changes nothing"
    for option in '--set lr=1' '--config x' '--preset tiny' '--steps 3' '--minutes 1' \
        '--precision bf16' '--keep 2' '--save-every 1' '--costs x' '--log-probs x' '--seed 3'; do
        # shellcheck disable=SC2086
        run -64 --separate-stderr xltrain -o gpt2 --export out $option
        says "--export "
    done
    [ ! -e out ]
    xltrain --data data "${size[@]}" --steps 2 -o xl
    run -64 --separate-stderr xltrain -o xl --export out
    says "a model with arch=xl and pos=sinusoid has no counterpart"
    xltrain --data data --set arch=llama --set gate=gru "${size[@]}" --steps 2 -o gated
    run -64 --separate-stderr xltrain -o gated --export out
    says "gate of this model has no counterpart in llama"
    xltrain -o gpt2 --export out
    run -73 --separate-stderr xltrain -o gpt2 --export out
    says "-f replaces it"
    xltrain -o gpt2 --export out -f
    mkdir full && touch full/file
    run -73 --separate-stderr xltrain -o gpt2 --export full -f
    says "something else"
    [ -e full/file ]
    make bare gpt2
    run -65 --separate-stderr xlsample bare
    says "no vocab.tsv says what"
}

@test "hub: transformers loads what is written, and computes the same" {
    local python=${TRANSFORMERS:-/usr/bin/python3} kind
    "$python" -c 'import transformers, torch' 2>/dev/null ||
        skip "transformers is not installed"
    for kind in gpt2 llama; do
        make old $kind
        xltrain --init old --export $kind-new
        "$python" "$FORMS/record.py" --check $kind-new "$FORMS/$kind.json"
        xltrain -o $kind --export $kind-run
        "$python" "$FORMS/record.py" $kind-run reference.json
        "$HUB" 1e-5 $kind-run reference.json
        "$python" - $kind-run <<'PY'
import sys
from transformers import AutoTokenizer
t = AutoTokenizer.from_pretrained(sys.argv[1])
ids = t('Bar TimeSig_4/4 Position_0')['input_ids']
assert ids[0] == t.bos_token_id == 1 and len(ids) == 4 and t.eos_token_id == 2
assert t.decode(ids[1:]) == 'Bar TimeSig_4/4 Position_0'
PY
        rm -r old
    done
}
