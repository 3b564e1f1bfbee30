# pop909.mk - real training on pop songs: 909 (or, of the cleaned set, 759) arrangements.
#
#     make -f pipelines/pop909.mk MIDI=path/to/pop909
#
# Of the two published sets the cleaned one (POP909-CL, 24 positions a beat) has bars that
# can be trusted; in the original, most files declare 1/4 and lie off the beat grid.
# Ten minutes on two processors give a first model; TRAIN='--minutes 120' a better one.

PRESET ?= minutes
SHARD ?= --augment transpose=-5..6
TRAIN ?= --minutes 10 --precision bf16
BARS ?= 32
include $(dir $(lastword $(MAKEFILE_LIST)))rules.mk
