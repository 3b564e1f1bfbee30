#!/usr/bin/env bats
# What is written for other programs, opened by them: NumPy, safetensors, symusic, pandas, R and
# gnuplot. MidiTok: ids.bats; transformers: hub.bats; PyTorch: torch.bats. TRANSFORMERS=python
# names one that has the packages which Debian lacks.
load ../helpers

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    local root
    root=$(cd "${BATS_TEST_DIRNAME}/../.." && pwd)
    midi2remi "$root"/samples/*.mid -o all.tok.zst
    shard -u --numpy -o data all.tok.zst
    mkdir runs
    for seed in 1 2; do
        xltrain -q --data data -o "runs/$seed" --preset tiny --set layers=1 --set width=32 \
            --set heads=2 --set ff=64 --steps 20 --set eval_every=10 --seed "$seed"
    done
    featstats "$root"/samples/[s-t]*.mid -o features.tsv
    featstats --runs runs/* -o runs.tsv
    mkdir page
    cp "$root"/samples/[s-t]*.mid page
    cp "$root/samples/can-can.mid" page/'no. #1 "can".mid'
    featstats --tsv page -o page/features.tsv
    remi2midi all.tok.zst -d back
}

setup() {
    cd "$BATS_FILE_TMPDIR" || return 1
    python=${TRANSFORMERS:-/usr/bin/python3}
}

# fence LANGUAGE: what the page on features has in that language
fence() {
    awk -v f="\`\`\`$1" '$0 == f {on = 1; next} /^\`\`\`/ {on = 0} on' "$BARLINE_ROOT/schemas/feat.md"
}

# mean: the number of notes of a piece of that table
mean() {
    awk -F '\t' 'NR > 1 {s += $2; n++} END {printf "%.6g\n", s / n}' features.tsv
}

wants() { # wants PACKAGE: skips where the Python at hand has it not
    "$python" -c "import $1" 2>/dev/null || skip "$1 is not installed"
}

@test "readers: NumPy maps the ids of a split, and its pieces" {
    python=/usr/bin/python3
    wants numpy
    "$python" - <<'PY'
import json, numpy as np
tokens = np.load("data/train-tokens.npy", mmap_mode="r")
offsets = np.load("data/train-offsets.npy")
of = json.load(open("data/manifest.json"))["splits"]["train"]
assert len(tokens) == of["tokens"] == offsets[-1] and len(offsets) == of["pieces"] + 1
assert (tokens[offsets[:-1]] == 1).all() and (tokens[offsets[1:] - 1] == 2).all() # BOS, EOS
PY
}

@test "readers: safetensors opens checkpoints and shards" {
    wants safetensors
    "$python" - <<'PY'
import glob, json
from safetensors import safe_open
from safetensors.numpy import load_file
with safe_open("runs/1/best", "numpy") as f:
    config = json.loads(f.metadata()["config"])
    assert f.get_tensor("param.emb").shape == (config["vocab"], config["width"])
    assert len(json.loads(f.metadata()["vocab"])) == config["vocab"]
    # hundreds of tensors, few entries to look through
    assert len(f.metadata()) < 20 and set(json.loads(f.metadata()["tensors_xxh3"])) == set(f.keys())
shard = load_file(glob.glob("data/train-*.safetensors")[0])
assert shard["piece_offsets"][-1] == len(shard["tokens"])
PY
}

@test "readers: symusic reads the MIDI files that are written, with the notes of the tokens" {
    wants symusic
    "$python" - $(zstd -dcq all.tok.zst | grep -v '^#' | tr ' ' '\n' | grep -cE '^Pitch') <<'PY'
import glob, sys
import symusic
files = glob.glob("back/**/*.mid", recursive=True)
assert len(files) == 74, len(files)
notes = sum(len(t.notes) for f in files for t in symusic.Score(f).tracks)
assert notes == int(sys.argv[1]), (notes, sys.argv[1])
PY
}

@test "readers: pandas reads features, learning curves, tables of runs and of pieces" {
    python=/usr/bin/python3
    wants pandas
    "$python" - "$(grep -c '^[^#]' features.tsv)" <<'PY'
import sys
import pandas as pd
def read(path):
    return pd.read_csv(path, sep="\t", comment="#")
features = read("features.tsv")
assert len(features) == int(sys.argv[1]) - 1 and (features.n_notes > 0).all()
assert features.drop(columns="name").dtypes.map(lambda t: t.kind in "if").all()
curve = read("runs/1/metrics.tsv")
assert list(curve.step) == list(range(1, 21)) and curve.valid_loss.notna().sum() == 2
runs = read("runs.tsv")
assert list(runs.setting) == [1, 2], runs
assert len(read("data/train.pieces.tsv")) > 0
PY
    cd page
    [ "$(fence pandas | "$python")" = "$(mean)" ]
}

@test "readers: R reads the same tables, and has means of them" {
    command -v Rscript >/dev/null || skip "R is not installed"
    Rscript --vanilla - <<'R'
read <- function(path) read.table(path, header = TRUE, sep = "\t", quote = "", comment.char = "#", na.strings = "nan")
features <- read("features.tsv")
curve <- read("runs/1/metrics.tsv")
stopifnot(nrow(curve) == 20, sum(!is.na(curve$valid_loss)) == 2, nrow(read("runs.tsv")) == 2)
stopifnot(all(sapply(features[-1], function(x) is.numeric(x) || is.logical(x))))
R
    cd page
    fence r >means.R
    [ "$(Rscript --vanilla means.R)" = "$(mean)" ]
}

@test "readers: gnuplot draws a learning curve of metrics.tsv as it stands" {
    command -v gnuplot >/dev/null || skip "gnuplot is not installed"
    gnuplot <<'END' >curve.svg 2>said || fail "$(cat said)"
set terminal svg
set datafile separator tab
set datafile columnheaders
plot 'runs/1/metrics.tsv' using 'step':'loss' with lines title 'train', \
     'runs/1/metrics.tsv' using 'step':'valid_loss' with points title 'valid'
END
    grep -q gnuplot_plot_2 curve.svg
    [ ! -s said ] || fail "$(cat said)"
    cd page
    fence gnuplot | gnuplot 2>said
    [ ! -s said ] || fail "$(cat said)"
    [ "$(grep -c 'use .*gpPt' features.svg)" -ge "$(grep -vc ^name features.tsv)" ]
}
