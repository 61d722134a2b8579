# For scripts that try many small networks: m.yaml in $WORK, through the loop interpreter, which checks every index, against
# the double-precision reference.

# report NAME OPTION...: what dsqc verify says of m.yaml
report()
{
    local name=$1
    shift
    if "$DSQC" verify "$WORK/m.yaml" --weights random:1 --runs 1 -q "$@" >"$WORK/log" 2>&1; then
        echo "ok $name"
    else
        echo "not ok $name"
        sed 's/^/    /' "$WORK/log" "$WORK/m.yaml" | head -30
    fi
}

# interpret NAME TARGET...
interpret()
{
    local name=$1 target
    shift
    for target in "$@"; do
        report "$name, $target" --engine=loops --target="$target"
    done
}
