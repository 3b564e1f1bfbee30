#!/bin/bash
# zsh.sh TOOL...: completions of the tools for zsh, made of the option tables that their --help
# prints, as those for bash. `make completions` runs it.
set -euo pipefail
here=$(dirname "$0")

echo "#compdef ${*##*/}"
cat <<'END'
# Completions of barline's tools, made by completions/zsh.sh: do not edit.
_barline_setting() { # KEY=VALUE
    local row
    if compset -P 1 '*='; then
        for row in $=_barline_settings; do
            [[ $row != ${${IPREFIX%=}##*=}=* ]] || compadd -- ${(s:|:)row#*=}
        done
    else
        compadd -S '' -- ${${=_barline_settings}%%=*}=
    fi
}
_barline_parts() { # the last of a list
    compset -P '*,'
    compadd -S '' -- melody bass drums chords track= program=
}
END
printf "typeset -g _barline_settings='%s'\n" "$("$here/settings.sh" | tr '\n' ' ')"
cat <<'END'
_barline() {
    case $service in
END
for tool in "$@"; do
    printf '    %s)\n        _arguments -s -S \\\n' "${tool##*/}"
    # an option whose name fills its column has its help on the next line
    "$tool" --help | awk -v q="'" '
        function quoted(s) { gsub(q, q "\\" q q, s); return s }
        function inside(s) { gsub(/\\/, "\\\\", s); gsub(/[][]/, "\\\\&", s); return quoted(s) }
        function action(v,   words) {
            if (v == "NAME") return "(remi remi-2020 performance groove)"
            if (v == "SPLIT") return "(train valid test)"
            if (v == "DIR") return "_files -/"
            if (v == "KEY=VALUE") return "_barline_setting"
            if (v == "PARTS") return "_barline_parts"
            if (v ~ /^([A-Z]|[PN]\[.*|BPM|I\/N|N\/D|N\|P%|SECONDS|MINUTES|LIST|WORDS|KEY|CHORDS|COPIES|SHARES|BARS.*)$/) return " "
            if (v ~ /\|/) { words = v; gsub(/\|/, " ", words); return "(" words ")" }
            return "_files"
        }
        function put(   value, spec) {
            if (name == "") return
            value = arg
            gsub(/:/, "\\:", value)
            spec = "[" inside(help) "]" (arg == "" ? "" : ":" quoted(value) ":" action(arg))
            if (short != "")
                printf "            " q "(-%s --%s)" q "{-%s%s,--%s%s}" q "%s" q " \\\n", short, name, short, \
                    arg == "" ? "" : "+", name, arg == "" ? "" : "=", spec
            else
                printf "            " q "%s--%s%s%s" q " \\\n", name == "set" ? "*" : "", name, arg == "" ? "" : "=", spec
            name = ""
        }
        match($0, /^  (-[A-Za-z], |    )--[a-z0-9-]+/) {
            put()
            short = $0 ~ /^  -/ ? substr($0, 4, 1) : ""
            name = substr($0, 9, RLENGTH - 8)
            arg = help = ""
            rest = substr($0, RLENGTH + 1)
            if (match(rest, /^ [^ ]+/)) { arg = substr(rest, 2, RLENGTH - 1); rest = substr(rest, RLENGTH + 1) }
            sub(/^ +/, "", rest)
            help = rest
            next
        }
        /^                              / && name != "" { sub(/^ +/, ""); help = $0; next }
        { put() }
        END { put() }'
    printf "            '*:file:_files'\n        ;;\n"
done
cat <<'END'
    esac
}
_barline "$@"
END
