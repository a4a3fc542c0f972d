#!/bin/sh
# Inside a build: compile what lies in some folders; bytecode that carries no times, plain modes, and one time for all.
set -eu
# What does not compile is a template; whatever is imported is tried by the tests.
PYTHONHASHSEED=0 python3 -m compileall -q -q -j 0 --invalidation-mode unchecked-hash "$@" || true
chmod -R u=rwX,go=rX "$@"
find "$@" -exec touch --no-dereference --date="@${SOURCE_DATE_EPOCH:-315532800}" {} +
