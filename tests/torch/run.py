"""Trains the PyTorch model on shards for some minutes, as `xltrain` does.

usage: run.py DATA CONFIG MINUTES EVALUATIONS fp32|bf16

CONFIG is the config.json of a run folder. After each of EVALUATIONS equal parts of the
time it prints a row with minutes, steps, tokens, the loss of the training batches since
the last row and that of the validation split, in nats a token. The schedule follows the
speed so far. The clock stands still while it evaluates."""
import json
import sys
import time

import numpy as np
import torch

import data
import state
import train

CALIBRATION = 20


def main():
    folder, path, minutes, evaluations, precision = sys.argv[1:]
    minutes, evaluations = float(minutes), int(evaluations)
    with open(path, encoding="utf-8") as f:
        c = json.load(f)
    torch.manual_seed(c["seed"])
    learn, valid = (data.Split(folder, name) for name in ("train", "valid"))
    trainer, carried = train.Trainer(c, precision), state.start(c, c["batch"])
    order = np.random.default_rng(c["seed"])
    start, tokens, losses, due = time.perf_counter(), 0, [], 1
    for batch in data.batches(learn.pieces, c["batch"], c["segment"], order):
        x, y, n_real, fresh = train.tensors(batch)
        carried.forget(fresh)
        losses.append(trainer.step(x, y, carried, n_real))
        tokens += int((y >= 0).sum())
        stop = time.perf_counter()
        spent = (stop - start) / 60
        is_due = spent >= minutes * due / evaluations or trainer.steps >= c["steps"]
        if is_due:
            loss = train.evaluate(trainer.p, c, valid)
            print(f"{spent:.3f}\t{trainer.steps}\t{tokens}\t{np.mean(losses):.5f}\t{loss:.5f}",
                  flush=True)
            losses, due, start = [], due + 1, start + time.perf_counter() - stop
        if spent >= minutes or trainer.steps >= c["steps"]:
            break
        if is_due or trainer.steps == CALIBRATION:
            c["steps"] = trainer.steps + max(1, int((minutes / spent - 1) * trainer.steps))


main()
