#!/bin/bash
# accompany.sh - what a condition is worth, as tables:
#
#     accompany.sh table MIDI OUT      none, shuffled and the three ways of a condition: bits a note
#     accompany.sh chords MIDI OUT     of the chords asked for, how many come: made, real, chance
#     accompany.sh holes MIDI OUT      bits a note of the same holes with both sides known, and with the left alone
#
#     accompany.sh style MIDI OUT      songs' chords under each label of LABELS: of them, how many come
#
# Each is what the same command said before, if it is there: interrupted it goes on. In the
# environment, with their defaults: GIVEN=melody PLAYED="--drop melody" (table), LABELS=a table
# as of midi2remi --labels, which style wants, SONGS=the files of the test split (style),
# PRESET=minutes STEPS=1500 PRECISION=fp32 SET="" SEED=1. All rows read as many targets as STEPS steps
# without a condition have; one of prefix or bars has condition and target in one stream
# and takes more steps.
set -euf -o pipefail
export LC_ALL=C
PRESET=${PRESET:-minutes} STEPS=${STEPS:-1500} SEED=${SEED:-1} PRECISION=${PRECISION:-fp32}
GIVEN=${GIVEN:-melody} PLAYED=${PLAYED:---drop melody}
declare -a settings
for s in ${SET:-}; do settings+=(--set "$s"); done

# made FILE COMMAND...: its output, unless it is there
made() {
    local file=$1
    shift
    [ ! -e "$file" ] || return 0
    "$@" >"$file.part"
    mv "$file.part" "$file"
}

tokens_of() { # tokens_of SIDE MIDI OUT OPTION...: a stream
    local to=$3/$1.tok.zst midi=$2
    shift 3
    local log=${to%.tok.zst}.log status=0
    [ -e "$to" ] || midi2remi -q --max-reject 100% "$@" -o "$to" "$midi" 2>"$log" || status=$?
    [ "$status" -eq 0 ] || tail -n 3 "$log" >&2
    return "$status"
}

# The condition of each piece goes to the next one, in the text of a stream on stdin.
shuffled() {
    awk '!/^#piece/ {line[NR] = $0; next}
        {match($0, /"name":"([^"\\]|\\.)*"/); name[++n] = substr($0, RSTART, RLENGTH); at[NR] = n
            head[NR] = substr($0, 1, RSTART - 1); tail[NR] = substr($0, RSTART + RLENGTH)}
        END {for (i = 1; i <= NR; i++)
            print i in at ? head[i] name[at[i] % n + 1] tail[i] : line[i]}'
}

shards() { # shards DIR TARGETS CONDITIONS OPTION...
    local dir=$1 targets=$2 conditions=$3
    shift 3
    [ -e "$dir/manifest.json" ] ||
        shard -q --force --max-alone 100% "$@" -o "$dir" "$targets" --condition "$conditions"
}

splits_of() { # splits_of DATA: as a table of names
    local split
    printf 'name\tsplit\n'
    for split in train valid test; do
        sed 1d "$1/$split.pieces.tsv" | awk -F "\t" -v OFS="\t" -v part=$split '{print $4, part}'
    done
}

sum_of() { # sum_of FIELD MANIFEST
    jq "[.splits.train.files[].$1] | add" "$2/manifest.json"
}

# Steps that read as many targets as STEPS steps of targets alone.
steps_for() { # steps_for HOW DATA
    case $1 in
    prefix | bars) echo $((STEPS * ($(sum_of tokens "$2") + $(sum_of condition_tokens "$2")) / $(sum_of tokens "$2"))) ;;
    *) echo "$STEPS" ;;
    esac
}

train() { # train DATA RUN HOW
    local how=--force
    [ ! -e "$2/done" ] || return 0
    [ ! -e "$2/latest" ] || how=--resume
    xltrain -q --data "$1" -o "$2" --preset "$PRESET" --set condition="$3" --seed "$SEED" \
        --steps "$(steps_for "$3" "$1")" --precision "$PRECISION" "${settings[@]}" $how
    touch "$2/done"
}

notes_of() { # notes_of DATA: of the targets of the test split
    shard --unshard test "$1" -u -o - | grep -v '^#' | grep -oE '(Pitch|Drum)_' | wc -l
}

row() { # row NAME RUN DATA NOTES
    made "$2.$(basename "$3").test" xltrain -q --data "$3" -o "$2" --eval test
    awk -F '\t' -v OFS='\t' -v name="$1" -v notes="$4" \
        'NR == 2 {print name, $2, $3, $4, $3 * $4 / log(2) / notes}' "$2.$(basename "$3").test"
}

table() { # table MIDI OUT
    local out=$2 how notes
    # shellcheck disable=SC2086  # several words
    tokens_of given "$1" "$out" --keep "$GIVEN"
    # shellcheck disable=SC2086
    tokens_of played "$1" "$out" $PLAYED
    [ -e "$out/shuffled.tok" ] || zstd -dcq "$out/given.tok.zst" | made "$out/shuffled.tok" shuffled
    shards "$out/pairs" "$out/played.tok.zst" "$out/given.tok.zst"
    made "$out/splits.tsv" splits_of "$out/pairs"
    shards "$out/chance" "$out/played.tok.zst" "$out/shuffled.tok" --split-from "$out/splits.tsv:split"
    notes=$(notes_of "$out/pairs")
    printf 'condition\tstep\ttokens\tloss\tbits_per_note\n'
    for how in none prefix bars encoder; do
        train "$out/pairs" "$out/$how" $how
        row $how "$out/$how" "$out/pairs" "$notes"
        [ $how = none ] || row "$how, shuffled" "$out/$how" "$out/chance" "$notes"
    done
    train "$out/chance" "$out/shuffled" encoder
    row "encoder, trained on shuffled" "$out/shuffled" "$out/chance" "$notes"
}

chords() { # chords MIDI OUT
    local out=$2
    tokens_of chords "$1" "$out" --keep chords
    tokens_of piano "$1" "$out" --chords --keep program=piano
    shards "$out/chorded" "$out/piano.tok.zst" "$out/chords.tok.zst"
    train "$out/chorded" "$out/pianist" bars
    [ -e "$out/asked.tok.zst" ] || sed 1d "$out/chorded/test.pieces.tsv" | cut -f 4 | head -n 16 | tr '\n' '\0' |
        midi2remi -q --keep chords --files0-from - -o "$out/asked.tok.zst"
    [ -e "$out/real.tok.zst" ] || sed 1d "$out/chorded/test.pieces.tsv" | cut -f 4 | head -n 16 | tr '\n' '\0' |
        midi2remi -q --chords --keep program=piano --files0-from - -o "$out/real.tok.zst"
    [ -e "$out/made.tok.zst" ] || xlsample -q "$out/pianist" --condition "$out/asked.tok.zst" --seed "$SEED" -o "$out/made.tok.zst"
    made "$out/made.tsv" featstats --fidelity "$out/asked.tok.zst" "$out/made.tok.zst"
    made "$out/real.tsv" featstats --fidelity "$out/asked.tok.zst" "$out/real.tok.zst"
    printf 'what\tasked\tmade\treal\tchance\tshare_of_real\n'
    paste "$out/made.tsv" "$out/real.tsv" | awk -F '\t' -v OFS='\t' \
        '($1 == "chord" || $1 == "root") {print $1, $2, $3, $7, $4, ($7 > 0 ? $3 / $7 : "nan")}'
}

holed() { # holed DIR STREAM OPTION...: the same holes, whatever is known beside them
    local dir=$1 stream=$2
    shift 2
    [ -e "$dir/manifest.json" ] || shard -q --force --holes 2 --seed "$SEED" "$@" "$stream" -o "$dir"
}

holes() { # holes MIDI OUT
    local out=$2 notes
    tokens_of all "$1" "$out"
    holed "$out/holes" "$out/all.tok.zst"
    holed "$out/left" "$out/all.tok.zst" --left-only
    notes=$(notes_of "$out/holes")
    printf 'condition\tstep\ttokens\tloss\tbits_per_note\n'
    train "$out/holes" "$out/filler" prefix
    row 'both sides' "$out/filler" "$out/holes" "$notes"
    train "$out/left" "$out/leftward" prefix
    row 'left side only' "$out/leftward" "$out/left" "$notes"
}

asked_songs() { # asked_songs OUT: names ended by zeros
    if [ -n "${SONGS:-}" ]; then
        # shellcheck disable=SC2086  # several names
        printf '%s\0' $SONGS
    else
        sed 1d "$1/styled/test.pieces.tsv" | cut -f 4 | head -n 16 | tr '\n' '\0'
    fi
}

# What is asked has the words of the labels, as one scheme wants, and none of them.
style() { # style MIDI OUT
    local out=$2 label
    made "$out/nobody.tsv" sed '1n; s|^|nobody/|' "$LABELS"
    tokens_of chords "$1" "$out" --keep chords --labels "$out/nobody.tsv"
    tokens_of labelled "$1" "$out" --chords --labels "$LABELS"
    shards "$out/styled" "$out/labelled.tok.zst" "$out/chords.tok.zst"
    train "$out/styled" "$out/stylist" bars
    [ -e "$out/songs.tok.zst" ] || asked_songs "$out" |
        midi2remi -q --keep chords --labels "$out/nobody.tsv" --files0-from - -o "$out/songs.tok.zst"
    [ -e "$out/as-they-are.tok.zst" ] || asked_songs "$out" |
        midi2remi -q --chords --labels "$LABELS" --files0-from - -o "$out/as-they-are.tok.zst"
    printf 'label\twhat\tasked\tkept\tchance\n'
    for label in as-they-are $(zstd -dcq "$out/labelled.tok.zst" | sed -n '1s/^#remi //p' | jq -r '.tokenizer.labels[]'); do
        [ -e "$out/$label.tok.zst" ] ||
            xlsample -q "$out/stylist" --condition "$out/songs.tok.zst" --labels "$label" --seed "$SEED" -o "$out/$label.tok.zst"
        [ -e "$out/$label" ] || remi2midi -q "$out/$label.tok.zst" -d "$out/$label"
        made "$out/$label.tsv" featstats --fidelity "$out/songs.tok.zst" "$out/$label.tok.zst"
        awk -F '\t' -v OFS='\t' -v label="$label" '$1 ~ /^(chord|root|meter|bars|tempo)$/ {print label, $0}' "$out/$label.tsv"
    done
}

case ${1:-} in
table | chords | holes | style)
    [ "$1" != style ] || [ -n "${LABELS:-}" ] || { echo 'LABELS is not set: name a table, as of midi2remi --labels' >&2 && exit 64; }
    [ $# -eq 3 ] || { echo "usage: accompany.sh $1 MIDI OUT" >&2 && exit 64; }
    mkdir -p "$3"
    "$@"
    ;;
*) echo 'usage: accompany.sh table|chords|holes|style MIDI OUT' >&2 && exit 64 ;;
esac
