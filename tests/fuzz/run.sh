#!/bin/bash
# Fuzz targets: tests/fuzz/run.sh PROGRAM ...   (make fuzz [T=png])
#   FUZZ_SECONDS  how long each may take (default 60; with FUZZ_RUNS no limit)
#   FUZZ_RUNS     how often each is tried (default: as often as time allows)
#   FUZZ_JOBS     how many targets at once (default 1)
# Each begins with the seeds it writes itself, those of tests/fuzz/seeds, and the bad files of the
# development data where they are.  What it learns stays in build/fuzz/corpus and is where the next
# run begins; what breaks a promise, takes more than 20 s (by the clock: a machine may be busy) or
# 512 MB stays in build/fuzz/found, and is shown by running the program on it.  Ends with a table;
# fails if anything was found.
set -u
export seconds=${FUZZ_SECONDS:-} runs=${FUZZ_RUNS:--1} data=${FARFIELD_TEST_DATA:-../shared/data}
[ -n "$seconds" ] || [ "$runs" != -1 ] || seconds=60
# Freed memory is kept for a while to find late uses of it; the default of 256 MB would be most of
# what is measured.
export ASAN_OPTIONS=quarantine_size_mb=16:${ASAN_OPTIONS:-}

fuzz_one() {
    local program=$1 name folder others=()
    name=$(basename "$program")
    name=${name#fuzz_}
    local corpus=build/fuzz/corpus/$name found=build/fuzz/found/$name
    mkdir -p "$corpus" "$found"
    local arguments=("$corpus")
    case $name in
    png | inspect) others=(bad/pngsuite/valid bad/pngsuite/corrupt bad/png_bugs) ;;
    jpeg) others=(bad/jpeg) ;;
    npy) others=(bad/npy) ;;
    npz | views_npz) others=(bad/zip bad/npy) ;;
    obj | ply | stl | off) others=(bad/mesh) ;;
    views_zip) others=(bad/zip) ;;
    job | query | render | transforms) others=(bad/json/test_parsing) ;;
    esac
    for folder in tests/fuzz/seeds/"$name" ${others[@]+"${others[@]/#/$data/}"}; do
        [ ! -d "$folder" ] || arguments+=("$folder")
    done
    [ ! -f "tests/fuzz/seeds/$name.dict" ] || arguments+=("-dict=tests/fuzz/seeds/$name.dict")
    FUZZ_SEEDS=$corpus "$program" -runs="$runs" ${seconds:+"-max_total_time=$seconds"} \
        -max_len=4096 -rss_limit_mb=512 -timeout=20 -print_final_stats=1 \
        -artifact_prefix="$found/" "${arguments[@]}" >"$found/log" 2>&1
    echo $? >"$found/exit"
    row "$name"
}

# A line of the table.
row() {
    local log=build/fuzz/found/$1/log broken=1
    if [ "$(cat "build/fuzz/found/$1/exit")" = 0 ]; then
        broken=0
    else
        tail -30 "$log" >&2
    fi
    printf '%-14s %11s %9s %10s %8s %9s\n' "$1" \
        "$(stat_of number_of_executed_units "$log")" "$(stat_of average_exec_per_sec "$log")" \
        "$(stat_of slowest_unit_time_sec "$log")" "$(stat_of peak_rss_mb "$log")" "$broken"
}
stat_of() { sed -n "s/^stat::$1: *//p" "$2"; }
export -f fuzz_one row stat_of

printf '%s\n' "$@" | xargs -P "${FUZZ_JOBS:-1}" -I{} bash -c 'fuzz_one {}'
echo
printf '%-14s %11s %9s %10s %8s %9s\n' target executions exec/s "slowest s" "peak MB" findings
for program in "$@"; do
    name=$(basename "$program")
    row "${name#fuzz_}" 2>/dev/null
done | tee build/fuzz/table
! grep -q ' 1$' build/fuzz/table
