#!/bin/sh
# The dashboard's files as a table in C: api/dashboard/table.sh FILE ...
# FILE is under api/dashboard, and served by its path there, or under build/vendor, and served as vendor/NAME.
# Its bytes are the symbols that the Makefile's %.bin.o rule makes.
set -eu
symbol() { printf '_binary_%s' "$(printf '%s' "$1" | tr -c 'A-Za-z0-9' '_')"; }
media_type() {
    case $1 in
    *.js) echo 'text/javascript' ;;
    *.css) echo 'text/css' ;;
    *.html) echo 'text/html' ;;
    *.svg) echo 'image/svg+xml' ;;
    *) echo 'text/plain' ;;
    esac
}
echo '#include "api/handlers/dashboard_files.h"'
for file in "$@"; do
    echo "extern const char $(symbol "$file")_start[], $(symbol "$file")_end[];"
done
echo 'const struct embedded dashboard_files[] = {'
for file in "$@"; do
    name=${file#api/dashboard/}
    name=${name#build/}
    echo "    {\"$name\", \"$(media_type "$file"); charset=utf-8\", $(symbol "$file")_start, $(symbol "$file")_end},"
done
echo '};'
echo 'const size_t n_dashboard_files = sizeof(dashboard_files) / sizeof(dashboard_files[0]);'
