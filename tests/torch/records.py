"""safetensors without the package: u64 header length, JSON header, data; a stream is
records back to back (schemas/xl-checkpoint.md)."""
import json
import subprocess

import numpy as np

KINDS = {"F32": "<f4", "F64": "<f8", "I64": "<i8", "I32": "<i4", "U32": "<u4",
         "U16": "<u2", "U8": "u1"}
ZSTD = b"\x28\xb5\x2f\xfd"


def records(raw):
    """Each record of the bytes as (metadata, {name: array})."""
    at = 0
    while at < len(raw):
        data = at + 8 + int.from_bytes(raw[at:at + 8], "little")
        head = json.loads(raw[at + 8:data])
        meta = head.pop("__metadata__", {})
        tensors = {}
        at = data
        for name, t in head.items():
            start, end = t["data_offsets"]
            array = np.frombuffer(raw[data + start:data + end], KINDS[t["dtype"]])
            tensors[name] = array.reshape(t["shape"])
            at = max(at, data + end)
        yield meta, tensors


def load(path):
    """The one record of a file, which may be compressed."""
    with open(path, "rb") as f:
        raw = f.read()
    if raw[:4] == ZSTD:
        raw = subprocess.run(["zstd", "-dcq", path], check=True, capture_output=True).stdout
    return next(records(raw))
