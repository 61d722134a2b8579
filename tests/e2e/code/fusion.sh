#!/usr/bin/env bash
# Square modules cost neither a kernel nor a byte: the reports of the paper's networks in base, with Square-Pooling and
# with Square-Encoding have equally many kernels, none of which only moves, only works elementwise or only reduces a map
# that another kernel stored, and move the same bytes to within 0.1 %. On a vector target and on a scalar one.
set -u

report() # NET VARIANT OPTIONS...
{
    local net=$1 variant=$2
    shift 2
    "$DSQC" compile "specs/$net.yaml" --weights random:1 -q -o "$WORK/$net.$variant" "$@" >/dev/null &&
        jq -c '{kernels: (.kernels | length), bytes: .bytes_moved, ops: [.kernels[].op]}' "$WORK/$net.$variant/$net.json"
}

idle='["map","concat","slice","split","channel_shuffle","reshape","flatten","transpose","pad","mean"]'
for target in x86-64-v4 generic; do
    for net in resnet18 resnet50 shufflenet_v2_x0_5; do
        base=$(report $net base --target=$target)
        for variant in "" unit=square_encoding pool=square_pooling; do
            name="$net ${variant:-base}, $target"
            got=$(report $net "$variant" --target=$target ${variant:+--set $variant})
            rm -rf "${WORK:?}/$net.$variant"
            if why=$(jq -rn --argjson base "${base:-null}" --argjson got "${got:-null}" --argjson idle "$idle" '
                [ if $got == null then "no report" else
                    (if $got.kernels != $base.kernels then "\($got.kernels) kernels, \($base.kernels) in base" else empty end),
                    (if $got.bytes > $base.bytes * 1.001 then "\($got.bytes) bytes moved, \($base.bytes) in base" else empty end),
                    ($got.ops - ($got.ops - $idle) | if length > 0 then "idle kernels: \(.)" else empty end)
                  end ] | join("; ") | if . == "" then empty else . end'); [ -z "$why" ]; then
                echo "ok $name"
                echo "    $(jq -rn --argjson got "$got" '"\($got.kernels) kernels, \($got.bytes) bytes moved"')"
            else
                echo "not ok $name: $why"
            fi
        done
    done
done

# ---- the table of tests/bench/README.md is what explore says ----
for variant in "" unit=square_encoding pool=square_pooling; do
    for net in resnet18 shufflenet_v2_x0_5; do
        row=$("$DSQC" explore specs/$net.yaml ${variant:+--set $variant} --target=x86-64-v4 --markdown --no-time | tail -n 1)
        if grep -qxF "$row" tests/bench/README.md; then
            echo "ok the table, $net $variant"
        else
            printf 'not ok the table, %s %s: make explore-table\n    %s\n' "$net" "$variant" "$row"
        fi
    done
done
