#!/usr/bin/env bash
# Runs the tests and closes with one line, "N passed, N failed, N skipped".
#
#   tests/run.sh BUILD [GROUP, FOLDER or FILE ...]      BUILD holds dsqc and the test programs ("make tests")
#
# Groups:
#   unit   tests/unit/*/test_*.c, CUnit
#   ir     tests/ir/*.dsq: "; run: OPTIONS" of dsqc opt, the input, "; expect:", the output
#   err    tests/err/*.yaml: compiled with random weights, or "# run: ARGUMENTS" in the first line with % for the file;
#          tests/err/*.sh: any other command. NAME.expect beside it has the messages and the status. $WORK/out, where
#          outputs go, may not be there afterwards.
#   exec   executable scripts in tests/exec: numbers of reference, loop interpreter and C compared
#   fuzz   tests/fuzz/fuzz_*.c on their corpora and on mutations of those
#   e2e    executable scripts in the folders of tests/e2e: whole networks and the command line
#
# Scripts print a line for every case, "ok NAME", "not ok NAME" or "skip NAME: reason"; lines of explanation are
# indented. They find DSQC (the binary), BUILD and WORK (a folder of their own) in the environment and run at the top of
# the repository. A skipped case is a failure where CI is set. UPDATE_GOLDEN=1 rewrites what ir and err expect.
set -u
cd "$(dirname "$0")/.."
build=${1:?usage: tests/run.sh BUILD [GROUP, FOLDER or FILE ...]}
shift
case $build in /*) ;; *) build=$PWD/$build ;; esac
export BUILD=$build DSQC=$build/dsqc LC_ALL=C NO_COLOR=1
# gcc 12's list of thread-local memory is wrong for a library that dlopen brings: its leak check crashed beside LLVM.
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=1:intercept_tls_get_addr=0}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1:abort_on_error=1}
unset DSQC_SPECS
[ -d "$build/../specs" ] || export DSQC_SPECS=$PWD/specs # where dsqc looks by itself
update=${UPDATE_GOLDEN:-}
[ -x "$DSQC" ] && [ -x "$BUILD/tests/unit/unit" ] || { echo "$BUILD has no dsqc or no tests: run 'make tests'" >&2; exit 1; }
scratch=$(mktemp -d "${TMPDIR:-/tmp}/dsqc-tests.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM

# ---- text in, text out ----

# One case: the name, the file with the expected text, the file with the actual one.
compare()
{
    if diff -u --label expected --label actual "$2" "$3" >"$scratch/diff"; then
        echo "ok $1"
    else
        echo "not ok $1"
        sed 's/^/    /' "$scratch/diff"
    fi
}

# tests/ir: what stands before the line "; expect:" is the input.
case_ir()
{
    local f=$1 args
    args=$(sed -n '1s/^; run: *//p' "$f")
    awk '$0 == "; expect:" { exit } { print }' "$f" >"$scratch/in"
    awk 'found { print } $0 == "; expect:" { found = 1 }' "$f" >"$scratch/want"
    # shellcheck disable=SC2086
    timeout 60 "$DSQC" opt - $args <"$scratch/in" >"$scratch/got" 2>"$scratch/err" ||
        { echo "; status $?"; cat "$scratch/err"; } >>"$scratch/got"
    if [ -n "$update" ] && ! cmp -s "$scratch/want" "$scratch/got"; then
        { cat "$scratch/in"; echo '; expect:'; cat "$scratch/got"; } >"$scratch/new"
        cp "$scratch/new" "$f"
        cp "$scratch/got" "$scratch/want"
        echo "  rewritten: $f"
    fi
    compare "${f#tests/}" "$scratch/want" "$scratch/got"
}

case_err()
{
    local f=$1 want=${1%.*}.expect args status left
    export WORK=$scratch/work
    rm -rf "$WORK" && mkdir "$WORK"
    case $f in
    *.sh) timeout 60 bash "$f" >"$scratch/got" 2>&1 ;;
    *)
        args=$(sed -n '1s/^# run: *//p' "$f")
        args=${args:-compile % -o $WORK/out --weights random:1}
        args=${args//%/$f} args=${args//\$WORK/$WORK}
        # shellcheck disable=SC2086
        DSQC_SPECS=specs timeout 60 "$DSQC" $args >"$scratch/got" 2>&1 # messages show the folder
        ;;
    esac
    status=$?
    sed -i "s|$WORK|WORK|g" "$scratch/got"
    echo "status $status" >>"$scratch/got"
    left=$(find "$WORK" -path "$WORK/out*" -printf '%P\n')
    [ -z "$left" ] || echo "left behind: $left" >>"$scratch/got"
    if [ -n "$update" ] && ! cmp -s "$want" "$scratch/got"; then
        cp "$scratch/got" "$want"
        echo "  rewritten: $want"
    fi
    [ -f "$want" ] || want=/dev/null
    compare "${f#tests/}" "$want" "$scratch/got"
}

# ---- programs ----

log_of() { echo "$scratch/${1//\//_}.log"; }

# A program that ends badly without having said which case failed is itself the case.
run_program()
{
    local name=$1 status began=$SECONDS log
    log=$(log_of "$1")
    shift
    WORK=$(mktemp -d "$scratch/XXXXXX") timeout "${TEST_TIMEOUT:-1200}" "$@" >"$log" 2>&1 </dev/null
    status=$?
    if [ $status != 0 ] && ! grep -q '^not ok ' "$log"; then
        echo "not ok $name: exit status $status" >>"$log"
    elif ! grep -qE '^(not ok|ok|skip) ' "$log"; then
        echo "not ok $name: no case ran" >>"$log"
    fi
    echo "  $name: $((SECONDS - began)) s"
}

# Those of some files that are executable.
scripts()
{
    local f
    for f; do [ ! -f "$f" ] || [ ! -x "$f" ] || echo "$f"; done
}

# The programs of a group or folder: paths, but for those of unit and fuzz.
programs()
{
    local f
    case $1 in
    unit) echo unit ;;
    fuzz) for f in tests/fuzz/fuzz_*.c; do basename "$f" .c; done ;;
    exec) scripts tests/exec/* ;;
    e2e) scripts tests/e2e/*/* ;;
    tests/ir/* | tests/err/* | ir | err) ;;
    *) if [ -d "$1" ]; then scripts "${1%/}"/*; else echo "$1"; fi ;;
    esac
}

start()
{
    local group=$1 name=$2
    case $group in
    unit) run_program unit "$BUILD/tests/unit/unit" ;;
    fuzz)
        # shellcheck disable=SC2046
        run_program "$name" "$BUILD/tests/fuzz/$name" "${FUZZ_MUTATIONS:-300}" $(find "$CORPUS/${name#fuzz_}" -type f | sort)
        ;;
    *) run_program "$name" "$name" ;;
    esac
}

corpus()
{
    export CORPUS=$scratch/corpus
    mkdir -p "$CORPUS/spec" "$CORPUS/loops" "$CORPUS/rules" && /usr/bin/python3 tests/fuzz/seeds.py "$CORPUS"
    cp -r tests/fuzz/corpus/. "$CORPUS"
    cp --parents specs/tiny/*.yaml specs/modules/*.yaml tests/err/*.yaml "$CORPUS/spec"
    cp passes/rules/algebra.rules tests/ir/own.rules "$CORPUS/rules"
    grep -l -e --loops tests/ir/*.dsq | xargs cp -t "$CORPUS/loops"
    "$DSQC" compile specs/tiny/lenet.yaml --weights random:1 --target=generic --emit=loops -o - >"$CORPUS/loops/lenet"
}

# The programs of all groups, as many at a time as there are processors. The longest come first: none is left alone at the end.
run_programs()
{
    local group name all='' longest='sweep.sh random.sh sums.sh checkpoints_torch.py winograd.sh fusion.sh memory.sh unit'
    for group; do
        [ "$group" != fuzz ] || corpus
        for name in $(programs "$group"); do
            all+="$group $name"$'\n'
        done
    done
    while read -r group name; do
        while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do wait -n; done
        start "$group" "$name" &
    done < <(for name in $longest; do grep "[ /]$name\$" <<<"$all"; done; grep -vE "[ /](${longest// /|})\$" <<<"${all%$'\n'}")
    wait
}

report_group()
{
    local group=$1 f name
    case $group in
    ir) for f in tests/ir/*.dsq; do [ ! -e "$f" ] || case_ir "$f"; done ;;
    err) for f in tests/err/*.yaml tests/err/*.sh; do [ ! -e "$f" ] || case_err "$f"; done ;;
    tests/ir/*) case_ir "$group" ;;
    tests/err/*) case_err "$group" ;;
    *)
        for name in $(programs "$group"); do
            echo "  $name"
            cat "$(log_of "$name")"
        done
        ;;
    esac
}

count() { grep -c "$1" "$scratch/all" || true; }

[ $# -gt 0 ] || set -- unit ir err exec fuzz e2e
: >"$scratch/all"
run_programs "$@"
for group; do
    echo "== $group"
    report_group "$group" >"$scratch/group"
    cat "$scratch/group" >>"$scratch/all"
    # passes are counted, everything else is shown
    grep -v '^ok ' "$scratch/group" || true
    echo "   $(grep -c '^ok ' "$scratch/group" || true) passed"
done
echo "took $SECONDS s"
passed=$(count '^ok ') failed=$(count '^not ok ') skipped=$(count '^skip ')
if [ -n "${CI:-}" ] && [ "$skipped" -gt 0 ]; then
    echo "skipped cases are failures where CI is set:"
    grep '^skip ' "$scratch/all"
    failed=$((failed + skipped)) skipped=0
fi
[ "$((passed + failed))" -gt 0 ] || failed=1
echo "$passed passed, $failed failed$([ "$skipped" = 0 ] || echo ", $skipped skipped")"
[ "$failed" = 0 ]
