#!/bin/sh
# The parts of the manual that are tables of dsqc, from what it prints about itself:
#   man.sh DSQC < dsqc.1    the page with its lines .\" OPTIONS and .\" TARGETS replaced
#   man.sh DSQC operators   the page dsqc-ops(7)
set -eu
dsqc=$1

# Text as roff has it.
roff() { sed -e 's/\\/\\e/g; s/-/\\-/g' -e "s/^\([.']\)/\\\\\&\1/"; }

# Every option once, with the commands that have it.
options()
{
    for c in $("$dsqc" --help | sed -n 's/^  \([a-z]*\) .*/\1/p'); do
        "$dsqc" "$c" --help | sed -n "/^options:/,/^\$/s/^ /$c /p"
    done | awk '
        function put() {
            if (text == "") return
            if (!(text in who)) order[n++] = text
            who[text] = who[text] (who[text] == "" ? "" : ", ") cmd
        }
        { line = substr($0, length($1) + 1) }
        match(line, /^ +/) && RLENGTH < 10 && substr(line, RLENGTH + 1, 1) == "-" { # text is further to the right
            put(); cmd = $1
            sub(/^ +/, "", line); head = line; sub(/  .*/, "", head); rest = substr(line, length(head) + 1)
            sub(/^ +/, "", rest); if (rest ~ /^[.\047]/) rest = "\\&" rest; text = head "\t" rest; next
        }
        { sub(/^ +/, "", line); text = text (text ~ /\t$/ ? "" : " ") line }
        END { put(); for (i = 0; i < n; i++) { split(order[i], p, "\t"); printf ".TP\n.B %s\n%s (%s)\n", p[1], p[2], who[order[i]] } }
    ' | sed '/^\.TP$/!{ s/^\.B //; t head; s/-/\\-/g; b; :head; s/-/\\-/g; s/^/.B /; }'
}

targets()
{
    "$dsqc" compile --help | sed -n '/^targets:/,/^$/s/^  \([^ ]*\) */\1\t/p' |
        while IFS="$(printf '\t')" read -r name doc; do printf '.TP\n.B %s\n%s\n' "$name" "$doc"; done | sed '/^\.TP$/!s/-/\\-/g'
}

if [ "${2-}" = operators ]; then
    printf '.TH DSQC\\-OPS 7 "" "DeepSquare" "Miscellaneous"\n.SH NAME\ndsqc\\-ops \\- operators of specs for dsqc\n'
    printf '.SH OPERATORS\n.nf\n'
    "$dsqc" help operators | roff
    printf '.fi\n.SH SEE ALSO\n.BR dsqc (1)\n'
else
    while IFS= read -r line; do
        case $line in
        '.\" OPTIONS') options ;;
        '.\" TARGETS') targets ;;
        *) printf '%s\n' "$line" ;;
        esac
    done
fi
