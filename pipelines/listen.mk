# listen.mk - a MIDI file or a token stream to be heard through FluidSynth, at about
# -16 LUFS, or as a WAV file.
#
#     make -f pipelines/listen.mk PIECE=new/sample-000000.mid
#     make -f pipelines/listen.mk PIECE=new.tok.zst OUT=new.wav
#
# SOUNDFONT=file names a sound font.

HERE := $(dir $(lastword $(MAKEFILE_LIST)))
.DEFAULT_GOAL := listen

ifeq ($(PIECE),)
$(error PIECE is not set: name what to hear, as in: make -f listen.mk PIECE=song.mid)
endif

.PHONY: listen
listen:
	@bash '$(HERE)listen.sh' '$(PIECE)' $(if $(OUT),'$(OUT)')
