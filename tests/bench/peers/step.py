"""A GPT-2 or LLaMA of a Hugging Face folder as a step of one token in PyTorch, with keys and
values in place: what scaled_dot_product_attention offers at its best, without the classes
of transformers around it.

load(FOLDER) gives the config and the weights by their names; Step(config, weights, streams)
is called with tokens (S) and their place and gives logits (S,V); its keys and values are
buffers of all places, or with cached=False passed in and handed back, for an export."""
import json
import os

import torch
import torch.nn.functional as F
from safetensors.torch import load_file


def load(folder):
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as f:
        c = json.load(f)
    w = load_file(os.path.join(folder, "model.safetensors"))
    return c, {k.removeprefix("transformer.").removeprefix("model."): v.float() for k, v in w.items()}


class Step(torch.nn.Module):
    def __init__(self, c, w, streams, cached=True):
        super().__init__()
        self.gpt2 = c["model_type"] == "gpt2"
        self.layers = c["n_layer" if self.gpt2 else "num_hidden_layers"]
        self.heads = c["n_head" if self.gpt2 else "num_attention_heads"]
        self.kv = self.heads if self.gpt2 else c.get("num_key_value_heads", self.heads)
        self.width = c["n_embd" if self.gpt2 else "hidden_size"]
        self.places = c["n_positions" if self.gpt2 else "max_position_embeddings"]
        self.eps = c["layer_norm_epsilon" if self.gpt2 else "rms_norm_eps"]
        self.streams, self.e = streams, self.width // self.heads
        self.w = {k: v.t().contiguous() if self.gpt2 and v.dim() == 2 and ".c_" in k else v
                  for k, v in w.items()}
        self.emb = w["wte.weight" if self.gpt2 else "embed_tokens.weight"]
        self.head = w.get("lm_head.weight", self.emb)
        if not self.gpt2:
            theta = c.get("rope_parameters", c).get("rope_theta", 1e4)
            angle = torch.arange(self.places)[:, None] * theta ** (-torch.arange(0, self.e, 2) / self.e)
            self.cos, self.sin = angle.cos().repeat(1, 2), angle.sin().repeat(1, 2)
        shape = (streams, self.kv, self.places, self.e)
        self.cache = [(torch.zeros(shape), torch.zeros(shape)) for _ in range(self.layers if cached else 0)]

    def norm(self, x, name):
        if self.gpt2:
            return F.layer_norm(x, (self.width,), self.w[name + ".weight"], self.w[name + ".bias"], self.eps)
        return x * (x.square().mean(-1, keepdim=True) + self.eps).rsqrt() * self.w[name + ".weight"]

    def linear(self, x, name):
        return F.linear(x, self.w[name + ".weight"], self.w.get(name + ".bias"))

    def turned(self, x, place):
        half = self.e // 2
        swapped = torch.cat([-x[..., half:], x[..., :half]], -1)
        return x * self.cos[place] + swapped * self.sin[place]

    def projected(self, n, x, place):
        """Queries, keys and values of this token: (S,H,1,e)."""
        if self.gpt2:
            q, k, v = self.linear(x, f"h.{n}.attn.c_attn").chunk(3, -1)
        else:
            q, k, v = (self.linear(x, f"layers.{n}.self_attn.{i}_proj") for i in "qkv")
        q, k, v = (i.view(self.streams, -1, 1, self.e) for i in (q, k, v))
        return (q, k, v) if self.gpt2 else (self.turned(q, place), self.turned(k, place), v)

    def remembered(self, n, k, v, place, past):
        if past is not None:
            return torch.cat([past[2 * n], k], 2), torch.cat([past[2 * n + 1], v], 2)
        keys, values = self.cache[n]
        keys[:, :, place:place + 1], values[:, :, place:place + 1] = k, v
        return keys[:, :, :place + 1], values[:, :, :place + 1]

    def feed_forward(self, n, x):
        if self.gpt2:
            x = F.gelu(self.linear(x, f"h.{n}.mlp.c_fc"), approximate="tanh")
            return self.linear(x, f"h.{n}.mlp.c_proj")
        gate, up = (self.linear(x, f"layers.{n}.mlp.{i}_proj") for i in ("gate", "up"))
        return self.linear(F.silu(gate) * up, f"layers.{n}.mlp.down_proj")

    def forward(self, token, place, *past):
        own, first, second, out, last = (
            ("h", "ln_1", "ln_2", "attn.c_proj", "ln_f") if self.gpt2 else
            ("layers", "input_layernorm", "post_attention_layernorm", "self_attn.o_proj", "norm"))
        x, kept = F.embedding(token, self.emb), []
        if self.gpt2:
            x = x + self.w["wpe.weight"][place]
        for n in range(self.layers):
            q, k, v = self.projected(n, self.norm(x, f"{own}.{n}.{first}"), place)
            k, v = self.remembered(n, k, v, place, past or None)
            kept += [k, v]
            shared = self.heads // self.kv
            if shared > 1:
                k, v = k.repeat_interleave(shared, 1), v.repeat_interleave(shared, 1)
            a = F.scaled_dot_product_attention(q, k, v).reshape(self.streams, self.width)
            x = x + self.linear(a, f"{own}.{n}.{out}")
            x = x + self.feed_forward(n, self.norm(x, f"{own}.{n}.{second}"))
        logits = F.linear(self.norm(x, last), self.head)
        return (logits, *kept) if past else logits
