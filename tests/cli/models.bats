#!/usr/bin/env bats
# The program behind `make test-models`, on a small file of references of its own
# (tests/models.json: made in float64 by an independent program).
load ../helpers

BUILD=${BARLINE_BUILD:-$BARLINE_ROOT/build/release}
CASES=$BARLINE_ROOT/tests/models.json

@test "models: losses, logits and gradients in both precisions" {
    "$BUILD/tests/models_double" "$CASES" 1e-9 post squeezed places loops drawn
    "$BUILD/tests/models" "$CASES" 1e-4 post squeezed places loops drawn
    run -1 "$BUILD/tests/models" "$CASES" 1e-12 post
    has "not ok 1 - post"
}

@test "models: globs choose cases, unknown options fail" {
    run -0 "$BUILD/tests/models_double" "$CASES" 1e-9 'p*' loops
    has "# 3 of 3 in double precision, within 1e-9"
    run -1 "$BUILD/tests/models_double" "$CASES" 1e-9
    has "not ok 6 - valved: the engine does not know valve"
    has "not ok 7 - rounded: the engine does not know act=swish"
    has "# 5 of 7 in double precision, within 1e-9"
    run -1 "$BUILD/tests/models_double" "$CASES" 1e-9 'nothing*'
    has "no case of that name"
}
