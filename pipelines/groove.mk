# groove.mk - from a folder of drums and its table to a Groove Transformer and its VAE, what
# they make of the grooves of a split, and how that compares with what was played, overall
# and by genre.
#
#     make -f pipelines/groove.mk MIDI=folder LABELS=labels.tsv
#
# Its page is groove.md. Interrupt it when you like; the same command goes on.
# Variables, with their defaults:
#
#   MIDI      folder of MIDI files with drums                        (required)
#   LABELS    table whose first column is names of files             MIDI/labels.tsv
#   GENRE     its column of genres                                   genre
#   COLUMN    its column of splits; where it has none: by hash       split
#   SPLIT     what is predicted and compared                         valid
#   OUT       folder for everything that is made                     MIDI, with .groove
#   HOP       bars from window to window                             2
#   PRESET    of the transformer                                     groove
#   VAE       preset of the VAE                                      groove-vae
#   STEPS     of the transformer, at most                            5630, ten epochs
#   VAE_STEPS of the VAE, at most                                    1410, ten epochs
#   TRAIN     further xltrain options of both
#   VAE_TRAIN further ones of the VAE
#   SAMPLE    further xlsample options of both
#   ROLLS     pieces that the pages show                             4
#   SEED      of all chance                                          1
#   JOBS      processors                                             all

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all
MAKEFLAGS += --no-builtin-rules --no-print-directory

ifeq ($(strip $(MIDI)),)
$(error MIDI is not set: name the folder of drums, as in: make -f groove.mk MIDI=dir LABELS=labels.tsv)
endif
LABELS ?= $(MIDI)/labels.tsv
ifeq ($(wildcard $(LABELS)),)
$(error LABELS: there is no table '$(LABELS)'; its first column is names of files, genre and split are others)
endif
include $(dir $(lastword $(MAKEFILE_LIST)))names.mk
$(call needs,midi2remi shard xltrain xlsample featstats column)
$(call one_word,MIDI LABELS)

GENRE ?= genre
COLUMN ?= split
SPLIT ?= valid
OUT ?= $(notdir $(patsubst %/,%,$(MIDI))).groove
HOP ?= 2
PRESET ?= groove
VAE ?= groove-vae
STEPS ?= 5630
VAE_STEPS ?= 1410
TRAIN ?=
VAE_TRAIN ?=
SAMPLE ?=
ROLLS ?= 4
SEED ?= 1
JOBS ?= 0
$(call one_word,OUT)

has = $(shell head -n 1 $(LABELS) | tr '\t' '\n' | grep -Fxc -- '$1')
SPLITS := $(if $(filter 1,$(call has,$(COLUMN))),--split-from $(LABELS):$(COLUMN))
GENRES := $(if $(filter 1,$(call has,$(GENRE))),--columns $(GENRE))

# What is made anew when a variable changes, stage by stage.
kept = $(shell mkdir -p $(OUT); echo '$2' | cmp -s - $(OUT)/$1 || echo '$2' >$(OUT)/$1)
$(call kept,asked-corpus,$(GENRES) $(HOP))
$(call kept,asked-data,$(SPLITS) $(SEED))
$(call kept,asked-transformer,$(PRESET) $(STEPS) $(TRAIN) $(SEED))
$(call kept,asked-vae,$(VAE) $(VAE_STEPS) $(TRAIN) $(VAE_TRAIN) $(SEED))
$(call kept,asked-split,$(SPLIT))
$(call kept,asked-sample,$(SAMPLE) $(SEED))

MODELS := transformer vae
.PHONY: all data train
all: $(OUT)/table.tsv $(OUT)/scores.tsv $(OUT)/map.svg $(MODELS:%=$(OUT)/%.html)
	@echo
	@echo "Grooves of $(SPLIT): how far hits, velocities and offsets are from those played"
	@column -t $(OUT)/scores.tsv
	@echo
	@echo "Overlap of each feature with the played ones, beside that of two halves of them"
	@awk -F '\t' '$$1 == "group" || $$1 == "all"' $(OUT)/table.tsv | cut -f 2- | column -t -s $$'\t'
	@echo
	@echo "$(OUT)/table.tsv          the same by genre"
	@echo "$(OUT)/transformer.html   the transformer's pieces beside those played, $(OUT)/vae.html the VAE's"
data: $(OUT)/data/manifest.json
train: $(MODELS:%=$(OUT)/%/done)

# Broken files, other meters and files without drums are listed in rejects.tsv.
$(OUT)/corpus.tensors.zst: $(MIDI) $(LABELS) $(OUT)/asked-corpus
	midi2remi -q --scheme groove --hop $(HOP) --labels $(LABELS) $(GENRES) --max-reject 100% \
	    --rejects $(OUT)/rejects.tsv -o $@ $(MIDI) 2>$(OUT)/rejects.log || \
	    { status=$$?; tail -n 3 $(OUT)/rejects.log >&2; exit $$status; }
$(OUT)/data/manifest.json: $(OUT)/corpus.tensors.zst $(OUT)/asked-data
	shard -q --force $(SPLITS) -o $(@D) $<

# An interrupted run on these very data goes on; anything else starts anew.
define train
@how=--force; [ ! $(@D)/latest -nt $< ] || [ ! $(@D)/latest -nt $(word 2,$^) ] || how=--resume; \
set -- xltrain -q -j $(JOBS) --data $(OUT)/data -o $(@D) --preset $1 --steps $2 --seed $(SEED) $(TRAIN) $3 $$how; \
echo "$$@"; "$$@"
@touch $@
endef
$(OUT)/transformer/done: $(OUT)/data/manifest.json $(OUT)/asked-transformer
	$(call train,$(PRESET),$(STEPS),)
$(OUT)/vae/done: $(OUT)/data/manifest.json $(OUT)/asked-vae
	$(call train,$(VAE),$(VAE_STEPS),$(VAE_TRAIN))

$(OUT)/played.tensors.zst: $(OUT)/data/manifest.json $(OUT)/asked-split
	shard -q --unshard $(SPLIT) -o $@ $(OUT)/data
$(MODELS:%=$(OUT)/%.tensors.zst): $(OUT)/%.tensors.zst: $(OUT)/%/done $(OUT)/played.tensors.zst $(OUT)/asked-sample
	xlsample -q -j $(JOBS) $(OUT)/$* --condition $(OUT)/played.tensors.zst --seed $(SEED) $(SAMPLE) -o $@
$(OUT)/latents.tensors.zst: $(OUT)/vae/done $(OUT)/played.tensors.zst
	xlsample -q -j $(JOBS) $(OUT)/vae --latent --condition $(OUT)/played.tensors.zst -o $@
$(OUT)/map.svg: $(OUT)/latents.tensors.zst
	featstats -q --map --seed $(SEED) $< -o $@

$(OUT)/transformer.html: EXTRA :=
$(OUT)/vae.html: EXTRA = --vectors-of $(OUT)/latents.tensors.zst
$(OUT)/vae.html: $(OUT)/latents.tensors.zst
$(MODELS:%=$(OUT)/%.html): $(OUT)/%.html: $(OUT)/%.tensors.zst $(OUT)/played.tensors.zst
	featstats -q -j $(JOBS) --groove --seed $(SEED) --rolls $(ROLLS) --run $(OUT)/$* $(EXTRA) --html $@ \
	    --vs $(OUT)/played.tensors.zst $< -o $(OUT)/compare-$*.tsv

# group, feature, means of the three, overlap of the two models and of two halves
$(OUT)/table.tsv: $(MODELS:%=$(OUT)/%.html)
	@awk -F '\t' -v OFS='\t' '/^#/ {next} \
	    FNR != NR && $$1 == "feature" {print "group", "feature", "played", "transformer", "vae", "overlap", "vae_overlap", "halves"} \
	    $$1 == "feature" || $$1 !~ /^groove_/ || $$1 ~ /_(hvo|consistency|lost|unmapped)$$/ {next} \
	    FNR == NR {mean[$$2, $$1] = $$5; overlap[$$2, $$1] = $$15; next} \
	    {print $$2, $$1, $$7, mean[$$2, $$1], $$5, overlap[$$2, $$1], $$15, $$25}' $(MODELS:%=$(OUT)/compare-%.tsv) >$@
$(OUT)/scores.tsv: $(MODELS:%=$(OUT)/%/done) $(OUT)/asked-split
	@{ for model in $(MODELS); do \
	    xltrain -q -j $(JOBS) --data $(OUT)/data -o $(OUT)/$$model --eval $(SPLIT) | sed "1s/^/model\t/;2,\$$s/^/$$model\t/"; \
	done; } | awk 'NR == 1 || $$1 != "model"' >$@
