"""Trains the PyTorch model of grooves by the settings of a run, from weights of its own.

usage: drums_train.py CONFIG.json STEPS TRAIN VALID   (bare streams of grooves, files)
       drums_train.py CONFIG.json --seconds S TRAIN

Prints what xltrain --eval prints of the validation split, but for the name of the split; or
with --seconds the windows that it trains in a second (after five steps that are not
counted). The threads are those of the environment."""
import json
import sys
import time

import numpy as np
import torch

import drums
import records
import train

NAMES = ("windows", "loss", "hits", "velocities", "offsets", "divergence", "accuracy", "f1")


def windows(path):
    with open(path, "rb") as f:
        return torch.from_numpy(np.concatenate(
            [t["hvo"] for _, t in records.records(f.read()) if "hvo" in t]))


def ends(model):
    """The first and the last matrix as published, uniform up to 0.1 with biases 0."""
    for layer in (model.seen, model.out):
        torch.nn.init.uniform_(layer.weight, -0.1, 0.1)
        torch.nn.init.zeros_(layer.bias)


def optimizer(model, c):
    if c["optimizer"] == "sgd":
        return torch.optim.SGD(model.parameters(), lr=c["lr"], momentum=c["momentum"],
                               weight_decay=c["weight_decay"])
    return torch.optim.AdamW(model.parameters(), lr=c["lr"], betas=(c["beta1"], c["beta2"]),
                             eps=c["eps"], weight_decay=c["weight_decay"])


def beta_at(c, step):
    """Cyclical annealing as lib/train/window_batch.c."""
    cycle, beta = c.get("beta_cycle", 0), c["beta"]
    rise, at = c.get("beta_rise", 0.5) * cycle, step % cycle if cycle else 0
    if not cycle or at >= rise:
        return beta
    return 0 if at == 0 else beta / (1 + np.exp(-10 * (at / rise - 0.5)))


def step(model, opt, c, y, n):
    for group in opt.param_groups:
        group["lr"] = train.rate(c, n)
    noise = torch.randn(len(y), c["latent"]) if model.is_vae else None
    loss = model.loss(y, model(y, noise), beta_at(c, n))
    opt.zero_grad()
    loss.backward()
    if c["clip"]:
        torch.nn.utils.clip_grad_norm_(model.parameters(), c["clip"])
    opt.step()


def batches(x, size):
    while True:
        order = torch.randperm(len(x))
        for i in range(0, len(x) - size + 1, size):
            yield x[order[i:i + size]]


@torch.no_grad()
def evaluate(model, c, x):
    model.eval()
    parts, right, hit, wrong = np.zeros(4), 0, 0, 0
    for y in x.split(64):
        made = model(y)
        parts += len(y) / len(x) * np.array(model.parts(y, made, c["beta"]))
        says, is_hit = made[0][:, :, :drums.VOICES] > 0, y[:, :, :drums.VOICES] > 0
        right += (says == is_hit).sum().item()
        hit += (says & is_hit).sum().item()
        wrong += (says != is_hit).sum().item()
    cells = len(x) * x.shape[1] * drums.VOICES
    return [len(x), parts.sum(), *parts, right / cells, 2 * hit / max(1, 2 * hit + wrong)]


def main():
    with open(sys.argv[1]) as f:
        own = json.load(f)
    torch.manual_seed(own["seed"])
    model = drums.Model(own)
    c = model.c
    ends(model)
    opt = optimizer(model, c)
    model.train()
    if sys.argv[2] == "--seconds":
        now = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
        feed, start, n = batches(windows(sys.argv[4]), c["batch"]), 0, -5
        while n < 1 or now() - start < float(sys.argv[3]):
            start = now() if n == 0 else start
            step(model, opt, c, next(feed), n + 5)
            n += 1
        print(f"{n * c['batch'] / (now() - start):.1f}")
        return
    feed = batches(windows(sys.argv[3]), c["batch"])
    for n in range(int(sys.argv[2])):
        step(model, opt, c, next(feed), n)
    print(*NAMES, sep="\t")
    print(*(f"{v:.6g}" for v in evaluate(model, c, windows(sys.argv[4]))), sep="\t")


if __name__ == "__main__":
    main()
