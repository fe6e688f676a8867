#!/bin/bash
# The main job, start to end: tests/demo.sh FARFIELD
# Starts the service over a fresh folder, uploads a picture, fits it while showing progress, fetches a
# render at twice the resolution and one value.  The folder stays, so that its files can be looked at.
set -euo pipefail

farfield=$1
size=256
folder=$(mktemp -d "${TMPDIR:-/tmp}/farfield-demo-XXXXXX")
service=

fail() {
    echo "demo: $*" >&2
    exit 1
}
trap '[ -z "$service" ] || kill -TERM "$service" 2>/dev/null || true' EXIT

# ask WHAT CURL-ARGUMENTS…: the answer's body on stdout, or an end with the service's own words.
ask() {
    local what=$1
    shift
    curl --silent --show-error --fail-with-body --max-time 60 "$@" || fail "could not $what"
}
# text NAME, number NAME: the value of that member in the JSON on stdin; nothing where it is null.
text() { sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p"; }
number() { sed -n "s/.*\"$1\": *\([-+.0-9eE]\{1,\}\).*/\1/p"; }

echo "1. Starting the service over $folder/data"
"$farfield" serve --listen 127.0.0.1:0 --data "$folder/data" >"$folder/url" 2>"$folder/service.log" &
service=$!
url=
for _ in {1..200}; do
    url=$(sed -n 's/^farfield listening on //p' "$folder/url")
    [ -z "$url" ] || break
    kill -0 "$service" 2>/dev/null || fail "the service did not start: $(<"$folder/service.log")"
    sleep 0.1
done
[ -n "$url" ] || fail "the service was not ready within 20 s"
echo "   $url"

echo "2. Making a picture of $size x $size pixels and uploading it"
"$farfield" sample picture --size "$size" --out "$folder/picture.png" || fail "could not make a picture"
ask "upload the picture" --header 'Content-Type: image/png' --data-binary "@$folder/picture.png" \
    "$url/v1/datasets?kind=image&name=picture.png" >"$folder/dataset.json"
dataset=$(text id <"$folder/dataset.json")
[ -n "$dataset" ] || fail "the upload's answer has no id"
echo "   $dataset"

echo "3. Fitting a field to it, preset fast"
ask "start the fit" --header 'Content-Type: application/json' \
    --data "{\"dataset_id\":\"$dataset\",\"preset\":\"fast\"}" "$url/v1/jobs" >"$folder/job.json"
job=$(text id <"$folder/job.json")
field=$(text field_id <"$folder/job.json")
[ -n "$job" ] && [ -n "$field" ] || fail "the job's answer has no id or no field_id"
status=queued
while [ "$status" = queued ] || [ "$status" = running ]; do
    sleep 1
    ask "read the job" "$url/v1/jobs/$job" >"$folder/job.json"
    status=$(text status <"$folder/job.json")
    progress=$(number progress <"$folder/job.json")
    psnr=$(number psnr <"$folder/job.json")
    percent=$(printf '%.0f' "${progress:-0}e2" 2>/dev/null) || percent=0
    printf '   %-9s %3s %%  step %-6s  PSNR %s\n' "$status" "$percent" \
        "$(number step <"$folder/job.json")" "${psnr:+$(printf '%.2f dB' "$psnr")}"
done
[ "$status" = succeeded ] || fail "the fit ended as '$status': $(<"$folder/job.json")"
echo "   $job left $field"

echo "4. Asking the field for twice the resolution, and for one value"
ask "render the field" --output "$folder/render.png" \
    "$url/v1/fields/$field/image?width=$((2 * size))&height=$((2 * size))"
value=$(ask "read a value" "$url/v1/fields/$field/value?x=100.25&y=80.75")
ask "fetch the weights" --output "$folder/field.safetensors" "$url/v1/fields/$field/weights"
echo "   the value at x = 100.25, y = 80.75 is $value"

echo "5. Stopping the service"
kill -TERM "$service"
wait "$service" || fail "the service ended with status $?: see $folder/service.log"
service=

show() { printf '   %-33s %s\n' "$@"; }
echo
echo "A network of coordinates was fitted to a picture and asked for more than the picture had:"
show "the picture, $size x $size" "$folder/picture.png"
show "the field at twice that, $(printf '%.2f dB' "$psnr")" "$folder/render.png"
show "the field's weights" "$folder/field.safetensors"
show "the job, with all its settings" "$folder/job.json"
show "the service's data" "$folder/data"
show "the service's log" "$folder/service.log"
