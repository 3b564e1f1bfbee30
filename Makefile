# barline: one non-recursive Makefile. `make help` lists what it can do.
#
# CC, CFLAGS, CPPFLAGS, LDFLAGS, PREFIX and DESTDIR are yours; the project's own flags
# are kept apart. Variants live in folders of their own: B=build/NAME SAN=address,...;
# CPU=baseline (avx2, avx512, bf16) leaves out the kernels above that level.

comma := ,
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all
MAKEFLAGS += --no-builtin-rules --no-print-directory

PREFIX ?= /usr/local
DESTDIR ?=
CFLAGS ?= -O2 -g
ifeq ($(origin CC),default)
CC := gcc
endif
SAN ?=
MPI ?=
STATIC ?=
# The highest level of kernels, not of the environment: some systems have a CPU there.
CPU :=
B ?= $(if $(MPI),build/mpi,$(if $(CPU),build/cpu-$(CPU),build/release))
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-5s %s\n' $(1) $@;)

VERSION := $(shell sed -n 's/^\#define BL_VERSION "\(.*\)"/\1/p' lib/base/base.h)
TOOLS := midi2remi vocab shard xltrain xlsample remi2midi featstats
PACKAGES := smf libzstd openblas jansson libxxhash nettle

# MPI=1: xltrain may run as several processes (pipelines/cluster.md).
ifneq ($(MPI),)
MPI_PACKAGE := $(firstword $(foreach p,ompi-c mpich,$(shell pkg-config --exists $p && echo $p)))
ifeq ($(MPI_PACKAGE),)
$(error MPI=1 needs an MPI library and its headers (Debian: libopenmpi-dev openmpi-bin))
endif
PACKAGES += $(MPI_PACKAGE)
endif

# The everyday build puts the tools beside their sources, a variant keeps its own.
BIN := $(if $(filter build/release,$(B)),bin,$(B)/bin)

OWN_CFLAGS := -std=c11 -D_POSIX_C_SOURCE=200809L -Ilib -pthread \
  -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
  -Wwrite-strings -Wformat=2 -Wvla -Wundef -Wpointer-arith -Wcast-qual \
  -fno-strict-overflow -fstack-protector-strong -fPIE -MMD -MP
OWN_LDFLAGS := -pthread -pie -Wl,--as-needed -Wl,-z,relro,-z,now
# Checked copies need an optimiser, and sanitizers check on their own.
ifneq ($(filter -O1 -O2 -O3 -Os -Og,$(CFLAGS)),)
ifeq ($(SAN)$(findstring _FORTIFY_SOURCE,$(CPPFLAGS) $(CFLAGS)),)
OWN_CFLAGS += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
endif
endif
ifneq ($(MPI),)
OWN_CFLAGS += -DBL_MPI
endif
# CPU=level: without the kernels above it, each one's twin runs anywhere (lib/base/cpu.h).
ifneq ($(CPU),)
CPU_LEVEL := $(word 2,$(subst :, ,$(filter $(CPU):%,baseline:0 avx2:1 avx512:2 bf16:3 native:4)))
ifeq ($(CPU_LEVEL),)
$(error CPU=$(CPU) is none of baseline, avx2, avx512, bf16, native)
endif
OWN_CFLAGS += -DBL_CPU=$(CPU_LEVEL)
endif
# STATIC=1: tools that need no library where they run.
ifneq ($(STATIC),)
OWN_LDFLAGS := $(patsubst -pie,-static-pie -Wl$(comma)--no-warnings,$(OWN_LDFLAGS))
endif
ifneq ($(SAN),)
OWN_CFLAGS += -fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all
OWN_LDFLAGS += -fsanitize=$(SAN)
endif
# What objects and programs are made with: another compiler or flag makes them again.
FLAGS := $(CC) $(OWN_CFLAGS) $(CPPFLAGS) $(CFLAGS) $(OWN_LDFLAGS) $(LDFLAGS)
ifneq ($(WERROR),)
OWN_CFLAGS += -Werror
endif

# Asked once, and only when something is compiled.
PKG_CFLAGS = $(eval PKG_CFLAGS := $(patsubst -I%,-isystem %,$(shell pkg-config --cflags $(PACKAGES))))$(PKG_CFLAGS)
PKG_LIBS = $(eval PKG_LIBS := $(shell pkg-config $(if $(STATIC),--static) --libs $(PACKAGES)))$(PKG_LIBS)
COMPILE = $(CC) $(OWN_CFLAGS) $(PKG_CFLAGS) $(CPPFLAGS) $(CFLAGS) $(KERNEL_CFLAGS)
LINK = $(CC) $(OWN_LDFLAGS) $(CFLAGS) $(LDFLAGS)

LIB_OBJ := $(patsubst %.c,$(B)/%.o,$(wildcard lib/*/*.c lib/*/*/*.c))
LIB := $(B)/libbarline.a
# The engine again with double numbers, for gradient checks.
DOUBLE_OBJ := $(patsubst %.c,$(B)/double/%.o,$(wildcard lib/base/*.c lib/nn/*/*.c lib/model/*.c))
DOUBLE := $(B)/double/libbarline.a

UNIT := $(patsubst %.c,$(B)/%,$(wildcard tests/unit/test_*.c))
GRAD := $(patsubst %.c,$(B)/%,$(wildcard tests/unit/double_*.c))
BENCH := $(patsubst %.c,$(B)/%,$(wildcard tests/bench/bench_*.c))
# What the engine computes, for PyTorch to compute again.
TORCH := $(B)/tests/torch/dump $(B)/tests/torch/steps $(B)/tests/torch/drums_dump
# Each fuzz target twice: with a plain main for the tests, with libFuzzer for `make fuzz`.
TARGETS := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
REPLAY := $(TARGETS:%=$(B)/tests/fuzz/replay_%)
FUZZERS := $(TARGETS:%=$(B)/tests/fuzz/libfuzzer_%)

## all: build the tools (in bin/)
.PHONY: all
all: $(TOOLS:%=$(BIN)/%)

## static: the tools without shared libraries, in build/static/bin
.PHONY: static
static:
	@$(MAKE) all STATIC=1 B=build/static

$(B)/flags: force
	@mkdir -p $(@D)
	@echo '$(subst ','\'',$(FLAGS))' | cmp -s - $@ || echo '$(subst ','\'',$(FLAGS))' >$@
.PHONY: force
force:

$(B)/%.o: %.c $(B)/flags | $(B)/packages
	@mkdir -p $(@D)
	$(call say,CC)$(COMPILE) -c -o $@ $<

$(B)/double/%.o: %.c $(B)/flags | $(B)/packages
	@mkdir -p $(@D)
	$(call say,CC)$(COMPILE) -DBL_DOUBLE -c -o $@ $<

# The kernels are the hot loops; strict IEEE values everywhere (no -ffast-math), only
# errno and the exception flags, which nothing reads, may be wrong.
$(B)/lib/nn/%.o $(B)/lib/model/%.o $(B)/double/lib/nn/%.o: KERNEL_CFLAGS := -O3 -fno-math-errno \
    -fno-trapping-math -ffp-contract=fast
$(B)/lib/token/chords.o: KERNEL_CFLAGS := -O3
$(B)/lib/feature/si.o $(B)/lib/compare/density.o: KERNEL_CFLAGS := -O3
$(B)/lib/midi/smf.o: CPPFLAGS += -DBL_SMF_VERSION='"$(shell pkg-config --modversion smf)"'
$(B)/lib/cli/opt.o: CPPFLAGS += -DBL_BUILD='"$(notdir $(CC)) $(CFLAGS) $(SAN:%=-fsanitize=%)$(if $(MPI), MPI)$(CPU:%= CPU=%)"'

$(LIB): $(LIB_OBJ)
$(DOUBLE): $(DOUBLE_OBJ)
$(LIB) $(DOUBLE):
	@rm -f $@
	$(call say,AR)ar rcs $@ $(filter %.o,$^)

$(TOOLS:%=$(BIN)/%): $(BIN)/%: $(B)/bin/%.o $(LIB)
	@mkdir -p $(@D)
	$(call say,LD)$(LINK) -o $@ $(filter %.o,$^) $(LIB) $(PKG_LIBS) -lm


$(UNIT) $(BENCH) $(B)/tests/bench/smf_load $(B)/tests/bench/train_speed $(B)/tests/bench/copy_task $(B)/tests/bench/drum_window $(B)/tests/notes $(B)/tests/arrival $(B)/tests/laws $(B)/tests/drum_laws $(B)/tests/chords_eval $(B)/tests/parts_eval $(B)/tests/kernels $(B)/tests/settings: $(B)/%: $(B)/%.o $(LIB)
	$(call say,LD)$(LINK) -o $@ $< $(LIB) $(PKG_LIBS) -lm

# counts what OpenBLAS is asked for
$(BENCH): OWN_LDFLAGS += -Wl,--wrap=cblas_sgemm

$(TORCH): $(B)/%: $(B)/%.o $(B)/tests/torch/records.o $(LIB)
	$(call say,LD)$(LINK) -o $@ $(filter %.o,$^) $(LIB) $(PKG_LIBS) -lm

$(REPLAY): $(B)/tests/fuzz/replay_%: $(B)/tests/fuzz/fuzz_%.o $(B)/tests/fuzz/fuzz.o $(B)/tests/fuzz/replay.o $(LIB)
	$(call say,LD)$(LINK) -o $@ $(filter %.o,$^) $(LIB) $(PKG_LIBS) -lm

$(FUZZERS): $(B)/tests/fuzz/libfuzzer_%: $(B)/tests/fuzz/fuzz_%.o $(B)/tests/fuzz/fuzz.o $(LIB)
	$(call say,LD)$(LINK) -fsanitize=fuzzer -o $@ $(filter %.o,$^) $(LIB) $(PKG_LIBS) -lm

$(B)/tests/mutate: $(B)/tests/mutate.o $(B)/tests/fuzz/fuzz.o $(LIB)
	$(call say,LD)$(LINK) -o $@ $(filter %.o,$^) $(LIB) $(PKG_LIBS) -lm

$(GRAD): $(B)/%: $(B)/double/%.o $(DOUBLE)
	@mkdir -p $(@D)
	$(call say,LD)$(LINK) -o $@ $< $(DOUBLE) $(PKG_LIBS) -lm

# Reference models in single and in double precision; JSON comes from the one library.
$(B)/tests/models: $(B)/tests/models.o $(LIB)
	$(call say,LD)$(LINK) -o $@ $< $(LIB) $(PKG_LIBS) -lm

$(B)/tests/hub: $(B)/tests/hub.o $(LIB)
	$(call say,LD)$(LINK) -o $@ $< $(LIB) $(PKG_LIBS) -lm

$(B)/tests/models_double: $(B)/double/tests/models.o $(DOUBLE) $(LIB)
	@mkdir -p $(@D)
	$(call say,LD)$(LINK) -o $@ $< $(DOUBLE) $(LIB) $(PKG_LIBS) -lm

$(B)/packages:
	@for p in $(PACKAGES); do pkg-config --exists $$p || { \
	  echo "barline: the library '$$p' is missing; 'make deps' installs it" >&2; exit 1; }; done
	@mkdir -p $(@D)
	@touch $@

-include $(shell find $(B) -name '*.d' 2>/dev/null)

# ---- use ----

## deps: install what building, demo and tests need (Debian, Ubuntu; names it elsewhere)
.PHONY: deps
deps:
	@.ci/deps build test

## demo: samples -> tokens -> training -> 8 new pieces, in under three minutes
.PHONY: demo
demo:
	@.ci/deps build
	@$(MAKE) $(if $(findstring jobserver,$(MAKEFLAGS)),,-j2) all
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(MAKE) -f pipelines/demo.mk

## test: every test in its quick form; prints N passed, N failed
.PHONY: test
test:
	@.ci/deps build test
	@$(MAKE) all test-programs
	@tests/run.sh $(B) $(BIN)

## test-slow: the long forms too
.PHONY: test-slow
test-slow:
	@.ci/deps build test slow deb
	@$(MAKE) all test-programs
	@BARLINE_SLOW=1 tests/run.sh $(B) $(BIN)

.PHONY: test-programs
test-programs: $(UNIT) $(GRAD) $(TORCH) $(B)/tests/models $(B)/tests/models_double $(B)/tests/hub $(B)/tests/laws $(B)/tests/drum_laws $(B)/tests/notes $(B)/tests/arrival $(B)/tests/settings $(REPLAY) $(B)/tests/mutate

## test-cpus: tools and kernels on emulated processors, and built without vector kernels
.PHONY: test-cpus unit-programs
test-cpus:
	@.ci/deps build test
	@$(MAKE) all unit-programs
	@BARLINE_ROOT="$(CURDIR)" BARLINE_BUILD="$(CURDIR)/$(B)" PATH="$(CURDIR)/$(BIN):$$PATH" \
	  bats --filter-tags '!night' tests/cli/cpus.bats
	@$(MAKE) all unit-programs CPU=baseline B=build/cpu-baseline
	@ONLY=/test_ tests/run.sh build/cpu-baseline build/cpu-baseline/bin
	@PATH="$(CURDIR)/build/cpu-baseline/bin:$$PATH" bats -f 'bf16 and bf16x3' tests/cli/xltrain.bats

unit-programs: $(UNIT)

## kernels: which kernels the tests run on this processor, which they emulate, which neither
.PHONY: kernels
kernels: $(B)/tests/kernels
	@$(B)/tests/kernels

## test-mpi: xltrain as several processes, in a build of its own (MPI=1)
.PHONY: test-mpi
test-mpi:
	@$(MAKE) all MPI=1
	@PATH="$(CURDIR)/build/mpi/bin:$$PATH" bats tests/cli/mpi.bats

## test-data: the laws of the token scheme, without and with options, and of grooves, on a folder of MIDI files, DATA=dir
.PHONY: test-data
test-data: all $(B)/tests/laws $(B)/tests/drum_laws
	@[ -n "$(DATA)" ] || { echo "usage: make test-data DATA=dir" >&2; exit 64; }
	@$(B)/tests/laws $(DATA)
	@$(B)/tests/laws --chords --pedal --grid 12 $(DATA)
	@$(B)/tests/laws --degrees $(DATA)
	@$(B)/tests/laws --degrees --common-key $(DATA)
	@$(B)/tests/drum_laws $(DATA)

## test-chords: the chord finders against chords set by hand, DATA=dir (POP909-CL)
.PHONY: test-chords
test-chords: $(B)/tests/chords_eval
	@[ -n "$(DATA)" ] || { echo "usage: make test-chords DATA=dir" >&2; exit 64; }
	@$(B)/tests/chords_eval $(DATA)

## test-parts: melody, bass and key as they are found against names and key signatures, which are hidden, DATA=dir
.PHONY: test-parts
test-parts: $(B)/tests/parts_eval
	@[ -n "$(DATA)" ] || { echo "usage: make test-parts DATA=dir" >&2; exit 64; }
	@$(B)/tests/parts_eval $(DATA)

## test-mido: notes against those that python3-mido reads, DATA=dir
.PHONY: test-mido
test-mido: $(B)/tests/notes
	@[ -n "$(DATA)" ] || { echo "usage: make test-mido DATA=dir" >&2; exit 64; }
	@/usr/bin/python3 tests/mido_notes.py $(B)/tests/notes $(DATA)

## test-golden: token streams against reference dumps, GOLDEN=dir DATA=dir
.PHONY: test-golden
test-golden: all
	@[ -n "$(GOLDEN)" ] && [ -n "$(DATA)" ] || \
	    { echo "usage: make test-golden GOLDEN=dir DATA=dir" >&2; exit 64; }
	@PATH="$(CURDIR)/$(BIN):$$PATH" python3 tests/golden.py $(GOLDEN) $(DATA)

## test-models: losses and gradients of architectures against references, GOLDEN=file CASES='glob...'
.PHONY: test-models
test-models: $(B)/tests/models $(B)/tests/models_double
	@[ -n "$(GOLDEN)" ] || { echo "usage: make test-models GOLDEN=file.json [CASES='glob...']" >&2; exit 64; }
	@set -f; status=0; \
	  $(B)/tests/models_double $(GOLDEN) 1e-9 $(CASES) || status=1; \
	  $(B)/tests/models $(GOLDEN) 1e-4 $(CASES) || status=1; exit $$status

## test-hub: Hugging Face folders that hold a reference.json of logits, HUB="dir dir"
.PHONY: test-hub
test-hub: $(B)/tests/hub
	@[ -n "$(HUB)" ] || { echo 'usage: make test-hub HUB="dir dir"' >&2; exit 64; }
	@$(B)/tests/hub 1e-5 $(foreach d,$(HUB),$(d) $(d)/reference.json)

## test-mutate: 100,000 (N=) random mutations of the MIDI files in a folder, DATA=dir
.PHONY: test-mutate
test-mutate: $(B)/tests/mutate
	@[ -n "$(DATA)" ] || { echo "usage: make test-mutate DATA=dir" >&2; exit 64; }
	@$(B)/tests/mutate -n $(or $(N),100000) $(DATA)

## fuzz: search with libFuzzer, FUZZ=target (all in turn), SECONDS=N (60) for each
.PHONY: fuzz fuzzers
fuzz:
	@printf 'int LLVMFuzzerTestOneInput(void);\nint LLVMFuzzerTestOneInput(void) { return 0; }\n' | \
	  clang -fsanitize=fuzzer,address,undefined -x c -o /dev/null - 2>/dev/null || { \
	  echo "barline: there is no libFuzzer: it comes with clang and compiler-rt" \
	    "(Debian: clang libclang-rt-14-dev)" >&2; exit 1; }
	@$(MAKE) -s all
	@$(MAKE) -s fuzzers B=build/fuzz CC=clang SAN=fuzzer-no-link,address,undefined CFLAGS="-O1 -g"
	@PATH="$(CURDIR)/bin:$$PATH" tests/fuzz/run.sh build/fuzz $(or $(SECONDS),60) $(or $(FUZZ),$(TARGETS))

fuzzers: $(FUZZERS)

## test-features: featstats against reference numbers, its report in a browser, GOLDEN=dir DATA=dir
.PHONY: test-features
test-features: all
	@[ -n "$(GOLDEN)" ] && [ -n "$(DATA)" ] || { \
	  echo "usage: make test-features GOLDEN=dir DATA=dir" >&2; exit 64; }
	@PATH="$(CURDIR)/$(BIN):$$PATH" /usr/bin/python3 tests/golden_features.py $(GOLDEN) $(DATA)
	@[ ! -d $(DATA)/nottingham ] || [ ! -d $(DATA)/pop909cl ] || { \
	  mkdir -p $(B) && $(BIN)/featstats -q --html $(B)/report.html --vs $(DATA)/pop909cl $(DATA)/nottingham >$(B)/report.tsv && \
	  status=0 && tests/report.sh $(B)/report.html || status=$$?; \
	  case $$status in 0) echo "report in a browser: all is seen" ;; \
	  77) echo "report in a browser: skipped, there is no Chromium" ;; *) exit 1 ;; esac; }

## asan ubsan tsan: build and test under a sanitizer, in build/asan, ...
.PHONY: asan ubsan tsan
asan:
	@$(MAKE) test B=build/asan SAN=address,undefined CFLAGS="-O1 -g"
ubsan:
	@$(MAKE) test B=build/ubsan SAN=undefined CFLAGS="-O1 -g"
tsan:
	@$(MAKE) test B=build/tsan SAN=thread CFLAGS="-O1 -g"

## plot: learning curves of one or more runs, RUN="dir dir" OUT=curves.svg
.PHONY: plot
plot: all
	@[ -n "$(RUN)" ] || { echo 'usage: make plot RUN="dir dir ..." OUT=curves.svg' >&2; exit 64; }
	@$(BIN)/featstats --force --curves $(RUN) -o $(or $(OUT),curves.svg)
	@echo "$(or $(OUT),curves.svg)"

## judge: new pieces of a run beside the human ones of a split: near, far or copied, RUN=dir DATA=shards [N=]
.PHONY: judge
judge: all
	@[ -n "$(RUN)" ] && [ -n "$(DATA)" ] || { echo "usage: make judge RUN=dir DATA=shards [N=] [OUT=dir]" >&2; exit 64; }
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(MAKE) -f pipelines/judge.mk

## listen: play a MIDI file or a token stream, PIECE=file; OUT=file.wav writes it instead
.PHONY: listen
listen: all
	@[ -n "$(PIECE)" ] || { echo "usage: make listen PIECE=file [OUT=file.wav]" >&2; exit 64; }
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(MAKE) -f pipelines/listen.mk

## play: a run as it plays, RUN=dir; to what is played with KEYS=device; OUT=file.wav records
## drummer: drums to taps, RUN=dir of grooves [KEYS=device]
.PHONY: play drummer
play drummer: all
	@[ -n "$(RUN)" ] || { echo "usage: make $@ RUN=dir [KEYS=device] [OUT=file.wav]" >&2; exit 64; }
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(MAKE) -f pipelines/play.mk $@

## bench: speeds as TSV: name, value, unit
.PHONY: bench
bench: all $(BENCH)
	@for b in $(BENCH); do $$b; done

## bench-train: training beside sgemm and PyTorch as TSV, minutes, DROPOUT=0 for both
.PHONY: bench-train
bench-train: $(B)/tests/bench/train_speed
	@tests/bench/train.sh $(B)

## bench-encoder: training an encoder-decoder beside sgemm and nn.Transformer, as TSV, PYTHON=
.PHONY: bench-encoder
bench-encoder: $(B)/tests/bench/train_speed
	@tests/bench/encoder.sh $(B)

## bench-options: what each option of the models costs beside the plain block, as TSV, minutes
.PHONY: bench-options
bench-options: $(B)/tests/bench/train_speed
	@tests/bench/options.sh $(B)

## bench-peers: sampling beside CTranslate2, ONNX Runtime and PyTorch of pip, as TSV, a quarter of an hour, OUT=dir PYTHON=
.PHONY: bench-peers
bench-peers: all
	@[ -n "$(OUT)" ] || { echo "usage: make bench-peers OUT=dir [PYTHON=python of the peers]" >&2; exit 64; }
	@PYTHON="$(PYTHON)" tests/bench/peers.sh $(BIN) $(OUT)

## bench-hour: an hour (MINUTES=) of training beside PyTorch's, MIDI=dir, OUT=dir
.PHONY: bench-hour
bench-hour: all
	@[ -n "$(OUT)" ] && [ -n "$(MIDI)$(DATA)" ] || \
	    { echo "usage: make bench-hour MIDI=dir OUT=dir [MINUTES=60]" >&2; exit 64; }
	@tests/bench/hour.sh $(BIN) $(OUT)

## bench-drums: models of grooves beside PyTorch's: windows a second, ms of one, scores, MIDI=dir OUT=dir
.PHONY: bench-drums
bench-drums: all $(B)/tests/bench/drum_window
	@[ -n "$(OUT)" ] && [ -n "$(MIDI)" ] || \
	    { echo "usage: make bench-drums MIDI=dir OUT=dir [PRESETS= EPOCHS= ROUNDS=]" >&2; exit 64; }
	@PATH="$(CURDIR)/$(BIN):$$PATH" tests/bench/drums.sh $(B) $(OUT)

## bench-copying: does compressed memory help: nats a token by compressor, half an hour, OUT=dir
.PHONY: bench-copying
bench-copying: all $(B)/tests/bench/copy_task
	@[ -n "$(OUT)" ] || { echo "usage: make bench-copying OUT=dir [SEEDS= STEPS= JOBS=]" >&2; exit 64; }
	@PATH="$(CURDIR)/$(BIN):$$PATH" tests/bench/copying.sh $(B) $(OUT)

## bench-tokens: midi2remi beside libsmf's bare load and cat, as TSV, MIDI=dir
.PHONY: bench-tokens
bench-tokens: all $(B)/tests/bench/smf_load
	@[ -n "$(MIDI)" ] || { echo "usage: make bench-tokens MIDI=dir" >&2; exit 64; }
	@PATH="$(CURDIR)/$(BIN):$$PATH" tests/bench/tokens.sh $(B) $(MIDI)

## bench-features: files a second of featstats, one job, and structureness, DATA=dir
.PHONY: bench-features
bench-features: all
	@[ -n "$(DATA)" ] || { echo "usage: make bench-features DATA=dir" >&2; exit 64; }
	@PATH="$(CURDIR)/$(BIN):$$PATH" tests/bench/features.sh $(DATA)

## lint: layers, symbols, shell scripts, man pages, format
.PHONY: lint
lint:
	@.ci/deps build test
	@$(MAKE) all
	@tests/lint.sh $(B)

## fmt: format the C sources as .clang-format says
.PHONY: fmt
fmt:
	@git ls-files '*.c' '*.h' | xargs clang-format -i

## settings: write the schema of settings and their list in xltrain(1) from the table
.PHONY: settings
settings: $(B)/tests/settings
	@$< schema >schemas/config.schema.json
	@$< man >$(B)/settings.man
	@sed -i -e '/made by make settings/r $(B)/settings.man' \
	  -e '/made by make settings/,/end of settings/{/settings/!d}' bin/xltrain.1

# ---- installing ----

## completions: build/release/completions/barline.bash and _barline, for bash and zsh
.PHONY: completions
completions: $(B)/completions/barline.bash $(B)/completions/_barline
$(B)/completions/barline.bash: completions/bash.sh
$(B)/completions/_barline: completions/zsh.sh
$(B)/completions/barline.bash $(B)/completions/_barline: completions/settings.sh bin/xltrain.1 $(TOOLS:%=$(BIN)/%)
	@mkdir -p $(@D)
	$(call say,GEN)$(filter %bash.sh %zsh.sh,$^) $(TOOLS:%=$(BIN)/%) >$@

# What a header is for says its first line: (internal) to its folder, or for (tools).
HEADERS = $(shell grep -L -m 1 -E '^/\* [a-z0-9_]+\.h \((internal|tools)\)' $(wildcard lib/*/*.h lib/*/*/*.h))
SHARE := $(PREFIX)/share/barline
ZSH_COMPLETIONS ?= $(PREFIX)/share/zsh/site-functions

## install, uninstall: tools, pages, samples, library, under PREFIX (/usr/local), DESTDIR respected
.PHONY: install install-tools install-library uninstall place
install: install-tools install-library

# A blank would make two folders of one, and uninstall take away another.
place:
	@:$(if $(word 2,.$(DESTDIR)$(PREFIX)$(ZSH_COMPLETIONS).),$(error PREFIX and DESTDIR: a folder whose path has no blanks, not '$(DESTDIR)$(PREFIX)'))

# Paths in the pages are those of the copy; pages for man(1) are there by name.
install-tools: place all completions
	install -d $(addprefix $(DESTDIR),$(PREFIX)/bin $(PREFIX)/share/man/man1 \
	  $(SHARE)/pipelines $(SHARE)/schemas $(SHARE)/samples/python \
	  $(PREFIX)/share/bash-completion/completions $(ZSH_COMPLETIONS))
	install -m 755 $(TOOLS:%=$(BIN)/%) $(DESTDIR)$(PREFIX)/bin
	for t in $(TOOLS); do \
	  sed -E 's#(^|[ (])(pipelines|samples|schemas)/#\1$(SHARE)/\2/#g' bin/$$t.1 \
	    >$(DESTDIR)$(PREFIX)/share/man/man1/$$t.1; done
	install -m 644 README.md LICENSE $(DESTDIR)$(SHARE)
	install -m 644 $(wildcard pipelines/*) $(DESTDIR)$(SHARE)/pipelines
	chmod 755 $(patsubst %,$(DESTDIR)$(SHARE)/%,$(wildcard pipelines/*.sh))
	install -m 644 $(wildcard schemas/*.*) $(DESTDIR)$(SHARE)/schemas
	install -m 644 $(wildcard samples/*.mid) samples/SOURCES.md $(DESTDIR)$(SHARE)/samples
	install -m 644 $(wildcard samples/python/*) $(DESTDIR)$(SHARE)/samples/python
	sed -i -E 's#\[([^]]*)\]\(\.\./bin/[^)]*\)#\1#g' $(DESTDIR)$(SHARE)/*/*.md
	install -m 644 $(B)/completions/barline.bash \
	  $(DESTDIR)$(PREFIX)/share/bash-completion/completions/$(firstword $(TOOLS))
	for t in $(wordlist 2,99,$(TOOLS)); do \
	  ln -sf $(firstword $(TOOLS)) $(DESTDIR)$(PREFIX)/share/bash-completion/completions/$$t; done
	install -m 644 $(B)/completions/_barline $(DESTDIR)$(ZSH_COMPLETIONS)

install-library: place $(LIB)
	install -d $(DESTDIR)$(PREFIX)/lib/pkgconfig
	install -m 644 $(LIB) $(DESTDIR)$(PREFIX)/lib
	for h in $(HEADERS:lib/%=%); do \
	  install -D -m 644 lib/$$h $(DESTDIR)$(PREFIX)/include/barline/$$h; done
	printf '%s\n' 'prefix=$(PREFIX)' 'Name: barline' 'Version: $(VERSION)' \
	  'Description: symbolic music as tokens, models of it, and measures' \
	  'Requires: $(PACKAGES)' 'Cflags: -I$${prefix}/include/barline' \
	  'Libs: -L$${prefix}/lib -lbarline -lm -pthread' \
	  >$(DESTDIR)$(PREFIX)/lib/pkgconfig/barline.pc

uninstall: place
	rm -f $(TOOLS:%=$(DESTDIR)$(PREFIX)/bin/%)
	rm -f $(TOOLS:%=$(DESTDIR)$(PREFIX)/share/man/man1/%.1)
	rm -f $(DESTDIR)$(PREFIX)/lib/libbarline.a $(DESTDIR)$(PREFIX)/lib/pkgconfig/barline.pc
	rm -f $(TOOLS:%=$(DESTDIR)$(PREFIX)/share/bash-completion/completions/%) $(DESTDIR)$(ZSH_COMPLETIONS)/_barline
	rm -rf $(DESTDIR)$(SHARE) $(DESTDIR)$(PREFIX)/include/barline

## deb: build/barline_VERSION_ARCH.deb, which apt installs; DEB=dir elsewhere, DEBEMAIL= who packages it
DEB ?= build
.PHONY: deb
deb:
	@.ci/deps build deb
	@$(MAKE) all completions
	@.ci/deb $(VERSION) $(DEB)

## dist: build/barline-VERSION.tar.gz of what is committed
.PHONY: dist
dist:
	@mkdir -p build
	git archive --format=tar --prefix=barline-$(VERSION)/ HEAD | gzip -9n > build/barline-$(VERSION).tar.gz

## clean: remove what was built (and demo/)
.PHONY: clean
clean:
	rm -rf build demo $(TOOLS:%=bin/%)

.PHONY: help
help:
	@sed -n 's/^## //p' Makefile
