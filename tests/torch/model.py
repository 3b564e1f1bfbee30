"""The models of the engine in PyTorch, from the papers' formulas.

A model is two dictionaries: the config (schemas/config.schema.json) and the parameters
by their names in a checkpoint (schemas/xl-checkpoint.md). Letters: B lanes, T segment,
S memory slots, K = S + T keys, D width, H heads, V vocabulary."""
import math
import zlib

import torch
import torch.nn.functional as F

import state

ACTS = {"relu": F.relu, "gelu": F.gelu, "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
        "silu": F.silu}

# ---- parameters ----


def embed_width(c):
    return c["embed_width"] or c["width"]


def remembers(c, n):
    """Whether layer n (from 0) has memory."""
    return not c["memory_layers"] or n + 1 in c["memory_layers"]


def is_local(c, n):
    return c["block"] > 0 and (not c["local_layers"] or n + 1 in c["local_layers"])


def norm_shapes(c, name):
    return {name + w: (c["width"],) for w in ((".g", ".b") if c["norm"] == "layer" else (".g",))}


def gate_shapes(c, name):
    d, k = c["width"], c["width"] // 4
    s = {name + w: (d, 3 * d) for w in (".wi", ".wh")} | {name + b: (3 * d,) for b in (".bi", ".bh")}
    for w in "qr"[:c["mogrify"]]:
        s.update({f"{name}.{w}1": (d, k), f"{name}.{w}2": (k, d)})
    return s if c["gate"] == "gru" else {}


def layer_shapes(c, n):
    d, f, h = c["width"], c["ff"], c["heads"]
    kv, wide = (c["kv_heads"] or h) * (d // h), f * (1 + c["glu"])
    s = {"wq": (d, d), "wk": (d, kv), "wv": (d, kv), "wo": (d, d)}
    if c["att_bias"]:
        s.update({"bq": (d,), "bk": (kv,), "bv": (kv,), "bo": (d,)})
    if c["pos"] == "sinusoid":
        s["wr"] = (d, d)
        if c["untie_uv"]:
            s.update({"u": (h, d // h), "v": (h, d // h)})
    if c["pos"] == "distance":
        s["er"] = ((1 if c["share_distances"] else h) * c["positions"], d // h)
    if c["compressed"] > 0 and remembers(c, n) and c["compressor"] in ("conv", "dilated"):
        s.update({"cw": (c["ratio"] * d, d), "cb": (d,)})
        if c["compressor"] == "dilated":
            s.update({"dw": (3 * d, d), "db": (d,)})
        if c["compressor_loss"] == "rows":
            s.update({"gw": (c["ratio"] * d, d), "gb": (d,)})
    s.update({"w1": (d, wide), "w2": (f, d)})
    if c["ff_bias"]:
        s.update({"b1": (wide,), "b2": (d,)})
    s.update(norm_shapes(c, "ln1") | norm_shapes(c, "ln2"))
    return s | gate_shapes(c, "ga") | gate_shapes(c, "gf")


def recall_shapes(c, width):
    """Rows by what came next, by how many tokens were the same (none, 4, 8, 16...), by how
    far back in half octaves, and by how often."""
    if not c["recall"]:
        return {}
    lengths = max(0, int(math.log2(c["recall"] / 2)))
    return {"recall": (c["vocab"], width), "recall.length": (lengths + 1, width),
            "recall.distance": (30, width), "recall.times": (8, width)}


def recalled(p, places):
    return sum(p["recall" + name][at] for name, at in
               zip(("", ".length", ".distance", ".times"), places[2:]))


def transformer_shapes(c):
    d, h = c["width"], c["heads"]
    s = {"emb": (c["vocab"], embed_width(c))}
    if embed_width(c) != d:
        s.update({"emb.w": (embed_width(c), d), "emb.wb": (d,)})
        s.update({"out.p": (d, embed_width(c)), "out.pb": (embed_width(c),)})
    if c["pos"] == "absolute":
        s["wpe"] = (c["positions"], d)
    if c["places"]:
        s["bar"] = (c["places"], d)
    if c["bar_rows"]:
        s["barno"] = (c["bar_rows"], d)
    if c["pos"] == "sinusoid" and not c["untie_uv"]:
        s.update({"u": (h, d // h), "v": (h, d // h)})
    s.update(recall_shapes(c, d))
    for n in range(c["layers"]):
        s.update({f"l{n}.{name}": shape for name, shape in layer_shapes(c, n).items()})
    if c["pre_norm"]:
        s.update(norm_shapes(c, "lnf"))
    return s


def lstm_shapes(c):
    d = c["width"]
    s = recall_shapes(c, (3 if c["cell"] == "gru" else 4) * d)
    for n in range(c["layers"]):
        if c["cell"] == "gru":
            s[f"gru{n}.w"] = ((d if n else c["vocab"]) + d, 3 * d)
            s.update({f"gru{n}.bi": (3 * d,), f"gru{n}.bh": (3 * d,)})
            continue
        s[f"lstm{n}.w"] = ((d if n else c["vocab"]) + d, 4 * d)
        s[f"lstm{n}.b"] = (4 * d,)
    return s


def shapes(c):
    """Names and shapes of the parameters that a config asks for."""
    s = lstm_shapes(c) if c["arch"] == "lstm" else transformer_shapes(c)
    if not c["tie"]:
        s["out.w"] = (embed_width(c), c["vocab"])
    if c["out_bias"]:
        s["out.b"] = (c["vocab"],)
    return s


def init(c, seed=0):
    """Matrices normal, gains 1, biases 0."""
    p = {}
    for name, shape in shapes(c).items():
        noise = torch.Generator().manual_seed(seed + zlib.crc32(name.encode()))
        if name.endswith(".g"):
            p[name] = torch.ones(shape)
        elif len(shape) == 1:
            p[name] = torch.zeros(shape)
        else:
            p[name] = c["init_std"] * torch.randn(shape, generator=noise)
        if c["init_residual"] and name.endswith((".wo", ".w2")):
            p[name] /= math.sqrt(2 * c["layers"])
        p[name].requires_grad_()
    return p


# ---- attention ----


def sinusoids(keys, width, clamp, like):
    """(K,D): row r is the code of distance K - 1 - r, sines before cosines."""
    distance = torch.arange(keys - 1, -1, -1, dtype=torch.float64)
    if clamp > 0:
        distance = distance.clamp(max=clamp)
    rate = 10000.0 ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    angle = distance[:, None] * rate
    return torch.cat([angle.sin(), angle.cos()], 1).to(like.dtype)


def sinusoids_of_places(t, width, like):
    """(T,D): sines and cosines by turns, as in Vaswani et al. 2017, 3.5."""
    rate = 10000.0 ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    angle = torch.arange(t, dtype=torch.float64)[:, None] * rate
    return torch.stack([angle.sin(), angle.cos()], 2).flatten(1)[:, :width].to(like.dtype)


def unseen(t, length, slots, span, block=0):
    """(B or 1,1,T,K), true where a query may not look: later tokens, empty slots, all but
    the last `span` keys (0 = all), and what is before the block before its own, blocks being
    counted from the segment's start (0 = one)."""
    key, last = torch.arange(slots + t), slots + torch.arange(t)[:, None]
    hidden = key > last
    if span > 0:
        hidden |= key <= last - span
    if block > 0:
        hidden |= key - slots < ((last - slots) // block - 1) * block
    if bool((length == slots).all()):
        return hidden[None, None]
    empty = key < (slots - length)[:, None]
    return (hidden | empty[:, None])[:, None]


def shift(s):
    """(B,H,T,K) by position to (B,H,T,K) by key: s'[i][j] = s[i][j + T - 1 - i], which
    is where the rows lie when each one begins a place later (Dai et al. 2019, app. B)."""
    b, h, t, k = s.shape
    return F.pad(s, (1, 0)).view(b, h, k + 1, t)[:, :, 1:].reshape(b, h, t, k)


def split(x, heads):
    """(..,T,D) to (..,H,T,D/H)."""
    return x.view(*x.shape[:-1], heads, -1).transpose(-2, -3)


def linear(p, n, x, which):
    """x W, and + b where the config has one: wq and bq, ..."""
    y = x @ p[n + "w" + which]
    return y + p[n + "b" + which] if n + "b" + which in p else y


def turned(x, places, theta):
    """x (..,n,e) with pair (c, c + e/2) as a complex number, turned by places * theta ^
    (-2c/e) (Su et al. 2021)."""
    half = x.shape[-1] // 2
    angle = places.to(x.dtype)[:, None] * theta ** (-torch.arange(half, dtype=x.dtype) / half)
    z = torch.complex(x[..., :half], x[..., half:]) * torch.polar(torch.ones_like(angle), angle)
    return torch.cat([z.real, z.imag], -1)


def relative_keys(p, c, n, sines, keys):
    """(H,K,D/H): what stands for the distances K - 1 .. 0."""
    if c["pos"] == "sinusoid":
        return split(sines @ p[n + "wr"], c["heads"])
    table = p[n + "er"].view(-1, c["positions"], c["width"] // c["heads"])
    return table[:, (c["positions"] - keys + torch.arange(keys)).clamp(min=0)]


def scores(p, c, n, q, k, sines):
    """(q + u) k + (q + v) r, over the root of D/H (Dai et al. 2019, 3.3); with a table
    of distances q k + q r (Huang et al. 2018, 3.4); with absolute positions q k."""
    q = q * q.shape[-1] ** -0.5
    if c["pos"] == "rotary":
        places = torch.arange(k.shape[-2])
        q = turned(q, places[-q.shape[-2]:], c["rope_theta"])
        k = turned(k, places, c["rope_theta"])
    if c["pos"] in ("absolute", "rotary", "absolute_sinusoid"):
        return q @ k.transpose(-1, -2)
    r = relative_keys(p, c, n, sines, k.shape[-2]).transpose(-1, -2)
    if c["pos"] == "distance":
        return q @ k.transpose(-1, -2) + shift(q @ r)
    own, scale = n if c["untie_uv"] else "", q.shape[-1] ** -0.5
    u, v = (p[own + w].view(c["heads"], 1, -1) * scale for w in ("u", "v"))
    return (q + u) @ k.transpose(-1, -2) + shift((q + v) @ r)


def attention(p, c, n, x, context, sines, hidden, drop):
    """Queries from x, keys and values from [memory ; x]. Also returns the queries and what
    they paid to the keys."""
    q = split(linear(p, n, x, "q"), c["heads"])
    kv = c["kv_heads"] or c["heads"]
    k, v = (split(linear(p, n, context, w), kv).repeat_interleave(c["heads"] // kv, -3) for w in "kv")
    paid = scores(p, c, n, q, k, sines).masked_fill(hidden, -1e30).softmax(-1)
    a = drop(paid, c["att_dropout"]) @ v
    return linear(p, n, a.transpose(1, 2).reshape(x.shape), "o"), (q, paid.detach())


# ---- layers and models ----


def norm(p, name, x, c):
    if c["norm"] == "rms":
        return x * (x.square().mean(-1, keepdim=True) + c["norm_eps"]).rsqrt() * p[name + ".g"]
    return F.layer_norm(x, x.shape[-1:], p[name + ".g"], p[name + ".b"], c["norm_eps"])


def joined(p, c, n, x, y, drop):
    """The residual x and what a sub-layer made of it, y: their sum, or torch's GRU cell with y
    as its input and x as its state, after the mogrifier's rounds (Melis et al. 2020)."""
    y = drop(y, own_dropout(c, "layer_dropout"))
    if c["gate"] == "none":
        return x + y
    for i in range(c["mogrify"]):
        if i % 2 == 0:
            y = 2 * torch.sigmoid(x @ p[n + ".q1"] @ p[n + ".q2"]) * y
        else:
            x = 2 * torch.sigmoid(y @ p[n + ".r1"] @ p[n + ".r2"]) * x
    d = x.shape[-1]
    w = [p[n + "." + name] for name in ("wi", "wh", "bi", "bh")]
    return torch.gru_cell(y.reshape(-1, d), x.reshape(-1, d), w[0].t(), w[1].t(), w[2], w[3]).view(x.shape)


def own_dropout(c, key):
    return c.get(key, c["dropout"])


def feed_forward(p, c, n, x, drop):
    hidden = linear(p, n, x, "1")
    if c["glu"]:
        hidden, times = hidden.chunk(2, -1)
        hidden = ACTS[c["act"]](hidden) * times
    else:
        hidden = ACTS[c["act"]](hidden)
    y = linear(p, n, drop(hidden, own_dropout(c, "ff_dropout")), "2")
    return F.relu(y) if c["relu_out"] else y


def block(p, c, n, x, memory, sines, hidden, drop):
    """One layer, the norm behind each residual as published or before its branch; the
    memory holds inputs as they were and is normed on use. Also returns the queries."""
    context = torch.cat([memory, x], 1)
    if c["pre_norm"]:
        normed = norm(p, n + "ln1", context, c)
        a, q = attention(p, c, n, normed[:, memory.shape[1]:], normed, sines, hidden, drop)
        y = joined(p, c, n + "ga", x, a, drop)
        f = feed_forward(p, c, n, norm(p, n + "ln2", y, c), drop)
        return joined(p, c, n + "gf", y, f, drop), q
    a, q = attention(p, c, n, x, context, sines, hidden, drop)
    y = norm(p, n + "ln1", joined(p, c, n + "ga", x, a, drop), c)
    f = feed_forward(p, c, n, y, drop)
    return norm(p, n + "ln2", joined(p, c, n + "gf", y, f, drop), c), q


def embed(p, c, ids, places, drop):
    x = F.embedding(ids, p["emb"])
    if "emb.w" in p:
        x = x @ p["emb.w"] + p["emb.wb"]
    if c["embed_scale"]:
        x = x * math.sqrt(c["width"])
    if c["pos"] == "absolute":
        x = x + p["wpe"][:ids.shape[1]]
    if c["pos"] == "absolute_sinusoid":
        x = x + sinusoids_of_places(ids.shape[1], c["width"], x)
    if c["places"]:
        x = x + p["bar"][places[0].clamp(0, c["places"] - 1)]
    if c["bar_rows"]:
        x = x + p["barno"][places[1].clamp(min=0) % c["bar_rows"]]
    if c["recall"]:
        x = x + recalled(p, places)
    return drop(x, own_dropout(c, "embed_dropout"))


def transformer(p, c, ids, memory, n_real, drop, places):
    t, aux, inputs, squeezed = ids.shape[1], 0.0, [], []
    sines = drop(sinusoids(memory.slots + t, c["width"], c["clamp_len"], p["emb"]),
                 own_dropout(c, "embed_dropout")) if c["pos"] == "sinusoid" else None
    span = c["memory"] + 1 if c["same_length"] else 0
    x = embed(p, c, ids, places, drop)
    for n in range(c["layers"]):
        near = c["block"] if is_local(c, n) else 0
        hidden = unseen(t, memory.length, memory.slots, span, near)
        alone = unseen(t, torch.zeros_like(memory.length), 0, span, near)
        inputs.append(x)
        if remembers(c, n):
            x, q = block(p, c, f"l{n}.", x, memory.rows[n], sines, hidden, drop)
        else:  # the distances below T are the last rows
            own = sines[-t:] if sines is not None else None
            x, q = block(p, c, f"l{n}.", x, memory.rows[n][:, :0], own, alone, drop)
        if c["compressed"] > 0 and remembers(c, n):
            rows, more = state.squeeze(p, c, n, memory, inputs[n], q, n_real)
            squeezed.append(rows)
            aux = aux + more
        else:
            squeezed.append([inputs[n][0, :0]] * len(ids))
    memory.advance(inputs, squeezed, n_real)
    return norm(p, "lnf", x, c) if c["pre_norm"] else x, aux


def gru_layer(p, n, x, ids, cells, more):
    """torch's GRU cell, token by token; a token is one-hot, and more goes to the gates."""
    w, h, outputs = p[f"gru{n}.w"], cells.h[n], []
    wi, wh = (m.t() for m in w.split([len(w) - h.shape[1], h.shape[1]]))
    if more is not None:  # by a matrix that leaves it as it is
        wi = torch.cat([wi, torch.eye(len(wi), dtype=w.dtype)], 1)
    for t in range(ids.shape[1]):
        now = F.one_hot(ids[:, t], len(w) - h.shape[1]).to(w.dtype) if n == 0 else x[:, t]
        if more is not None:
            now = torch.cat([now, more[:, t]], 1)
        h = torch.gru_cell(now, h, wi, wh, p[f"gru{n}.bi"], p[f"gru{n}.bh"])
        outputs.append(h)
    return torch.stack(outputs, 1)


def lstm(p, c, ids, cells, n_real, drop, places):
    """Gates in the order i, j, f, o, with 1 added to f (Hochreiter and Schmidhuber 1997;
    a token is one-hot)."""
    d, x = c["width"], None
    more = recalled(p, places) if c["recall"] else None
    for n in range(c["layers"]):
        if c["cell"] == "gru":
            x = gru_layer(p, n, drop(x, c["dropout"]) if n else None, ids, cells,
                          None if n else more)
            cells.advance(n, x, x, n_real)
            continue
        w, h, cell = p[f"lstm{n}.w"], cells.h[n], cells.c[n]
        z = F.embedding(ids, w[:-d]) if n == 0 else drop(x, c["dropout"]) @ w[:-d]
        z, outputs, memories = z + p[f"lstm{n}.b"], [], []
        if n == 0 and more is not None:
            z = z + more
        for t in range(ids.shape[1]):
            i, j, f, o = (z[:, t] + h @ w[-d:]).chunk(4, 1)
            cell = cell * torch.sigmoid(f + 1) + torch.sigmoid(i) * torch.tanh(j)
            h = torch.tanh(cell) * torch.sigmoid(o)
            outputs.append(h)
            memories.append(cell)
        x = torch.stack(outputs, 1)
        cells.advance(n, x, torch.stack(memories, 1), n_real)
    return x, 0.0


def forward(p, c, ids, carried, n_real=None, train=False, places=None):
    """Logits (B,T,V) of a segment and the auxiliary loss; what is carried moves on by the
    n_real tokens of each lane (all, if not given). Places are where tokens stand: (6,B,T),
    positions in the bar, numbers of bars, and what is recalled."""
    def drop(x, rate):
        return F.dropout(x, rate, True) if train and rate > 0 else x

    if n_real is None:
        n_real = torch.full((len(ids),), ids.shape[1])
    model = lstm if c["arch"] == "lstm" else transformer
    x, aux = model(p, c, ids, carried, n_real, drop, places)
    x = drop(x, c["dropout"])
    if "out.p" in p:
        x = x @ p["out.p"] + p["out.pb"]
    out = p["emb"] if c["tie"] else p["out.w"].t()
    return F.linear(x, out, p.get("out.b")), aux


def loss(logits, targets):
    """Mean -ln p of the targets that are not -1."""
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-1)
