#!/bin/bash
# lint.sh BUILD: the walls between the layers, the purity of the library, one includer for
# each third-party header, shell scripts, man pages, formatting. Prints what is wrong.
set -u
cd "$(dirname "$0")/.." || exit 1
build=$1
bad=0
wrong() {
    printf 'lint: %s\n' "$*" >&2
    bad=1
}

# ---- layers: DESIGN's table, arrows only downwards ----
declare -A may=(
    [base]='' [cli]='base' [io]='base' [midi]='base' [token]='base' [nn]='base'
    [model]='nn base' [train]='io model nn base' [feature]='token base'
    [compare]='feature token base' [page]='compare feature token base'
    [flow]='io midi token nn model train feature compare page base'
)
# inside lib/nn: kernels know no ops
declare -A within=([nn/kernel]='nn/kernel' [nn/op]='nn/op nn/kernel')
while IFS=: read -r file header; do
    f=$(cut -d/ -f2 <<<"$file") room=$(cut -d/ -f2-3 <<<"$file") from=${header%/*}
    [ -n "${may[$f]+x}" ] || wrong "lib/$f is not in the table of layers"
    [[ " ${may[$f]-} $f " == *" ${header%%/*} "* ]] ||
        wrong "$file includes $header: lib/$f may not"
    [[ -z ${within[$room]+x} || ${from%%/*} != nn || " ${within[$room]} " == *" $from "* ]] ||
        wrong "$file includes $header: lib/$room may not"
done < <(git ls-files 'lib/*.[ch]' | xargs grep -HoP '^#include "\K[^"]+')

# ---- tools: one source each, over use-cases; none calls another's ----
for tool in midi2remi vocab shard xltrain xlsample remi2midi featstats; do
    while IFS=: read -r file header; do
        [[ $header == "$tool.h" || $header == */* ]] || wrong "$file includes $header: it is another tool's"
    done < <(git ls-files "bin/$tool.[ch]" "bin/${tool}_*.[ch]" | xargs grep -HoP '^#include "\K[^"]+')
    [ -z "$(git ls-files "bin/${tool}_*.c")" ] || continue
    while read -r header; do
        [[ ' cli flow io midi base ' == *" ${header%%/*} "* ]] ||
            wrong "bin/$tool.c includes $header: a tool may cli, flow, io, midi and base"
    done < <(grep -hoP '^#include "\K[^"]+' "bin/$tool.c")
    [ "$(wc -l <"bin/$tool.c")" -le 250 ] || wrong "bin/$tool.c has more than 250 lines"
done

# ---- no circles by calls between the files of the library ----
# who defines a symbol, then who uses it: "user definer"; tsort finds what goes round
circles=$(git ls-files 'lib/*.c' | sed "s|^|$build/|; s|c$|o|" | xargs nm -A |
    sed 's|\.o:[0-9a-f ]*\([A-Za-z]\) |.o \1 |' |
    awk '$2 ~ /[TDBRi]/ {of[$3] = $1} $2 == "U" {user[NR] = $1; name[NR] = $3}
        END {for (i in user) if (name[i] in of && of[name[i]] != user[i]) print user[i], of[name[i]]}' |
    sort -u | tsort 2>&1 >/dev/null | sed -n "s|^tsort: $build/||p" | tr '\n' ' ')
[ -z "$circles" ] || wrong "files call each other in a circle: $circles"

# ---- names: a file and a public type stand once (bl_real is float or double) ----
twice=$(git ls-files 'lib/*.[ch]' 'bin/*.[ch]' | xargs -n 1 basename | sort | uniq -d | tr '\n' ' ')
[ -z "$twice" ] || wrong "files of the same name: $twice"
twice=$(git ls-files 'lib/*.h' | xargs grep -hoP '^(} |typedef (struct |enum |union )?\w+ )\Kbl_\w+(?=;)' |
    grep -vx bl_real | sort | uniq -d | tr '\n' ' ')
[ -z "$twice" ] || wrong "public types of the same name: $twice"

# ---- third-party headers: one includer each ----
for header in zstd.h jansson.h xxhash.h sha2.h smf.h cblas.h mpi.h; do
    n=$(grep -lE "^#include <(.*/)?$header>" -r lib bin | wc -l)
    [ "$n" -le 1 ] || wrong "$n files include $header"
done
# an internal header is its folder's, and nothing that is installed includes one
while read -r header; do
    folder=$(dirname "$header")
    users=$(grep -rl --include='*.[ch]' "\"${header#lib/}\"" lib bin | grep -v "^$folder/" || true)
    [ -z "$users" ] || wrong "$header is internal, but included by $users"
    users=$(grep -l "\"${header#lib/}\"" "$folder"/*.h | xargs -r grep -LE -m 1 '^/\* [a-z0-9_]+\.h \(internal\)' || true)
    [ -z "$users" ] || wrong "$header is internal, but $users is installed"
done < <(grep -lE -m 1 '^/\* [a-z0-9_]+\.h \(internal\)' lib/*/*.h lib/*/*/*.h)
grep -nE '^#include <(zstd|jansson|xxhash|sha2|smf|cblas|mpi)' -r bin && wrong "a tool includes a third-party header"

# ---- trust: what the linker can do against overwritten tables, checked copies ----
for tool in midi2remi vocab shard xltrain xlsample remi2midi featstats; do
    readelf -lW "bin/$tool" | grep -q GNU_RELRO || wrong "bin/$tool has no RELRO"
    readelf -dW "bin/$tool" | grep -q NOW || wrong "bin/$tool has no full RELRO"
    readelf -hW "bin/$tool" | grep -q 'DYN ' || wrong "bin/$tool is not position-independent"
    if grep -q FORTIFY "$build/flags"; then
        nm -D "bin/$tool" | grep -q '_chk@' || wrong "bin/$tool has no fortified function"
    fi
done

# ---- purity: no output, exit, clock, environment, chance or writable data in the library ----
impure='exit|_exit|abort|printf|puts|putchar|fputs|perror|stdout|stderr|getenv|time|clock|clock_gettime|gettimeofday|rand|random|srand'
# a fortified function has another name: __printf_chk
impure="(__)?($impure|vprintf)(_chk)?"
for object in "$build"/lib/*/*.o "$build"/lib/*/*/*.o; do
    [[ $object == */lib/cli/* ]] && continue
    found=$(nm "$object" | awk -v r="^($impure)$" '$1=="U" && $2 ~ r {print $2}' | tr '\n' ' ')
    [ -z "$found" ] || wrong "$object uses $found"
    # tables of pointers are constant after relocation: .data.rel.ro
    found=$(objdump -t "$object" | awk 'NF > 3 && $(NF-2) ~ /^(\.data|\.bss|\*COM\*)/ && $(NF-2) !~ /^\.data\.rel\.ro/ && $0 ~ / O /{print $NF}' | tr '\n' ' ')
    [ -z "$found" ] || wrong "$object has writable data: $found"
done

# ---- text ----
git grep -nIE '[[:blank:]]+$' -- ':!*.md' ':!*.abc' && wrong "blanks at the end of a line"
git grep -nIE '\b(TODO|FIXME|XXX)\b' -- bin lib pipelines tests ':!tests/lint.sh' && wrong "something is left open"
while read -r file; do
    [ "$(wc -l <"$file")" -le 700 ] || wrong "$file has more than 700 lines"
done < <(git ls-files 'lib/*.[ch]' 'bin/*.c')
mapfile -t scripts < <(git ls-files '*.sh' '*.bash' .ci)
shellcheck -x "${scripts[@]}" || wrong "shellcheck has a word"
mandoc -T lint -W warning bin/*.1 || wrong "a man page is not clean"
git ls-files '*.c' '*.h' | xargs clang-format --dry-run -Werror || wrong "run 'make fmt'"

[ "$bad" -eq 0 ] && echo "lint: clean"
exit "$bad"
