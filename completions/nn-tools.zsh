# Completion of nn-tools for zsh: what all tools share. The build puts it in front of what
# `TOOL --generate zsh` makes of each tool's options. Each function gets what compadd needs, and
# behind '--' what the tool says.

_nn_devices() {
  local -a devices
  devices=(cpu ${(f)"$(nn-devices 2>/dev/null)"})
  compadd "$@" -- $devices
}

# Files with one of the endings.
_nn_files() {
  local at=${@[(i)--]}
  local endings=${(j:|:)@[at+1,-1]}
  _files "${(@)@[1,at-1]}" -g "*(${endings})(|.gz|.zst)(-.)"
}

# MODEL[@DEVICE]
_nn_members() {
  if compset -P '*@'; then
    _nn_devices
  else
    _files -g '*.nn'
  fi
}

# Some words; behind one that ends in ':' or '/' more follows, which is a model behind stack:.
_nn_words() {
  local at=${@[(i)--]}
  local -a words=(${@[at+1,-1]})
  if compset -P 'stack:'; then
    _files -g '*.nn'
    return
  fi
  compadd "${(@)@[1,at-1]}" -- ${words:#*[:/]}
  compadd "${(@)@[1,at-1]}" -S '' -- ${(M)words:#*[:/]}
}

# Columns of the first file on the line that has any, and words.
_nn_column() {
  local at=${@[(i)--]} i
  local -a names
  for ((i = 2; i <= $#words; ++i)); do
    [[ $i -ne $CURRENT && -f ${(Q)words[i]} && $words[i-1] != (-o|--output|-m|--model) ]] || continue
    names=(${(f)"$($words[1] --generate columns ${(Q)words[i]} 2>/dev/null)"})
    (($#names)) && break
  done
  compadd "${(@)@[1,at-1]}" -- $names ${@[at+1,-1]}
}

# The same behind names that are there already, with commas between.
_nn_columns() {
  compset -P '*,'
  _nn_column -S '' "$@"
}

_nn_endpoints() {
  compadd "$@" -S '' -- tcp:// tls:// unix: ssh:// exec:
}

