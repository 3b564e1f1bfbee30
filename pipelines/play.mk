# play.mk - a run to be heard as it plays, through FluidSynth (play.sh).
#
#     make -f pipelines/play.mk RUN=run                        # without end
#     make -f pipelines/play.mk RUN=band KEYS=/dev/snd/midiC1D0  # to what is played
#     make -f pipelines/play.mk RUN=run ANSWER=2 KEYS=/dev/snd/midiC1D0  # in turns
#     make -f pipelines/play.mk drummer RUN=drums [KEYS=...]   # drums to taps
#
# SOUNDFONT, AUDIO, OUT, TEMPO, DELAY, ANSWER, CONTROL: play.sh.

HERE := $(dir $(lastword $(MAKEFILE_LIST)))
.DEFAULT_GOAL := play

ifeq ($(RUN),)
$(error RUN is not set: name a run folder, as in: make -f play.mk RUN=run)
endif
export SOUNDFONT AUDIO OUT TEMPO DELAY ANSWER CONTROL

.PHONY: play drummer
play:
	@bash '$(HERE)play.sh' '$(RUN)' $(if $(KEYS),'$(KEYS)')
drummer:
	@bash '$(HERE)play.sh' '$(RUN)' '$(or $(KEYS),auto)' groove
