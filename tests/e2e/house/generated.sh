#!/usr/bin/env bash
# generated/square is what dsqc writes today for specs/tiny/square.yaml. UPDATE_GOLDEN=1 rewrites it.
set -u
compile="$DSQC compile specs/tiny/square.yaml --weights random:1 --target generic"
if [ -n "${UPDATE_GOLDEN:-}" ]; then
    rm -rf generated/square
    $compile -o generated/square 2>/dev/null
fi
if $compile -o "$WORK/square" 2>"$WORK/log" && diff -ru generated/square "$WORK/square" >"$WORK/diff"; then
    echo "ok generated/square"
else
    echo "not ok generated/square"
    sed 's/^/    /' "$WORK/log" "$WORK/diff" | head -60
fi
