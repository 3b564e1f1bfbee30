"""How long the PyTorch model of grooves takes for one window, from drums to drums.

usage: drums_window.py CONFIG.json STREAM SECONDS   (a bare stream of grooves, a file)

Makes drums of the windows in turn, one at a time, for SECONDS (after a hundred that are not
counted), with weights of its own. Prints, tabs between: the windows, the median and the 99th
of a hundred in ms. The threads are those of the environment."""
import json
import sys
import time

import torch

import drums
import drums_train


@torch.inference_mode()
def window(model, y):
    h, v, o = model(y)[0].split(drums.VOICES, 2)
    hit = (h > 0).to(y)
    offset = o.sigmoid() - 0.5 if model.c["offset_loss"] == "bce" else o.tanh() / 2
    return torch.cat((hit, hit * v.sigmoid(), hit * offset), 2)


def main():
    with open(sys.argv[1]) as f:
        model = drums.Model(json.load(f)).eval()
    windows = drums_train.windows(sys.argv[2]).split(1)
    spent, least, start = [], 100, 0
    while len(spent) < 2 * least or time.perf_counter() - start < float(sys.argv[3]):
        start = time.perf_counter() if len(spent) == least else start
        before = time.perf_counter()
        window(model, windows[len(spent) % len(windows)])
        spent.append(time.perf_counter() - before)
    x = sorted(spent[least:])
    print(len(x), f"{1e3 * x[len(x) // 2]:.4f}", f"{1e3 * x[len(x) - 1 - len(x) // 100]:.4f}", sep="\t")


if __name__ == "__main__":
    main()
