"""Random small models of the whole family: the engine against the PyTorch model.

usage: draws.py DUMP SEED COUNT [--tolerance T]

DUMP is the program dump. Draws COUNT settings, any option with any other that it goes
with, and compares loss, logits and every gradient of each over five segments. What is
too far apart is said with the command that repeats it; exit status 1 then. Ends with how
often each word was drawn. One of eight is larger than tiles and blocks of kernels.

Too far is what is so with other weights, too, as the slope of a ReLU may be decided by
rounding, and is farther than four times what PyTorch itself loses in single precision:
some drawn models are steep."""
import argparse
import collections
import json
import os
import random
import subprocess
import sys
import tempfile

import torch

import compare
import model
import records
import state


def layers_of(r, n):
    """A list of some of n layers, as a setting."""
    return ",".join(str(i) for i in sorted(r.sample(range(1, n + 1), r.randint(1, n))))


def divisors(n):
    return [i for i in range(1, n + 1) if n % i == 0]


def cells(r):
    s = {"arch": "lstm", "memory": 0, "layers": r.randint(1, 3), "width": r.randint(1, 13),
         "segment": r.randint(1, 9)}
    if r.random() < 0.5:
        s["cell"] = "gru"
    return s


def positions(r, s):
    s["pos"] = r.choice(["sinusoid", "distance", "absolute", "rotary", "absolute_sinusoid"])
    if s["pos"] == "sinusoid":
        s["untie_uv"] = r.randint(0, 1)
        s["clamp_len"] = r.choice([0, 0, r.randint(1, 12)])
    elif s["pos"] == "distance":
        s["positions"] = r.randint(1, 30)
        s["share_distances"] = r.randint(0, 1)
    elif s["pos"] == "absolute":
        s["positions"] = s["segment"] + r.randint(0, 4)
    elif s["pos"] == "rotary":
        s["rope_theta"] = r.choice([10000, 40, 3])


def reach(r, s, large):
    """Memory, what is compressed of it, blocks: what a token sees."""
    if r.random() < 0.4:
        s["ratio"] = r.randint(1, 4)
        s["segment"] = s["ratio"] * r.randint(1, 4 * large)
        s["memory"] = s["ratio"] * r.randint(1, 5 * large)
        s["compressed"] = r.randint(1, 7 * large)
        s["compressor"] = r.choice(["mean", "max", "conv", "dilated", "most_used"])
        if s["compressor"] in ("conv", "dilated"):
            s["compressor_loss"] = r.choice(["attention", "rows"])
    elif s["memory"] > 0:
        s["same_length"] = r.randint(0, 1)
    if s["memory"] > 0:
        s["zero_memory"] = r.randint(0, 1)
        if r.random() < 0.4:
            s["memory_layers"] = layers_of(r, s["layers"])
    if "compressed" not in s and r.random() < 0.5:
        s["block"] = r.randint(1, 6 * large)
        if r.random() < 0.5:
            s["local_layers"] = layers_of(r, s["layers"])


def blocks(r, s, width):
    """What a layer is made of."""
    s["act"] = r.choice(["relu", "gelu", "gelu_tanh", "silu"])
    s["norm"] = r.choice(["layer", "rms"])
    for key in ("pre_norm", "glu", "ff_bias", "att_bias", "embed_scale", "tie", "out_bias"):
        s[key] = r.randint(0, 1)
    s["kv_heads"] = r.choice(divisors(s["heads"]))
    if r.random() < 0.4:
        s["gate"] = "gru"
        s["mogrify"] = r.randint(0, 5) if width >= 4 else 0
    if r.random() < 0.3:
        s["embed_width"] = r.randint(1, 30)
    for key in ("places", "bar_rows"):
        if r.random() < 0.4:
            s[key] = r.randint(1, 12)
    if r.random() < 0.4:
        s["recall"] = r.choice([4, 8, 70])


def draw(r):
    """Vocabulary, lanes and settings."""
    if r.random() < 0.1:
        return r.randint(2, 40), r.randint(1, 3), cells(r)
    large = 8 if r.random() < 1 / 8 else 1
    heads = r.randint(1, 6)
    # not 2: a norm of two numbers has hardly a slope
    width = heads * r.choice([16, 24, 40] if large > 1 else [4, 6, 10] if heads > 1 else [6, 10])
    s = {"layers": r.randint(1, 4), "width": width, "heads": heads, "ff": r.randint(1, 40 * large),
         "segment": r.randint(1, 14 * large), "memory": r.choice([0, r.randint(1, 20 * large)])}
    reach(r, s, large)
    positions(r, s)
    blocks(r, s, width)
    return r.randint(2, 40), r.randint(1, 3), s


def computed(p, c, r, carried):
    """Logits and gradients of a segment."""
    for t in p.values():
        t.grad = None
    carried.forget(r["fresh"] != 0)
    logits, aux = model.forward(p, c, r["x"].long(), carried, r["n_real"].long(), places=r["at"].long())
    (model.loss(logits, r["y"].long()) + aux).backward()
    return [logits.detach()] + [torch.zeros_like(t) if t.grad is None else t.grad for t in p.values()]


def differences(command, path):
    with open(path, "wb") as f:
        if subprocess.run(command, stdout=f, check=False).returncode != 0:
            sys.exit("draws: refused: " + " ".join(command[1:]))
    return compare.compare(path)


def lost(path):
    """How far PyTorch in single precision is from itself in double."""
    with open(path, "rb") as f:
        stream = records.records(f.read())
    meta, first = next(stream)
    c, worst = json.loads(meta["config"]), 0.0
    fine = compare.parameters(c, compare.tensors(first))
    coarse = {name: t.detach().float().requires_grad_() for name, t in fine.items()}
    carried = None
    for _, record in stream:
        r = compare.tensors(record)
        carried = carried or [state.start(c, r["x"].shape[0], t) for t in (torch.float64, torch.float32)]
        exact, rounded = (computed(p, c, r, kept) for p, kept in zip((fine, coarse), carried))
        whole = torch.stack([g.norm() for g in exact[1:]]).norm().item()
        real = torch.arange(r["x"].shape[1]) < r["n_real"].long()[:, None]
        worst = max(worst, compare.error(rounded[0][real], exact[0][real]),
                    *(compare.error(a, b, whole / 1000) for a, b in zip(rounded[1:], exact[1:])))
    return worst


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--tolerance", type=float, default=1e-4)
    args.add_argument("dump")
    args.add_argument("seed", type=int)
    args.add_argument("count", type=int)
    given = args.parse_args()
    torch.set_num_threads(1)
    drawn, bad, steep, worst = collections.Counter(), 0, 0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "dump")
        for seed in range(given.seed, given.seed + given.count):
            vocab, lanes, settings = draw(random.Random(seed))
            words = [f"{k}={v}" for k, v in settings.items()]
            command = [given.dump, str(seed), str(vocab), str(lanes), "5", "dropout=0"] + words
            errors = differences(command, path)
            if max(errors.values()) > given.tolerance:
                command[1] = str(seed + 10 ** 6)
                errors = differences(command, path)
            limit = given.tolerance
            if max(errors.values()) > limit:
                steep, limit = steep + 1, max(limit, 4 * lost(path))
            else:
                worst = max(worst, *errors.values())
            wrong = {k: f"{e:.1e}" for k, e in errors.items() if e > limit}
            if wrong:
                bad += 1
                print("too far:", " ".join(command[1:]), wrong, flush=True)
            drawn.update(w for w in words if w.split("=")[1][0].isalpha())
            drawn.update(k for k, v in settings.items() if v not in (0, ""))
    print(" ".join(f"{k}:{n}" for k, n in sorted(drawn.items())))
    print(f"{given.count} drawn, {bad} too far, {steep} steep, the worst of the others {worst:.1e}")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
