#!/usr/bin/env bats
# Completions as a shell asks for them.
load ../helpers

# offers WORD...: what is offered for the last of the words of a line
offers() {
    bash ${SHELLOPT:+-O "$SHELLOPT"} -c '. ./barline.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _barline "$1"
        [[ $- != *f* ]] || exit 1
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
    for line in 'xlsample --bars' 'midi2remi --max-reject' 'xlsample --threshold' 'shard --split' 'xlsample --fill'; do
        # shellcheck disable=SC2086  # two words
        [ -z "$(offers $line '')" ]
    done
    # whatever the shell makes of patterns of files
    for shopt in failglob nullglob; do
        [ "$(SHELLOPT=$shopt offers xlsample --fi)" = --fill ]
        [ "$(SHELLOPT=$shopt offers midi2remi so)" = song.mid ]
    done
    [ "$(offers featstats --run '')" = run ]
    [ "$(offers xlsample -o so)" = song.mid ]
    [ "$(offers midi2remi so)" = song.mid ]
    [ "$(offers midi2remi --keep m)" = melody ]
    [ "$(offers midi2remi --drop melody,ch)" = melody,chords ]
    [ "$(offers midi2remi --keep '' | wc -w)" -eq 6 ]
    [ "$(offers vocab --scheme p)" = performance ]
    [ "$(offers xltrain --set warm)" = warmup= ]
    [ "$(offers xltrain --set = warm)" = warmup= ]
    [ "$(offers xltrain --set '' | wc -w)" -eq "$(jq '.properties | del(.schema, .vocab) | length' "$BARLINE_ROOT/schemas/config.schema.json")" ]
    [ "$(offers xltrain --set arch = music)" = music-transformer ]
    [ "$(offers xltrain --set optimizer = | xargs -n 1 | sort | xargs)" = "adamw muon sgd" ]
    [ "$(offers xltrain --set lr=.1 --set = arch = gp)" = gpt2 ]
    [ -z "$(offers xltrain --set lr = '')" ]
    # all that --help names, and nothing that it does not
    for tool in midi2remi vocab shard xltrain xlsample remi2midi featstats; do
        offers "$tool" -- | tr ' ' '\n' | sort >offered
        "$tool" --help | grep -oP '^  (-\w, |    )\K--[a-z0-9-]+' | sort | diff - offered
    done
}

@test "completions: zsh offers the same" {
    command -v zsh >/dev/null || skip "zsh is not installed"
    mkdir functions run
    touch song.mid
    "$BARLINE_ROOT/completions/zsh.sh" midi2remi vocab shard xltrain xlsample remi2midi featstats >functions/_barline
    # each line as typed, with a tab behind it, becomes the next
    cat >typed <<'END'
xlsample --tempe
xlsample --temperature=
xlsample --prompt-b
xlsample --prompt so
xlsample --precision b
midi2remi --keep melody,ch
midi2remi --scheme p
xltrain --set warm
xltrain --set arch=mus
xltrain --set lr=.1 --set optimizer=mu
xltrain --eval v
featstats --run r
vocab so
END
    cat >wanted <<'END'
xlsample --temperature=
xlsample --temperature=
xlsample --prompt-bars=
xlsample --prompt song.mid
xlsample --precision bf16
midi2remi --keep melody,chords
midi2remi --scheme performance
xltrain --set warmup=
xltrain --set arch=music-transformer
xltrain --set lr=.1 --set optimizer=muon
xltrain --eval valid
featstats --run run/
vocab song.mid
END
    cat >ask.zsh <<'END'
zmodload zsh/zpty
zpty shell zsh -f -i
say() { zpty -w shell "$1"; }
say 'PS1= PS2= RPS1='
say "fpath=($PWD/functions \$fpath); autoload -Uz compinit; compinit -u -D"
say "shown() { print -r -- \"\$BUFFER\" >>$PWD/got; BUFFER=; }; zle -N shown; bindkey '^I' complete-word '^T' shown"
while IFS= read -r line; do
    zpty -n -w shell "$line"$'\t\x14'
done <typed
say exit
while zpty -r shell line; do :; done
END
    timeout 60 zsh -f ask.zsh || true
    diff <(sed 's/ *$//' wanted) <(sed 's/ *$//' got) || fail "wanted (<) and got (>) differ"
    # all that --help names, and nothing that it does not
    for tool in midi2remi vocab shard xltrain xlsample remi2midi featstats; do
        "$tool" --help | grep -oP '^  (-\w, |    )\K--[a-z0-9-]+' | sort >named
        sed -n "/^    $tool)/,/;;/p" functions/_barline | grep -oP "^ +'\*?(--|\(-\w --)\K[a-z0-9-]+" | sed 's/^/--/' |
            sort | diff named - || fail "$tool"
    done
}
