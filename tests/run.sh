#!/bin/bash
# Run test programs one after another and count what they say: tests/run.sh BUILD_DIR PROGRAM ...
# PROGRAM is below BUILD_DIR, or a script of tests in a browser (tests/browser/test_*.mjs).
# A program that dies without a summary counts as one failure.  Ends with "N passed, N failed".
set -u
build=$1
shift
passed=0 failed=0
log=$build/test.log
: >"$log"
for program in "$@"; do
    start=$(date +%s)
    case $program in
    *.mjs) output=$(FARFIELD=$build/farfield timeout 600 node --test --test-reporter=tap "$program" 2>&1) ;;
    *) output=$(timeout 600 "$build/$program" 2>&1) ;;
    esac
    code=$?
    printf '== %s (exit %d)\n%s\n' "$program" "$code" "$output" >>"$log"
    p=$(printf '%s\n' "$output" | sed -n 's/^\[  PASSED  \] \([0-9]*\) test.*/\1/p;s/^# pass \([0-9]*\)$/\1/p' | tail -1)
    f=$(printf '%s\n' "$output" | sed -n 's/^\[  FAILED  \] [a-z_]*: \([0-9]*\) test.*/\1/p;s/^\[  FAILED  \] \([0-9]*\) test.*/\1/p;s/^# fail \([0-9]*\)$/\1/p' | tail -1)
    p=${p:-0} f=${f:-0}
    if [ "$code" -ne 0 ] && [ "$f" -eq 0 ]; then
        f=1
    fi
    passed=$((passed + p)) failed=$((failed + f))
    printf '%-50s %4d passed %3d failed  %3d s\n' "$program" "$p" "$f" $(($(date +%s) - start))
    if [ "$f" -ne 0 ]; then
        printf '%s\n' "$output" | grep -v '^\[ *\(RUN\|OK\) *\]' | tail -60
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
