#!/usr/bin/env bash
# The compiler's own sources are without a warning under gcc and clang.
set -u
if ! command -v clang >/dev/null; then echo "skip warnings of clang: clang is not installed"; fi
flags=$(sed "s/^[^ ]* //; s/ -fsanitize=[^ ]*//; s/ -fno-sanitize-recover=all//" "$BUILD/flags")
if llvm=$(command -v llvm-config-19); then flags="$flags -isystem $("$llvm" --includedir)"; fi
sources() { find compiler ir passes backends tests/unit tests/exec tests/e2e -name '*.c'; echo runtime_min/dsq_pool.c; }
for cc in gcc clang; do
    command -v $cc >/dev/null || continue
    if sources | xargs -P "$(nproc)" -n 8 sh -c "$cc $flags -I$BUILD/tests -Werror -fsyntax-only \"\$@\"" - >"$WORK/log" 2>&1; then
        echo "ok no warnings of $cc"
    else
        echo "not ok no warnings of $cc"
        sed 's/^/  /' "$WORK/log" | head -40
    fi
done
