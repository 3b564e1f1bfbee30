"""record.py DIR OUT: the logits, loss and greedy tokens that transformers computes, in double
precision, of a folder (the ids are a rule); what gpt2.json, llama.json and aria.json
were made with.
record.py --check DIR REFERENCE: exits 1 where the model in DIR gives other logits than the
recorded ones, by more than 1e-5."""
import json, sys
import torch
from transformers import AutoModelForCausalLM

check = sys.argv[1] == '--check'
folder, file = sys.argv[1 + check], sys.argv[2 + check]


def aria(folder):
    """EleutherAI's block is LLaMA's with layer norms and angles of base 500,000."""
    from safetensors.torch import load_file
    from transformers import LlamaConfig, LlamaForCausalLM
    c = json.load(open(folder + '/config.json'))
    d = c['hidden_size']
    keep = ('vocab_size', 'hidden_size', 'num_hidden_layers', 'num_attention_heads',
            'intermediate_size')
    m = LlamaForCausalLM(LlamaConfig(rope_theta=5e5, **{k: c[k] for k in keep}))
    for layer in m.model.layers:
        layer.input_layernorm = torch.nn.LayerNorm(d)
        layer.post_attention_layernorm = torch.nn.LayerNorm(d)
    m.model.norm = torch.nn.LayerNorm(d)
    names = {'tok_embeddings': 'embed_tokens', 'encode_layers': 'layers',
             'out_layer_norm': 'norm', 'norm1': 'input_layernorm',
             'norm2': 'post_attention_layernorm', 'att_proj_linear': 'self_attn.o_proj',
             'ff_gate_proj': 'mlp.gate_proj', 'ff_up_proj': 'mlp.up_proj',
             'ff_down_proj': 'mlp.down_proj'}
    state = {}
    for k, t in load_file(folder + '/model.safetensors').items():
        k = '.'.join(names.get(w, w) for w in k.split('.'))
        for part, x in zip('qkv', t.split(d)) if 'mixed_qkv' in k else (('', t),):
            state[k.replace('mixed_qkv', f'self_attn.{part}_proj')] = x
    m.load_state_dict(state)
    return m


is_aria = json.load(open(folder + '/config.json'))['model_type'] == 'aria'
model = (aria(folder) if is_aria else AutoModelForCausalLM.from_pretrained(folder)).double().eval()
V = model.config.vocab_size
ids = [(7 * i * i + 3 * i + 5) % V for i in range(12)]
with torch.no_grad():
    z = model(torch.tensor([ids])).logits[0]
    loss = torch.nn.functional.cross_entropy(z[:-1], torch.tensor(ids[1:])).item()
    greedy = list(ids)
    for _ in range(8):
        greedy.append(int(model(torch.tensor([greedy])).logits[0, -1].argmax()))
if not check:
    json.dump({'ids': ids, 'loss': loss, 'greedy': greedy[len(ids):],
               'logits': [[round(x, 8) for x in row] for row in z.tolist()]}, open(file, 'w'))
    sys.exit()
ref = json.load(open(file))
off = (z - torch.tensor(ref['logits'], dtype=torch.float64)).abs().max().item()
print(f'{folder}: logits within {off:.1e}')
sys.exit(off > 1e-5 or greedy[len(ids):] != ref['greedy'])
