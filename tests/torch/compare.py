"""The engine against the PyTorch model: loss, logits and every parameter's gradient.

usage: compare.py [--tolerance T] DUMP...

DUMP is what dump.c wrote. PyTorch computes in double precision from the same weights, so
the differences are the engine's. A tensor's error is the norm of its difference over its
norm. Prints the largest one of each kind; exit status 1 where one is above T (1e-4)."""
import argparse
import json
import math
import os
import sys

import torch

import model
import records
import state


def error(ours, theirs, least=0.0):
    """Relative to theirs, or to `least` where that is more: single numbers round beside what
    they are sums of, and the gradient of a key's bias is 0, as it adds the same to all scores
    of a query."""
    size = max(theirs.norm().item(), least)
    distance = (ours.double() - theirs).norm().item()
    return distance / size if size > 0 else distance


def segment(p, c, r, carried):
    """Errors of one segment, by kind or name."""
    n_real = r["n_real"].long()
    carried.forget(r["fresh"] != 0)
    for t in p.values():
        t.grad = None
    logits, aux = model.forward(p, c, r["x"].long(), carried, n_real, places=r["at"].long())
    loss = model.loss(logits, r["y"].long())
    (loss + aux).backward()
    real = torch.arange(r["x"].shape[1]) < n_real[:, None]
    errors = {"loss": error(r["loss"], loss.detach().view(1)),
              "aux": error(r["aux"], torch.as_tensor(aux).detach().double().view(1)),
              "logits": error(r["logits"][real], logits.detach()[real])}
    grads = {name: torch.zeros_like(t) if t.grad is None else t.grad for name, t in p.items()}
    whole = torch.stack([g.norm() for g in grads.values()]).norm().item()
    for name, g in grads.items():
        errors["grad." + name] = error(r["grad." + name].view(g.shape), g, whole / 1000)
    return errors


def tensors(record):
    return {name: torch.from_numpy(array.copy()) for name, array in record.items()}


def parameters(c, record):
    """The first record's, in double; they must be those that the config asks for."""
    p = {name[len("param."):]: t.double() for name, t in record.items()}
    want = model.shapes(c)
    if {name: t.numel() for name, t in p.items()} != \
            {name: math.prod(shape) for name, shape in want.items()}:
        sys.exit(f"compare: the engine has other parameters: {sorted(want.keys() ^ p.keys())}")
    return {name: t.view(want[name]).requires_grad_() for name, t in p.items()}


def compare(path):
    """The largest error over the segments, by kind or name."""
    with open(path, "rb") as f:
        stream = records.records(f.read())
    meta, first = next(stream)
    c = json.loads(meta["config"])
    p = parameters(c, tensors(first))
    worst, carried = {}, None
    for _, record in stream:
        r = tensors(record)
        carried = carried or state.start(c, r["x"].shape[0], torch.float64)
        for name, e in segment(p, c, r, carried).items():
            worst[name] = max(worst.get(name, 0.0), e if e == e else math.inf)
    return worst


def report(name, worst, tolerance):
    """Says how far apart they are; true if nowhere too far."""
    grads = {k[len("grad."):]: e for k, e in worst.items() if k.startswith("grad.")}
    widest = max(grads, key=grads.get)
    print(f"{name}: loss {max(worst['loss'], worst['aux']):.1e}, logits {worst['logits']:.1e}, "
          f"{len(grads)} gradients {grads[widest]:.1e} ({widest})")
    bad = sorted(((e, k) for k, e in worst.items() if e > tolerance), reverse=True)
    for e, k in bad:
        print(f"  {k}: {e:.2e} is above {tolerance:g}")
    return not bad


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--tolerance", type=float, default=1e-4)
    args.add_argument("dump", nargs="+")
    given = args.parse_args()
    good = [report(os.path.basename(d), compare(d), given.tolerance) for d in given.dump]
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
