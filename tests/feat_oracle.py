#!/usr/bin/python3
"""feat_oracle.py FILE.mid... - the features of featstats(1) a second time.

Slow and plain, from the definitions in schemas/feat.md, on mido's reading of the files:
a tick is a column, a bar is a list of notes. Prints the TSV that `featstats --no-pg`
prints below its first line. --meter N/D as there. Tests only.
"""
import math
import sys
from collections import Counter, defaultdict
from fractions import Fraction
from itertools import combinations

import mido
import numpy as np

NAN = float("nan")
SCALES = [{(root + step) % 12 for step in steps} for root in range(12)
          for steps in ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10))]


class Note:
    def __init__(self, on, pitch, velocity, channel, program):
        self.on, self.off, self.pitch, self.velocity = on, None, pitch, velocity
        self.drum, self.program = channel == 9, program


class Piece:
    def __init__(self, path, meter):
        midi = mido.MidiFile(path, clip=True)
        self.tpq = midi.ticks_per_beat
        self.notes, self.tempos, self.meters, self.end = [], [], [], 0
        self.read(self.merged(midi))
        if meter:
            self.meters = [(0, *meter)]
        self.notes.sort(key=lambda n: n.on)
        self.pitched = sorted((n for n in self.notes if not n.drum),
                              key=lambda n: (n.on, n.pitch, n.program))
        self.last = max((n.off for n in self.notes), default=0)
        self.end = max(self.end, self.last)
        self.bars = self.bar_grid()
        self.within = [self.bar_of(n) for n in self.notes]
        # the bars up to the end of the last note
        short = Fraction(self.tpq, 8)
        self.n_music = sum(start + short <= self.last for start, _ in self.bars)
        if self.notes:
            self.n_music = max(self.n_music, self.within[-1] + 1)
        self.place = [self.nearest(n, b) for n, b in zip(self.notes, self.within)]

    @staticmethod
    def merged(midi):
        events = []
        for i, track in enumerate(midi.tracks):
            tick = 0
            for message in track:
                tick += message.time
                events.append((tick, i, message))
        return sorted(events, key=lambda e: e[:2])

    def read(self, events):
        program, sounding, track_end = defaultdict(int), defaultdict(list), {}
        for tick, track, m in events:
            self.end = max(self.end, tick)
            track_end[track] = tick
            if m.type == "set_tempo" and m.tempo > 0:
                self.tempos.append((tick, m.tempo))
            elif m.type == "time_signature":
                self.meters.append((tick, m.numerator, m.denominator))
            elif m.type == "program_change":
                program[m.channel] = m.program
            elif m.type == "note_on" and m.velocity > 0:
                note = Note(tick, m.note, m.velocity, m.channel, program[m.channel])
                self.notes.append(note)
                sounding[track, m.channel, m.note].append(note)
            elif m.type in ("note_on", "note_off"):
                queue = sounding[track, m.channel, m.note]
                if queue:
                    queue.pop(0).off = tick
        for (track, _, _), queue in sounding.items():
            for note in queue:
                note.off = track_end[track]

    def bar_grid(self):
        """(start, length) of each bar, in ticks."""
        changes = {}
        for tick, num, den in self.meters:
            if num > 0:
                changes[tick] = (num, den)
        bars, start, meter = [], Fraction(0), (4, 4)
        short = Fraction(self.tpq, 8)  # a 32nd note: less is no bar
        while start + short <= self.end or (self.notes and not bars):
            meter = changes.get(start, meter)
            length = Fraction(4 * self.tpq * meter[0], meter[1])
            inside = [t for t in changes
                      if start < t < start + length and changes[t] != meter]
            if inside:
                length = min(inside) - start
            if not inside or length >= short:
                bars.append((start, length))
            start += length
        return bars

    def bar_of(self, note):
        for b, (start, length) in enumerate(self.bars):
            if note.on < start + length:
                return b
        return len(self.bars) - 1

    def nearest(self, note, b):
        """(bar, position) nearest to the beginning of the note, of sixteen in a bar."""
        start, length = self.bars[b]
        k = math.floor(max(0, note.on - start) * 16 / length + Fraction(1, 2))
        if k < 16:
            return b, k
        return (b + 1, 0) if b + 1 < self.n_music else (b, 15)

    def seconds(self, tick):
        total, at, us = 0, 0, 500000
        for t, new in self.tempos + [(math.inf, 0)]:
            total += (min(t, tick) - at) * us if tick > at else 0
            at, us = min(t, tick), new
            if t >= tick:
                break
        return total / 1e6 / self.tpq


def entropy(items):
    counts = Counter(items)
    n = sum(counts.values())
    return sum(-c / n * math.log2(c / n) for c in counts.values()) if n else NAN


def mean(values):
    values = list(values)
    return math.fsum(values) / len(values) if values else NAN


def ratio(a, b):
    return a / b if b else NAN


def window_entropy(p, width):
    width = min(width, p.n_music)
    classes = [[] for _ in range(p.n_music)]
    for note, (b, _) in zip(p.notes, p.place):
        if not note.drum:
            classes[b].append(note.pitch % 12)
    windows = [sum(classes[b:b + width], []) for b in range(p.n_music - width + 1)]
    return mean(entropy(w) for w in windows if w)


def patterns(p, wanted):
    """For each bar the set of its sixteen positions at which a note begins."""
    sets = [set() for _ in range(p.n_music)]
    for note, (b, k) in zip(p.notes, p.place):
        if wanted(note):
            sets[b].add(k)
    return sets


def alike(pairs):
    return mean(1 - len(a ^ b) / 16 for a, b in pairs)


def sounding_columns(p):
    """For each tick the number of pitches that sound."""
    roll = np.zeros((128, max(p.last, 1)), dtype=bool)
    for n in p.pitched:
        roll[n.pitch, n.on:n.off] = True
    return roll.sum(axis=0)


def empty_share(p, cells):
    """cells: (start, end) each. A note of no length counts as one tick long."""
    spans = [(n.on, max(n.off, n.on + 1)) for n in p.notes]
    touched = sum(any(on < end and start < off for on, off in spans)
                  for start, end in cells)
    return 1 - touched / len(cells) if cells else NAN


def beats(p):
    end = max((max(n.off, n.on + 1) for n in p.notes), default=0)
    return [(t, t + p.tpq) for t in range(0, end, p.tpq)]


def shifts(p):
    lines = defaultdict(list)
    for n in p.pitched:
        lines[n.program].append(n.pitch)
    return [abs(b - a) for line in lines.values() for a, b in zip(line, line[1:])]


def is_off_grid(p, note, b):
    from_start = (note.on - p.bars[b][0]) / Fraction(p.tpq, 4)
    return abs(from_start - round(from_start)) * Fraction(1, 4) > Fraction(1, 48)


def features(p):
    n = len(p.notes)
    pitches = [x.pitch for x in p.pitched]
    classes = [x % 12 for x in pitches]
    seconds = p.seconds(p.last) if n else NAN
    onsets = sorted({x.on for x in p.notes})
    columns = sounding_columns(p) if p.pitched else np.zeros(0)
    groove = patterns(p, lambda note: True)
    pitched_groove = patterns(p, lambda note: not note.drum) if p.pitched else []
    # a bar that a change of meter swallowed belongs to the next one
    cells, at = [], Fraction(0)
    for start, length in p.bars[:p.n_music]:
        cells.append((at, start + length))
        at = start + length
    return {
        "n_notes": n,
        "n_bars": len(p.bars),
        "seconds": seconds,
        "tempo_mean": ratio(60 * p.last / p.tpq, seconds) if n else NAN,
        "n_programs": len({x.program for x in p.pitched}) + any(x.drum for x in p.notes),
        "drum_share": ratio(sum(x.drum for x in p.notes), n),
        "mean_velocity": mean(x.velocity for x in p.notes),
        "violations": NAN,
        "n_pitches_used": len(set(pitches)),
        "n_pitch_classes_used": len(set(classes)),
        "pitch_range": max(pitches) - min(pitches) if pitches else NAN,
        "pitch_entropy": entropy(pitches),
        "pitch_class_entropy": entropy(classes),
        "pitch_class_entropy_1bar": window_entropy(p, 1),
        "pitch_class_entropy_4bar": window_entropy(p, 4),
        "scale_consistency": max(mean(c in s for c in classes) for s in SCALES),
        "avg_pitch_shift": mean(shifts(p)),
        "polyphony": mean(int(c) for c in columns if c > 0),
        "poly2_rate": ratio(int((columns >= 2).sum()), p.last if p.pitched else 0),
        "poly3_rate": ratio(int((columns >= 3).sum()), p.last if p.pitched else 0),
        "note_density": ratio(n, seconds) if n else NAN,
        "notes_per_bar": ratio(n, len(p.bars)),
        "avg_ioi": ratio(p.seconds(onsets[-1]) - p.seconds(onsets[0]), len(onsets) - 1)
                   if onsets else NAN,
        "mean_duration": mean((x.off - x.on) / p.tpq for x in p.pitched),
        "off_grid": ratio(sum(is_off_grid(p, x, b) for x, b in zip(p.notes, p.within)), n),
        "empty_beat_rate": empty_share(p, beats(p)),
        "empty_bar_rate": empty_share(p, cells),
        "groove_consistency": alike(zip(groove, groove[1:])),
        "grooving_similarity": alike(combinations(pitched_groove, 2)),
    }


def main(args):
    meter = None
    if args[:1] == ["--meter"]:
        meter = tuple(int(x) for x in args[1].split("/"))
        args = args[2:]
    for i, path in enumerate(args):
        row = features(Piece(path, meter))
        if i == 0:
            print("name", *row, sep="\t")
        print(path, *(format(float(v), ".17g") for v in row.values()), sep="\t")


if __name__ == "__main__":
    main(sys.argv[1:])
