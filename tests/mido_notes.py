#!/usr/bin/env python3
"""mido_notes.py NOTES DIR... - compares the notes that the program NOTES (tests/notes.c) reads
from each MIDI file below the folders with those that mido reads, one for one: track, channel,
tick, pitch, velocity. Files that mido refuses are counted and passed over. Ends with 1 if a file
that mido reads differs or is refused. Format 2 files are compared track by track from their own
start."""
import os
import subprocess
import sys

import mido


def files_below(folders):
    for folder in folders:
        for top, _, names in sorted(os.walk(folder)):
            for name in sorted(names):
                if name.lower().endswith((".mid", ".midi", ".kar", ".rmi")):
                    yield os.path.join(top, name)


def by_mido(path):
    f = mido.MidiFile(path, clip=True)
    notes = []
    for i, track in enumerate(f.tracks):
        tick = 0
        for m in track:
            tick += m.time
            if m.type == "note_on" and m.velocity > 0:
                notes.append((i, m.channel, tick, m.note, m.velocity))
    return f.type, sorted(notes, key=lambda n: (n[0], n[2], n[1], n[3], n[4]))


def by_barline(program, path):
    out = subprocess.run([program, path], capture_output=True, check=True).stdout
    lines = [l for l in out.decode(errors="replace").split("\n")[1:] if l]
    if lines and lines[0].startswith("refused"):
        return lines[0]
    return [tuple(map(int, l.split())) for l in lines]


def from_own_start(notes):
    start = {}
    for track, _, tick, _, _ in notes:
        start[track] = min(tick, start.get(track, tick))
    return [(n[0], n[1], n[2] - start[n[0]], n[3], n[4]) for n in notes]


def main():
    program, equal, refused, wrong = sys.argv[1], 0, 0, 0
    for path in files_below(sys.argv[2:]):
        try:
            kind, theirs = by_mido(path)
        except Exception:  # mido has no one error of its own
            refused += 1
            continue
        ours = by_barline(program, path)
        if kind == 2 and isinstance(ours, list):
            ours, theirs = from_own_start(ours), from_own_start(theirs)
        if ours == theirs:
            equal += 1
        else:
            wrong += 1
            what = ours if isinstance(ours, str) else f"{len(ours)} notes, mido {len(theirs)}"
            print(f"differs: {path}: {what}")
    print(f"{equal} equal, {wrong} differ, {refused} that mido refuses")
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main())
