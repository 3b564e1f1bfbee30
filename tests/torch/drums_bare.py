"""The least loss of one answer to all windows of grooves, a voice hit as often, as loud and as
late at every step: what a model of grooves has learned to do better.

usage: drums_bare.py CONFIG.json <bare stream of grooves

Prints the loss by the settings of the config, without a divergence."""
import json
import math
import sys

import numpy as np

import records

VOICES = 9


def windows(raw):
    rows = [t["hvo"] for _, t in records.records(raw) if "hvo" in t]
    return np.concatenate(rows).astype(float).reshape(-1, 3, VOICES)


def entropy(p):
    return -sum(x * math.log(x) for x in (p, 1 - p) if x > 0)


def distance(x, w, is_bce, shift):
    """The least mean of the squares, or cross-entropies, from one number."""
    mean = (w * x).sum() / w.sum()
    if is_bce:
        return w.sum() * entropy(mean + shift)
    return (w * (x - mean) ** 2).sum()


def main():
    with open(sys.argv[1]) as f:
        c = json.load(f)
    is_vae = c["arch"] == "groove-vae"
    x = windows(sys.stdin.buffer.read())
    total = 0.0
    for k in range(VOICES):
        hit, velocity, offset = x[:, 0, k], x[:, 1, k], x[:, 2, k]
        w = np.where(hit > 0, 1.0, 1.0 if is_vae else c.get("miss_weight", 0.4))
        total += w.sum() * entropy((w * hit).sum() / w.sum())
        total += distance(velocity, w, c.get("velocity_loss") == "bce", 0)
        total += distance(offset, w, c.get("offset_loss") == "bce", 0.5)
    print(total / len(x) / (VOICES if is_vae else 1))


main()
