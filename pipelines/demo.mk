# demo.mk - the whole chain on the project's own samples, in two minutes or so:
# samples -> tokens -> shards -> a tiny Transformer-XL -> 8 new pieces -> features.
# Settings by recipes.md: Muon and many lanes, a vocabulary of what occurs;
# the last checkpoint, for form is learnt on where the validation loss is not.
# Run it through `make demo`. The number of steps is fixed, so that two runs on one
# machine give the same bytes; a fast machine is simply done earlier.

HERE := $(dir $(lastword $(MAKEFILE_LIST)))
MIDI := $(HERE)../samples
# in the repository the tools are beside their sources, of an installed copy on the PATH
BIN := $(if $(wildcard $(HERE)../bin/xlsample),bin/)
OUT := demo
PRESET := tiny
TRAIN := --set optimizer=muon --set eval_every=0 --steps $(or $(STEPS),1200)
SHARD := --vocab $(OUT)/vocab.tsv
SAMPLE := --max-tokens 8000
include $(HERE)rules.mk

$(DATA)/manifest.json: $(OUT)/vocab.tsv
$(OUT)/vocab.tsv: $(TOKENS)
	vocab --order count --min-count 1 -o $@ $<

.DEFAULT_GOAL := demo
.PHONY: demo
demo: features
	@echo
	@echo "The samples beside the new pieces (mean and standard deviation):"
	@echo
	@featstats --summary --vs $(TOKENS) $(OUT)/new.tok.zst
	@echo
	@echo "Everything lies in $(OUT)/:"
	@echo "  corpus.tok.zst   the samples as REMI tokens     zstdcat $(OUT)/corpus.tok.zst | head"
	@echo "  vocab.tsv        which tokens occur, how often  head $(OUT)/vocab.tsv"
	@echo "  data/            training shards                cat $(OUT)/data/manifest.json"
	@echo "  run/             checkpoints, metrics.tsv       column -t $(OUT)/run/metrics.tsv | tail"
	@echo "  new.tok.zst      the new pieces as tokens       zstdcat $(OUT)/new.tok.zst | head"
	@echo "  new/*.mid        the new pieces, to listen to   make -f $(HERE)listen.mk PIECE=$(OUT)/new/sample-000000.mid"
	@echo "  features.tsv     measures of each new piece     grep -v '^#' $(OUT)/features.tsv | cut -f 1-8 | column -t"
	@echo
	@echo "What to try next:"
	@echo "  $(BIN)xlsample $(OUT)/run -n 4 --bars 32 --seed 7 | $(BIN)remi2midi -d more"
	@echo "  $(BIN)midi2remi YOUR-FOLDER | $(BIN)shard -o data && $(BIN)xltrain --data data -o run"
