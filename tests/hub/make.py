"""make.py DIR KIND [f32|f16|bf16] [shards] [noprefix]: a folder of Hugging Face's form, gpt2 or
llama or aria, whose weights follow a rule: multiples of 1/64 that each type holds exactly. No
library is needed; the reference beside this file is of transformers (record.py)."""
import json, os, struct, sys

V, D, L, H, F, P, KV = 24, 16, 2, 4, 40, 32, 2
common = dict(vocab_size=V, bos_token_id=1, eos_token_id=2, initializer_range=0.05)
CONFIG = {
    'gpt2': dict(model_type='gpt2', architectures=['GPT2LMHeadModel'], n_embd=D, n_layer=L,
                 n_head=H, n_inner=F, n_positions=P, activation_function='gelu_new',
                 layer_norm_epsilon=1e-5, resid_pdrop=0.1, embd_pdrop=0.1, attn_pdrop=0.1,
                 n_ctx=P, task_specific_params={'text-generation': {'max_length': 50}}, **common),
    'aria': dict(model_type='aria', architectures=['AriaForCausalLM'], hidden_size=D,
                 num_hidden_layers=L, num_attention_heads=H, intermediate_size=4 * D,
                 max_seq_len=P, tie_word_embeddings=False, **common),
    'llama': dict(model_type='llama', architectures=['LlamaForCausalLM'], hidden_size=D,
                  num_hidden_layers=L, num_attention_heads=H, num_key_value_heads=KV,
                  intermediate_size=F, max_position_embeddings=P, rms_norm_eps=1e-5,
                  rope_theta=5000.0, rope_scaling=None, hidden_act='silu',
                  tie_word_embeddings=False, torch_dtype='float32', **common),
}


def shapes(kind):
    if kind == 'gpt2':
        yield 'transformer.wte.weight', (V, D)
        yield 'transformer.wpe.weight', (P, D)
        for n in range(L):
            h = f'transformer.h.{n}.'
            for name, shape in (('ln_1.weight', (D,)), ('ln_1.bias', (D,)),
                                ('attn.c_attn.weight', (D, 3 * D)), ('attn.c_attn.bias', (3 * D,)),
                                ('attn.c_proj.weight', (D, D)), ('attn.c_proj.bias', (D,)),
                                ('ln_2.weight', (D,)), ('ln_2.bias', (D,)),
                                ('mlp.c_fc.weight', (D, F)), ('mlp.c_fc.bias', (F,)),
                                ('mlp.c_proj.weight', (F, D)), ('mlp.c_proj.bias', (D,))):
                yield h + name, shape
        yield 'transformer.ln_f.weight', (D,)
        yield 'transformer.ln_f.bias', (D,)
    elif kind == 'aria':  # EleutherAI's names
        yield 'model.tok_embeddings.weight', (V, D)
        for n in range(L):
            a = f'model.encode_layers.{n}.'
            for name, shape in (('norm1.weight', (D,)), ('norm1.bias', (D,)),
                                ('mixed_qkv.weight', (3 * D, D)),
                                ('att_proj_linear.weight', (D, D)),
                                ('norm2.weight', (D,)), ('norm2.bias', (D,)),
                                ('ff_gate_proj.weight', (4 * D, D)),
                                ('ff_up_proj.weight', (4 * D, D)),
                                ('ff_down_proj.weight', (D, 4 * D))):
                yield a + name, shape
        yield 'model.out_layer_norm.weight', (D,)
        yield 'model.out_layer_norm.bias', (D,)
        yield 'lm_head.weight', (V, D)
    else:
        e = D // H
        yield 'model.embed_tokens.weight', (V, D)
        for n in range(L):
            a = f'model.layers.{n}.'
            for name, shape in (('input_layernorm.weight', (D,)),
                                ('self_attn.q_proj.weight', (D, D)),
                                ('self_attn.k_proj.weight', (KV * e, D)),
                                ('self_attn.v_proj.weight', (KV * e, D)),
                                ('self_attn.o_proj.weight', (D, D)),
                                ('post_attention_layernorm.weight', (D,)),
                                ('mlp.gate_proj.weight', (F, D)), ('mlp.up_proj.weight', (F, D)),
                                ('mlp.down_proj.weight', (D, F))):
                yield a + name, shape
        yield 'model.norm.weight', (D,)
        yield 'lm_head.weight', (V, D)


def fill(kind):
    x, out = 7, {}
    for name, shape in shapes(kind):
        n, values = 1, []
        for s in shape:
            n *= s
        norm = name.endswith('weight') and ('norm' in name or '.ln_' in name)
        for _ in range(n):
            x = (1103515245 * x + 12345) % 2**31
            values.append(((x >> 16) % 65 - 32) / 64 + (1 if norm else 0))
        out[name] = (shape, values)
    return out


def to_bytes(values, dtype):
    if dtype == 'f32':
        return struct.pack(f'<{len(values)}f', *values)
    if dtype == 'f16':
        return struct.pack(f'<{len(values)}e', *values)
    whole = struct.pack(f'<{len(values)}f', *values)
    return b''.join(whole[i + 2:i + 4] for i in range(0, len(whole), 4))


def write(path, tensors, dtype):
    head, data = {'__metadata__': {'format': 'pt'}}, b''
    for name, (shape, values) in tensors.items():
        raw = to_bytes(values, dtype)
        head[name] = dict(dtype=dtype.upper(), shape=list(shape),
                          data_offsets=[len(data), len(data) + len(raw)])
        data += raw
    text = json.dumps(head).encode()
    text += b' ' * (-len(text) % 8)
    with open(path, 'wb') as f:
        f.write(struct.pack('<Q', len(text)) + text + data)


def main():
    folder, kind, words = sys.argv[1], sys.argv[2], sys.argv[3:]
    dtype = next((w for w in words if w in ('f32', 'f16', 'bf16')), 'f32')
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, 'config.json'), 'w') as f:
        json.dump(CONFIG[kind], f, indent=1)
    tensors = fill(kind)
    if 'noprefix' in words:  # as the hub's oldest models: no prefix, masks beside
        tensors = {k.split('.', 1)[1] if '.' in k and not k.startswith('lm_head') else k: v
                   for k, v in tensors.items()}
        old = {'gpt2': 'h.0.attn.bias', 'aria': 'layers.0.rotary_emb.inv_freq', 'llama': 'layers.0.self_attn.rotary_emb.inv_freq'}
        tensors[old[kind]] = ((1, 1, P, P), [1.0] * (P * P))
    if 'shards' not in words:
        write(os.path.join(folder, 'model.safetensors'), tensors, dtype)
        return
    names, where = list(tensors), {}
    half = len(names) // 2
    for i, part in enumerate((names[:half], names[half:]), 1):
        file = f'model-0000{i}-of-00002.safetensors'
        write(os.path.join(folder, file), {k: tensors[k] for k in part}, dtype)
        where.update((k, file) for k in part)
    with open(os.path.join(folder, 'model.safetensors.index.json'), 'w') as f:
        json.dump({'metadata': {'total_size': 0}, 'weight_map': where}, f)


main()
