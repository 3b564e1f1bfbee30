#!/usr/bin/env python3
"""Render the tunes in samples/abc to standard MIDI files in samples.

    render.py            write samples/NAME.mid for every samples/abc/NAME.abc
    render.py --check    render in memory, compare, exit 1 naming differences

The tunes use a small part of ABC: the headers X T C O N M L Q K, notes, rests,
ties, tuplets, broken rhythm, repeats with two endings, inline [M:] [Q:] [K:],
"chord" symbols and [CEG] chords.  A tune is one melody; the rest of the
arrangement comes from directives, one line for each part:

    %%melody 73 octave=1        the tune; delay=2 makes it a canon, two bars late
    %%harmony 48                a second voice: the next chord tone below the tune
    %%chords 0 pattern=waltz    the chord symbols, see CHORDS
    %%bass 32 pattern=root5     their roots, see BASS
    %%drums jig                 see DRUMS
    %%choruses 3                play the whole tune three times
    %%ritard                    slow down over the last two bars

Every part also takes from= and to= (the choruses it plays in) and vel= (louder
or softer).  A pickup is a short first bar with its own [M:]; later choruses
play it in the tail of the bar before, so that bars stay aligned.
"""

import re
import struct
import sys
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

HERE = Path(__file__).resolve().parent
QUARTER = 480
WHOLE = 4 * QUARTER
MAX_BYTES = 20000
DRUM_CHANNEL = 9

LETTERS = dict(C=0, D=2, E=4, F=5, G=7, A=9, B=11)
FIFTHS = "FCGDAEB"
MODES = {"": 0, "maj": 0, "lyd": 1, "mix": -1, "dor": -2, "m": -3, "min": -3, "phr": -4}
QUALITIES = {
    "": (0, 4, 7), "m": (0, 3, 7), "7": (0, 4, 7, 10), "m7": (0, 3, 7, 10),
    "maj7": (0, 4, 7, 11), "6": (0, 4, 7, 9), "m6": (0, 3, 7, 9), "sus4": (0, 5, 7),
    "dim": (0, 3, 6), "dim7": (0, 3, 6, 9), "aug": (0, 4, 8), "5": (0, 7),
}

# A pattern is a step length in ticks and a string read step by step from the
# start of each bar, over and over: X x o are hits from loud to soft, "-" holds
# the hit before it and "." is silence.  Bass hits name a chord tone instead.
EIGHTH, SIXTEENTH, TRIPLET = QUARTER // 2, QUARTER // 4, QUARTER // 3
CHORDS = {
    "block": None,
    "arpeggio": (EIGHTH, "x"),
    "strum": (EIGHTH, "X.xox.xo"),
    "beats": (QUARTER, "Xx"),
    "waltz": (EIGHTH, "..x.x."),
    "oompah": (EIGHTH, ".x"),
    "halves": (QUARTER, ".x"),
    "jig": (EIGHTH, "X.o"),
    "ballad": (EIGHTH, "x-oooo"),
    "habanera": (EIGHTH, "X..xx.x."),
    "swing": (TRIPLET, "...x.o"),
    "seven": (EIGHTH, "X-.x.x."),
}
BASS = {
    "root": None,
    "alternate": None,
    "walk": (QUARTER, "R356"),
    "root5": (QUARTER, "R-5-"),
    "polka": (QUARTER, "R5"),
    "jig": (EIGHTH, "R-.5-."),
    "pulse": (EIGHTH, "R"),
    "habanera": (EIGHTH, "R--5R-5-"),
    "seven": (EIGHTH, "R--5-R-"),
}
KICK, STICK, SNARE, CLAP, LOW_TOM, HAT, OPEN_HAT, CRASH, RIDE, TAMBOURINE = (
    36, 37, 38, 39, 45, 42, 46, 49, 51, 54)
DRUMS = {
    "rock": (EIGHTH, {KICK: "X..xX...", SNARE: "..X...X.", HAT: "xoxoxoxo"}),
    "pop": (EIGHTH, {KICK: "X...X..x", SNARE: "..x...x.", RIDE: "xoxoxoxo"}),
    "ballad": (EIGHTH, {KICK: "X.....", STICK: "...x..", HAT: "xooxoo"}),
    "march": (SIXTEENTH, {KICK: "X.......", SNARE: "x.ooX.oo", HAT: "....x..."}),
    "polka": (EIGHTH, {KICK: "X.x.", SNARE: ".x.x", HAT: "oxox"}),
    "reel": (EIGHTH, {KICK: "X...", SNARE: "..x.", TAMBOURINE: "xoxo"}),
    "waltz": (EIGHTH, {KICK: "X.....", SNARE: "..o.o.", HAT: "o.x.x."}),
    "jig": (EIGHTH, {KICK: "X..x..", STICK: "..o..x", TAMBOURINE: "xooxoo"}),
    "swing": (TRIPLET, {KICK: "o..o..", RIDE: "x..x.o", HAT: "...x..", SNARE: "...o.."}),
    "habanera": (EIGHTH, {KICK: "X..xX.x.", STICK: "..x..x..", TAMBOURINE: "xoxoxoxo"}),
    "seven": (EIGHTH, {KICK: "X....x.", LOW_TOM: "...x...", CLAP: "...x.x.", TAMBOURINE: "xooxoxo"}),
}
FILL = (SIXTEENTH, "oxxX")
HIT = {"X": 100, "x": 84, "o": 62}


class SampleError(Exception):
    """A mistake in a tune: the message names the file, the line and the cause."""


@dataclass
class Bar:
    line: int
    meter: tuple
    key: tuple                                    # sharps, minor
    tempo: Fraction                               # quarters per minute
    notes: list = field(default_factory=list)     # (start, length, pitches, tied)
    chords: list = field(default_factory=list)    # (start, chord or None)
    opens: bool = False
    closes: bool = False
    ending: int = 0

    @property
    def length(self):
        return WHOLE * self.meter[0] // self.meter[1]

    @property
    def beat(self):
        number, unit = self.meter
        return WHOLE // unit * (3 if unit == 8 and number % 3 == 0 else 1)


@dataclass
class Slot:
    """A bar at its place in the finished piece; a pickup has index -1."""
    bar: Bar
    tick: int
    chorus: int
    index: int


@dataclass
class Span:
    """A stretch of one chord inside one bar, in absolute ticks."""
    slot: Slot
    start: int
    end: int
    chord: tuple


@dataclass
class Note:
    start: int
    end: int
    pitch: int
    velocity: int


@dataclass
class Part:
    kind: str
    value: str
    options: dict

    def number(self, name, default=0):
        return int(self.options.get(name, default))

    def plays(self, chorus):
        return self.number("from", 1) <= chorus <= self.number("to", 99)


# Reading ABC

TOKEN = re.compile(r"""
    \s+
  | \[(?P<field>[MKQ]):(?P<value>[^\]]*)\]
  | (?P<bar>:\||\|:|\|\]|\|\||\|)\s*(?P<ending>[12])?
  | "(?P<chord>[^"]*)"
  | \((?P<tuplet>[23])
  | (?P<broken>[<>])
  | (?P<sound>\[[^\]:|]+\]|z|[_^=]?[A-Ga-g][,']*)(?P<length>\d*/*\d*)(?P<tie>-)?
""", re.VERBOSE)
PITCH = re.compile(r"([_^=]?)([A-Ga-g])([,']*)")


def parse_length(text):
    top, slashes, bottom = re.fullmatch(r"(\d*)(/*)(\d*)", text).groups()
    return Fraction(int(top or 1), int(bottom) if bottom else 2 ** len(slashes))


def parse_meter(text):
    top, bottom = text.split("/")
    return int(top), int(bottom)


def parse_tempo(text):
    unit, rate = text.split("=")
    return Fraction(unit) * 4 * int(rate)


def parse_key(text):
    tonic, sign, mode = re.fullmatch(r"([A-G])([#b]?)([a-z]*)", text).groups()
    sharps = FIFTHS.index(tonic) - 1 + {"": 0, "#": 7, "b": -7}[sign] + MODES[mode]
    return sharps, MODES[mode] < -1


def parse_chord(text):
    """A chord symbol as (root, intervals, bass); NC means silence."""
    if text == "NC":
        return None
    root, sign, quality, bass, low = re.fullmatch(
        r"([A-G])([#b]?)([a-z0-9]*)(?:/([A-G])([#b]?))?", text).groups()
    shift = {"": 0, "#": 1, "b": -1, None: 0}
    tone = (LETTERS[root] + shift[sign]) % 12
    return tone, QUALITIES[quality], (LETTERS[bass] + shift[low]) % 12 if bass else tone


class Reader:
    """Reads one file into bars; keeps the state that ABC carries along."""

    def __init__(self, path):
        self.path, self.line = path, 0
        self.headers, self.parts, self.bars = {}, [], []
        self.settings = {"choruses": "1", "ritard": None}
        self.unit = Fraction(1, 8)
        self.meter, self.key, self.tempo = (4, 4), (0, False), Fraction(120)
        self.chord, self.opens, self.ending = None, False, 0
        self.start_bar()

    def fail(self, cause):
        raise SampleError(f"{self.path.name}:{self.line}: {cause}")

    def read(self):
        for self.line, text in enumerate(self.path.read_text("ascii").splitlines(), 1):
            try:
                self.read_line(text)
            except (ValueError, KeyError, AttributeError):
                self.fail(f"not understood: {text.strip()}")
        if self.position or self.stretch:
            self.fail("the tune ends inside a bar or tuplet")
        return self

    def read_line(self, text):
        if text.startswith("%%"):
            self.directive(text[2:].split())
        elif text.startswith("%"):
            pass
        elif re.match(r"[A-Z]:", text):
            self.headers[text[0]] = text[2:].strip()
            self.set_field(text[0], text[2:].strip())
        else:
            self.music(text)

    def directive(self, words):
        kind, values = words[0], words[1:]
        if kind in self.settings:
            self.settings[kind] = values[0] if values else "yes"
        elif kind in PLAYERS:
            options = dict(word.split("=") for word in values[1:])
            self.parts.append(Part(kind, values[0], options))
        else:
            self.fail(f"unknown directive %%{kind}")

    def set_field(self, name, value):
        if name == "M":
            self.meter = parse_meter(value)
        elif name == "L":
            self.unit = Fraction(value)
        elif name == "Q":
            self.tempo = parse_tempo(value)
        elif name == "K":
            self.key = parse_key(value)
        elif name not in "XTCON":
            self.fail(f"unknown header {name}:")

    def music(self, text):
        at = 0
        while at < len(text):
            token = TOKEN.match(text, at)
            if not token:
                self.fail(f"not understood: {text[at:at + 12]}")
            self.token(token)
            at = token.end()

    def token(self, token):
        if token["field"]:
            if self.position:
                self.fail("fields may change only at a bar line")
            self.set_field(token["field"], token["value"])
        elif token["bar"]:
            self.bar_line(token["bar"], int(token["ending"] or 0))
        elif token["chord"]:
            self.chord = parse_chord(token["chord"])
            self.chords.append((self.position, self.chord))
        elif token["tuplet"]:
            # Three in the time of two, or two in the time of three.
            count = int(token["tuplet"])
            self.stretch = [Fraction(5 - count, count)] * count
        elif token["broken"]:
            self.break_rhythm(token["broken"])
        elif token["sound"]:
            self.sound(token["sound"], parse_length(token["length"]), bool(token["tie"]))

    def sound(self, text, length, tied):
        length *= self.unit * self.factor * (self.stretch.pop() if self.stretch else 1)
        self.factor = 1
        pitches = tuple(self.pitch(*found) for found in PITCH.findall(text))
        self.notes.append((self.position, length, pitches, tied))
        self.position += length

    def pitch(self, sign, letter, octaves):
        """Accidentals last to the bar line; otherwise the key decides."""
        place = letter + octaves
        if sign:
            self.signs[place] = {"^": 1, "=": 0, "_": -1}[sign]
        sharps, upper = self.key[0], letter.upper()
        if sharps > 0:
            altered = upper in FIFTHS[:sharps]
        else:
            altered = -(upper in FIFTHS[len(FIFTHS) + sharps:])
        octave = 5 + letter.islower() + octaves.count("'") - octaves.count(",")
        return 12 * octave + LETTERS[upper] + self.signs.get(place, altered)

    def break_rhythm(self, sign):
        start, length, pitches, tied = self.notes.pop()
        longer = Fraction(3, 2) if sign == ">" else Fraction(1, 2)
        self.notes.append((start, length * longer, pitches, tied))
        self.position += length * (longer - 1)
        self.factor = 2 - longer

    def start_bar(self):
        self.position, self.stretch, self.factor = Fraction(0), [], 1
        self.notes, self.chords, self.signs = [], [(Fraction(0), self.chord)], {}

    def bar_line(self, mark, ending):
        if self.position:
            self.finish_bar()
        if mark == ":|":
            self.bars[-1].closes = True
        if mark != "|":
            self.ending = 0
        self.opens |= mark == "|:"
        self.ending = ending or self.ending

    def finish_bar(self):
        number, unit = self.meter
        if self.position != Fraction(number, unit):
            self.fail(f"bar {len(self.bars) + 1} lasts {self.position} of a whole note, "
                      f"the meter is {number}/{unit}")
        if self.stretch:
            self.fail(f"bar {len(self.bars) + 1} ends inside a tuplet")
        notes = [(self.ticks(start), self.ticks(length), pitches, tied)
                 for start, length, pitches, tied in self.notes]
        chords = dict((self.ticks(start), chord) for start, chord in self.chords)
        self.bars.append(Bar(self.line, self.meter, self.key, self.tempo, notes,
                             sorted(chords.items(), key=lambda item: item[0]),
                             self.opens, False, self.ending))
        self.opens = False
        self.start_bar()

    def ticks(self, length):
        ticks = length * WHOLE
        if ticks.denominator != 1:
            self.fail(f"a length of {length} does not fit {QUARTER} ticks per quarter")
        return int(ticks)


# From the written bars to the bars as they are played

def expand_repeats(bars):
    played, at, opened, turn = [], 0, 0, 1
    while at < len(bars):
        bar = bars[at]
        left_ending = bar.ending == 0 and at and bars[at - 1].ending == 2
        if at != opened and (bar.opens or left_ending):
            opened, turn = at, 1
        if not bar.ending or bar.ending == turn:
            played.append(bar)
            if bar.closes:
                if turn == 1:
                    at, turn = opened - 1, 2
                else:
                    opened, turn = at + 1, 1
        at += 1
    return played


def fold_pickup(last, pickup):
    """The bar before a new chorus gives its tail to the pickup."""
    cut = last.length - pickup.length
    kept = [(start, min(length, cut - start), pitches, tied and start + length <= cut)
            for start, length, pitches, tied in last.notes if start < cut]
    moved = [(start + cut, *rest) for start, *rest in pickup.notes]
    return replace(last, notes=kept + moved)


def lay_out(bars, choruses):
    pickup = bars[0] if bars[0].length < bars[1].length else None
    body = bars[1:] if pickup else bars
    slots, tick = [], 0
    if pickup:
        slots.append(Slot(pickup, 0, 1, -1))
        tick = pickup.length
    for chorus in range(1, choruses + 1):
        for index, bar in enumerate(body):
            if pickup and chorus < choruses and index == len(body) - 1:
                bar = fold_pickup(bar, pickup)
            slots.append(Slot(bar, tick, chorus, index))
            tick += bar.length
    return slots


def slow_down(slots):
    for slot, factor in zip(slots[-2:], (Fraction(17, 20), Fraction(7, 10))):
        slot.bar = replace(slot.bar, tempo=slot.bar.tempo * factor)


def chord_spans(slots):
    for slot in slots:
        edges = [start for start, _ in slot.bar.chords[1:]] + [slot.bar.length]
        for (start, chord), end in zip(slot.bar.chords, edges):
            if chord:
                yield Span(slot, slot.tick + start, slot.tick + end, chord)


# The parts

def shape(slot, offset):
    """Loudness of a moment: its place in the bar and in the four-bar phrase."""
    accent = 10 if offset == 0 else 4 if offset % slot.bar.beat == 0 else -4
    return accent + (0, 3, 6, 1)[slot.index % 4]


def hits(pattern, length):
    """(start, length, mark) of every hit of a pattern in a bar."""
    step, marks = pattern
    steps = length // step
    for at in range(steps):
        if marks[at % len(marks)] not in ".-":
            end = at + 1
            while end < steps and marks[end % len(marks)] == "-":
                end += 1
            yield at * step, (end - at) * step, marks[at % len(marks)]


def span_hits(pattern, span):
    """The hits of a bar that fall on one chord; no pattern means one long hit."""
    if pattern is None:
        yield span.start, span.end, "x"
        return
    for start, length, mark in hits(pattern, span.slot.bar.length):
        start += span.slot.tick
        if span.start <= start < span.end:
            yield start, min(start + length, span.end), mark


def play_melody(part, slots):
    notes, held = [], {}
    shift = 12 * part.number("octave")
    late = part.number("delay") * slots[-1].bar.length
    for slot in slots:
        for start, length, pitches, tied in slot.bar.notes:
            tick, ties = slot.tick + start, held
            held = {}
            for pitch in pitches:
                note = ties.get(pitch)
                if note:
                    note.end += length
                else:
                    loud = 84 + shape(slot, start) + max(-6, min(6, (pitch - 70) // 3))
                    note = Note(tick, tick + length, pitch, loud)
                    notes.append(note)
                if tied:
                    held[pitch] = note
            if set(ties) - set(pitches):
                raise SampleError(f"line {slot.bar.line}: a tie joins different notes")
    end = slots[-1].tick + slots[-1].bar.length
    return [Note(note.start + late, min(note.end + late, end), note.pitch + shift, note.velocity)
            for note in notes if note.start + late < end]


def play_harmony(part, slots):
    spans, at, notes = list(chord_spans(slots)), 0, []
    for note in play_melody(part, slots):
        while at + 1 < len(spans) and spans[at + 1].start <= note.start:
            at += 1
        span = spans[at]
        if span.start <= note.start < span.end:
            tones = {(span.chord[0] + step) % 12 for step in span.chord[1]}
            below = next(p for p in range(note.pitch - 3, 0, -1) if p % 12 in tones)
            notes.append(Note(note.start, note.end, below, note.velocity - 14))
    return notes


def voicing(chord):
    """Close position inside one octave, so that chords lead smoothly."""
    root, intervals, _ = chord
    return sorted(54 + (root + step - 54) % 12 for step in intervals)


def play_chords(part, slots):
    name, notes = part.options.get("pattern", "block"), []
    shift = 12 * part.number("octave")
    for span in chord_spans(slots):
        tones = voicing(span.chord)
        ladder = tones + [tones[0] + 12] + tones[:0:-1]
        for at, (start, end, mark) in enumerate(span_hits(CHORDS[name], span)):
            chosen = [ladder[at % len(ladder)]] if name == "arpeggio" else tones
            loud = HIT[mark] - 22 + shape(span.slot, start - span.slot.tick)
            notes += [Note(start, end, pitch + shift, loud) for pitch in chosen]
    return notes


def bass_tone(chord, mark):
    root, intervals, low = chord
    step = {"R": low - root, "3": intervals[1], "5": intervals[-1] if len(intervals) < 4
            else intervals[2], "6": 9}[mark]
    return 34 + (root + step - 34) % 12


def play_bass(part, slots):
    name, notes, spans = part.options.get("pattern", "root"), [], list(chord_spans(slots))
    for span, after in zip(spans, spans[1:] + spans[:1]):
        found = list(span_hits(BASS[name], span))
        for start, end, mark in found:
            # The waltz bass: root and fifth by turns, but never a fifth on a new chord.
            if BASS[name] is None:
                whole = span.end - span.start == span.slot.bar.length
                fifth = name == "alternate" and span.slot.index % 2 and whole
                mark = "5" if fifth else "R"
            elif start == span.start:
                mark = "R"
            pitch = bass_tone(span.chord, mark)
            if name == "walk" and start == found[-1][0] and after.chord != span.chord:
                # Step into the next root from a semitone below.
                pitch = bass_tone(after.chord, "R") - 1
            loud = 80 + shape(span.slot, start - span.slot.tick)
            notes.append(Note(start, end, pitch + 12 * part.number("octave"), loud))
    return notes


def play_drums(part, slots):
    step, voices = DRUMS[part.value]
    notes = []

    def strike(slot, start, drum, mark):
        loud = HIT[mark] + shape(slot, start) // 2
        notes.append(Note(slot.tick + start, slot.tick + start + 60, drum, loud))

    for slot in slots:
        if slot.index < 0:
            continue
        length = slot.bar.length
        fill = length - QUARTER if slot.index % 8 == 7 else length
        for drum, marks in voices.items():
            for start, _, mark in hits((step, marks), length):
                if start < fill:
                    strike(slot, start, drum, mark)
        for start, _, mark in hits(FILL, length - fill):
            strike(slot, fill + start, SNARE, mark)
        if slot.index == 0:
            strike(slot, 0, CRASH, "x")
    return notes


PLAYERS = {"melody": play_melody, "harmony": play_harmony, "chords": play_chords,
           "bass": play_bass, "drums": play_drums}


def detach(notes):
    """Lift each note a little early and keep equal pitches from overlapping."""
    notes.sort(key=lambda note: (note.pitch, note.start))
    kept = []
    for note in notes:
        note.end -= min((note.end - note.start) // 10, 48)
        if kept and kept[-1].pitch == note.pitch:
            if kept[-1].start == note.start:
                continue
            kept[-1].end = min(kept[-1].end, note.start)
        kept.append(note)
    return kept


# Writing MIDI

def variable(number):
    out = [number & 127]
    while number := number >> 7:
        out.append(number & 127 | 128)
    return bytes(reversed(out))


def meta(kind, data):
    return bytes((0xFF, kind)) + variable(len(data)) + data


def track_chunk(events, end):
    """events: (tick, rank, message); equal ticks are ordered by rank."""
    out, now, status = b"", 0, None
    for tick, _, message in sorted(events) + [(end, 9, meta(0x2F, b""))]:
        out += variable(tick - now)
        now = tick
        # Running status keeps the files small; a meta event ends it.
        out += message[1:] if message[0] == status else message
        status = message[0] if message[0] < 0xF0 else None
    return b"MTrk" + struct.pack(">I", len(out)) + out


def conductor_events(title, slots):
    events, known = [(0, 0, meta(0x03, title.encode("ascii")))], {}
    for slot in slots:
        bar = slot.bar
        number, unit = bar.meter
        clocks = 24 * bar.beat // QUARTER
        for kind, data in (
                (0x51, round(60000000 / bar.tempo).to_bytes(3, "big")),
                (0x58, bytes((number, unit.bit_length() - 1, clocks, 8))),
                (0x59, struct.pack(">bB", *bar.key))):
            if known.get(kind) != data:
                known[kind] = data
                events.append((slot.tick, kind, meta(kind, data)))
    return events


def part_events(part, name, channel, slots):
    events = [(0, 0, meta(0x03, name.encode("ascii")))]
    if part.kind != "drums":
        events.append((0, 1, bytes((0xC0 | channel, int(part.value)))))
    chosen = [slot for slot in slots if part.plays(slot.chorus)]
    on = 0x90 | channel
    for note in detach(PLAYERS[part.kind](part, chosen)):
        loud = max(1, min(127, note.velocity + part.number("vel")))
        events.append((note.start, 3, bytes((on, note.pitch, loud))))
        events.append((note.end, 2, bytes((on, note.pitch, 0))))
    return events


def render(path):
    """The bytes of the MIDI file for one ABC file."""
    tune = Reader(path).read()
    slots = lay_out(expand_repeats(tune.bars), int(tune.settings["choruses"]))
    if tune.settings["ritard"]:
        slow_down(slots)
    end = slots[-1].tick + slots[-1].bar.length
    tracks, channels, names = [track_chunk(conductor_events(tune.headers["T"], slots), end)], 0, {}
    for part in tune.parts:
        names[part.kind] = names.get(part.kind, 0) + 1
        name = part.kind.capitalize() + (f" {names[part.kind]}" if names[part.kind] > 1 else "")
        channel = DRUM_CHANNEL if part.kind == "drums" else channels
        if part.kind != "drums":
            channels += 2 if channels + 1 == DRUM_CHANNEL else 1
        try:
            tracks.append(track_chunk(part_events(part, name, channel, slots), end))
        except (SampleError, KeyError, ValueError) as error:
            raise SampleError(f"{path.name}: part {name}: {error}") from error
    data = b"MThd" + struct.pack(">IHHH", 6, 1, len(tracks), QUARTER) + b"".join(tracks)
    if len(data) > MAX_BYTES:
        raise SampleError(f"{path.name}: {len(data)} bytes, the limit is {MAX_BYTES}")
    return data


def main(arguments):
    if arguments not in ([], ["--check"]):
        print("usage: render.py [--check]", file=sys.stderr)
        return 2
    wrong = []
    sources = sorted((HERE / "abc").glob("*.abc"))
    for source in sources:
        target = HERE / f"{source.stem}.mid"
        try:
            data = render(source)
        except SampleError as error:
            wrong.append(str(error))
            continue
        if not arguments:
            target.write_bytes(data)
        elif not target.exists() or target.read_bytes() != data:
            wrong.append(f"{target.name}: differs from its source {source.name}")
    for target in sorted(HERE.glob("*.mid")):
        if not (HERE / "abc" / f"{target.stem}.abc").exists():
            wrong.append(f"{target.name}: has no source in abc")
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
