"""Training speed of the PyTorch model: forward, backward, clipping, Adam.

usage: speed.py SECONDS fp32|bf16 VOCAB KEY=VALUE...

Trains on random tokens for SECONDS (after two steps that are not counted) and prints
tokens a second and the peak memory in MiB, with a tab between. The threads are those of
the environment (OMP_NUM_THREADS, OPENBLAS_NUM_THREADS)."""
import resource
import sys
import time

import torch

import state
import train


def main():
    seconds, precision, vocab = float(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    c = train.settings(vocab, sys.argv[4:])
    data = torch.randint(0, vocab, (c["batch"], 64 * c["segment"] + 1))
    trainer = train.Trainer(c, precision)
    carried = state.start(c, c["batch"])
    steps, start = -2, 0.0
    while steps < 2 or time.perf_counter() - start < seconds:
        if steps == 0:
            start = time.perf_counter()
        at = steps % 64 * c["segment"]
        x, y = (data[:, i:i + c["segment"]] for i in (at, at + 1))
        trainer.step(x, y, carried)
        steps += 1
    spent = time.perf_counter() - start
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{steps * c['batch'] * c['segment'] / spent:.1f}\t{rss:.1f}")


main()
