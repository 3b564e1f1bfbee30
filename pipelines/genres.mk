# genres.mk - what a Compressive Transformer learns of four small sets of songs, drawn by
# genre and by instrument, as one experiment: three genres with a piano, one genre, a third
# of the first set, three genres of piano alone; dropout; length; a compressor that learns
# and one that does not.
#
#     make -f pipelines/genres.mk MIDI=folder LABELS=labels.tsv
#
# Its page is genres.md. Interrupt it when you like; the same command goes on.
# Variables, with their defaults:
#
#   MIDI      folder of MIDI files                                  (required)
#   LABELS    table with the columns file (below MIDI) and genre    MIDI/labels.tsv
#   OUT       folder for everything                                 genres.runs
#   FILES     of the sets 1, 2 and piano                            120
#   LENGTHS   segments, as long as the memory                       32 64 128
#   DROPOUTS  of the first length alone: 0 and .1                   0 0.1
#   STEPS     of each run, at most                                  20000
#   PATIENCE  evaluations without a gain that end a run             10
#   SEEDS     of each setting                                       1 2 3
#   DRAW      seed of the draw of files                             1
#   MORE      further xltrain options of all settings

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory
SELF := $(abspath $(lastword $(MAKEFILE_LIST)))
HERE := $(dir $(SELF))

ifeq ($(strip $(MIDI)),)
$(error MIDI is not set: name the folder of MIDI files, as in: make -f genres.mk MIDI=dir LABELS=labels.tsv)
endif
LABELS ?= $(MIDI)/labels.tsv
ifeq ($(wildcard $(LABELS)),)
$(error LABELS: there is no table '$(LABELS)'; its columns file and genre say what is what)
endif

OUT ?= genres.runs
FILES ?= 120
LENGTHS ?= 32 64 128
DROPOUTS ?= 0 0.1
STEPS ?= 20000
PATIENCE ?= 10
SEEDS ?= 1 2 3
DRAW ?= 1

.PHONY: all sets force
.DEFAULT_GOAL := all
$(shell mkdir -p $(OUT))

all: $(OUT)/grid.tsv
	@$(MAKE) -f $(SELF) $$(cut -d ' ' -f 2 $(OUT)/grid.tsv | sort -u | sed 's|$$|/manifest.json|')
	@$(MAKE) -f $(HERE)experiment.mk GRID=$< DATA=$$(head -n 1 $< | cut -d ' ' -f 2) OUT=$(OUT)/runs SEEDS='$(SEEDS)'
	@$(HERE)genres.sh table $(OUT) >$(OUT)/table.tsv
	@column -t -s $$'\t' $(OUT)/table.tsv
sets: $(OUT)/sets.tsv
	@column -t -s $$'\t' $<

# A line a set, length and dropout; and one with a compressor that stays as it began.
common := --preset seed --steps $(STEPS) --set patience=$(PATIENCE) $(MORE)
line = printf '%s\t%s\n' "$$set-n$1-d$2$3" "--data $(OUT)/$$set.data $(common) --set segment=$1 --set memory=$1 --set dropout=$2$4";
$(OUT)/grid.tsv: $(OUT)/sets.tsv force
	@for set in $$(tail -n +2 $< | cut -f 1 | uniq); do \
	    $(foreach n,$(LENGTHS),$(foreach d,$(DROPOUTS),$(call line,$n,$d))) \
	    $(call line,$(firstword $(LENGTHS)),$(lastword $(DROPOUTS)),-frozen, --set compressor_weight=0) \
	done >$@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

# Which programs a file has, then which files a set has.
$(OUT)/programs.tsv: $(LABELS)
	featstats -q --vectors --max-reject 100% $(MIDI) | $(HERE)genres.sh programs $(MIDI) $(LABELS) >$@
$(OUT)/sets.tsv: $(OUT)/programs.tsv
	$(HERE)genres.sh draw $(FILES) $(DRAW) <$< >$@

$(OUT)/%.tok.zst: $(OUT)/sets.tsv
	awk -F '\t' -v set=$* '$$1 == set {print $$3}' $< | sed 's|^|$(MIDI)/|' | \
	    tr '\n' '\0' | xargs -0 midi2remi -q --max-reject 100% -o $@
.PRECIOUS: $(OUT)/%.tok.zst
$(OUT)/%.data/manifest.json: $(OUT)/%.tok.zst
	shard -q --force -o $(@D) $<
