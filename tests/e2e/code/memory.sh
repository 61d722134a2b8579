#!/usr/bin/env bash
# Every bundled network on three targets: the arena is at most 1 % above what is alive at once, or proved optimal. Then the
# arena's map in reports: results that are alive at the same time lie apart, unless one takes the place of the other in the
# kernel that reads it for the last time, and every one is alive from a kernel to the same or a later one.
set -u
export TMPDIR=$WORK

# plan NAME SPEC OPTIONS...
plan()
{
    local name=$1 json
    shift
    json=$("$DSQC" info "$@" --json 2>&1) || { printf 'not ok %s\n%s\n' "$name" "${json:0:300}"; return; }
    jq -r --arg name "$name" '
        (.arena_bytes == .arena_lower_bound_bytes) as $met | .arena_bytes as $all
        | if .arena_bytes >= .arena_lower_bound_bytes and $met == (.arena_proof == "meets the bound") and
             (.arena_bytes <= 1.01 * .arena_lower_bound_bytes or (.arena_proof | startswith("proved optimal"))) and
             all(.layers[]; .ram_bytes <= $all)
          then "ok \($name)" else "not ok \($name): \(.arena_bytes) of \(.arena_lower_bound_bytes), \(.arena_proof)" end' <<<"$json"
}
export -f plan
run() { xargs -P 2 -L 1 bash -c 'plan "$@"' - || echo 'not ok memory: broke off'; }

networks()
{
    local target spec i=0 net unit pool
    for target in native generic cortex-m4; do
        for spec in specs/*.yaml specs/tiny/*.yaml specs/digits/digits.yaml; do
            [ "$spec" = specs/tiny/cbr.yaml ] || echo "'$(basename "$spec" .yaml), $target' $spec --target=$target"
        done
        for net in resnet18 shufflenet_v2_x0_5; do
            for unit in identity square_excitation square_encoding se ge_minus ge ge_plus; do
                for pool in average square_pooling bilinear; do
                    ((i++ % step)) || echo "'$net $unit $pool, $target' specs/$net.yaml --set unit=$unit --set pool=$pool --target=$target"
                done
            done
        done
    done
}

# Maps of two entries that share bytes while both are alive.
map()
{
    local name=$1
    shift
    "$DSQC" compile "$@" --weights random:1 --emit=graph --report="$WORK/report.json" -q -o "$WORK/out" ||
        { echo "not ok map of $name"; return; }
    if jq -e '(.kernels | length) as $n | .arena as $a
        | all($a[]; .first_kernel >= 0 and .first_kernel <= .last_kernel and .last_kernel < $n) and
          all(range($a | length) as $i | range($i) as $k | [$a[$k], $a[$i]];
              .[0].offset + .[0].bytes <= .[1].offset or .[1].offset + .[1].bytes <= .[0].offset or
              .[0].last_kernel < .[1].first_kernel or .[1].last_kernel < .[0].first_kernel or
              (.[0].offset == .[1].offset and
               (.[0].last_kernel == .[1].first_kernel or .[1].last_kernel == .[0].first_kernel)))' \
        "$WORK/report.json" >"$WORK/jq.txt"; then
        echo "ok map of $name"
    else
        echo "not ok map of $name: results overlap"
    fi
}

step=1
! grep -q fsanitize "$BUILD/flags" || step=10
networks | run
for target in native generic; do
    for spec in resnet8 shuffle lenet square; do
        map "$spec, $target" specs/tiny/$spec.yaml --target=$target
    done
    map "square_excitation, $target" specs/shufflenet_v2_x0_5.yaml --set unit=square_excitation --set head=softmax --target=$target
done

# A chain of N blocks whose maps need borders on different sides: how long it is does not matter to the arena.
blocks()
{
    local i
    printf "name: blocks\ninput: {x: 'f32[1,8,16,16]'}\noutput: y\nnetwork:\n"
    echo '  - {op: conv2d, name: c, out: 8, kernel: 3, pad: 1, as: r0}'
    for ((i = 0; i < $1; i++)); do
        echo "  - {op: conv2d, name: a$i, out: 8, kernel: 3, pad: 1}"
        echo "  - {op: conv2d, name: b$i, out: 8, kernel: 1, as: q$i}"
        echo "  - {op: add, in: [q$i, r$i], as: s$i}"
        echo "  - {op: conv2d, name: d$i, out: 8, kernel: 2, pad: [1, 1, 0, 0], as: e$i}"
        echo "  - {op: add, in: [e$i, s$i], as: r$((i + 1))}"
    done
}
for n in 20 1200; do
    blocks $n >"$WORK/blocks.yaml"
    "$DSQC" info "$WORK/blocks.yaml" --weights random:1 --target=x86-64-v3 --json | jq .arena_bytes
done >"$WORK/blocks.txt"
if [ "$(sort -u "$WORK/blocks.txt" | wc -l)" = 1 ] && grep -q '^[0-9]' "$WORK/blocks.txt"; then
    echo 'ok a long chain of blocks'
else
    echo "not ok a long chain of blocks: $(paste -sd' ' "$WORK/blocks.txt")"
fi
