# Completion of nn-tools for bash: what all tools share. The build puts it in front of a table for
# each tool, which `TOOL --generate bash` makes of the tool's options. It needs nothing but bash 4.
#
# The table answers for an option with what its value is, for "options" with all their names, for
# "argument-1" and "argument-*" with what arguments are, and for "commands" with the subcommands, whose
# own options and arguments are "SUBCOMMAND:options" and so on. A value is one of
#   none             there is no value
#   words WORD…      some of these, or anything else
#   files ENDING…    a file with one of these endings, any file without them
#   folders, devices, members
#   column WORD…     a name of the first input's columns, or one of these
#   columns WORD…    some of them with commas between

_nn_words() { # words value
  local word
  COMPREPLY=()
  while read -r word; do COMPREPLY+=("$word"); done < <(compgen -W "$1" -- "$2")
}

# Files whose names have one of the endings in $1, compressed or not, and folders.
_nn_files() {
  local ending pattern='' restore
  for ending in $1; do pattern+="|*$ending"; done
  pattern="@(${pattern#|})?(.gz|.zst)"
  [[ -n $1 ]] || pattern='*'
  local IFS=$'\n'
  compopt -o filenames 2>/dev/null
  restore=$(shopt -p extglob)
  shopt -s extglob
  COMPREPLY=($(compgen -d -- "$2"; compgen -f -X "!$pattern" -- "$2"))
  # Nothing is known by its name here: any file may be it.
  [[ ${#COMPREPLY[@]} -gt 0 ]] || COMPREPLY=($(compgen -f -- "$2"))
  eval "$restore"
}

_nn_devices() { echo "cpu $(nn-devices 2>/dev/null)"; }

# MODEL[@DEVICE]
_nn_members() {
  if [[ $1 != *@* ]]; then
    _nn_files .nn "$1"
    return
  fi
  local device devices=''
  for device in $(_nn_devices); do devices+=" ${1%@*}@$device"; done
  _nn_words "$devices" "$1"
}

# Columns of the inputs on the line, before and behind the cursor; `tool`, `line` and `inputs` are those of _nn_tools.
_nn_columns() { # words, names that are chosen already with a comma behind, value
  local word file names='' restore
  for file in "${inputs[@]}" ${COMP_LINE:COMP_POINT}; do
    [[ -f $file ]] && names=$("$command" --generate columns "$file" 2>/dev/null) && [[ -n $names ]] && break
  done
  COMPREPLY=()
  while IFS= read -r word; do
    [[ -n $word && $word == "$3"* && ,$2 != *",$word,"* ]] && COMPREPLY+=("$2$(printf %q "$word")")
  done <<<"$names"$'\n'"${1// /$'\n'}"
}

_nn_value() { # what it is, and what is there of it
  local kind=${1%% *} rest=''
  [[ $1 == *' '* ]] && rest=${1#* }
  case $kind in
    members) _nn_members "$2" ;;
    files) _nn_files "$rest" "$2" ;;
    folders) COMPREPLY=($(compgen -d -- "$2")) && compopt -o filenames 2>/dev/null ;;
    devices) _nn_words "$(_nn_devices)" "$2" ;;
    column) _nn_columns "$rest" '' "${2#[\"\']}" ;;
    columns)
      local chosen=''
      [[ $2 == *,* ]] && chosen=${2%,*},
      _nn_columns "$rest" "$chosen" "${2##*,}"
      compopt -o nospace 2>/dev/null
      ;;
    words)
      if [[ $2 == stack:* ]]; then
        _nn_files .nn "${2#stack:}"
        COMPREPLY=("${COMPREPLY[@]/#/stack:}")
      else
        _nn_words "$rest" "$2"
      fi
      ;;
  esac
}

_nn_tools() {
  local command=$1 tool=${1##*/} inputs=() line=${COMP_LINE:0:COMP_POINT} word before=() previous=''
  # bash takes a word apart at '=', ':' and '@'; here it is one, up to the last space.
  word=${line##*[[:space:]]}
  read -ra before <<<"${line%"$word"}"
  [[ ${#before[@]} -gt 1 ]] && previous=${before[-1]}
  local table=_nn_table_$tool commands subcommand='' place=1 argument skip=''
  commands=" $("$table" commands)"
  for argument in "${before[@]:1}"; do
    if [[ -n $skip ]]; then
      skip=''
    elif [[ $argument == -?* ]]; then
      [[ $argument == *=* || $("$table" "$argument") == none* ]] || skip=yes
    elif [[ -z $subcommand && $commands == *" $argument "* ]]; then
      subcommand=$argument:
    else
      place=$((place + 1))
      inputs+=("$argument")
    fi
  done

  COMPREPLY=()
  local value=$word what
  if [[ $word == --*=* ]]; then
    value=${word#*=}
    _nn_value "$("$table" "${word%%=*}")" "$value"
  elif [[ -n $skip ]]; then
    _nn_value "$("$table" "$previous")" "$value"
  elif [[ $word == -* ]]; then
    what="$("$table" options)"
    [[ -z $subcommand ]] || what+=" $("$table" "${subcommand}options")"
    _nn_words "$what" "$value"
  elif [[ -z $subcommand && -n ${commands# } ]]; then
    _nn_words "$commands" "$value"
  else
    what=$("$table" "${subcommand}argument-$place")
    [[ -n $what ]] || what=$("$table" "${subcommand}argument-*")
    _nn_value "$what" "$value"
  fi

  # readline replaces only what stands behind the last character that breaks words.
  local current=${COMP_WORDS[COMP_CWORD]} head=${word%"$value"} i
  [[ $current == [=:@] ]] && current=''
  local kept=${word%"$current"}
  for i in "${!COMPREPLY[@]}"; do
    COMPREPLY[i]=$head${COMPREPLY[i]}
    COMPREPLY[i]=${COMPREPLY[i]#"$kept"}
  done
}

