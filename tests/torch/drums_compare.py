"""Models of grooves against PyTorch: loss, logits and every parameter's gradient.

usage: drums_compare.py [--tolerance T] DUMP...

DUMP is what drums_dump.c wrote; as compare.py does, and says, of tokens."""
import argparse
import json
import math
import os
import sys

import torch

import compare
import drums
import records


def batch(model, r):
    """Errors of one batch, by kind or name."""
    y = r["window"].double()
    model.zero_grad()
    made = model(y, r["noise"].double())
    loss = model.loss(y, made, model.c["beta"])
    loss.backward()
    errors = {"loss": compare.error(r["loss"], loss.detach().view(1)), "aux": 0.0,
              "logits": compare.error(r["logits"], made[0].detach())}
    grads = model.named(lambda p: p.grad)
    whole = torch.stack([g.norm() for g in grads.values()]).norm().item()
    for name, g in grads.items():
        errors["grad." + name] = compare.error(r["grad." + name].view(g.shape), g, whole / 1000)
    return errors


def worst_of(path):
    with open(path, "rb") as f:
        stream = records.records(f.read())
    meta, first = next(stream)
    model = drums.Model(json.loads(meta["config"])).double()
    model.fill({name[len("param."):]: t.double()
                for name, t in compare.tensors(first).items()})
    worst = {}
    for _, record in stream:
        for name, e in batch(model, compare.tensors(record)).items():
            worst[name] = max(worst.get(name, 0.0), e if e == e else math.inf)
    return worst


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--tolerance", type=float, default=1e-4)
    args.add_argument("dump", nargs="+")
    given = args.parse_args()
    good = [compare.report(os.path.basename(d), worst_of(d), given.tolerance)
            for d in given.dump]
    sys.exit(0 if all(good) else 1)


main()
