# names.mk - how variables that name files become words of make and of the shell; the
# pipelines beside it include it. A name with blanks is one file or folder where it is
# there, else these are several names.

blank := $() $()
comma := ,
quoted = '$(subst ','\'',$(strip $1))'
is_one = $(shell [ ! -e $(call quoted,$1) ] || echo 1)

#   $(call as_words,NAMES)  as words of a shell
#   $(call targets,NAMES)   as targets of make
#   $(call base,NAMES)      the first one's own name, without folder, blank and quote
#   $(call absent,NAMES)    those that are not there
as_words = $(if $(call is_one,$1),$(call quoted,$1),$1)
targets = $(if $(call is_one,$1),$(subst $(blank),\ ,$(strip $1)),$1)
base = $(notdir $(subst ',,$(patsubst %/,%,$(if $(call is_one,$1),$(subst $(blank),-,$(strip $1)),$(firstword $1)))))
absent = $(strip $(shell for f in $(call as_words,$1); do [ -e "$$f" ] || printf "'%s' " "$$f"; done))

#   $(call one_word,VARIABLES)   refuses blanks in their values, which are parts of targets
#   $(call needs,TOOLS)          refuses to begin without them
one_word = $(foreach v,$1,$(if $(word 2,$($v)),$(error $v: '$($v)' has a blank in it, which make takes for two files; name it without)))
needs = $(if $(call missing,$1),$(error not found: $(call missing,$1); 'make install' puts the tools on the PATH$(if $(filter column,$(call missing,$1)),$(comma) column is in bsdextrautils)))
missing = $(strip $(foreach t,$1,$(if $(shell command -v $t),,$t)))
