#!/usr/bin/env python3
"""golden.py GOLDEN DATA - compares midi2remi with reference dumps, token for token.

GOLDEN/remi-2020 holds edge/X.mid with X.mid.tok (or .err) beside it and pop909/NNN.mid.tok
for DATA/pop909/.../NNN.mid; GOLDEN/performance holds MANIFEST.tsv (file below DATA, steps_per_second, dump). Prints one
line a group and ends with 1 if a dump differs. The tools are those on PATH.
"""
import csv
import os
import subprocess
import sys


def tokens_of(midi, options):
    """The tokens midi2remi makes of a file, or None with its message where it refuses."""
    run = subprocess.run(["midi2remi", "-q", "-u", *options, "--", midi], capture_output=True)
    if run.returncode != 0:
        return None, run.stderr.decode(errors="replace").strip()
    lines = run.stdout.decode().splitlines()
    return " ".join(l for l in lines if not l.startswith("#")).split(), ""


def remi_2020_words(path):
    with open(path) as f:
        return [line.rstrip("\n").replace(" ", "-") for line in f]


class Tally:
    def __init__(self):
        self.groups = {}

    def add(self, group, name, good, why=""):
        n = self.groups.setdefault(group, [0, 0])
        n[0] += good
        n[1] += 1
        if not good:
            print(f"{name}: {why}")

    def finish(self):
        for group, (good, n) in sorted(self.groups.items()):
            print(f"{group}: {good} of {n} dumps equal")
        return 0 if all(good == n for good, n in self.groups.values()) else 1


def first_difference(got, want):
    for i, (a, b) in enumerate(zip(got, want)):
        if a != b:
            return f"token {i} is {a}, not {b}"
    return f"{len(got)} tokens, not {len(want)}"


def compare(tally, group, name, midi, options, want):
    got, message = tokens_of(midi, options)
    if got is None:
        tally.add(group, name, False, message)
    else:
        tally.add(group, name, got == want, first_difference(got, want))


VARIANTS = {".chord.tok": ["--chords"], ".fifo.tok": ["--pair", "fifo"], ".tok": []}


def variant_of(dump):
    for suffix, options in VARIANTS.items():
        if dump.endswith(suffix):
            return dump[: -len(suffix)], ["--scheme", "remi-2020", *options]
    return None, None


def find_midi(data):
    files = {}
    for top, _, names in os.walk(os.path.join(data, "pop909")):
        for name in names:
            if name.endswith(".mid"):
                files[name] = os.path.join(top, name)
    return files


def check_remi_2020(tally, golden, data):
    files = find_midi(data)
    for folder in sorted(os.listdir(golden)):
        here = os.path.join(golden, folder)
        for dump in sorted(os.listdir(here)):
            midi, options = variant_of(dump)
            if dump.endswith(".err"):
                path = os.path.join(here, dump[:-4])
                got, message = tokens_of(path, ["--scheme", "remi-2020"])
                tally.add("remi-2020 errors", dump, got is None and "[strict]" in message, message)
            elif midi is not None:
                path = os.path.join(here, midi)
                path = path if os.path.exists(path) else files.get(midi)
                if path is None:
                    tally.add("remi-2020", dump, False, "its MIDI file is missing")
                else:
                    compare(tally, "remi-2020", dump, path, options,
                            remi_2020_words(os.path.join(here, dump)))


def performance_words(path):
    """note-seq's names (NOTE_ON_60) as ours (Note-On_60)."""
    with open(path) as f:
        for line in f:
            name, _, value = line.strip().rpartition("_")
            yield "-".join(w.capitalize() for w in name.split("_")) + "_" + value


def check_performance(tally, golden, data):
    with open(os.path.join(golden, "MANIFEST.tsv"), newline="") as f:
        for row in csv.DictReader(f, delimiter="\t"):
            rate, dump = row["steps_per_second"], row["dump"]
            compare(tally, f"performance, {rate} steps a second", dump,
                    os.path.join(data, row["file"]),
                    ["--scheme", "performance", "--grid", rate],
                    list(performance_words(os.path.join(golden, dump))))


def main():
    golden, data = sys.argv[1:3]
    tally = Tally()
    if os.path.isdir(os.path.join(golden, "remi-2020")):
        check_remi_2020(tally, os.path.join(golden, "remi-2020"), data)
    if os.path.isdir(os.path.join(golden, "performance")):
        check_performance(tally, os.path.join(golden, "performance"), data)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
