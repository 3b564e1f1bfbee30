#!/usr/bin/env python3
"""melody.py SECONDS BPM: a melody in eighths as raw bytes of MIDI, each at its time."""

import os
import sys
import time


def main():
    seconds, eighth = float(sys.argv[1]), 30 / float(sys.argv[2])
    start, i = time.monotonic(), 0
    while i * eighth < seconds:
        pitch = (60, 62, 64, 65, 67, 65, 64, 62)[i % 8]
        os.write(1, bytes((0x90, pitch, 80)))
        time.sleep(max(0, start + (i + 0.8) * eighth - time.monotonic()))
        os.write(1, bytes((0x80, pitch, 64)))
        i += 1
        time.sleep(max(0, start + i * eighth - time.monotonic()))


if __name__ == "__main__":
    main()
