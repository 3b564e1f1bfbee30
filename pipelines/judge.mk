# judge.mk - whether what a model makes is near to human music, far from it, or copied:
# as many new pieces as the test split has, each of the same length, held against it.
#
#     make -f pipelines/judge.mk RUN=run DATA=data
#
# Its page is judge.md. Each stage is a file target, so an interrupted one goes on.
# Variables, with their defaults:
#
#   RUN      run folder to judge                        (required)
#   DATA     the shards it learnt from                  data
#   OUT      folder for everything that is made         RUN, with .judge
#   SPLIT    human pieces to compare with               test
#   N        how many new pieces                        as many as there are human ones
#   BARS     longest a piece is; 0: as long as it is    64 (seconds without bars)
#   ROLLS    pieces that the page shows and plays       10
#   SAMPLE   further xlsample options
#   MEASURE  further featstats options                  --repeats --si
#   SEED     of all chance                              1
#   JOBS     processors                                 all

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all
MAKEFLAGS += --no-builtin-rules --no-print-directory

ifeq ($(strip $(RUN)),)
$(error RUN is not set: name the run to judge, as in: make -f judge.mk RUN=run DATA=data)
endif

include $(dir $(lastword $(MAKEFILE_LIST)))names.mk

DATA ?= data
OUT ?= $(patsubst %/,%,$(RUN)).judge
SPLIT ?= test
N ?=
BARS ?= 64
ROLLS ?= 10
SAMPLE ?=
MEASURE ?= --repeats --si
SEED ?= 1
JOBS ?= 0
$(call one_word,RUN DATA OUT)
# What is missing is said before the first minute, not after the last.
ifeq ($(wildcard $(RUN) $(RUN)/best $(RUN)/latest),)
$(error there is no run '$(RUN)': xltrain -o $(RUN) makes one)
endif
ifeq ($(wildcard $(DATA)/manifest.json),)
$(error '$(DATA)' holds no shards: name those that the run learnt from, as in: make -f judge.mk RUN=run DATA=data)
endif
$(call needs,shard xlsample xltrain featstats column)

MODEL := $(or $(wildcard $(RUN)/best),$(RUN))

# What is made anew when a variable changes: the length and choice of pieces.
ASKED := $(DATA) $(SPLIT) $(BARS) $(N) $(SAMPLE) $(SEED)

.PHONY: all force
all: $(OUT)/judge.html
	@echo
	@sed -n 's/^#featjudge .*"verdict":"\([a-z]*\)".*/verdict: \1/p' $(OUT)/judge.tsv
	@sed 1d $(OUT)/judge.tsv | column -t
	@echo
	@echo "$(OUT)/judge.html   the page: verdict, pieces, charts"

$(OUT)/asked: force
	@mkdir -p $(@D)
	@echo '$(ASKED)' | cmp -s - $@ || echo '$(ASKED)' >$@

$(OUT)/human.tok.zst: $(DATA)/manifest.json $(OUT)/asked
	shard -q --unshard $(SPLIT) --lines $(BARS) -o $@ $(DATA)

$(OUT)/train.tok.zst: $(DATA)/manifest.json $(OUT)/asked
	shard -q --unshard train -o $@ $(DATA)

$(OUT)/new.tok.zst: $(MODEL) $(OUT)/human.tok.zst
	xlsample $(RUN) -j $(JOBS) --like $(OUT)/human.tok.zst $(N:%=-n %) --seed $(SEED) $(SAMPLE) -o $@

$(OUT)/logprobs: $(MODEL) $(DATA)/manifest.json $(OUT)/asked
	xltrain -q -j $(JOBS) --data $(DATA) -o $(RUN) --eval $(SPLIT) --log-probs $@ >$(OUT)/eval.tsv

$(OUT)/surprise.tsv: $(OUT)/logprobs
	featstats --surprise $< -o $@

$(OUT)/compare.tsv: $(OUT)/human.tok.zst $(OUT)/new.tok.zst
	featstats -q -j $(JOBS) --seed $(SEED) $(MEASURE) --vs $< $(OUT)/new.tok.zst -o $@

$(OUT)/novelty.tsv: $(OUT)/train.tok.zst $(OUT)/human.tok.zst $(OUT)/new.tok.zst
	featstats -q -j $(JOBS) --novelty $< --vs $(OUT)/human.tok.zst $(OUT)/new.tok.zst -o $@

# The verdict and its page. Without FluidSynth they are silent.
$(OUT)/judge.html: $(OUT)/train.tok.zst $(OUT)/compare.tsv $(OUT)/novelty.tsv $(OUT)/surprise.tsv
	featstats -q -j $(JOBS) --seed $(SEED) $(MEASURE) --judge $< --vs $(OUT)/human.tok.zst \
	    --log-probs $(OUT)/logprobs $(if $(wildcard $(RUN)/metrics.tsv),--run $(RUN)) \
	    --rolls $(ROLLS) $(shell command -v fluidsynth >/dev/null && echo --sound) \
	    --html $@ $(OUT)/new.tok.zst -o $(OUT)/judge.tsv
