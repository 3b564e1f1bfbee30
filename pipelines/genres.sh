#!/bin/bash
# genres.sh - what genres.mk does with tables:
#
#     genres.sh programs MIDI LABELS <FEATURES   file, genre, has a piano, nothing but
#     genres.sh draw FILES SEED <PROGRAMS        set, genre, file; sets without any are left out
#     genres.sh table OUT                        losses of the best checkpoints
set -euf -o pipefail
export LC_ALL=C

# Piano is the programs 0 to 7. Files that could not be read or have no genre are left out.
programs() { # programs MIDI LABELS
    awk -F '\t' -v OFS='\t' -v dir="${1%/}/" -v labels="$2" '
        BEGIN {
            while ((getline <labels) > 0) {
                sub(/\r$/, "")
                if (!n++) {
                    for (i = 1; i <= NF; i++) at[$i] = i
                    if (!at["file"] || !at["genre"]) {
                        print "genres: " labels ": no columns file and genre in its first line" >"/dev/stderr"
                        exit failed = 65
                    }
                } else genre[$at["file"]] = $at["genre"]
            }
            print "file", "genre", "piano", "alone"
        }
        /^#/ {next}
        !names++ {for (i = 1; i <= NF; i++) if (split($i, p, ".") == 2 && p[1] == "program_histogram") program[i] = p[2]; next}
        {
            file = index($1, dir) == 1 ? substr($1, length(dir) + 1) : $1
            piano = other = 0
            for (i in program)
                if (program[i] < 8) piano += $i; else other += $i
            if (genre[file] != "") print file, genre[file], (piano > 0), (piano > 0 && other == 0)
        }
        END {exit failed}'
}

# The three genres with most of such files, equally many of each; of equals the first by name.
draw() { # draw FILES SEED
    local all
    all=$(tail -n +2 | sort | sort -R --random-source=<(yes "$2" | head -c 65536))
    [ -n "$all" ] || { echo "genres: no file of the table was read" >&2 && exit 65; }
    printf 'set\tgenre\tfile\n'
    take 1 3 "$1" 3 <<<"$all"
    take 2 1 "$1" 3 <<<"$all"
    take 3 3 "$(($1 / 3))" 3 <<<"$all"
    take piano 3 "$1" 4 <<<"$all"
}

take() { # take SET GENRES FILES COLUMN: of the files with a 1 there
    awk -F '\t' -v OFS='\t' -v set="$1" -v genres="$2" -v files="$3" -v column="$4" '
        $column == 1 {of[$2, ++n[$2]] = $1}
        END {
            for (k = 1; k <= genres; k++) {
                best = ""
                for (g in n)
                    if (!(g in taken) && (best == "" || n[g] > n[best] || (n[g] == n[best] && g < best))) best = g
                if (best == "") break
                taken[best] = 1
                chosen[k] = best
                if (k == 1 || n[best] < least) least = n[best]
            }
            if (k == 1) {
                print "genres: no file for the set " set >"/dev/stderr"
                exit
            }
            each = int(files / genres)
            if (least < each) each = least
            for (j = 1; j < k; j++) for (i = 1; i <= each; i++) print set, chosen[j], of[chosen[j], i]
            print "genres: set " set ": " each " files of each of " k - 1 " genres" >"/dev/stderr"
        }'
}

table() { # table OUT
    local run name
    while IFS= read -r run; do
        [ -s "$run/eval.tsv" ] || continue
        if [ ! "$run/train.tsv" -nt "$run/eval.tsv" ]; then
            name=${run%/*}
            name=${name##*/}
            xltrain -q --data "$1/${name%%-*}.data" -o "$run" --eval train >"$run/train.tsv.tmp"
            mv "$run/train.tsv.tmp" "$run/train.tsv"
        fi
        printf '%s\n' "$run"
    done < <(find "$1/runs" -mindepth 2 -maxdepth 2 -type d | sort) | rows
}

# Of each setting the mean over its seeds: epochs to the best checkpoint, and its losses.
rows() {
    local run name
    printf 'set\tlength\tdropout\tcompressor\tseeds\tepochs\ttrain\tvalid\ttest\n'
    while IFS= read -r run; do
        name=${run%/*}
        awk -F '\t' -v OFS='\t' -v name="${name##*/}" '
            /^#/ {next}
            $1 == "step" || $1 == "split" {delete at; for (i = 1; i <= NF; i++) at[$i] = i; next}
            FILENAME ~ /metrics.tsv$/ && $at["valid_loss"] + 0 > 0 && (!seen++ || $at["valid_loss"] < low) {
                low = $at["valid_loss"]; epoch = $at["epoch"]}
            FILENAME ~ /train.tsv$/ {train = $at["loss"]}
            FILENAME ~ /eval.tsv$/ {test = $at["loss"]}
            END {print name, epoch, train, low, test}' "$run"/{metrics,train,eval}.tsv
    done | awk -F '\t' -v OFS='\t' '
        !($1 in n) {order[++k] = $1}
        {n[$1]++; for (i = 2; i <= 5; i++) sum[$1, i] += $i}
        END {
            for (j = 1; j <= k; j++) {
                name = order[j]
                split(name, p, /-[nd]?/)
                printf "%s\t%s\t%s\t%s\t%d", p[1], p[2], p[3], p[4] == "" ? "learns" : p[4], n[name]
                printf "\t%.1f", sum[name, 2] / n[name]
                for (i = 3; i <= 5; i++) printf "\t%.3f", sum[name, i] / n[name]
                print ""
            }
        }'
}

"$@"
