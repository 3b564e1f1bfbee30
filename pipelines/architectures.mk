# architectures.mk - two comparisons of architectures that the sources of this project
# made, as experiments: same data, same minutes, several seeds, one table each.
#
#     make -f pipelines/architectures.mk gpt2 MIDI=folder
#     make -f pipelines/architectures.mk performance MIDI=folder
#
# Its page is architectures.md. Interrupt it when you like; the same command goes on.
# Variables, with their defaults:
#
#   MIDI      folder (or files) to learn from             (required)
#   OUT       folder for everything                       architectures.runs
#   MINUTES   of each run                                 10 (gpt2), 60 (performance)
#   STEPS     of each run, instead of minutes: the same work on a machine that is shared
#   SEEDS     of each setting                             1 2 3
#   SHAPE     of performance: its Transformers            6 layers of 256, see below
#   CONTEXT   of performance: tokens of a segment         512
#   MORE      further xltrain options of all settings
#
# Use make -j1 where minutes decide.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory
HERE := $(dir $(abspath $(lastword $(MAKEFILE_LIST))))

ifeq ($(strip $(MIDI)),)
$(error MIDI is not set: name the folder of MIDI files, as in: make -f architectures.mk gpt2 MIDI=dir)
endif

OUT ?= architectures.runs
SEEDS ?= 1 2 3
CONTEXT ?= 512
SHAPE ?= --set layers=6 --set width=256 --set heads=8 --set ff=1024
CELLS ?= --set layers=3 --set width=512
LOCAL := $(shell echo $$(($(CONTEXT) / 4)))
gpt2_minutes := $(or $(MINUTES),10)
performance_minutes := $(or $(MINUTES),60)
# How long a run of $1 is.
long = $(if $(STEPS),--steps $(STEPS),--minutes $($1_minutes)) $(MORE)

# make writes grids before a recipe could make their folder.
$(shell mkdir -p $(OUT))

.PHONY: gpt2 performance force
.DEFAULT_GOAL := gpt2
gpt2 performance: %: $(OUT)/%.tsv $(OUT)/%.data/manifest.json
	@$(MAKE) -f $(HERE)experiment.mk GRID=$(OUT)/$@.tsv DATA=$(OUT)/$@.data OUT=$(OUT)/$@ SEEDS='$(SEEDS)'

# GPT-2 sees its segment; Transformer-XL half of one and as much memory: the same reach at
# the same width, layers and heads. Then with twice that, and without.
define gpt2_grid
gpt2	--preset small --set arch=gpt2 --set segment=256 --set batch=4 $(call long,gpt2)
xl	--preset small --set arch=xl $(call long,gpt2)
xl-longer	--preset small --set arch=xl --set segment=256 --set batch=4 --set memory=256 $(call long,gpt2)
xl-forgets	--preset small --set arch=xl --set segment=256 --set batch=4 --set memory=0 $(call long,gpt2)
endef

# Of performance events: cells, attention by place or by distance, to all or to a block of
# a quarter and the one before.
define performance_grid
lstm	$(CELLS) --set arch=lstm --set segment=$(CONTEXT) $(call long,performance)
transformer	$(SHAPE) --set arch=music-transformer --set pos=absolute --set segment=$(CONTEXT) $(call long,performance)
local	$(SHAPE) --set arch=music-transformer --set pos=absolute --set segment=$(CONTEXT) --set block=$(LOCAL) $(call long,performance)
relative	$(SHAPE) --set arch=music-transformer --set segment=$(CONTEXT) $(call long,performance)
relative-local	$(SHAPE) --set arch=music-transformer --set segment=$(CONTEXT) --set block=$(LOCAL) $(call long,performance)
endef

$(OUT)/%.tsv: force
	@mkdir -p $(@D)
	$(file >$@.new,$($*_grid))
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

$(OUT)/gpt2.tok.zst: $(MIDI)
	@mkdir -p $(@D)
	midi2remi -q --max-reject 100% -o $@ $(MIDI)

$(OUT)/performance.tok.zst: $(MIDI)
	@mkdir -p $(@D)
	midi2remi -q --scheme performance --max-reject 100% -o $@ $(MIDI)

# Keys and, of performances, tempos around those that were played, as published.
$(OUT)/gpt2.data/manifest.json: $(OUT)/gpt2.tok.zst
	shard -q --force -o $(@D) $<
$(OUT)/performance.data/manifest.json: $(OUT)/performance.tok.zst
	shard -q --force --augment transpose=-3..3,tempo=.95..1.05/3 -o $(@D) $<
