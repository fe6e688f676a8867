#!/bin/bash
# Run timing programs one after another: tests/bench/run.sh BUILD_DIR JSON "PROGRAM [ARGUMENT ...]" ...
# Each prints rows `name value unit`; lines with # are remarks.  Shows a table, writes the rows as JSON.
set -eu
build=$1 json=$2
shift 2
rows=$build/bench.txt
mkdir -p "$build" "$(dirname "$json")"
: >"$rows"
for program in "$@"; do
    echo "== ${program##*/}"
    $program | tee -a "$rows" | awk '/^#/ { print; next } { printf "%-36s %12s %s\n", $1, $2, $3; fflush() }'
done
{
    printf '{"machine": "%s", "cores": %d, "rows": [' \
        "$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -1 | tr -d '"\\')" "$(nproc)"
    awk '!/^#/ && NF == 3 { printf "%s\n  {\"name\": \"%s\", \"value\": %s, \"unit\": \"%s\"}",
                            n++ ? "," : "", $1, $2, $3 }' "$rows"
    printf '\n]}\n'
} >"$json"
echo "written: $json"
