"""The loss of a checkpoint on a split, as `xltrain --eval` prints it.

usage: evaluate.py CHECKPOINT DATA SPLIT"""
import json
import sys

import torch

import data
import model
import records
import train


def main():
    path, folder, split = sys.argv[1:]
    meta, record = records.load(path)
    c = json.loads(meta["config"])
    c["vocab"] = len(json.loads(meta["vocab"]))
    p = {name: torch.from_numpy(record["param." + name].copy()).double().view(shape)
         for name, shape in model.shapes(c).items()}
    print(f"{train.evaluate(p, c, data.Split(folder, split)):.9g}")


main()
