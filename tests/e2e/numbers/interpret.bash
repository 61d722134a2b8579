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

# spec SHAPE LAYER...: m.yaml
spec()
{
    printf 'name: m\ninput:\n  image: "f32%s"\nnetwork:\n' "$1" >"$WORK/m.yaml"
    shift
    printf '  - %s\n' "$@" >>"$WORK/m.yaml"
    echo 'output: y' >>"$WORK/m.yaml"
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

# loops_of KERNEL OPTION...: m.yaml's kernel in loop IR
loops_of()
{
    local kernel=$1
    shift
    "$DSQC" compile "$WORK/m.yaml" --weights random:1 -q --target=x86-64-v4 --emit=loops "$@" -o - |
        awk -v k="@k[0-9]*_$kernel " '/^ *kernel/ { on = $0 ~ k } on'
}

# count NAME KERNEL PATTERN N: lines of the kernel that have the pattern
count()
{
    local n
    n=$(loops_of "$2" | grep -c "$3")
    [ "$n" = "$4" ] && echo "ok $1" || echo "not ok $1: $n instead of $4"
}
