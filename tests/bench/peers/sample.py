"""Sampling speed of a peer: tokens a second of processor time, one thread, the 40 likeliest.

usage: sample.py torch|onnx|ct2 FOLDER STREAMS TOKENS SECONDS [TYPE]
       sample.py versions

FOLDER is a GPT-2 or a LLaMA as `xltrain --export` writes it; pieces of TOKENS each are made
for SECONDS. TYPE is that of the weights (float32; of ct2 also int8, and bfloat16 where the
processor has it). Exit status 77: the peer is not installed or has no such type."""
import json
import os
import sys
import tempfile
import time

TOP_K, BOS = 40, 1


def torch_step(folder, streams):
    import torch
    import step
    model = step.Step(*step.load(folder), streams).eval()
    torch.set_num_threads(1)

    def piece(n):
        token = torch.full((streams,), BOS)
        with torch.inference_mode():
            for place in range(n):
                value, at = model(token, place).topk(TOP_K)
                token = at.gather(1, torch.multinomial(value.softmax(1), 1))[:, 0]
    return piece


def export(model, path):
    """As ONNX: keys and values come in and go out."""
    import torch
    past = [torch.zeros(model.streams, model.kv, 3, model.e) for _ in range(2 * model.layers)]
    names = [f"past{i}" for i in range(len(past))]
    kept = [f"kept{i}" for i in range(len(past))]
    torch.onnx.export(model, (torch.full((model.streams,), BOS), torch.tensor(3), *past), path,
                      input_names=["token", "place", *names], output_names=["logits", *kept],
                      dynamic_axes={n: {2: "places"} for n in names + kept}, dynamo=False)


def onnx_step(folder, streams):
    import numpy as np
    import onnxruntime as ort
    import step
    model = step.Step(*step.load(folder), streams, cached=False).eval()
    with tempfile.TemporaryDirectory() as there:
        path = os.path.join(there, "step.onnx")
        export(model, path)
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    given = [i.name for i in session.get_inputs()]
    random = np.random.default_rng(1)

    def piece(n):
        token = np.full(streams, BOS)
        past = [np.zeros((streams, model.kv, 0, model.e), np.float32)] * (2 * model.layers)
        for place in range(n):
            feed = {"token": token, "place": np.array(place), **{f"past{i}": p for i, p in enumerate(past)}}
            logits, *past = session.run(None, {k: v for k, v in feed.items() if k in given})
            at = np.argpartition(-logits, TOP_K, 1)[:, :TOP_K]
            value = np.take_along_axis(logits, at, 1) + random.gumbel(size=at.shape)
            token = np.take_along_axis(at, value.argmax(1)[:, None], 1)[:, 0]
    return piece


def name_unknown(path):
    """Our vocabularies have no token for what is unknown; CTranslate2 wants a string there."""
    with open(path, encoding="utf-8") as f:
        c = json.load(f)
    with open(path, "w", encoding="utf-8") as f:
        json.dump({k: "" if v is None and k.endswith("_token") else v for k, v in c.items()}, f)


def ct2_step(folder, streams, kind):
    import ctranslate2
    import ctranslate2.converters
    if kind not in ctranslate2.get_supported_compute_types("cpu"):
        sys.exit(77)
    with tempfile.TemporaryDirectory() as there:
        path = os.path.join(there, "model")
        ctranslate2.converters.TransformersConverter(folder).convert(path)
        name_unknown(os.path.join(path, "config.json"))
        model = ctranslate2.Generator(path, device="cpu", compute_type=kind, intra_threads=1, inter_threads=1)
    with open(os.path.join(folder, "vocab.tsv"), encoding="utf-8") as f:
        begin = [line.split("\t")[1] for line in f if line.startswith(f"{BOS}\t")][0].strip()

    def piece(n):
        model.generate_batch([[begin]] * streams, max_length=n, min_length=n, sampling_topk=TOP_K,
                             include_prompt_in_result=False)
    return piece


def versions():
    for name in ("ctranslate2", "onnxruntime", "torch", "transformers"):
        try:
            print(f"version-{name}\t{__import__(name).__version__}\t")
        except ImportError:
            print(f"version-{name}\tnot installed\t")


def main():
    if sys.argv[1] == "versions":
        return versions()
    peer, folder = sys.argv[1:3]
    streams, tokens, seconds = int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5])
    kind = sys.argv[6] if len(sys.argv) > 6 else "float32"
    try:
        piece = {"torch": lambda: torch_step(folder, streams), "onnx": lambda: onnx_step(folder, streams),
                 "ct2": lambda: ct2_step(folder, streams, kind)}[peer]()
    except ImportError as e:
        print(f"sample.py: {e}", file=sys.stderr)
        sys.exit(77)
    piece(min(tokens, 64))
    made, start = 0, time.process_time()
    while time.process_time() - start < seconds:
        piece(tokens)
        made += streams * tokens
    print(f"{made / (time.process_time() - start):.1f}")


main()
