#!/usr/bin/env python3
"""steady.py HOURS RUN [OPTION]...: xlsample RUN --endless is played for so many hours of its music, as a table without a
clock, and one more before them. Prints how much the memory of the sampler and of the player grows, in bytes an hour, and
the seconds it takes. Status 1 where one of them grows by more than 64 KiB an hour."""

import subprocess
import sys
import time

HOUR, PAGE, MOST = 3600 * 10**9, 4096, 65536


def resident(process):
    with open(f"/proc/{process.pid}/statm") as f:
        return int(f.read().split()[1]) * PAGE


def main():
    hours, run, options = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    sampler = subprocess.Popen(["xlsample", run, "--endless", "-u", *options], stdout=subprocess.PIPE)
    player = subprocess.Popen(
        ["remi2midi", "--play", "--speed", "0"], stdin=sampler.stdout, stdout=subprocess.PIPE, text=True
    )
    sampler.stdout.close()
    first, begun = None, time.monotonic()
    next(player.stdout)
    for line in player.stdout:
        ns = int(line.split(",", 1)[0])
        if first is None and ns >= HOUR:
            first = resident(sampler), resident(player)
        if ns >= (hours + 1) * HOUR:
            break
    grown = [(b - a) // hours for a, b in zip(first, (resident(sampler), resident(player)))]
    player.kill()
    sampler.kill()
    print(*grown, f"{time.monotonic() - begun:.1f}")
    sys.exit(any(g > MOST for g in grown))


if __name__ == "__main__":
    main()
