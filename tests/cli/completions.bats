#!/usr/bin/env bats
# Completions as a shell asks for them.
load ../helpers

# offers WORD...: what is offered for the last of the words of a line
offers() {
    bash -c '. ./barline.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _barline "$1"
        printf "%s\n" "${COMPREPLY[@]}"' - "$@" | xargs
}

@test "completions: options, the words of choices, files and folders, of every tool" {
    "$BARLINE_ROOT/completions/bash.sh" midi2remi vocab shard xltrain xlsample remi2midi featstats >barline.bash
    touch song.mid
    mkdir run
    [ "$(offers xlsample --te)" = "--tempo --temperature" ]
    [ "$(offers /usr/bin/xlsample --prompt-)" = --prompt-bars ]
    [ "$(offers xlsample --precision b)" = bf16 ]
    [ "$(offers xlsample --precision = '' | xargs -n 1 | sort | xargs)" = "bf16 fp32 int8" ]
    [ "$(offers xlsample --prompt so)" = song.mid ]
    [ -z "$(offers xlsample --bars '')" ]
    [ "$(offers featstats --run '')" = run ]
    [ "$(offers xlsample -o so)" = song.mid ]
    [ "$(offers midi2remi so)" = song.mid ]
    [ "$(offers midi2remi --keep m)" = melody ]
    [ "$(offers midi2remi --drop melody,ch)" = melody,chords ]
    [ "$(offers midi2remi --keep '' | wc -w)" -eq 6 ]
    # all that --help names, and nothing that it does not
    for tool in midi2remi vocab shard xltrain xlsample remi2midi featstats; do
        offers "$tool" -- | tr ' ' '\n' | sort >offered
        "$tool" --help | grep -oP '^  (-\w, |    )\K--[a-z0-9-]+' | sort | diff - offered
    done
}
