# nottingham.mk - real training on folk tunes: 1,034 melodies with chords, a small and clean
# corpus that a small model learns in minutes.
#
#     make -f pipelines/nottingham.mk MIDI=path/to/nottingham

PRESET ?= minutes
TRAIN ?= --minutes 5
BARS ?= 32
include $(dir $(lastword $(MAKEFILE_LIST)))rules.mk
