"""The part of ABC notation that the tunes in samples/abc use, read into bars.

Headers X T C O N M L Q K; notes with accidentals, octaves and lengths, rests,
ties, tuplets (3 and (2, broken rhythm > and <; bar lines, repeats with a first
and a second ending; inline [M:] [Q:] [K:] at bar lines; "chord" symbols and
[CEG] chords.  Lines that start with %% are directives, see render.py.
Every bar has to fill its meter exactly; anything else is an error.
"""

import re
from dataclasses import dataclass, field, replace
from fractions import Fraction

QUARTER = 480
WHOLE = 4 * QUARTER

LETTERS = dict(C=0, D=2, E=4, F=5, G=7, A=9, B=11)
FIFTHS = "FCGDAEB"
MODES = {"": 0, "maj": 0, "lyd": 1, "mix": -1, "dor": -2, "m": -3, "min": -3, "phr": -4}
QUALITIES = {
    "": (0, 4, 7), "m": (0, 3, 7), "7": (0, 4, 7, 10), "m7": (0, 3, 7, 10),
    "maj7": (0, 4, 7, 11), "6": (0, 4, 7, 9), "m6": (0, 3, 7, 9), "sus4": (0, 5, 7),
    "dim": (0, 3, 6), "dim7": (0, 3, 6, 9), "aug": (0, 4, 8), "5": (0, 7),
}


class SampleError(Exception):
    """A mistake in a tune: the message names the file, the line and the cause."""


@dataclass
class Bar:
    """One written bar; notes and chords start in ticks from the bar line."""
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
class Part:
    """One directive line: %%kind value name=option ..."""
    line: int
    kind: str
    value: str
    options: dict

    def number(self, name, default=0):
        return int(self.options.get(name, default))

    def plays(self, chorus):
        return self.number("from", 1) <= chorus <= self.number("to", 99)


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

    def __init__(self, path, kinds):
        self.path, self.line = path, 0
        self.headers, self.parts, self.bars = {}, [], []
        self.kinds = kinds
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
            except (ValueError, LookupError, AttributeError, ArithmeticError):
                self.fail(f"not understood: {text.strip()}")
        if self.position or self.stretch:
            self.fail("the tune ends inside a bar or tuplet")
        if not (self.bars and {"T", "M", "K"} <= set(self.headers)):
            self.fail("music or one of the headers T, M and K is missing")
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
        elif kind in self.kinds:
            options = dict(word.split("=") for word in values[1:])
            self.parts.append(Part(self.line, kind, values[0], options))
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
                             list(chords.items()), self.opens, False, self.ending))
        self.opens = False
        self.start_bar()

    def ticks(self, length):
        ticks = length * WHOLE
        if ticks.denominator != 1:
            self.fail(f"a length of {length} does not fit {QUARTER} ticks per quarter")
        return int(ticks)

    def lay_out(self):
        """The bars in the order they are played, every chorus after the other."""
        bars = expand_repeats(self.bars)
        number, unit = parse_meter(self.headers["M"])
        pickup = bars.pop(0) if bars[0].length < WHOLE * number // unit else None
        choruses = int(self.settings["choruses"])
        slots, tick = [], 0
        if pickup:
            slots.append(Slot(pickup, 0, 1, -1))
            tick = pickup.length
        for chorus in range(1, choruses + 1):
            for index, bar in enumerate(bars):
                if pickup and chorus < choruses and index == len(bars) - 1:
                    bar = fold_pickup(bar, pickup)
                slots.append(Slot(bar, tick, chorus, index))
                tick += bar.length
        return slots


def expand_repeats(bars):
    """Written bars to played bars; turn is the time through the current repeat."""
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
