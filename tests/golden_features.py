#!/usr/bin/python3
"""golden_features.py GOLDEN DATA - featstats --compat against reference numbers.

GOLDEN holds the tables that the published programs gave (manifest.csv, mgeval_*.csv,
muspy.csv, musdr.csv, structureness.csv, groove_*.csv, corrected_sets.csv) and
make_fixtures.py; DATA the files that manifest.csv names. An id is a file of the manifest or a fixture. An exception in
the reference is an undefined value here. Tests only; needs bin/featstats in PATH.
"""
import csv
import json
import math
import struct
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

NAN = float("nan")
GOLDEN, DATA = Path(sys.argv[1]), Path(sys.argv[2])
failed, passed = Counter(), Counter()


def table(name):
    path = GOLDEN / name
    return list(csv.DictReader(open(path))) if path.exists() else []


def number(text):
    try:
        return float(text)
    except ValueError:
        return NAN


def check(kind, what, got, want, tolerance=1e-6):
    if got is None:
        got = NAN
    same = (math.isnan(got) and math.isnan(want)) or \
        abs(got - want) <= tolerance * abs(want) + 1e-11
    (passed if same else failed)[kind] += 1
    if not same and failed[kind] <= 5:
        print(f"{kind}: {what}: {got:.9g}, not {want:.9g}")


def featstats(*args):
    run = subprocess.run(["featstats", "-q", "--max-reject", "100%", *map(str, args)],
                         capture_output=True, text=True, check=True)
    return run.stdout


def measure(paths, *args):
    lines = featstats("--json", "--vectors", "--compat", *args, *paths.values()).splitlines()
    return dict(zip(paths, map(json.loads, lines), strict=True))



def per_track(paths):
    scalars, vectors = table("mgeval_scalars.csv"), table("mgeval_vectors.csv")
    for track in sorted({r["track"] for r in scalars + vectors}):
        pieces = measure(paths, "--track", track)
        for r in scalars:
            if r["track"] == track and r["id"] in pieces:
                check(r["feature"], f"{r['id']} track {track}",
                      pieces[r["id"]][r["feature"] + "_mgeval"], number(r["value"]))
        groups = defaultdict(dict)
        for r in vectors:
            if r["track"] == track and r["id"] in pieces:
                groups[r["id"], r["feature"]][int(r["index"])] = number(r["value"])
        for (piece, feature), want in groups.items():
            got = pieces[piece][feature + "_mgeval"]
            tolerance = 2e-3 if "pitch_class_histogram" in feature else 1e-6
            if -1 in want:
                check(feature, f"{piece} track {track}", NAN if all(
                    x is None for x in got) else 0.0, NAN)
                continue
            for i in range(max(len(got), max(want) + 1)):
                check(feature, f"{piece} track {track} [{i}]",
                      got[i] if i < len(got) else NAN, want.get(i, 0.0), tolerance)


def per_piece(paths):
    pieces = measure(paths)
    for r in table("muspy.csv"):
        if r["id"] in pieces:
            check(r["metric"], r["id"], pieces[r["id"]][r["metric"] + "_muspy"],
                  number(r["value"]))
    for r in table("musdr.csv"):
        name = r["metric"].replace("_allpairs", "") + "_musdr"
        if r["id"] in pieces and name in pieces[r["id"]]:
            check(r["metric"], r["id"], pieces[r["id"]][name], number(r["value"]))


def structureness(paths):
    rows = [r for r in table("structureness.csv") if r["id"] in paths]
    pieces = measure({r["id"]: paths[r["id"]] for r in rows}, "--si") if rows else {}
    for r in rows:
        for name in ("SI_short", "SI_mid", "SI_long"):
            check(name, r["id"], pieces[r["id"]][name.lower()], number(r[name]))


# Where the published code reads the wrong place, its values have names of their own.
PUBLISHED = {"laidbackness", "acorr_harmonicity", "sync_polyphonic"}


def groove(paths):
    rows, cells = table("groove_features.csv"), table("groove_hvo.csv")
    ids = {r["id"].split(".w")[0] for r in rows + cells} & set(paths)
    pieces = measure({k: paths[k] for k in sorted(ids)}, "--groove") if ids else {}
    for r in rows:
        piece, window = r["id"].split(".w")
        name = r["feature"] + "_hvo" * (r["feature"] in PUBLISHED)
        if piece in pieces:
            check(f"groove {r['feature']}", r["id"],
                  pieces[piece][f"groove_{name}_window"][int(window)], number(r["value"]))
    want = defaultdict(dict)
    for r in cells:
        want[r["id"]][int(r["step"]), int(r["voice"])] = (1.0, number(r["velocity"]),
                                                          number(r["offset"]))
    for key, hits in want.items():
        piece, window = key.split(".w")
        if piece not in pieces:
            continue
        hvo = pieces[piece]["groove_hvo"][864 * int(window):]
        compare_cells("groove cells", key, hvo, hits)
    groove_streams({k: paths[k] for k in pieces}, want)


def compare_cells(kind, key, hvo, hits):
    for step in range(32):
        for voice in range(9):
            for k, x in enumerate(hits.get((step, voice), (0.0, 0.0, 0.0))):
                check(kind, f"{key} {step} {voice}", hvo[27 * step + 9 * k + voice], x)


def groove_streams(paths, want):
    """The same cells in what midi2remi --scheme groove writes (schemas/tensors.md)."""
    for piece, path in paths.items():
        data = subprocess.run(["midi2remi", "-q", "-u", "--scheme", "groove", path],
                              capture_output=True, check=True).stdout
        hvo = b""
        while data:
            n = 8 + int.from_bytes(data[:8], "little")
            head = json.loads(data[8:n])
            del head["__metadata__"]
            start, end = (n + x for x in head["hvo"]["data_offsets"])
            hvo += data[start:end]
            data = data[n + max(t["data_offsets"][1] for t in head.values()):]
        windows = list(struct.iter_unpack("<864f", hvo))
        for key, hits in want.items():
            if key.split(".w")[0] == piece:
                compare_cells("groove stream", key, windows[int(key.split(".w")[1])], hits)


def sets(paths):
    members = defaultdict(list)
    for r in table("manifest.csv"):
        if r["id"] in paths:
            members[r["set"]].append(paths[r["id"]])
    with tempfile.TemporaryDirectory() as tmp:
        for name, files in members.items():
            (Path(tmp) / name).mkdir()
            for i, f in enumerate(files):
                (Path(tmp) / name / f"{i:04}.mid").symlink_to(f.resolve())
        for pair in {r["pair"] for r in table("mgeval_sets.csv") + table("corrected_sets.csv")}:
            a, b = (Path(tmp) / x for x in pair.split("|"))
            if a.exists() and b.exists():
                compare(pair, a, b)


def compare(pair, a, b):
    names = dict(meanA="mean_a", meanB="mean_b", stdA="sd_a", stdB="sd_b",
                 intraA_mean="intra_a", intraB_mean="intra_b", inter_mean="inter",
                 kl_intraA_inter="kld_a_mgeval", oa_intraA_inter="oa_a_mgeval",
                 kl_intraB_inter="kld_b_mgeval", oa_intraB_inter="oa_b_mgeval",
                 kl_shared_intraA_inter="kld_a", oa_shared_intraA_inter="oa_a",
                 kl_shared_intraB_inter="kld_b", oa_shared_intraB_inter="oa_b")
    text = featstats("--compat", "--track", "0", "--no-pg", "--vs", b, a).splitlines()
    rows = {r["feature"]: r for r in csv.DictReader(text[1:], delimiter="\t")
            if r["group"] in ("", "all")}
    for r in table("mgeval_sets.csv") + table("corrected_sets.csv"):
        if r["pair"] != pair:
            continue
        got = rows[r["feature"] + "_mgeval"]
        for theirs, ours in names.items():
            if theirs in r and not theirs.startswith("std"):
                check(theirs, f"{pair} {r['feature']}", float(got[ours]), float(r[theirs]))


def main():
    with tempfile.TemporaryDirectory() as tmp:
        paths = {r["id"]: DATA / r["path"] for r in table("manifest.csv")}
        paths = {k: v for k, v in paths.items() if v.exists()}
        if (GOLDEN / "make_fixtures.py").exists():
            subprocess.run(["/usr/bin/python3", GOLDEN / "make_fixtures.py", tmp], check=True)
            paths |= {p.stem: p for p in sorted(Path(tmp).glob("*.mid"))}
        per_track(paths)
        per_piece(paths)
        structureness(paths)
        groove(paths)
        sets(paths)
    for kind in sorted(passed | failed):
        print(f"{kind}\t{passed[kind]} passed\t{failed[kind]} failed")
    sys.exit(failed.total() > 0 or passed.total() == 0)


main()
