"""Steps of training against those of the PyTorch model, from the same weights and with
the same batches: loss, gradient norm and learning rate of each; the weights at the end, how far apart over
how far they went.

usage: replay.py [--tolerance T] STEPS...

STEPS is what steps.c wrote. PyTorch computes in double precision. Prints the largest
relative errors; exit status 1 where one is above T (1e-3: what is rounded in one step
moves the next ones)."""
import argparse
import json
import math
import os
import sys

import torch

import compare
import records
import state
import train


def way(p, record):
    """From the weights of a record to p."""
    return math.hypot(*((record["param." + name].view(t.shape) - t.detach()).norm().item()
                        for name, t in p.items()))


def replay(path):
    """Errors by kind, the number of steps and the last loss."""
    with open(path, "rb") as f:
        stream = list(records.records(f.read()))
    c = json.loads(stream[0][0]["config"])
    start = compare.tensors(stream[0][1])
    p = compare.parameters(c, start)
    trainer = train.Trainer(c, params=p)
    carried = state.start(c, c["batch"], torch.float64)
    worst = {"loss": 0.0, "grad_norm": 0.0, "lr": 0.0}
    for _, record in stream[1:-1]:
        r = compare.tensors(record)
        carried.forget(r["fresh"] != 0)
        trainer.step(r["x"].long(), r["y"].long(), carried, r["n_real"].long())
        for kind, theirs in trainer.last.items():
            ours = r[kind].item()
            e = abs(ours - theirs) / abs(theirs)
            worst[kind] = max(worst[kind], e if e == e else math.inf)
    worst["weights"] = way(p, compare.tensors(stream[-1][1])) / way(p, start)
    return worst, len(stream) - 2, trainer.last["loss"]


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--tolerance", type=float, default=1e-3)
    args.add_argument("steps", nargs="+")
    given = args.parse_args()
    good = True
    for path in given.steps:
        worst, steps, loss = replay(path)
        print(f"{os.path.basename(path)}: {steps} steps to a loss of {loss:.3f}: "
              + ", ".join(f"{kind} {e:.1e}" for kind, e in worst.items()))
        good = good and steps > 0 and max(worst.values()) <= given.tolerance
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
