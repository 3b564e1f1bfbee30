#!/bin/bash
# bash.sh TOOL...: completions of the tools for bash, made of the option tables that their
# --help prints: names, the words of a choice, files and folders; and the settings of
# xltrain(1) for --set. `make completions` runs it.
set -euo pipefail
here=$(dirname "$0")

cat <<'END'
# Completions of barline's tools, made by completions/bash.sh: do not edit.
_barline() {
    local - tool=${1##*/} now=${COMP_WORDS[COMP_CWORD]} i=$((COMP_CWORD - 1)) is_value= before row
    set -f # nothing below is a pattern of files, whatever shopt says of those
    # --name=value comes as three words
    [ "$now" != = ] || now='' is_value=1
    [ "${COMP_WORDS[i]}" != = ] || is_value=1 i=$((i - 1))
    before=${COMP_WORDS[i]}
    COMPREPLY=()
    if [ -n "$is_value" ] && [[ ${COMP_WORDS[*]:0:i} =~ \ --set(\ =)?$ ]]; then # KEY=VALUE as four
        for row in $_barline_settings; do
            [[ $row == "$before="* ]] || continue
            row=${row#*=}
            mapfile -t COMPREPLY < <(compgen -W "${row//|/ }" -- "$now")
        done
        return
    fi
    for row in ${_barline_rows[$tool]}; do
        case $row in "$before:"*) ;; *) continue ;; esac
        case ${row#*:} in
        '') break ;; # takes no value
        NAME) mapfile -t COMPREPLY < <(compgen -W 'remi remi-2020 performance groove' -- "$now") ;;
        SPLIT) mapfile -t COMPREPLY < <(compgen -W 'train valid test' -- "$now") ;;
        DIR) mapfile -t COMPREPLY < <(compgen -d -- "$now") ;;
        [A-Z] | 'P[,...]' | 'N[,...]' | BPM | I/N | N/D | 'N|P%' | SECONDS | MINUTES) ;;
        LIST | WORDS | KEY | CHORDS | COPIES | SHARES | BARS*) ;;
        *'|'*)
            row=${row#*:}
            mapfile -t COMPREPLY < <(compgen -W "${row//|/ }" -- "$now")
            ;;
        PARTS) # the last of a list
            row=
            [[ $now != *,* ]] || row=${now%,*},
            mapfile -t COMPREPLY < <(compgen -P "$row" -W 'melody bass drums chords track= program=' -- "${now##*,}")
            compopt -o nospace 2>/dev/null || true
            ;;
        KEY=VALUE)
            mapfile -t COMPREPLY < <(
                for row in $_barline_settings; do
                    [[ $row != "$now"* ]] || printf '%s\n' "${row%%=*}="
                done
            )
            compopt -o nospace 2>/dev/null || true
            ;;
        *) mapfile -t COMPREPLY < <(compgen -f -- "$now") ;;
        esac
        return
    done
    if [[ $now == -* ]]; then
        mapfile -t COMPREPLY < <(
            for row in ${_barline_rows[$tool]}; do
                [[ $row != --* ]] || printf '%s\n' "${row%%:*}"
            done | grep -F -- "$now" | while IFS= read -r row; do
                [[ $row != "$now"* ]] || printf '%s\n' "$row"
            done
        )
    else
        mapfile -t COMPREPLY < <(compgen -f -- "$now")
    fi
}
END
printf "_barline_settings='%s'\n" "$("$here/settings.sh" | tr '\n' ' ')"
echo 'declare -A _barline_rows=('
for tool in "$@"; do
    # "-x, --name VALUE   help" to "--name:VALUE" and "-x:VALUE"
    rows=$("$tool" --help | sed -nE \
        -e 's/^  -(\w), --([a-z0-9-]+)( ([^ ]+))?(  .*)?$/-\1:\4 --\2:\4/p' \
        -e 's/^      --([a-z0-9-]+)( ([^ ]+))?(  .*)?$/--\1:\3/p' | tr '\n' ' ')
    printf "    [%s]='%s'\n" "${tool##*/}" "${rows% }"
done
cat <<'END'
)
complete -o filenames -o bashdefault -F _barline "${!_barline_rows[@]}"
END
