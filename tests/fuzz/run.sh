#!/bin/bash
# Fuzz decoders one after another: tests/fuzz/run.sh PROGRAM ...
# Each runs FUZZ_SECONDS (default 60) over seeds that it writes itself, and over the bad files of the
# development data where they are.  What it finds stays in build/fuzz/corpus and build/fuzz/found; an
# input there is shown by running the program on it.
set -eu
seconds=${FUZZ_SECONDS:-60}
data=${FARFIELD_TEST_DATA:-../shared/data}
for program in "$@"; do
    name=$(basename "$program")
    name=${name#fuzz_}
    corpus=build/fuzz/corpus/$name
    found=build/fuzz/found/$name
    mkdir -p "$corpus" "$found"
    folders=("$corpus")
    case $name in
    png) others=(bad/pngsuite/valid bad/pngsuite/corrupt bad/png_bugs) ;;
    jpeg) others=(bad/jpeg) ;;
    npy) others=(bad/npy) ;;
    npz) others=(bad/zip bad/npy) ;;
    *) others=() ;;
    esac
    for folder in ${others[@]+"${others[@]}"}; do
        if [ -d "$data/$folder" ]; then
            folders+=("$data/$folder")
        fi
    done
    echo "== $name: $seconds s"
    if ! FUZZ_SEEDS=$corpus "$program" -max_total_time="$seconds" -rss_limit_mb=512 -timeout=5 \
        -print_final_stats=1 -artifact_prefix="$found/" "${folders[@]}" >"$found/log" 2>&1; then
        tail -40 "$found/log"
        echo "$name: what broke it is in $found" >&2
        exit 1
    fi
    grep -E '^stat::(number_of_executed|average_exec|slowest|peak_rss)' "$found/log"
done
