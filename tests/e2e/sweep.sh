#!/usr/bin/env bash
# "dsqc verify --verify-each" for every network with every unit, pool and head, small, on the native and the generic target in
# turn: no pass changes the numbers, nor does the compiled code; and "dsqc verify" for every bundled network as it comes, at
# full size. A dsqc with sanitizers takes every fifth combination, or this alone
# would take a quarter of an hour.
set -u
export TMPDIR=$WORK
began=$SECONDS

# verify NAME SPEC OPTIONS...: at 1e-5, one run; two of these at a time
verify()
{
    local name=$1 log status
    shift
    log=$(mktemp "$WORK/XXXXXX")
    "$DSQC" verify "$@" --runs 1 -q >"$log" 2>&1
    status=$?
    if [ $status = 0 ]; then
        printf 'ok %s\n    %s\n' "$name" "$(tr -s '\n' ' ' <"$log" | sed 's/.*reference; //')"
    else
        printf 'not ok %s: status %s\n%s\n' "$name" "$status" "$(sed 's/^/    /' "$log" | head -20)"
    fi >"$log.out"
    cat "$log.out" # at once: lines of two jobs do not mix
    rm -f "$log" "$log.out"
}
export -f verify
run() { xargs -P 2 -L 1 bash -c 'verify "$@"' -; }

# Consecutive cases differ in the target. 3 heads, 9 pools and heads are odd numbers, so everything meets both targets;
# sizes change with the unit and the pool, and leave maps of odd sizes.
combinations()
{
    local i=0 net unit pool head target=(native generic) size=(32 40 64)
    for net in resnet18 resnet50 shufflenet_v2_x0_5 shufflenet_v2_x1_0 shufflenet_v2_x1_5 shufflenet_v2_x2_0; do
        for unit in identity square_excitation square_encoding se ge_minus ge ge_plus; do
            for pool in average square_pooling bilinear; do
                for head in logits softmax square_softmin; do
                    local t=${target[i % 2]} s=${size[(i / 3 + i / 9) % 3]}
                    ((i % step)) || echo "'$net $unit $pool $head, $t, $s' specs/$net.yaml --set unit=$unit --set pool=$pool" \
                        "--set head=$head --set size=$s --set classes=10 --target=$t --verify-each"
                    i=$((i + 1))
                done
            done
        done
    done
}

defaults()
{
    local spec
    for spec in specs/*.yaml; do
        echo "'$(basename "$spec" .yaml), full size' $spec"
    done
    for spec in specs/tiny/*.yaml specs/digits/digits.yaml; do
        [ "$spec" != specs/tiny/cbr.yaml ] || continue
        echo "'$(basename "$spec" .yaml), full size, native' $spec"
        echo "'$(basename "$spec" .yaml), full size, generic' $spec --target=generic"
    done
}

step=1
! grep -q fsanitize "$BUILD/flags" || step=5
defaults | run || echo 'not ok sweep: broke off'
echo "    full size: $((SECONDS - began)) s"
combinations | run || echo 'not ok sweep: broke off'
