#!/usr/bin/env python3
"""Render the tunes in samples/abc to standard MIDI files in samples.

    render.py            write samples/NAME.mid for every samples/abc/NAME.abc
    render.py --check    render in memory, compare, exit 1 naming differences

The tunes use a small part of ABC, see abcfile.py.  A tune is one melody with
chord symbols; the arrangement comes from directives, one line for each part:

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

import struct
import sys
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

# Keep the folder free of bytecode: it is compared file by file.
sys.dont_write_bytecode = True
from abcfile import QUARTER, Reader, SampleError, Slot

HERE = Path(__file__).resolve().parent
MAX_BYTES = 20000
DRUM_CHANNEL = 9

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
KICK, STICK, SNARE, CLAP, HAT, LOW_TOM, CRASH, RIDE, TAMBOURINE = (
    36, 37, 38, 39, 42, 45, 49, 51, 54)
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
    "seven": (EIGHTH, {KICK: "X....x.", LOW_TOM: "...x...", CLAP: "...x.x.",
                       TAMBOURINE: "xooxoxo"}),
}
FILL = (SIXTEENTH, "oxxX")
HIT = {"X": 100, "x": 84, "o": 62}


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


# Time and harmony


def slow_down(slots):
    for slot, factor in zip(slots[-2:], (Fraction(17, 20), Fraction(7, 10))):
        slot.bar = replace(slot.bar, tempo=slot.bar.tempo * factor)


def chord_spans(slots):
    """Every chord of the piece, split at bar lines; silence leaves a gap."""
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
                raise SampleError(f"{slot.bar.line}: a tie joins different notes")
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


def bass_pitch(name, mark, before, span):
    """The waltz bass takes root and fifth by turns, but no fifth on a new chord."""
    if BASS[name] is None:
        repeated = before and before.chord == span.chord and span.slot.index % 2
        mark = "5" if name == "alternate" and repeated else "R"
    return bass_tone(span.chord, mark)


def play_bass(part, slots):
    name, notes, spans = part.options.get("pattern", "root"), [], list(chord_spans(slots))
    shift = 12 * part.number("octave")
    for before, span, after in zip([None] + spans, spans, spans[1:] + spans[:1]):
        found = list(span_hits(BASS[name], span))
        for start, end, mark in found:
            pitch = bass_pitch(name, "R" if start == span.start else mark, before, span)
            if name == "walk" and start == found[-1][0] and after.chord != span.chord:
                # Step into the next root from a semitone below.
                pitch = bass_tone(after.chord, "R") - 1
            loud = 80 + shape(span.slot, start - span.slot.tick)
            notes.append(Note(start, end, pitch + shift, loud))
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
    tune = Reader(path, PLAYERS).read()
    slots = tune.lay_out()
    if tune.settings["ritard"]:
        slow_down(slots)
    end = slots[-1].tick + slots[-1].bar.length
    tracks = [track_chunk(conductor_events(tune.headers["T"], slots), end)]
    channels, names = 0, {}
    for part in tune.parts:
        names[part.kind] = names.get(part.kind, 0) + 1
        name = part.kind.capitalize() + (f" {names[part.kind]}" if names[part.kind] > 1 else "")
        channel = DRUM_CHANNEL if part.kind == "drums" else channels
        if part.kind != "drums":
            channels += 2 if channels + 1 == DRUM_CHANNEL else 1
        try:
            tracks.append(track_chunk(part_events(part, name, channel, slots), end))
        except SampleError as error:
            raise SampleError(f"{path.name}:{error}") from error
        except (LookupError, ValueError) as error:
            raise SampleError(f"{path.name}:{part.line}: not understood: {error}") from error
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
        except (SampleError, UnicodeError) as error:
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
