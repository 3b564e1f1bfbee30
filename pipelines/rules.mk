# rules.mk - from a folder of MIDI files to a trained model, new pieces and their
# measures. Included by the pipelines beside it, or by your own:
#
#     MIDI := my-music
#     include rules.mk
#
# Each stage is a file target, so an interrupted run goes on where it stopped and a
# changed input redoes what depends on it. Variables, with their defaults:
#
#   MIDI     folder (or files) to learn from           (required)
#   OUT      folder for everything that is made        $(notdir MIDI).barline
#   SHARD    further shard options
#   PRESET   of xltrain: tiny minutes small remi...    minutes
#   TRAIN    further xltrain options                   --minutes 10
#   PIECES   how many pieces to make                   8
#   BARS     how long each one is                      16
#   SAMPLE   further xlsample options
#   SEED     of all chance                             1

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all
MAKEFLAGS += --no-builtin-rules --no-print-directory

ifeq ($(strip $(MIDI)),)
$(error MIDI is not set: name the folder of MIDI files, as in: make -f FILE.mk MIDI=dir)
endif

include $(dir $(lastword $(MAKEFILE_LIST)))names.mk
OUT ?= $(call base,$(MIDI)).barline
PRESET ?= minutes
TRAIN ?= --minutes 10
PIECES ?= 8
BARS ?= 16
SEED ?= 1

$(call one_word,OUT)

TOKENS := $(OUT)/corpus.tok.zst
DATA := $(OUT)/data
RUN := $(OUT)/run
NEW := $(OUT)/new

.PHONY: all tokens data train new features
all: features
tokens: $(TOKENS)
data: $(DATA)/manifest.json
train: $(RUN)/done
new: $(NEW)/done
features: $(OUT)/features.tsv

# Broken files are named on standard error and listed in rejects.tsv; they do not stop us.
$(TOKENS): $(call targets,$(MIDI))
	@mkdir -p $(@D)
	midi2remi --max-reject 100% --rejects $(OUT)/rejects.tsv -o $@ $(call as_words,$(MIDI))

$(DATA)/manifest.json: $(TOKENS)
	shard --force $(SHARD) -o $(DATA) $<

# An interrupted run on these very data goes on; anything else starts anew.
$(RUN)/done: $(DATA)/manifest.json
	@how=--force; [ ! $(RUN)/latest -nt $< ] || how=--resume; \
	set -- xltrain --data $(DATA) -o $(RUN) --preset $(PRESET) --seed $(SEED) $(TRAIN) $$how; \
	echo "$$@"; "$$@"
	@touch $@

$(OUT)/new.tok.zst: $(RUN)/done
	xlsample $(RUN) -n $(PIECES) --bars $(BARS) --seed $(SEED) $(SAMPLE) -o $@

$(NEW)/done: $(OUT)/new.tok.zst
	remi2midi --force -d $(NEW) $<
	@touch $@

$(OUT)/features.tsv: $(TOKENS) $(NEW)/done
	featstats $(TOKENS) -o $(OUT)/features-corpus.tsv
	featstats $(OUT)/new.tok.zst -o $@
