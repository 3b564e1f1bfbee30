# experiment.mk - a grid of settings times seeds: trains each, measures each, and makes one
# table and one picture of all. Interrupt it when you like; the same command goes on.
#
#     make -j2 -f pipelines/experiment.mk GRID=grid.tsv DATA=data
#
# Its page is experiment.md. Variables, with their defaults:
#
#   GRID     a line a setting: name, TAB, options of xltrain     (required)
#   DATA     shards to learn from and to be measured on          data
#   OUT      folder for all runs and the results                 name of the grid, .runs
#   SEEDS    of each setting                                     1 2 3
#   SPLIT    that the best checkpoint is measured on             test
#   PART     I/N: only every Nth run, from the Ith on, no table
#   RETRY    1: try runs again that ended with an error of their own
#   CORES    processors to share out                             all
#
# Targets: all (the default), runs, table (of what is there), list, and each run folder.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := all
MAKEFLAGS += --no-builtin-rules --no-print-directory
SELF := $(abspath $(lastword $(MAKEFILE_LIST)))
DO := bash $(dir $(SELF))experiment.sh

ifeq ($(strip $(GRID)),)
$(error GRID is not set: name the file of settings, as in: make -f experiment.mk GRID=file)
endif
DATA ?= data
OUT ?= $(basename $(notdir $(GRID))).runs
SEEDS ?= 1 2 3
SPLIT ?= test
PART ?=
RETRY ?=
CORES ?=
export GRID DATA OUT SEEDS SPLIT PART RETRY CORES

# Nothing is begun with a grid that will not do.
PLAN := $(shell $(foreach v,GRID DATA OUT SEEDS PART,$v='$($v)') $(DO) plan 2>&1 || echo refused)
ifneq ($(filter refused,$(PLAN)),)
$(error $(patsubst %refused,%,$(PLAN)))
endif

.PHONY: all runs table list $(PLAN)
all: runs
	@$(if $(PART),,$(DO) table)
runs: $(PLAN)
table:
	@$(DO) table
list:
	@printf '%s\n' $(PLAN)

# The shell must not stand between make's signals and the run.
$(PLAN):
	@exec $(DO) run $@
