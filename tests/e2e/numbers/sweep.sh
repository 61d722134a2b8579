#!/usr/bin/env bash
# "dsqc verify" for small networks with every unit, pool and head, native ones with --verify-each: no pass changes the
# numbers, nor does the compiled code. Every three of network, unit, pool and head come together in one case. Then "dsqc verify" for every bundled
# network at full size. A dsqc with sanitizers takes every fifth combination.
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

# Consecutive cases differ in the target. Units and pools are odd in number, so everything meets both targets. Some sizes leave
# maps of odd sizes.
combinations()
{
    local each net nets=(resnet18 resnet50 shufflenet_v2_x0_5 shufflenet_v2_x1_0 shufflenet_v2_x1_5 shufflenet_v2_x2_0)
    local unit units=(identity square_excitation square_encoding se ge_minus ge ge_plus)
    local pools=(average square_pooling bilinear) heads=(logits softmax square_softmin)
    local i=0 n u p t s target=(native generic) size=(32 40 64)
    for n in "${!nets[@]}"; do
        for u in "${!units[@]}"; do
            for p in 0 1 2; do
                each=; [ "${target[i % 2]}" = generic ] || each=' --verify-each' # scalar loops take the interpreter minutes
                net=${nets[n]} unit=${units[u]} head=${heads[(n + u + p) % 3]} t=${target[i % 2]} s=${size[(n + p) % 3]}
                ((i % step)) || echo "'$net $unit ${pools[p]} $head, $t, $s' specs/$net.yaml --set unit=$unit" \
                    "--set pool=${pools[p]} --set head=$head --set size=$s --set classes=10 --target=$t$each" # xargs joins lines that end in a blank
                i=$((i + 1))
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
