# accompany.mk - a model that plays with what is given: a band to a tune, a piano to
# chords, drums to the rest. Learned from a folder of MIDI files, each of which is taken
# apart into what is given and what is played.
#
#     make -f pipelines/accompany.mk MIDI=folder
#     make -f pipelines/accompany.mk MIDI=folder TUNES=my-tune.mid
#     make -f pipelines/accompany.mk MIDI=folder GIVEN=chords
#
# Its page is accompany.md. Interrupt it when you like; the same command goes on.
# Variables, with their defaults:
#
#   MIDI      folder (or files) to learn from                        (required)
#   GIVEN     the parts that are given, as of midi2remi --keep       melody
#   PLAYED    how midi2remi takes those that are played              --drop GIVEN
#   TUNES     files to play to, whose given parts are taken          of the test split
#   OUT       folder for everything that is made                     MIDI.melody
#   HOW       the model's condition: bars prefix encoder             bars
#   READ      further midi2remi options for both sides, as --key
#   SHARD     further shard options, as --augment transpose=-5..6
#   PRESET    size of the model: tiny minutes small remi             minutes
#   TRAIN     further xltrain options                                --minutes 10
#   PIECES    how many pieces of the test split                      8
#   TAKES     how many answers to each                               1
#   SAMPLE    further xlsample options, as --temperature 0.7
#   SEED      of all chance                                          1

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all
MAKEFLAGS += --no-builtin-rules --no-print-directory

ifeq ($(strip $(MIDI)),)
$(error MIDI is not set: name the folder of MIDI files, as in: make -f accompany.mk MIDI=dir)
endif
include $(dir $(lastword $(MAKEFILE_LIST)))names.mk
$(call needs,midi2remi shard xltrain xlsample remi2midi featstats)
ifneq ($(call absent,$(MIDI)),)
$(error MIDI: there is no $(call absent,$(MIDI)); it names the folder of MIDI files to learn from)
endif
ifneq ($(call absent,$(TUNES)),)
$(error TUNES: there is no $(call absent,$(TUNES)); it names MIDI files to play to)
endif

GIVEN ?= melody
PLAYED ?= --drop '$(GIVEN)'
TUNES ?=
OUT ?= $(call base,$(MIDI)).$(firstword $(subst $(comma), ,$(subst =, ,$(GIVEN))))
HOW ?= bars
READ ?=
SHARD ?=
PRESET ?= minutes
TRAIN ?= --minutes 10
PIECES ?= 8
TAKES ?= 1
SAMPLE ?=
SEED ?= 1
$(call one_word,OUT)

DATA := $(OUT)/data
RUN := $(OUT)/run
READING := midi2remi -q --max-reject 100% $(READ)

# What is made anew when a variable changes.
$(shell mkdir -p '$(OUT)')
define note
$(OUT)/$1.asked: force
	@printf '%s\n' $$(call quoted,$2) | cmp -s - $$@ || printf '%s\n' $$(call quoted,$2) >$$@
endef
$(eval $(call note,parts,$$(GIVEN) $$(PLAYED) $$(READ)))
$(eval $(call note,pairs,$$(SHARD)))
$(eval $(call note,tunes,$$(TUNES) $$(PIECES)))
$(eval $(call note,takes,$$(TAKES) $$(SAMPLE) $$(SEED)))

.PHONY: all data train force
all: $(OUT)/fidelity.tsv
	@column -t $<
	@echo
	@echo "$(OUT)/together/   what was given and what was made of it, in one file each"
	@echo "$(OUT)/alone/      what was made, by itself"
data: $(DATA)/manifest.json
train: $(RUN)/done

# Files without one of the two sides are no pairs: they are listed, and the rest goes on.
# What ends a reading is said here too: the log may have a line for each file before it.
logged = 2>$(@:.tok.zst=.log) || { status=$$?; tail -n 3 $(@:.tok.zst=.log) >&2; exit $$status; }
$(OUT)/given.tok.zst: $(call targets,$(MIDI)) $(OUT)/parts.asked
	$(READING) --keep '$(GIVEN)' --rejects $(OUT)/given.rejects.tsv -o $@ $(call as_words,$(MIDI)) $(logged)
$(OUT)/played.tok.zst: $(call targets,$(MIDI)) $(OUT)/parts.asked
	$(READING) $(PLAYED) --rejects $(OUT)/played.rejects.tsv -o $@ $(call as_words,$(MIDI)) $(logged)

$(DATA)/manifest.json: $(OUT)/played.tok.zst $(OUT)/given.tok.zst $(OUT)/pairs.asked
	shard --force --max-alone 100% $(SHARD) -o $(DATA) $< --condition $(OUT)/given.tok.zst

# An interrupted run on these very data goes on; anything else starts anew.
$(RUN)/done: $(DATA)/manifest.json
	@how=--force; [ ! $(RUN)/latest -nt $< ] || how=--resume; \
	set -- xltrain --data $(DATA) -o $(RUN) --preset $(PRESET) --set condition=$(HOW) --seed $(SEED) $(TRAIN) $$how; \
	echo "$$@"; "$$@"
	@touch $@

# Of the test split, songs that the model has never seen: its table names their files.
ifeq ($(strip $(TUNES)),)
$(OUT)/asked.tok.zst: $(DATA)/manifest.json $(OUT)/tunes.asked
	sed 1d $(DATA)/test.pieces.tsv | cut -f 4 | head -n $(PIECES) | tr '\n' '\0' | \
	    $(READING) --keep '$(GIVEN)' --files0-from - -o $@
else
$(OUT)/asked.tok.zst: $(call targets,$(TUNES)) $(OUT)/parts.asked $(OUT)/tunes.asked
	$(READING) --keep '$(GIVEN)' -o $@ $(call as_words,$(TUNES))
endif

$(OUT)/made.tok.zst: $(RUN)/done $(OUT)/asked.tok.zst $(OUT)/takes.asked
	xlsample $(RUN) --condition $(OUT)/asked.tok.zst -n $(TAKES) --seed $(SEED) $(SAMPLE) -o $@

$(OUT)/together/done: $(OUT)/made.tok.zst
	rm -rf $(OUT)/alone $(OUT)/together
	remi2midi -d $(OUT)/alone $<
	remi2midi --mix $(OUT)/asked.tok.zst -d $(OUT)/together $<
	@touch $@

$(OUT)/fidelity.tsv: $(OUT)/together/done
	featstats --fidelity $(OUT)/asked.tok.zst $(OUT)/made.tok.zst -o $@
