"""Shards as `shard` writes them (schemas/remi-shard.md), read as `xltrain` reads them: a
lane has one piece, and the next one of the epoch's order when it ends."""
import json
import math
import os

import numpy as np

import records


class Split:
    def __init__(self, folder, name):
        with open(os.path.join(folder, "manifest.json"), encoding="utf-8") as f:
            files = json.load(f)["splits"][name]["files"]
        shards = [records.load(os.path.join(folder, f["name"]))[1] for f in files]
        self.pieces = [s["tokens"][start:end].astype(np.int64) for s in shards
                       for start, end in zip(s["piece_offsets"], s["piece_offsets"][1:])]
        self.targets = sum(len(p) - 1 for p in self.pieces)


def vocabulary(folder):
    with open(os.path.join(folder, "vocab.tsv"), encoding="utf-8") as f:
        return [line.split("\t")[1] for line in f if not line.startswith("#")]


def bits_per_note(folder, split):
    """What a loss of 1 nat a token is in bits a note."""
    is_note = np.array([w.startswith("Pitch") for w in vocabulary(folder)])
    notes = sum(int(is_note[p].sum()) for p in split.pieces)
    return split.targets / notes / math.log(2)


def batches(pieces, lanes, segment, order=None):
    """(x, y (B,T), n_real, fresh (B)) without end in orders drawn by the generator
    `order`; without one each piece once, the long ones first."""
    def places():
        while order is not None:
            yield from order.permutation(len(pieces))
        yield from sorted(range(len(pieces)), key=lambda i: -len(pieces[i]))

    todo, rest = places(), [np.zeros(0, np.int64)] * lanes
    while True:
        x, y = np.zeros((lanes, segment), np.int64), np.full((lanes, segment), -1)
        n_real, fresh = np.zeros(lanes, np.int64), np.zeros(lanes, bool)
        for b in range(lanes):
            if len(rest[b]) < 2:
                i = next(todo, None)
                rest[b], fresh[b] = (rest[b][:0], False) if i is None else (pieces[i], True)
            n = n_real[b] = max(0, min(segment, len(rest[b]) - 1))
            x[b, :n], y[b, :n] = rest[b][:n], rest[b][1:n + 1]
            rest[b] = rest[b][n:]
        if not n_real.any():
            return
        yield x, y, n_real, fresh
