#!/usr/bin/env bash
# NAME_STACK_BYTES is a bound: no compiler's frames on a path from NAME_run add up to more. The command is the one in the
# first comment of NAME.h, so this also holds it to be right.
set -u
targets='generic x86-64-v2 x86-64-v4 aarch64 cortex-m4 rv32imc'

# The largest frame of NAME_run and NAME_run_mt and the two largest of the others: no path is longer.
frames()
{
    awk -F'\t' '
        $1 ~ /_run(_mt)?$/ { run = $2 > run ? $2 : run; next }
        $2 > a { b = a; a = $2; next }
        $2 > b { b = $2 }
        END { print run + a + b }' "$1"
}

for spec in specs/tiny/lenet.yaml specs/tiny/dscnn.yaml specs/tiny/shuffle.yaml; do
    for target in $targets; do
        name="$(basename "$spec" .yaml) $target"
        dir=$WORK/$(echo "$name" | tr ' ' _)
        if ! "$DSQC" compile "$spec" --weights random:1 --target="$target" --threads -q -o "$dir" 2>"$WORK/err"; then
            echo "not ok stack $name"
            sed 's/^/  /' "$WORK/err"
            continue
        fi
        model=$(basename "$dir"/*.json .json)
        bound=$(jq .stack_bytes "$dir/$model.json")
        grep -q "_STACK_BYTES *${bound}u" "$dir/$model.h" || echo "not ok stack $name: the header says otherwise"
        command=$(sed -n '3s/^ *//p' "$dir/$model.h")
        cc=${command%% *}
        for compiler in "$cc" $([ "$cc" = cc ] && echo clang); do
            if ! command -v "$compiler" >/dev/null; then
                echo "skip stack $name $compiler: not installed"
                continue
            fi
            # shellcheck disable=SC2086
            if ! (cd "$dir" && $compiler ${command#* } -Wall -Wextra -Werror -fstack-usage) >"$WORK/err" 2>&1; then
                echo "not ok stack $name $compiler: does not compile"
                sed 's/^/  /' "$WORK/err"
                continue
            fi
            used=$(frames "$dir/$model.su")
            if [ "$used" -gt 0 ] && [ "$used" -le "$bound" ]; then
                echo "ok stack $name $compiler"
            else
                echo "not ok stack $name $compiler: $used bytes, bound $bound"
            fi
        done
        rm -rf "$dir"
    done
done
