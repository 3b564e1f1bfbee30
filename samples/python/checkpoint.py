#!/usr/bin/env python3
"""A checkpoint of xltrain as a PyTorch module, in one file to take away and change.

    import checkpoint
    config, words, model = checkpoint.load("run/best")
    logits, memory = model(ids)              # ids (B,T) of int64
    logits, memory = model(more_ids, memory) # goes on

It knows Transformers without an encoder, compressed memory, gates or tables of distances:
--set arch=xl, remi, gpt2 and llama. What it does not know it names. Layout of the file:
schemas/xl-checkpoint.md; settings: schemas/config.schema.json.

usage: checkpoint.py CHECKPOINT|RUN [DATA SPLIT]
prints the settings and tensors, or the loss as `xltrain --eval SPLIT` does."""
import json
import math
import os
import signal
import subprocess
import sys

import torch
import torch.nn.functional as F

DTYPES = {"F32": torch.float32, "I64": torch.int64, "I32": torch.int32, "U16": torch.int16}
ACTS = {"relu": F.relu, "gelu": F.gelu, "silu": F.silu,
        "gelu_tanh": lambda x: F.gelu(x, approximate="tanh")}
# settings that this file wants as they are where nothing is said
PLAIN = {"compressed": 0, "block": 0, "local_layers": [], "memory_layers": [], "places": 0,
         "bar_rows": 0, "embed_width": 0, "gate": "none", "condition": "none"}


def read(path):
    """(metadata, {name: tensor}) of a safetensors file, which zstd may have compressed. The
    package safetensors reads the bare ones, too."""
    if path.endswith(".zst"):
        raw = subprocess.run(["zstd", "-dcq", path], stdout=subprocess.PIPE, check=True).stdout
    else:
        with open(path, "rb") as f:
            raw = f.read()
    raw = bytearray(raw)
    data = 8 + int.from_bytes(raw[:8], "little")
    head = json.loads(raw[8:data])
    meta, tensors = head.pop("__metadata__"), {}
    for name, t in head.items():
        kind, n = DTYPES[t["dtype"]], math.prod(t["shape"])
        tensors[name] = torch.frombuffer(raw, dtype=kind, count=n, offset=data + t["data_offsets"][0]) \
            .reshape(t["shape"]) if n else torch.empty(t["shape"], dtype=kind)
    return meta, tensors


def load(path, dtype=torch.float32):
    """(config, words, model) of a checkpoint, or of the best one of a run's folder."""
    meta, tensors = read(os.path.join(path, "best") if os.path.isdir(path) else path)
    config = json.loads(meta["config"])
    params = {name[len("param."):]: t.to(dtype) for name, t in tensors.items()
              if name.startswith("param.")}
    return config, json.loads(meta["vocab"]), Model(config, params)


class Model(torch.nn.Module):
    """Letters: B pieces, T tokens, S those of memory, D width, H heads, E = D / H."""

    def __init__(self, config, params):
        super().__init__()
        for key, plain in PLAIN.items():
            if config.get(key, plain) != plain:
                raise ValueError(f"checkpoint.py knows no {key}={config[key]}")
        if config["arch"] in ("lstm", "groove", "groove-vae") or config["pos"] == "distance":
            raise ValueError(f"checkpoint.py knows no arch={config['arch']}")
        self.c = config
        self.names = {name: name.replace(".", "_") for name in params}
        for name, t in params.items():
            self.register_parameter(self.names[name], torch.nn.Parameter(t))

    def p(self, name):
        return getattr(self, self.names[name])

    def linear(self, x, layer, which):
        y = x @ self.p(f"{layer}w{which}")
        return y + self.p(f"{layer}b{which}") if f"{layer}b{which}" in self.names else y

    def norm(self, x, name):
        if self.c["norm"] == "rms":
            return x * (x.square().mean(-1, keepdim=True) + self.c["norm_eps"]).rsqrt() * self.p(name + ".g")
        return F.layer_norm(x, x.shape[-1:], self.p(name + ".g"), self.p(name + ".b"), self.c["norm_eps"])

    def scores(self, q, k, layer):
        """Of queries (B,H,T,E) and keys (B,H,S+T,E), by content and distance: (B,H,T,S+T)."""
        keys, t = k.shape[-2], q.shape[-2]
        if self.c["pos"] == "rotary":
            q, k = rotate(q, keys - t, self.c["rope_theta"]), rotate(k, 0, self.c["rope_theta"])
        if self.c["pos"] != "sinusoid":
            return q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        # Dai et al. 2019, 3.3; R[i,j] is the code of the distance between query i and key j
        own = layer if self.c["untie_uv"] else ""
        distance = torch.arange(keys - t, keys)[:, None] - torch.arange(keys)
        distance = distance.clamp(min=0)
        if self.c["clamp_len"]:
            distance = distance.clamp(max=self.c["clamp_len"])
        codes = sinusoids(keys, self.c["width"]).to(q.dtype) @ self.p(layer + "wr")
        codes = codes.view(keys, self.c["heads"], -1).transpose(0, 1)  # (H,keys,E)
        u, v = (self.p(own + w).unsqueeze(-2) for w in "uv")
        by_distance = (q + v) @ codes.transpose(-1, -2)                # (B,H,T,keys)
        by_distance = by_distance.gather(-1, distance.expand(*q.shape[:2], t, keys))
        return ((q + u) @ k.transpose(-1, -2) + by_distance) / math.sqrt(q.shape[-1])

    def attend(self, x, context, layer):
        b, t, d = x.shape
        heads, keys = self.c["heads"], context.shape[1]
        groups = self.c["kv_heads"] or heads
        q = self.linear(x, layer, "q").view(b, t, heads, -1).transpose(1, 2)
        k, v = (self.linear(context, layer, w).view(b, keys, groups, -1).transpose(1, 2)
                .repeat_interleave(heads // groups, 1) for w in "kv")
        at, key = torch.arange(keys - t, keys)[:, None], torch.arange(keys)
        hidden = key > at
        if self.c["same_length"]:
            hidden |= key < at - self.c["memory"]
        a = self.scores(q, k, layer).masked_fill(hidden, -math.inf).softmax(-1) @ v
        return self.linear(a.transpose(1, 2).reshape(b, t, d), layer, "o")

    def feed_forward(self, x, layer):
        h = self.linear(x, layer, "1")
        if self.c["glu"]:
            h, times = h.chunk(2, -1)
            h = ACTS[self.c["act"]](h) * times
        else:
            h = ACTS[self.c["act"]](h)
        y = self.linear(h, layer, "2")
        return F.relu(y) if self.c["relu_out"] else y

    def block(self, x, memory, layer):
        context = torch.cat([memory, x], 1)
        if self.c["pre_norm"]:
            normed = self.norm(context, layer + "ln1")
            x = x + self.attend(normed[:, memory.shape[1]:], normed, layer)
            return x + self.feed_forward(self.norm(x, layer + "ln2"), layer)
        x = self.norm(x + self.attend(x, context, layer), layer + "ln1")
        return self.norm(x + self.feed_forward(x, layer), layer + "ln2")

    def forward(self, ids, memory=None, slots=None, recalled=None):
        """Logits (B,T,V), and a memory of the last `slots` inputs of each layer (None: as
        many as the config says) for the next call. `recalled` (B,T,4): see recall()."""
        c = self.c
        slots = c["memory"] if slots is None else slots
        x = F.embedding(ids, self.p("emb"))
        if c["embed_scale"]:
            x = x * math.sqrt(c["width"])
        if c["pos"] == "absolute":
            x = x + self.p("wpe")[:ids.shape[1]]
        if c.get("recall", 0):
            for i, name in enumerate(("", ".length", ".distance", ".times")):
                x = x + self.p("recall" + name)[recalled[..., i]]
        if memory is None:
            memory = [x.new_zeros(len(ids), slots if c["zero_memory"] else 0, c["width"])] * c["layers"]
        kept = []
        for n in range(c["layers"]):
            rows = torch.cat([memory[n], x], 1)
            kept.append(rows[:, max(0, rows.shape[1] - slots):].detach())
            x = self.block(x, memory[n], f"l{n}.")
        if c["pre_norm"]:
            x = self.norm(x, "lnf")
        logits = x @ (self.p("emb").t() if c["tie"] else self.p("out.w"))
        return logits + self.p("out.b") if c["out_bias"] else logits, kept


def sinusoids(n, width):
    """(n,D): the codes of distances 0 to n - 1, sines before cosines."""
    rate = 10000.0 ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    angle = torch.arange(n, dtype=torch.float64)[:, None] * rate
    return torch.cat([angle.sin(), angle.cos()], 1)


def rotate(x, first, theta):
    """x (..,n,E) at places from `first` on, pair (i, i + E/2) turned (Su et al. 2021)."""
    half = x.shape[-1] // 2
    place = torch.arange(first, first + x.shape[-2], dtype=torch.float64)[:, None]
    angle = place * theta ** (-torch.arange(half, dtype=torch.float64) / half)
    sin, cos = angle.sin().to(x.dtype), angle.cos().to(x.dtype)
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)


def recall(ids, longest):
    """(T,4): the last 4, 8, 16... tokens are looked for among those before; of the longest that
    stood there, what came next where it stood last, the number of its length, how far back
    that is in half octaves, and how often it stood there. When 32,768 tokens have been read,
    and again after each 16,384, all but the last 16,384 are forgotten."""
    lengths = [size for size in (4 << k for k in range(9)) if size <= longest]
    found, rows, ids, first = [{} for _ in lengths], [], ids.tolist(), 0
    for t in range(len(ids)):
        row, refill = (0, 0, 0, 0), t - first == 32768
        first += 16384 * refill
        for k, size in enumerate(lengths):
            if refill:
                found[k].clear()
            for at in range(first if refill else t, t + 1):
                if at + 1 - size < first:
                    continue
                end = tuple(ids[at + 1 - size:at + 1])
                last, times = found[k].get(end, (0, 0))
                if at == t and times > 0:
                    row = (ids[last + 1], k + 1, half_octave(t - last), min(times, 7))
                found[k][end] = (at, times + 1)
        rows.append(row)
    return torch.tensor(rows)


def half_octave(distance):
    """1, 2, 3, 4-5, 6-7, 8-11, 12-15... have the numbers 1, 2, 3, 4, 5, 6, 7..."""
    octave = distance.bit_length() - 1
    return distance if octave == 0 else min(2 * octave + (distance >> (octave - 1) & 1), 29)


def pieces(folder, split):
    """The ids of each piece of a split, BOS first and EOS last (schemas/remi-shard.md)."""
    with open(os.path.join(folder, "manifest.json"), encoding="utf-8") as f:
        files = json.load(f)["splits"][split]["files"]
    for file in files:
        _, t = read(os.path.join(folder, file["name"]))
        ids = t["tokens"].long() & 0xffff
        for begin, end in zip(t["piece_offsets"], t["piece_offsets"][1:]):
            yield ids[begin:end]


def check(folder, split, words):
    """That the data have this split, and the model's words: their ids would mean others."""
    with open(os.path.join(folder, "manifest.json"), encoding="utf-8") as f:
        m = json.load(f)
    if split not in m["splits"]:
        raise ValueError(f"{folder}: no split '{split}'; there are {', '.join(m['splits'])}")
    with open(os.path.join(folder, m["vocab"]), encoding="utf-8") as f:
        if [line.rstrip("\n").split("\t")[1] for line in f if line[0] != "#"] != words:
            raise ValueError(f"{folder}: its vocabulary is not the model's")


@torch.no_grad()
def loss(model, folder, split):
    """Mean -ln p of a split's tokens, each piece by segments with its memory."""
    c, total, n = model.c, 0.0, 0
    segment, slots = c["eval_segment"] or c["segment"], c["eval_memory"] or c["memory"]
    for ids in pieces(folder, split):
        memory, came = None, recall(ids, c.get("recall", 0))
        for at in range(0, len(ids) - 1, segment):
            x, y = ids[at:at + segment], ids[at + 1:at + segment + 1]
            logits, memory = model(x[None, :len(y)], memory, slots, came[None, at:at + len(y)])
            total += F.cross_entropy(logits[0], y, reduction="sum").item()
            n += len(y)
    return total / n


def main():
    if len(sys.argv) not in (2, 4):
        sys.exit(__doc__)
    try:
        config, words, model = load(sys.argv[1])
        if len(sys.argv) == 4:
            check(*sys.argv[2:], words)
    except (json.JSONDecodeError, UnicodeDecodeError):
        sys.exit(f"{sys.argv[1]}: no checkpoint of xltrain, or a cut one")
    except (OSError, ValueError) as e:
        sys.exit(str(e))
    if len(sys.argv) == 4:
        print(f"{loss(model, *sys.argv[2:]):.6f}")
        return
    print(json.dumps(config))
    print(len(words), "tokens,", sum(p.numel() for p in model.parameters()), "parameters")
    for name in model.names:
        print(name, tuple(model.p(name).shape), sep="\t")


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # | head
    main()
