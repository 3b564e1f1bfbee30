# refresh.mk - keeps the tokens of a folder of MIDI files up to date, every night. Only
# what is new or changed is read, with nothing new it writes and says nothing.
#
#     make -j2 -f pipelines/refresh.mk MIDI=path/to/midi CORPUS=path/to/corpus
#     shard -o data path/to/corpus/tokens/*.tok.zst
#
# Its page is refresh.md. Variables, with their defaults:
#
#   MIDI      folder of MIDI files                      (required)
#   CORPUS    folder that this file makes and keeps     $(notdir MIDI).corpus
#   SCHEME    token scheme                              remi
#   OPTIONS   further midi2remi options that change tokens
#
# CORPUS/tokens is a link to the folder that holds the state: a manifest and, for each of
# 256 buckets of names that is not empty, one stream. The next state is built beside it,
# in CORPUS/next, out of new streams and hard links; then the link is replaced. So there
# is always one whole state, and an interrupted run goes on in CORPUS/next.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := refresh
MAKEFLAGS += --no-builtin-rules --no-print-directory
SELF := $(abspath $(lastword $(MAKEFILE_LIST)))

ifeq ($(strip $(MIDI)),)
$(error MIDI is not set: name the folder of MIDI files, as in: make -f refresh.mk MIDI=dir)
endif
CORPUS ?= $(notdir $(patsubst %/,%,$(MIDI))).corpus
SCHEME ?= remi
OPTIONS ?=
export MIDI CORPUS SCHEME
export LC_ALL := C

# All records end in NUL, as names may hold anything else. A manifest begins with the
# header of the streams, which states what the tokens depend on beside the files; then
# "bucket size mtime name", sorted. A scan is the same without buckets. Names begin with
# "./".
define functions
say() { echo "refresh: $$*"; }
scan() {
    local stream
    stream=$$(midi2remi -q -u --scheme "$$SCHEME" $(OPTIONS) --files0-from /dev/null)
    printf '%s\0' "$${stream%%$$'\n'*}"
    (cd "$$FROM" && find . \( -iname '?*.mid' -o -iname '?*.midi' -o -iname '?*.kar' \
        -o -iname '?*.rmi' \) -readable \( -type f -printf '%s %T@ %p\0' \
        -o -type l -xtype f -exec stat -L --printf '%s %.Y %n\0' {} + \)) | sort -z -S 64M
}
scan_of() { # of a manifest
    head -z -n 1 "$$1"
    tail -z -n +2 "$$1" | cut -z -d ' ' -f 2- | sort -z -S 64M
}
# "size mtime name" to "bucket size mtime name". The bucket is what --part I/256 takes:
# XXH3 of the name mod 256, the last two digits that xxhsum prints. It reads files, so
# each name becomes one.
with_buckets() {
    local size mtime name n=0
    [ -s "$$1" ] || return 0
    mkdir -p names
    while IFS=' ' read -r -d '' size mtime name; do
        printf %s "$${name#./}" >names/$$((n++))
    done <"$$1"
    for ((i = 0; i < n; i++)); do echo $$i; done | (cd names && xargs xxhsum -q -H3) |
        grep -o '[0-9a-f]\{16\}' | cut -c 15- | tr '\n' '\0' | paste -z -d ' ' - "$$1"
    rm -r names
}
endef

# A scan beside the old manifest: known files with their buckets, new ones to the file
# "new", and what there is to tell to the file "news".
define compare
function name(skip) { return substr($$0, skip + 1) }
FNR == 1 { next }
FILENAME == ARGV[1] {
    p = name(length($$1 $$2 $$3) + 3)
    bucket[p] = $$1
    was[p] = $$2 " " $$3
    n_old++
    next
}
{ p = name(length($$1 $$2) + 2) }
p in bucket {
    print bucket[p], $$0
    n_known++
    n_changed += was[p] != $$1 " " $$2
    next
}
{ print >"new"; n_new++ }
END {
    printf "%d new, %d changed, %d removed; %d files", n_new, n_changed,
        n_old - n_known, n_known + n_new >"news"
}
endef

# The rows of the wanted buckets, each to a file of its own that begins as the manifest.
define split
FILENAME == ARGV[1] { wanted[$$1]; next }
FNR == 1 { first = $$0; next }
$$1 in wanted {
    f = $$1 ".rows.new"
    if (!(f in begun)) print first >f
    begun[f]
    print >f
}
endef
export compare split

.PHONY: refresh
refresh:
	@$(functions)
	for tool in midi2remi xxhsum flock; do
	    command -v $$tool >/dev/null || missing+=" $$tool"
	done
	case $${missing:-} in
	'') ;;
	*midi2remi*) say "this needs$$missing: 'make install' puts barline's own on the PATH" >&2; exit 1 ;;
	*) say "this needs$$missing (Debian: xxhash util-linux)" >&2; exit 1 ;;
	esac
	[ -d "$$MIDI" ] || { say "there is no folder '$$MIDI'" >&2; exit 1; }
	export FROM
	FROM=$$(cd "$$MIDI" && pwd)
	mkdir -p "$$CORPUS"
	exec 9>>"$$CORPUS/lock"
	flock -n 9 || { say "another one is at work on $$CORPUS" >&2; exit 1; }
	state=$$CORPUS/tokens/manifest
	if [ -e "$$state" ] && scan_of "$$state" | { scan 2>/dev/null | cmp -s - /dev/fd/3; } 3<&0; then
	    exit 0
	fi
	mkdir -p "$$CORPUS/next"
	cd "$$CORPUS/next"
	export NEXT=$$PWD
	$(MAKE) -f $(SELF) plan
	$(MAKE) -f $(SELF) parts
	$(MAKE) -f $(SELF) commit

# ---- in CORPUS/next ----

# What is to be done: a file HH.rows for each bucket that changed, as it was left by an
# interrupted run where it is the same.
.PHONY: plan
plan:
	@$(functions)
	old=../tokens/manifest
	[ -e $$old ] || old=/dev/null
	scan >scan
	[ "$$(tr -cd '\0' <scan | wc -c)" -gt 1 ] || {
	    say "there is no MIDI file in $$FROM; the corpus stays as it is" >&2
	    exit 1
	}
	: >new
	awk -v RS='\0' -v ORS='\0' "$$compare" $$old scan >known
	with_buckets new >>known
	{ head -z -n 1 scan; sort -z -S 64M known; } >manifest
	# other options change the first record and with it every bucket
	was= is=
	IFS= read -r -d '' was <$$old || true
	IFS= read -r -d '' is <manifest
	if [ "$$was" = "$$is" ]; then
	    comm -z -3 $$old manifest | sed -z 's/^\t//'
	else
	    tail -z -n +2 manifest
	fi | cut -z -c -2 | sort -zu >changed
	awk -v RS='\0' -v ORS='\0' "$$split" changed manifest
	for f in *.rows *.tok.zst *.rejects.tsv; do
	    [ -e "$${f%%.*}.rows.new" ] || rm -f "$$f"
	done
	for f in *.rows.new; do
	    [ ! -e "$$f" ] || cmp -s "$$f" "$${f%.new}" || mv "$$f" "$${f%.new}"
	done
	rm -f scan new known changed *.rows.new *.log *.whole*

.PHONY: parts
parts: $(patsubst %.rows,%.tok.zst,$(wildcard *.rows))
	@:

%.tok.zst: %.rows
	@tail -z -n +2 $< | cut -z -d ' ' -f 4- | (
	    cd "$$FROM"
	    midi2remi -q -j 1 --scheme "$$SCHEME" $(OPTIONS) --files0-from - --max-reject 100% \
	        --rejects "$$NEXT/$*.rejects.tsv" -o "$$NEXT/$*.whole"
	) 2>$*.log || { cat $*.log >&2; exit 1; }
	rm $*.log
	mv $*.whole $@

.PHONY: commit
commit:
	@$(functions)
	read=0
	for f in *.rows; do
	    [ -e "$$f" ] || continue
	    [ -e "$${f%.rows}.tok.zst" ]
	    read=$$((read + 1))
	done
	for b in $$(tail -z -n +2 manifest | cut -z -c -2 | uniq -z | tr '\0' ' '); do
	    [ -e $$b.rows ] || ln -f ../tokens/$$b.tok.zst ../tokens/$$b.rejects.tsv .
	done
	awk 'NR == 1 || FNR > 1' *.rejects.tsv >rejects.tsv
	news="$$(cat news), $$read parts read, $$(($$(wc -l <rejects.tsv) - 1)) files rejected"
	rm -f *.rows news
	sync manifest rejects.tsv .
	cd ..
	old=$$(readlink tokens || echo tokens.0)
	new=tokens.$$(($${old##*.} + 1))
	rm -rf $$new
	mv next $$new
	ln -sfn $$new tokens.new
	mv -T tokens.new tokens
	sync .
	for f in tokens.*; do [ $$f = $$new ] || rm -rf $$f; done
	say "$$news"
