#!/usr/bin/python3
"""make_corpus.py OUT: the seeds of the fuzz targets, a folder each.

OUT/midi gets files with one defect each, made by hand below, and small samples; the
other folders what the tools (found on PATH) write. OUT/midi.tsv says what a reader
should make of each file with a defect: how many notes it has, or why it is rejected.
"""
import json
import os
import shutil
import struct
import subprocess
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
SAMPLES = sorted(
    (os.path.join(ROOT, "samples", f) for f in os.listdir(os.path.join(ROOT, "samples")) if f.endswith(".mid")),
    key=os.path.getsize,
)[:8]

EOT = b"\x00\xff\x2f\x00"


def header(tracks=1, form=1, division=480, length=6, more=b""):
    return b"MThd" + struct.pack(">IHHH", length, form, tracks, division) + more


def chunk(body, length=None, name=b"MTrk"):
    return name + struct.pack(">I", len(body) if length is None else length) + body


def vlq(n):
    out = bytes([n & 127])
    while n > 127:
        n >>= 7
        out = bytes([n & 127 | 128]) + out
    return out


def note(pitch, gap=0, length=240, channel=0):
    return vlq(gap) + bytes([0x90 | channel, pitch, 80]) + vlq(length) + bytes([0x80 | channel, pitch, 64])


def meta(kind, body, length=None, gap=0):
    return vlq(gap) + bytes([0xFF, kind]) + (vlq(len(body)) if length is None else length) + body


def one(body, **how):  # a file of one track
    return header(**how) + chunk(body)


NOTES = note(60) + note(64) + note(67) + note(72)
TRACK = chunk(NOTES + EOT)
BOTH = header(2) + TRACK + TRACK  # two tracks, 8 notes

# name: (bytes, notes or the code of its rejection)
DEFECTS = {
    "whole": (one(NOTES + EOT), 4),
    "whole-two-tracks": (BOTH, 8),
    # the header
    "empty": (b"", "empty"),
    "text": (b"once upon a time there was no music\n", "not-midi"),
    "header-cut": (BOTH[:9], "truncated"),
    "header-alone": (header(), "truncated"),
    "header-length-8": (header(length=8, more=b"\0\0") + TRACK, 4),
    "header-length-huge": (header(length=0xFFFFFFFF) + TRACK, None),
    "no-tracks": (header(0), "no-notes"),
    "no-tracks-said": (header(0) + TRACK, None),
    "fewer-tracks-than-said": (header(9) + TRACK, 4),
    "more-tracks-than-said": (header(1) + TRACK + TRACK, None),
    "format-0-two-tracks": (header(2, form=0) + TRACK + TRACK, 8),
    "format-2": (header(2, form=2) + TRACK + TRACK, 8),
    "format-9": (header(1, form=9) + TRACK, 4),
    "division-0": (one(NOTES + EOT, division=0), 4),
    "division-1": (one(note(60, length=1) + EOT, division=1), 1),
    "division-32767": (one(NOTES + EOT, division=32767), 4),
    "smpte-25": (one(NOTES + EOT, division=0xE728), 4),
    "smpte-none": (one(NOTES + EOT, division=0x8000), None),
    "rmid-wrapper": (b"RIFF" + struct.pack("<I", 30 + len(BOTH)) + b"RMIDdata" + struct.pack("<I", len(BOTH)) + BOTH, 8),
    "junk-before": (b"\0" * 128 + BOTH, 8),
    # chunks
    "alien-chunk-first": (header() + chunk(b"abcd", name=b"XFIH") + TRACK, 4),
    "alien-chunk-between": (header(2) + TRACK + chunk(b"abcd", name=b"XFKM") + TRACK, 8),
    "alien-chunk-counted": (header(3) + TRACK + chunk(b"abcd", name=b"XFKM") + TRACK, 8),
    "track-length-0": (header(2) + chunk(b"") + TRACK, 4),
    "track-length-7fffffff": (header() + chunk(NOTES + EOT, 0x7FFFFFFF), 4),
    "track-length-ffffffff": (header() + chunk(NOTES + EOT, 0xFFFFFFFF), 4),
    "track-length-short": (header() + chunk(NOTES + EOT, 9), 4),
    "track-length-long": (header(2) + chunk(NOTES + EOT, len(TRACK) + 10) + TRACK, None),
    "cut-in-chunk-head": (BOTH[: 14 + len(TRACK) + 5], 4),
    "cut-in-event": (BOTH[: 14 + 8 + len(NOTES) - 2], 4),
    "cut-in-delta": (one(NOTES + b"\x81"), 4),
    "trailing-bytes": (BOTH + b"\x1a" * 40, 8),
    "many-tracks": (header(200) + b"".join(chunk(note(p % 128) + EOT) for p in range(200)), 200),
    "track-length-plus-1": (header(2) + chunk(NOTES + EOT, len(NOTES + EOT) + 1) + TRACK, 8),
    "track-length-plus-20": (header(2) + chunk(NOTES + EOT, len(NOTES + EOT) + 20) + TRACK, 8),
    "track-length-of-both": (header(2) + chunk(NOTES + EOT, len(NOTES + EOT) + len(TRACK)) + TRACK, 8),
    "track-length-plus-4-no-eot": (header(2) + chunk(NOTES, len(NOTES) + 4) + TRACK, 8),
    "track-name-twice": (header(2) + b"MTrk" + TRACK + TRACK, 8),
    "track-name-and-half": (header(2) + TRACK[:4] + b"rk" + TRACK[4:] + TRACK, 8),
    "alien-chunk-to-the-end": (header(2) + TRACK + chunk(b"ab" + TRACK, name=b"XFKM"), 8),
    # ends of tracks
    "no-eot": (one(NOTES), 4),
    "eot-early": (one(note(60) + EOT + note(64) + EOT), None),
    "eot-with-length": (one(NOTES + b"\x00\xff\x2f\x02ab"), 4),
    "eot-late": (one(NOTES + meta(0x2F, b"", gap=100000)), 4),
    # status bytes
    "running-status": (one(b"\x00\x90\x3c\x50\x60\x3c\x00\x00\x3e\x50\x60\x3e\x00" + EOT), 2),
    "running-status-after-meta": (one(b"\x00\x90\x3c\x50" + meta(1, b"la") + b"\x60\x3c\x00\x00\x3e\x50\x60\x3e\x00" + EOT), 2),
    "running-status-after-sysex": (one(b"\x00\x90\x3c\x50\x00\xf0\x02\x43\xf7\x60\x3c\x00\x00\x3e\x50\x60\x3e\x00" + EOT), 2),
    "data-without-status": (one(b"\x00\x3c\x50" + NOTES + EOT), 4),
    "text-without-status": (one(b"\x00\x05\x2aALL rights" + NOTES + EOT), 4),
    "event-broken-between": (one(note(60) + b"\x00\xf0\xff\xff\xff\x7f" + NOTES + EOT), 5),
    "data-byte-over-127": (one(b"\x00\x90\x3c\xff\x60\x80\x3c\x40" + EOT), 1),
    "system-common": (one(b"\x00\xf1\x10\x00\xf2\x10\x10\x00\xf3\x01\x00\xf6" + NOTES + EOT), None),
    "system-realtime": (one(b"\x00\xf8\x00\xfa\x00\xfe" + NOTES + EOT), None),
    # SysEx
    "f7-escape": (one(b"\x00\xf7\x02\xf3\x01" + NOTES + EOT), 4),
    "sysex-split": (one(b"\x00\xf0\x03\x43\x12\x00\x60\xf7\x03\x43\x12\xf7" + NOTES + EOT), 4),
    "sysex-unterminated": (one(b"\x00\xf0\x02\x43\x12" + NOTES + EOT), 4),
    "sysex-too-long": (one(NOTES + b"\x00\xf0\x8f\xff\x7f\x43\x12" + EOT), 4),
    # meta events
    "text-127": (one(meta(1, b"x" * 127) + NOTES + EOT), 4),
    "text-128": (one(meta(1, b"x" * 128) + NOTES + EOT), 4),
    "text-200": (one(meta(1, b"x" * 200) + NOTES + EOT), 4),
    "text-1000": (one(meta(5, b"\xe9" * 1000) + NOTES + EOT), 4),
    "meta-length-huge": (one(NOTES + meta(1, b"x", length=b"\xff\xff\xff\x7f") + EOT), 4),
    "meta-unknown": (one(meta(0x60, b"?" * 9) + NOTES + EOT), 4),
    "tempo-no-data": (one(meta(0x51, b"") + NOTES + EOT), 4),
    "tempo-0": (one(meta(0x51, b"\0\0\0") + NOTES + EOT), 4),
    "tempo-short": (one(meta(0x51, b"\x07") + NOTES + EOT), 4),
    "tempo-long": (one(meta(0x51, b"\x07\xa1\x20\x00\x00") + NOTES + EOT), 4),
    "tempos-in-track-2": (header(2) + TRACK + chunk(meta(0x51, b"\x07\xa1\x20", gap=1) * 400 + EOT), 4),
    "meter-2-to-255": (one(meta(0x58, b"\x04\xff\x18\x08") + NOTES + EOT), 4),
    "meter-0": (one(meta(0x58, b"\x00\x02\x18\x08") + NOTES + EOT), 4),
    "meter-255-1": (one(meta(0x58, b"\xff\x00\x18\x08") + NOTES + EOT), 4),
    "meter-short": (one(meta(0x58, b"\x03") + NOTES + EOT), 4),
    "key-impossible": (one(meta(0x59, b"\x40\x07") + NOTES + EOT), 4),
    # times
    "vlq-overlong": (one(b"\x80\x80\x80\x00" + NOTES[1:] + EOT), 4),
    "vlq-5-bytes": (one(NOTES + b"\x81\x81\x81\x81\x01\x90\x40\x40" + EOT), 4),
    "ticks-beyond-2-28": (one((meta(1, b"", gap=0x0FFFFFFF)) * 3 + NOTES + EOT), None),
    "ticks-beyond-2-31": (one((meta(1, b"", gap=0x0FFFFFFF)) * 9 + NOTES + EOT), None),
    # notes
    "note-open": (one(note(60) + b"\x00\x90\x40\x50\x60" + EOT[1:]), None),
    "note-stray-off": (one(b"\x00\x80\x30\x40" + NOTES + EOT), 4),
    "note-length-0": (one(note(60, length=0) + NOTES + EOT), 5),
    "notes-overlap": (one(b"\x00\x90\x3c\x50\x60\x90\x3c\x40\x60\x80\x3c\x40\x60\x80\x3c\x40" + EOT), 2),
    "drums": (one(note(35, channel=9) + note(38, channel=9) + EOT), 2),
}


def tool(*args, stdin=None):
    return subprocess.run(args, input=stdin, stdout=subprocess.PIPE, check=True).stdout


def write(folder, name, data):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as f:
        f.write(data)


def read(*path):
    with open(os.path.join(*path), "rb") as f:
        return f.read()


def make_midi(out):
    rows = ["file\tnotes\treject"]
    for name, (data, what) in DEFECTS.items():
        write(f"{out}/midi", name + ".mid", data)
        if what is not None:  # where readers may differ nothing is asked for
            rows.append(f"{name}.mid\t" + (f"{what}\t" if isinstance(what, int) else f"\t{what}"))
    write(out, "midi.tsv", ("\n".join(rows) + "\n").encode())
    for path in SAMPLES:
        write(f"{out}/midi", os.path.basename(path), read(path))


def make_streams(out):
    one_piece = tool("midi2remi", "-u", SAMPLES[0])
    write(f"{out}/tokens", "plain", one_piece)
    write(f"{out}/tokens", "zstd", tool("midi2remi", SAMPLES[0]))
    write(f"{out}/tokens", "two", one_piece + tool("midi2remi", "-u", "--no-pg", SAMPLES[1]))
    body = b"".join(line + b"\n" for line in one_piece.split(b"\n") if line and not line.startswith(b"#"))
    write(f"{out}/tokens", "body", body)
    write(f"{out}/tokens", "bar", b"Bar\n")
    for i, line in enumerate(one_piece.split(b"\n")):
        if line.startswith(b"#"):
            write(f"{out}/json", f"stream-{i}", line.split(b" ", 1)[1])


def make_vocabularies(out):
    text = tool("vocab", "--scheme", "remi", "-u")
    write(f"{out}/vocab", "canonical", text)
    write(f"{out}/vocab", "zstd", subprocess.run(["zstd", "-c"], input=text, stdout=subprocess.PIPE, check=True).stdout)
    write(f"{out}/vocab", "seen", tool("vocab", "--order", "seen", "--min-count", "1", "-u", stdin=tool("midi2remi", SAMPLES[0])))
    write(f"{out}/vocab", "merges", tool("vocab", "--bpe", "20", "-u", stdin=tool("midi2remi", SAMPLES[0])))
    write(f"{out}/json", "vocab", text.split(b"\n", 1)[0].split(b" ", 1)[1])


def make_shards(out):
    folder = f"{out}/shards-of-samples"
    tool("shard", "-u", "-f", "-o", folder, stdin=tool("midi2remi", *SAMPLES[:4]))
    write(f"{out}/json", "manifest", read(folder, "manifest.json"))
    for i, name in enumerate(sorted(f for f in os.listdir(folder) if "safetensors" in f)):
        record = read(folder, name)
        n = struct.unpack("<Q", record[:8])[0]
        head = json.loads(record[8 : 8 + n])
        at, end = (8 + n + x for x in head["tokens"]["data_offsets"])
        write(f"{out}/tensors", name, record)
        write(f"{out}/json", f"shard-{i}", record[8 : 8 + n].rstrip())
        write(f"{out}/decode", f"ids-{i}", record[at:end][:2000])
        size = 1002  # of the vocabulary of remi: the merges of its first ids, one of another
        merges = struct.pack("<B6H", 3, 8, 9, 9, 8, size, size + 1)
        write(f"{out}/merges", f"ids-{i}", merges + record[at:end][:2000])
    for i in range(3):  # edits: file, place, bytes that go, bytes that come
        for at in (0, 8, 100, 300):
            write(f"{out}/shards", f"edit-{i}-{at}", struct.pack("<BHB", i, at, 1) + b"0")
    small = b'{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}'
    write(f"{out}/tensors", "small", struct.pack("<Q", len(small)) + small + b"ab")
    write(f"{out}/tensors", "stream", (struct.pack("<Q", len(small)) + small + b"ab") * 3)
    write(f"{out}/decode", "every-id", b"".join(struct.pack("<H", i) for i in range(1100)))


def make_rows(out):
    drums = os.path.join(os.path.dirname(SAMPLES[0]), "skip-to-my-lou.mid")
    for name, options in ("two", ()), ("one", ("--window", "1", "--hop", "1")):
        write(f"{out}/rows", name, tool("midi2remi", "--scheme", "groove", *options, drums))
    bare = tool("midi2remi", "--scheme", "groove", "--window", "1", "--hop", "9", "-u", drums)
    write(f"{out}/rows", "bare", bare)
    write(f"{out}/rows", "cut", bare[: len(bare) // 2])
    write(f"{out}/rows", "x", bare.replace(b'"scheme":"groove"', b'"scheme":"drooge"'))


def make_wire(out):
    """What fuzz_wire.c reads: what is wanted, then milliseconds, a length and bytes."""

    def chunks(*parts):
        return b"".join(struct.pack("<HB", ms, len(b)) + b for ms, b in ((m, bytes.fromhex(h)) for m, h in parts))

    pulses = [(20, "F8")] * 200
    takes = {
        "notes": ((0, "90 3C 40"), (500, "80 3C 40"), (500, "C0 05 99 24 7F"), (100, "99 24 00"), (1500, "")),
        "running": ((0, "90 3C 40 40 40 43 40"), (300, "3C 00 40 00 43 00"), (2000, "90 F8 3C FE 40")),
        "system": ((0, "F0 7E 90 F8 3C F7 3C 40"), (0, "F2 10 20 90 3C 40 F1 05 3C 00"), (9, "F4 F5 F6 FD")),
        "lost": ((0, "FE 90 3C 40"), (1000, "90 3C 41"), (1900, "90 3C 42 B0 7B 00"), (0, "FF")),
        "clock": ((0, "FA"), *pulses, (5, "99 26 70"), *pulses, (9, "FC"), (900, "FB"), *pulses, (0, "FA"), *pulses),
        "taps": tuple((250, f"99 {36 + i % 9:02X} {i * 7 % 128:02X}") for i in range(64)),
        "clear": ((0, "99 26 70"), (700, "B9 7B 00"), (700, "99 26 70 FA"), (2000, ""), (2000, "")),
    }
    for name, parts in takes.items():
        for how in 0, 1, 2, 3, 4 + 32, 1 + 4, 1 + 8 + 16, 1 + 32 + 128:
            write(f"{out}/wire", f"{name}-{how}", bytes([how]) + chunks(*parts))


def make_control(out):
    """Lines said to a sampler while it runs."""
    lines = ("temperature 0.8", "@12 density .5", "threshold .5", "@3 max-hits 1,2,3,4,5,6,7,8,9", "labels Mode_odd",
             "@2 chords C Am:2 | F", "chords -", "stop", "# a remark", "", "@0 stop", "@x", "temperature", "density 2",
             "stop now", "nonsense", "\t temperature\t1 \r", "temperature 1e999", "x" * 700, "\0\x1b[2J", "@999999999 stop")
    for i, line in enumerate(lines):
        write(f"{out}/control", f"line-{i}", line.encode())
    write(f"{out}/control", "all", "\n".join(lines).encode())
    write(f"{out}/control", "many", b"@150 stop\n" * 300)


def make_beats(out):
    times = [0.5 * i for i in range(24)]
    write(f"{out}/beats", "times", "".join(f"{t}\n" for t in times).encode())
    write(f"{out}/beats", "downbeats", "".join(f"{t}\t{int(i % 3 == 1)}\n" for i, t in enumerate(times)).encode())
    write(f"{out}/beats", "flags", "".join(f"{t} {float(i % 2 == 0)} {float(i % 4 == 0)}\n" for i, t in enumerate(times)).encode())
    labels = ("db,6/8,2", "b", "b", "db,3/4", "b", "bR")
    write(f"{out}/beats", "labels", "".join(f"{t}\t{t}\t{labels[i % 6]}\n" for i, t in enumerate(times)).encode())


def make_hub(out):
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "hub", "make.py")
    for kind in "gpt2", "llama", "aria":
        made = f"{out}/{kind}"
        subprocess.run([sys.executable, folder, made, kind], check=True)
        config = json.loads(read(made, "config.json"))
        shutil.rmtree(made)
        write(f"{out}/hub", kind, json.dumps(config).encode())
        write(f"{out}/hub", f"{kind}-null", json.dumps({k: None if k != "model_type" else v for k, v in config.items()}).encode())
        write(f"{out}/hub", f"{kind}-large", json.dumps({k: 2**31 if isinstance(v, int) else v for k, v in config.items()}).encode())
    rope = {"rope_type": "default", "rope_theta": 5e5, "partial_rotary_factor": 1.0}
    llama = json.loads(read(f"{out}/hub", "llama"))
    write(f"{out}/hub", "rope", json.dumps({**llama, "rope_parameters": rope, "eos_token_id": [2, 3]}).encode())


def make_settings(out):
    """Small models, and words that are none."""
    small = "layers=2 width=8 heads=2 ff=8 segment=6 memory=6 dropout=0.1"
    for i, words in enumerate((
            "", "pre_norm=0 untie_uv=1 clamp_len=3", "block=2 local_layers=2 same_length=1",
            "arch=compressive compressed=3 ratio=2 compressor=dilated compressor_loss=rows memory_layers=2",
            "arch=compressive compressed=3 ratio=3 compressor=most_used zero_memory=1",
            "arch=llama kv_heads=1 glu=1 act=silu rope_theta=50", "gate=gru mogrify=5 embed_width=5 tie=0",
            "arch=gpt2 memory=0 positions=6 places=4 bar_rows=2 recall=9", "norm=rms pos=distance positions=4 share_distances=1",
            "pos=absolute_sinusoid ff_dropout=0 layer_dropout=0.5 embed_dropout=0.2", "optimizer=muon lr=1e-3 patience=2",
            "width=7", "heads=0", "layers", "=", "memory_layers=3", "lr=nan", "segment=99999999999")):
        write(f"{out}/settings", f"{i}", f"{small} {words}".encode())
    for i in range(8):  # keys and values by number
        write(f"{out}/settings", f"pairs-{i}", bytes([0]) + bytes((7 * i + 11 * k) % 90 for k in range(6 + 4 * i)))
    for cell in "lstm", "gru":
        write(f"{out}/settings", cell, f"arch=lstm cell={cell} layers=2 width=5 segment=4 memory=0 recall=4".encode())


def npy(kind, shape, data, form=1):
    head = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY" + bytes((form, 0)) + struct.pack("<H" if form == 1 else "<I", len(head)) + head + data


def make_ids(out):
    rows = struct.pack("<6h", 4, 5, 6, 4, -100, -100)
    for name, data in {
        "i2": npy("<i2", "(2, 3)", rows),
        "u2": npy("<u2", "(6,)", rows),
        "i8": npy("<i8", "(2,)", struct.pack("<2q", 4, -1), 2),
        "u8": npy("<u8", "(2,)", struct.pack("<2Q", 4, 2**64 - 1), 3),
        "u1": npy("|u1", "(2, 2)", b"\1\2\3\4"),
        "nine": npy("<i2", "(6,)", rows, 9),
        "long": npy("<i2", "(100000000000, 0)", b""),
        "cut": npy("<i2", "(2, 3)", rows)[:-3],
        "list": b"[[4, 5, 6], [4, 9]]",
        "object": b'{"ids": [4, "5"], "ids_bpe_encoded": true}',
        "names": b'{"tokens": [["Bar_None", "Pitch_60"], [4, "a b"]]}',
        "text": b"4 5 6\n\nBar_None,Pitch_60\r\n65535\n",
        "nul": b"4 5\n6\0 7\n",
    }.items():
        write(f"{out}/ids", name, b"i" + data)
        write(f"{out}/ids", f"{name}-named", b"w" + data)
    plain = b'{"PAD_None": 0, "BOS_None": 1, "EOS_None": 2, "Bar_None": 4, "a b": 7, "<s>": 8}'
    for name, data in {
        "plain": plain,
        "miditok": b'{"tokenization": "REMI", "_vocab_base": ' + plain + b"}",
        "learned": b'{"_vocab_base": {"PAD_None": 0, "Bar_None": 1}, "_vocab_base_byte_to_token": {"!": "PAD_None"}, "_model": "{\\"model\\": {\\"vocab\\": {\\"!\\": 0}}}"}',
        "hub": b'{"model": {"vocab": ' + plain + b'}, "added_tokens": [{"id": 9, "content": "<new>"}]}',
        "twice": b'{"a": 0, "b": 0}',
        "ours": tool("vocab", "--scheme", "performance", "-u"),
    }.items():
        write(f"{out}/ids", "n-" + name, b"n" + data)


def main():
    out = sys.argv[1]
    make_hub(out)
    make_ids(out)
    make_settings(out)
    make_beats(out)
    make_rows(out)
    make_wire(out)
    make_control(out)
    make_midi(out)
    make_streams(out)
    make_vocabularies(out)
    make_shards(out)


main()
