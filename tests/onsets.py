#!/usr/bin/env python3
"""onsets.py TABLE WAV: whether strokes are heard in a recording where a table of bytes (remi2midi --play --speed 0)
has them. Prints how many milliseconds they are from there, but for what all of them are late: the median, the 95th
percentile, the most, and how many were looked for and found. Status 1 where one is missing or too many, or more than
5 ms (95 %) or 50 ms (all, as other programs keep the synthesizer from its work) away."""

import sys
import wave

import numpy

FRAME, DEAF = 0.001, 0.08  # seconds of a frame, and after an onset
FAR, FARTHEST = 5.0, 50.0  # milliseconds


def played(path):
    with open(path) as f:
        rows = [line.strip().split(",") for line in f][1:]
    times = {int(ns) for ns, data in rows if data[:1] == "9" and data[-2:] != "00"}
    return numpy.array(sorted(times)) / 1e6


def heard(path):
    with wave.open(path) as w:
        rate, channels = w.getframerate(), w.getnchannels()
        x = numpy.frombuffer(w.readframes(w.getnframes()), "<i2").astype(float)
    x = x[: len(x) // channels * channels].reshape(-1, channels).sum(axis=1)
    n = int(rate * FRAME)
    level = numpy.abs(x[: len(x) // n * n]).reshape(-1, n).max(axis=1)
    found, last = [], -1e9
    for i in numpy.flatnonzero(level > 0.2 * level.max()):
        if (i - last) * n / rate > DEAF:
            first = i * n + numpy.flatnonzero(numpy.abs(x[i * n : (i + 1) * n]) > 0.2 * level.max())[0]
            found.append(1e3 * first / rate)
            last = i
    return numpy.array(found)


def main():
    want, got = played(sys.argv[1]), heard(sys.argv[2])
    if len(got) == 0 or len(want) != len(got):
        print(f"{len(want)} strokes, {len(got)} found")
        sys.exit(1)
    off = numpy.abs((got - numpy.median(got - want)) - want)
    figures = numpy.median(off), numpy.percentile(off, 95), off.max()
    print(*(f"{x:.2f}" for x in figures), len(want), len(got))
    sys.exit(bool(figures[1] > FAR or figures[2] > FARTHEST))


if __name__ == "__main__":
    main()
