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

_nn_endpoints() {
  compadd "$@" -S '' -- tcp:// tls:// unix: ssh:// exec:
}

