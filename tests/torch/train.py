"""Training and evaluation of the PyTorch models by the rules of `xltrain`: gradients
clipped by their norm, Adam with decoupled weight decay or Muon, a linear rise and then
the schedule."""
import math

import torch

import data
import model
import state

# as in lib/train/train_config.c
COMMON = {"arch": "xl", "pos": "sinusoid", "act": "relu", "relu_out": 0, "att_bias": 0,
          "embed_scale": 1, "tie": 1, "out_bias": 1, "init_residual": 0, "zero_memory": 0,
          "same_length": 0, "compressed": 0, "ratio": 4, "compressor": "conv",
          "dropout": 0.0, "att_dropout": 0.0, "pre_norm": 0, "untie_uv": 0, "clamp_len": 0,
          "norm_eps": 1e-5, "init_std": 0.02, "seed": 0, "steps": 1000, "lr": 2e-4,
          "min_lr": 0.02, "warmup": 0, "schedule": "cosine", "clip": 1.0, "beta1": 0.9,
          "beta2": 0.99, "eps": 1e-8, "weight_decay": 0.0, "optimizer": "adamw",
          "momentum": 0.95, "cooldown": 0.2}


def settings(vocab, assignments):
    """A config from KEY=VALUE words."""
    c = dict(COMMON, vocab=vocab)
    for a in assignments:
        key, value = a.split("=")
        try:
            c[key] = float(value) if "." in value or "e" in value else int(value)
        except ValueError:
            c[key] = value
    return c


def rate(c, step):
    """Learning rate of a step, counted from 0."""
    if step < c["warmup"]:
        return c["lr"] * (step + 1) / c["warmup"]
    if c["schedule"] == "constant":
        return c["lr"]
    if c["schedule"] == "inv_sqrt":
        return c["lr"] * math.sqrt(max(c["warmup"], 1) / (step + 1))
    if c["schedule"] == "wsd":
        start = max(c["warmup"], c["steps"] - int(c["cooldown"] * c["steps"]))
        done = (step - start) / max(1, c["steps"] - start)
        return c["lr"] * (1 - math.sqrt(min(1.0, max(0.0, done))))
    done = min(1.0, (step - c["warmup"]) / max(1, c["steps"] - c["warmup"]))
    if c["schedule"] == "linear":
        return c["lr"] * (1 - done)
    return c["lr"] * (c["min_lr"] + (1 - c["min_lr"]) * (1 + math.cos(math.pi * done)) / 2)


def tensors(batch):
    return (torch.from_numpy(t) for t in batch)


def evaluate(p, c, split):
    """Mean -ln p over the pieces, each read once, with memory and without dropout."""
    carried, total = state.start(c, c["batch"], next(iter(p.values())).dtype), 0.0
    with torch.no_grad():
        for batch in data.batches(split.pieces, c["batch"], c["segment"]):
            x, y, n_real, fresh = tensors(batch)
            carried.forget(fresh)
            logits, _ = model.forward(p, c, x, carried, n_real)
            total += model.loss(logits, y).item() * int((y >= 0).sum())
    return total / split.targets


def decays(name, t):
    """Matrices, but not the biases u and v of relative attention."""
    return t.dim() == 2 and name.split(".")[-1] not in ("u", "v")


def between_states(name, t):
    """Matrices of layers, but for position tables and an LSTM's embedding."""
    layer, last = name.split(".")[0], name.split(".")[-1]
    return (decays(name, t) and layer != "lstm0" and last != "er"
            and layer.rstrip("0123456789") in ("l", "lstm"))


class Muon:
    """Jordan et al. 2024, as large as Adam's updates (Liu et al. 2025)."""

    def __init__(self, tensors, c):
        self.c, self.lr, self.m = c, 0.0, [(t, torch.zeros_like(t)) for t in tensors]

    @torch.no_grad()
    def step(self):
        for t, m in self.m:
            m.lerp_(t.grad, 1 - self.c["momentum"])
            o = t.grad.lerp(m, self.c["momentum"])
            o = o / (o.norm() + 1e-7)
            for _ in range(5):
                s = o @ o.T
                o = 3.4445 * o + (-4.7750 * s + 2.0315 * s @ s) @ o
            t.mul_(1 - self.lr * self.c["weight_decay"])
            t.sub_(o, alpha=self.lr * 0.2 * math.sqrt(max(t.shape)))


def learns_from_aux(name):
    return name.split(".")[-1] in ("cw", "cb")


class Trainer:
    """`last` has the loss, the gradient norm and the learning rate of the last step."""

    def __init__(self, c, precision="fp32", params=None):
        self.c, self.steps, self.bf16, self.last = c, 0, precision == "bf16", {}
        self.p = params or model.init(c, c["seed"])
        is_muons = {n for n, t in self.p.items()
                    if c["optimizer"] == "muon" and between_states(n, t)}
        self.muon = Muon([t for n, t in self.p.items() if n in is_muons], c)
        matrices = [t for n, t in self.p.items() if decays(n, t) and n not in is_muons]
        others = [t for n, t in self.p.items() if not decays(n, t)]
        self.adam = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": c["weight_decay"]},
             {"params": others, "weight_decay": 0.0}],
            lr=c["lr"], betas=(c["beta1"], c["beta2"]), eps=c["eps"])

    def step(self, x, y, carried, n_real=None):
        """The mean loss of the batch, before the update."""
        lr = rate(self.c, self.steps)
        for group in self.adam.param_groups:
            group["lr"] = lr
        self.muon.lr = lr
        self.steps += 1
        for t in self.p.values():
            t.grad = None
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.bf16):
            logits, aux = model.forward(self.p, self.c, x, carried, n_real, train=True)
        loss = model.loss(logits.float() if self.bf16 else logits, y)
        (loss + aux).backward()
        for t in self.p.values():  # Adam would not count the step of a tensor without one
            t.grad = torch.zeros_like(t) if t.grad is None else t.grad
        norm, _ = [torch.nn.utils.clip_grad_norm_(  # what learns from two losses, apart
            [t for n, t in self.p.items() if learns_from_aux(n) == aux],
            self.c["clip"] or math.inf) for aux in (False, True)]
        self.adam.step()
        self.muon.step()
        self.last = {"loss": loss.item(), "grad_norm": norm.item(), "lr": lr}
        return self.last["loss"]
