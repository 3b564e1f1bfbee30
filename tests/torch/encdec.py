"""Training speed of torch.nn.Transformer: forward, backward, clipping, Adam.

usage: encdec.py SECONDS VOCAB SOURCE KEY=VALUE...

An encoder of SOURCE tokens and a decoder of `segment` of them on random tokens for
SECONDS, after two steps that are not counted; prints the decoder's tokens a second and
the peak memory in MiB, with a tab between."""
import resource
import sys
import time

import torch


class Model(torch.nn.Module):
    def __init__(self, vocab, c):
        super().__init__()
        self.emb = torch.nn.Embedding(vocab, c["width"])
        self.body = torch.nn.Transformer(
            c["width"], c["heads"], c["layers"], c["layers"], c["ff"], 0.0,
            batch_first=True)
        self.mask = torch.nn.Transformer.generate_square_subsequent_mask(c["segment"])

    def forward(self, source, x):
        y = self.body(self.emb(source), self.emb(x), tgt_mask=self.mask,
                      tgt_is_causal=True)
        return y @ self.emb.weight.T


def main():
    seconds, vocab, source = float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    c = {key: int(value) for key, value in (a.split("=") for a in sys.argv[4:])}
    model = Model(vocab, c)
    optimizer = torch.optim.Adam(model.parameters(), 1e-4)
    given = torch.randint(0, vocab, (c["batch"], source))
    data = torch.randint(0, vocab, (c["batch"], c["segment"] + 1))
    steps, start = -2, 0.0
    while steps < 2 or time.perf_counter() - start < seconds:
        if steps == 0:
            start = time.perf_counter()
        optimizer.zero_grad()
        y = model(given, data[:, :-1])
        loss = torch.nn.functional.cross_entropy(y.flatten(0, 1), data[:, 1:].flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        steps += 1
    spent = time.perf_counter() - start
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{steps * c['batch'] * c['segment'] / spent:.1f}\t{rss:.1f}")


main()
