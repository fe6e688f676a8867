#!/bin/bash
# What no compiler sees: tests/lint.sh, from the root of the project.  Each gate prints what it found.
set -u
found=0

# gate WORDS PATTERN FILE…: no line of the files may match.
gate() {
    local words=$1 pattern=$2 hits
    shift 2
    [ $# -gt 0 ] || return 0
    hits=$(grep -nE "$pattern" "$@" /dev/null)
    [ -z "$hits" ] || {
        printf '%s\n%s\n' "lint: $words" "$hits"
        found=1
    }
}
sources() { find "$@" -name '*.[ch]' | sort; }
word() { echo "(^|[^A-Za-z0-9_])($1)"; }

mapfile -t program < <(sources core server api)
mapfile -t all < <(sources core server api tests)
mapfile -t core < <(sources core)
mapfile -t base < <(sources core/base)
mapfile -t nn < <(sources core/nn)
mapfile -t format < <(sources core/format)
mapfile -t field < <(sources core/field)
mapfile -t plot < <(sources core/plot)
mapfile -t scene < <(sources core/scene)
mapfile -t server < <(sources server | grep -v '^server/main\.c$')
mapfile -t store < <(sources server/store)
mapfile -t jobs < <(sources server/jobs server/fields)
mapfile -t http < <(sources server/http)

# --- calls that are not made ---
banned="gets|strcpy|strcat|stpcpy|sprintf|vsprintf|strtok|atoi|atol|atof|alloca|system|popen|tmpnam"
gate "a banned call" "$(word "($banned|rand|srand|localtime|gmtime|ctime|asctime) *\(")" "${program[@]}"
mapfile -t not_memory < <(printf '%s\n' "${core[@]}" | grep -v '^core/base/mem\.c$')
gate "memory of core comes from core/base/mem" "$(word '(malloc|calloc|realloc|aligned_alloc|strdup) *\(')" \
    "${not_memory[@]}"
mapfile -t not_config < <(printf '%s\n' "${program[@]}" | grep -v '^server/config\.c$')
gate "only server/config.c reads the environment" "$(word '(secure_)?getenv *\(')" "${not_config[@]}"
gate "core neither logs nor prints" "$(word '(printf|puts|perror|fprintf|log_event|exit|abort) *\(')" "${core[@]}"
gate "an unbounded #pragma or a silenced warning" '#pragma GCC diagnostic|NOLINT *$' "${program[@]}"

# --- includes point down ---
include() { echo "^#include \"($1)"; }
gate "core includes upward" "$(include 'server/|api/')" "${core[@]}"
gate "core/base includes upward" "$(include 'core/(nn|format|field|task|sample|scene|plot)/')" "${base[@]}"
gate "core/nn includes upward" "$(include 'core/(format|field|task|sample|scene|plot)/')" "${nn[@]}"
gate "core/format includes sideways" "$(include 'core/(nn|field|task|sample|scene|plot)/')" "${format[@]}"
gate "core/field includes upward" "$(include 'core/(task|sample|scene|plot)/')" "${field[@]}"
gate "core/scene includes upward" "$(include 'core/(task|sample|plot)/')" "${scene[@]}"
gate "core/plot includes more than base and format" "$(include 'core/(nn|field|task|sample|scene)/')" "${plot[@]}"
gate "server includes upward" "$(include 'api/')" "${server[@]}"
gate "server/store includes upward" "$(include 'server/(fields|jobs|http)/')" "${store[@]}"
gate "server/fields and server/jobs include upward" "$(include 'server/http/')" "${jobs[@]}"
gate "server/http includes jobs or fields" "$(include 'server/(fields|jobs)/')" "${http[@]}"
gate "an include that is not written from the root" '^#include "(\.|[^/"]*")' "${all[@]}"

# --- libraries stay in their rooms ---
library() { echo "^#include <($1)"; }
outside() { printf '%s\n' "${program[@]}" | grep -vE "^$1/"; }
mapfile -t files < <(outside server/http)
gate "libmicrohttpd outside server/http" "$(library microhttpd)" "${files[@]}"
mapfile -t files < <(outside server/store)
gate "SQLite outside server/store" "$(library sqlite3)" "${files[@]}"
mapfile -t files < <(outside api)
gate "jansson outside api" "$(library jansson)" "${files[@]}"
mapfile -t files < <(outside core/format)
gate "a format's library outside core/format" "$(library 'png|jpeglib|zlib|zip')" "${files[@]}"
mapfile -t files < <(outside 'core/(sample|plot)')
gate "FreeType outside core/sample and core/plot" "$(library 'ft2build|freetype')" "${files[@]}"
mapfile -t files < <(outside core/scene)
gate "kissfft outside core/scene" "$(library kiss_fft)" "${files[@]}"
mapfile -t files < <(outside server/jobs)
gate "libseccomp outside server/jobs" "$(library seccomp)" "${files[@]}"
mapfile -t files < <(outside server/store)
gate "SQL outside server/store" '"(SELECT|INSERT|UPDATE|DELETE|PRAGMA|CREATE TABLE) ' "${files[@]}"

# --- the dashboard ---
mapfile -t scripts < <(find api/dashboard -name '*.js' -o -name '*.css' -o -name '*.html' -o -name '*.svg' | grep -v '^build')
gate "text becomes HTML" 'innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function' "${scripts[@]}"
gate "what the content security policy refuses" 'style="|<script>|<style|onclick=|onload=|https?://[^w]' "${scripts[@]}"
mapfile -t modules < <(find api/dashboard tests/browser docs -name '*.js' -o -name '*.mjs' | sort)
for file in "${modules[@]}"; do
    node --input-type=module --check <"$file" || found=1
done

# --- the text itself ---
gate "work left for later" 'TODO|FIXME|HACK' "${program[@]}"
# clang-format breaks a comment's lines that are too long, and runs the rows of a list together.
gate "a comment's list that is none any more" '^ *\* [^ ].*[^ ] {3,}[^ ]' "${all[@]}"
for file in "${all[@]}" "${modules[@]}"; do
    lines=$(wc -l <"$file")
    [ "$lines" -le 600 ] || {
        echo "lint: '$file' has $lines lines: more than 600"
        found=1
    }
done

[ $found -eq 0 ] && echo "lint: nothing found"
exit $found
