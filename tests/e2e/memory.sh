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
