"""What a model carries from segment to segment (schemas/xl-checkpoint.md: mem.N,
mem_length), and what a Compressive Transformer makes of the rows that leave.

Letters: B lanes, T segment, M memory, C compressed slots, S = C + M, D width, H heads."""
import torch
import torch.nn.functional as F


class Cells:
    """Of an LSTM: h and c of each layer, at the last token of a lane."""

    def __init__(self, c, lanes, dtype=torch.float32):
        self.h = [torch.zeros(lanes, c["width"], dtype=dtype) for _ in range(c["layers"])]
        self.c = [t.clone() for t in self.h]

    def forget(self, lanes):
        """The lanes that are true in the mask begin a piece."""
        for t in self.h + self.c:
            t[lanes] = 0

    def advance(self, layer, outputs, cells, n_real):
        """From h and c after each token (B,T,D)."""
        lane, last = torch.arange(len(n_real)), (n_real - 1).clamp(min=0)
        for kept, new in ((self.h, outputs), (self.c, cells)):
            kept[layer] = torch.where(n_real[:, None] > 0, new[lane, last].detach(), kept[layer])


class Memory:
    """Of attention: rows (B,S,D) of each layer, oldest first, `length` (B) of them real,
    the last ones: up to M inputs of the layer, before these what is compressed."""

    def __init__(self, c, lanes, dtype=torch.float32):
        self.config = c
        self.plain, self.slots = c["memory"], c["compressed"] + c["memory"]
        shape = (lanes, self.slots, c["width"])
        self.rows = [torch.zeros(shape, dtype=dtype) for _ in range(c["layers"])]
        self.length = torch.zeros(lanes, dtype=torch.int64)
        self.forget(torch.ones(lanes, dtype=torch.bool))

    def forget(self, lanes):
        """The lanes that are true in the mask begin a piece."""
        self.length[lanes] = self.plain if self.config["zero_memory"] else 0
        if self.config["zero_memory"]:
            for rows in self.rows:
                rows[lanes] = 0

    def leaving(self, n_real):
        """(B) rows that n_real more tokens push out, in whole groups of `ratio`."""
        ratio = self.config["ratio"]
        out = (self.length.clamp(max=self.plain) + n_real - self.plain).clamp(min=0)
        return out // ratio * ratio if self.config["compressed"] else torch.zeros_like(out)

    def old(self, layer, x, lane, n):
        """The n oldest rows of a lane's [memory ; segment]."""
        start = self.slots - min(int(self.length[lane]), self.plain)
        return torch.cat([self.rows[layer][lane, start:], x[lane]]).detach()[:n]

    def advance(self, inputs, squeezed, n_real):
        """inputs: of each layer, (B,T,D). squeezed: of each layer and lane the compressed
        rows."""
        more = self.leaving(n_real) // self.config["ratio"]
        if self.slots == self.plain and bool((n_real == inputs[0].shape[1]).all()):
            self.rows = [torch.cat([rows, x.detach()], 1)[:, x.shape[1]:]
                         for rows, x in zip(self.rows, inputs)]
        else:
            for layer, x in enumerate(inputs):
                self.rows[layer] = torch.stack([
                    self.moved(rows, x[b].detach()[:n], squeezed[layer][b])
                    for b, (rows, n) in enumerate(zip(self.rows[layer], n_real.tolist()))])
        plain = self.length.clamp(max=self.plain)
        packed = self.length - plain + more
        self.length = (plain + n_real).clamp(max=self.plain) \
            + packed.clamp(max=self.slots - self.plain)

    def moved(self, rows, x, squeezed):
        """The last C of [compressed ; squeezed] and the last M of [memory ; x]."""
        n = self.slots - self.plain
        packed = torch.cat([rows[:n], squeezed.detach()])
        plain = torch.cat([rows[n:], x])
        return torch.cat([packed[len(packed) - n:], plain[len(plain) - self.plain:]])


def start(c, lanes, dtype=torch.float32):
    return (Cells if c["arch"] == "lstm" else Memory)(c, lanes, dtype)


def dilated(p, layer, old):
    """A convolution of three taps, two rows apart, zeros outside; (n, D) to (n, D)."""
    w = p[f"l{layer}.dw"].view(3, *[old.shape[1]] * 2)
    return F.conv1d(old.t()[None], w.permute(2, 1, 0), p[f"l{layer}.db"], padding=2, dilation=2)[0].t()


def compress(p, c, layer, old, paid):
    """`ratio` rows to one (Rae et al. 2019, 3.2): (n ratio, D) to (n, D). `paid`: what
    attention paid to each."""
    n = len(old) // c["ratio"]
    groups = old.reshape(n, c["ratio"], -1)
    if c["compressor"] == "mean":
        return groups.mean(1)
    if c["compressor"] == "max":
        return groups.amax(1)
    if c["compressor"] == "most_used":
        return old[paid.argsort(descending=True, stable=True)[:n].sort().values]
    if c["compressor"] == "dilated":
        groups = dilated(p, layer, old).reshape(n, c["ratio"], -1)
    return groups.flatten(1) @ p[f"l{layer}.cw"] + p[f"l{layer}.cb"]


def rebuilt_rows(p, c, layer, old, new):
    """How far the rows that a transposed convolution makes of `new` are from `old`: a mean
    for each row."""
    d = old.shape[1]
    w = p[f"l{layer}.gw"].view(c["ratio"], d, d).permute(1, 2, 0)
    again = F.conv_transpose1d(new.t()[None], w, p[f"l{layer}.gb"], stride=c["ratio"])[0].t()
    return ((again - old) ** 2).mean(1)


def reconstruction(p, c, layer, q, old, new):
    """How far attention to `new` is from that to `old`, by content alone, for each of the
    queries q (H,N,D/H) of a lane (3.2.1, attention reconstruction): only `new` learns from
    it. With pre-norm the layer attends to normed rows, so they are what is compared."""
    q, h = q.detach(), q.shape[0]
    kv = c["kv_heads"] or h

    def attend(rows):
        if c["pre_norm"]:
            gain = p[f"l{layer}.ln1.g"].detach()
            if c["norm"] == "rms":
                rows = rows * (rows.square().mean(-1, keepdim=True) + c["norm_eps"]).rsqrt() * gain
            else:
                rows = F.layer_norm(rows, rows.shape[-1:], gain, p[f"l{layer}.ln1.b"].detach(), c["norm_eps"])
        k, v = ((rows @ p[f"l{layer}.{w}"].detach()).view(len(rows), kv, -1).transpose(0, 1)
                .repeat_interleave(h // kv, 0) for w in ("wk", "wv"))
        return (q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5).softmax(-1) @ v

    return ((attend(new) - attend(old)) ** 2).mean((0, 2))


def squeeze(p, c, layer, memory, x, attended, n_real):
    """What leaves a layer's memory, compressed: the rows of each lane and the auxiliary
    loss, a mean over the tokens of the lanes in which something leaves, or over the rows
    that do. `attended`: the queries, and what they paid to the keys (B,H,T,K)."""
    (q, paid), rows, losses = attended, [], []
    for lane, n in enumerate(memory.leaving(n_real).tolist()):
        old, real = memory.old(layer, x, lane, n), int(n_real[lane])
        start = memory.slots - min(int(memory.length[lane]), memory.plain)
        paid_to = paid[lane, :, :real, start:start + n].sum((0, 1))
        rows.append(compress(p, c, layer, old, paid_to) if n > 0 else old)
        if n == 0 or c["compressor"] not in ("conv", "dilated"):
            continue
        if c["compressor_loss"] == "rows":
            losses.append(rebuilt_rows(p, c, layer, old, rows[-1]))
        else:
            losses.append(reconstruction(p, c, layer, q[lane, :, :real], old, rows[-1]))
    return rows, torch.cat(losses).mean() if losses else 0.0
