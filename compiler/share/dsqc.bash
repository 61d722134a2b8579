# bash completion for dsqc: commands, options (asked from dsqc's own help), choices and files.
_dsqc()
{
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} cmd=${COMP_WORDS[1]} dsqc=${COMP_WORDS[0]}
    local option='' word=$cur prefix=''
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        mapfile -t COMPREPLY < <(compgen -W "$("$dsqc" --help 2>/dev/null | sed -n 's/^  \([a-z]*\) .*/\1/p') \
            --help --version" -- "$cur")
        return
    fi
    if [[ $cmd == help ]] && ((COMP_CWORD == 2)); then
        mapfile -t COMPREPLY < <(compgen -W "targets operators $("$dsqc" --help 2>/dev/null |
            sed -n 's/^  \([a-z]*\) .*/\1/p')" -- "$cur")
        return
    fi
    # "--option=word" arrives as "--option" "=" "word"
    if [[ $cur == = ]]; then
        option=$prev word=''
    elif [[ $prev == = ]]; then
        option=${COMP_WORDS[COMP_CWORD - 2]}
    elif [[ $cur == --*=* ]]; then
        option=${cur%%=*} word=${cur#*=} prefix=$option=
    elif [[ $prev == -* ]]; then
        option=$prev
    fi
    case $option in
    --target)
        mapfile -t COMPREPLY < <(compgen -P "$prefix" -W "list $("$dsqc" help targets 2>/dev/null |
            sed -n '1d; s/^  \([a-z][^ ]*\) .*/\1/p')" -- "$word")
        return
        ;;
    --backend | --engine | --emit | --weights-as | --weights-extra | --winograd)
        mapfile -t COMPREPLY < <(compgen -P "$prefix" -W "$("$dsqc" "$cmd" --help 2>/dev/null |
            sed -n "s/^ *$option=\([a-z0-9|-]*\).*/\1/p" | tr '|' ' ')" -- "$word")
        return
        ;;
    --weights | --rules | --schedule | --input | --output | --report | --html | -o | -i)
        mapfile -t COMPREPLY < <(compgen -P "$prefix" -f -- "$word")
        compopt -o filenames 2>/dev/null
        return
        ;;
    esac
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$("$dsqc" "$cmd" --help 2>/dev/null |
            grep -oE '^  .{4}--[a-z-]+=?' | grep -oE -e '--[a-z-]+=?')" -- "$cur")
        [[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace 2>/dev/null
        return
    fi
    mapfile -t COMPREPLY < <(compgen -f -- "$cur")
    compopt -o filenames 2>/dev/null
}
complete -F _dsqc dsqc
