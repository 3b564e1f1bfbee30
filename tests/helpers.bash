# shellcheck disable=SC2154  # output and stderr are set by Bats' run
# helpers.bash - loaded by every .bats file: `load ../helpers`.
# The runner puts the tools on PATH and sets BARLINE_ROOT to the checkout.
bats_require_minimum_version 1.5.0

: "${BARLINE_ROOT:=$(cd "${BATS_TEST_DIRNAME}/../.." && pwd)}"
export SAMPLES=$BARLINE_ROOT/samples

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
}

# fail WORDS...: ends the test with a message.
fail() {
    printf '%s\n' "$*" >&2
    return 1
}

# has TEXT: the last `run` printed TEXT somewhere (stdout, or both without --separate-stderr).
has() {
    [[ $output == *"$1"* ]] || fail "missing '$1' in: $output"
}

# says TEXT: standard error of the last `run --separate-stderr` is one line with TEXT.
says() {
    [ "$(printf '%s\n' "$stderr" | wc -l)" -eq 1 ] || fail "not one line: $stderr"
    [[ $stderr == *"$1"* ]] || fail "missing '$1' in: $stderr"
}

# text FILE...: the content of streams, compressed or plain.
text() {
    local f
    for f in "$@"; do
        if [ "$(head -c 1 "$f")" = '#' ]; then cat "$f"; else zstd -dcq "$f"; fi
    done
}

# precisions: those below fp32, one a line, that this processor has a unit for and the
# build may use (make CPU=level). Not asked of the library, which the tests are of.
precisions() {
    local build
    build=$(xltrain --version | sed -n 's/^build: //p')
    case $build in
    *CPU=baseline* | *CPU=avx*) return 0 ;;
    esac
    if grep -qw amx_bf16 /proc/cpuinfo && [[ $build != *CPU=bf16* ]]; then
        printf 'bf16\nbf16x3\n'
    elif grep -q AuthenticAMD /proc/cpuinfo && grep -qw avx512_bf16 /proc/cpuinfo; then
        echo bf16
    fi
}
