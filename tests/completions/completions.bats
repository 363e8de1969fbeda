#!/usr/bin/env bats
# What people type, and what each shell offers for it.
# NN_BIN and NN_COMPLETIONS name the tools and the completions.

setup() {
  PATH=$NN_BIN:$PATH
  here=$BATS_TEST_DIRNAME
  mkdir "$BATS_TEST_TMPDIR/here"
  cd "$BATS_TEST_TMPDIR/here"
  touch a.nn b.nn run.ckpt table.csv table.csv.gz images-idx3-ubyte stream.arrows notes.md
  mkdir folder
  touch folder/c.nn
}

bash_offers() { bash "$here/bash-complete" "$NN_COMPLETIONS/bash-completion/completions/${1%% *}" "$1" | sort; }
fish_offers() {
  command -v "${1%% *}" >/dev/null || skip "${1%% *} is not built, and fish completes only what is there"
  command -v fish >/dev/null || skip "fish is missing"
  fish --no-config -c 'set -g fish_complete_path $argv[1]; complete -C $argv[2]' "$NN_COMPLETIONS/fish/vendor_completions.d" "$1" |
    sed 's/\t.*//' | sort
}
zsh_offers() {
  command -v zsh >/dev/null || skip "zsh is missing"
  zsh -f "$here/zsh-complete" "$NN_COMPLETIONS/zsh/vendor-completions" "$1"
}

# offers SHELL LINE WORD…: exactly these words.
offers() {
  local shell=$1 line=$2
  shift 2
  "${shell}_offers" "$line" >../offered
  [ $# -eq 0 ] || printf '%s\n' "$@" | sort >../expected
  [ $# -gt 0 ] || : >../expected
  diff ../expected ../offered
}

# includes SHELL LINE WORD…: these words among others.
includes() {
  local shell=$1 line=$2 word
  shift 2
  "${shell}_offers" "$line" >../offered
  for word in "$@"; do grep -qxF -- "$word" ../offered || { echo "no $word in:"; cat ../offered; return 1; }; done
}

device() { nn-devices 2>/dev/null | head -1 | grep . || skip "nn-devices is missing"; }

@test "bash: options" {
  offers bash 'nn-read --form' --format
  offers bash 'nn-train --layers 4 --early' --early-stopping
  offers bash 'nn-model show --j' --json
  offers bash 'nn-model verify --j'
}
@test "bash: choices, after a space and after an equals sign" {
  offers bash 'nn-read --to ' text csv json npy stream
  offers bash 'nn-read --to=c' --to=csv
  offers bash 'nn-train --optimizer ada' adam adamw
  offers bash 'nn-aggregate --uncertainty m' mutual-information
}
@test "bash: subcommands and models" {
  offers bash 'nn-model ' show verify convert publish rollback prune label traffic canary
  offers bash 'nn-model show ' a.nn b.nn folder run.ckpt
  offers bash 'nn-model show folder/' folder/c.nn
  offers bash 'nn-predict -m ' a.nn b.nn folder
}
@test "bash: data" {
  offers bash 'nn-train ' folder images-idx3-ubyte stream.arrows table.csv table.csv.gz
  offers bash 'nn-train table.csv --valid t' table.csv table.csv.gz
  offers bash 'nn-aggregate s' stream.arrows
}
@test "bash: devices, whose names hold a colon" {
  device=$(device)
  includes bash 'nn-train --device ' cpu "$device"
  includes bash "nn-train --device ${device%?}" "$device"
  includes bash 'nn-train --device cpu:' "$device"
  includes bash 'nn-predict -m a.nn@' a.nn@cpu "a.nn@$device"
  includes bash 'nn-predict -m a.nn@cpu:' "a.nn@$device"
}
@test "bash: options that take no value are followed by data" {
  offers bash 'nn-train --standardize s' stream.arrows
  offers bash 'nn-read --shuffle s' stream.arrows
}

@test "fish: options and choices" {
  offers fish 'nn-read --form' --format
  offers fish 'nn-read --to ' text csv json npy stream
  offers fish 'nn-train --optimizer ada' adam adamw
  offers fish 'nn-model ' show verify convert publish rollback prune label traffic canary
}
@test "fish: files and devices" {
  offers fish 'nn-predict -m ' a.nn b.nn folder/
  offers fish 'nn-model show ' a.nn b.nn folder/ run.ckpt
  offers fish 'nn-train ' folder/ images-idx3-ubyte stream.arrows table.csv table.csv.gz
  device=$(device)
  includes fish 'nn-train --device ' cpu "$device"
  includes fish 'nn-predict -m a.nn@' a.nn@cpu "a.nn@$device"
}

@test "zsh: options and choices" {
  offers zsh 'nn-read --form' --format
  offers zsh 'nn-read --to ' text csv json npy stream
  offers zsh 'nn-train --optimizer ada' adam adamw
  offers zsh 'nn-model ' show verify convert publish rollback prune label traffic canary
  includes zsh 'nn-aggregate --rule ' mean vote stack:
}
@test "zsh: files and devices" {
  includes zsh 'nn-predict -m ' a.nn b.nn
  includes zsh 'nn-model show ' a.nn b.nn run.ckpt
  includes zsh 'nn-train ' images-idx3-ubyte stream.arrows table.csv table.csv.gz
  device=$(device)
  includes zsh 'nn-train --device ' cpu "$device"
  includes zsh 'nn-predict -m a.nn@' cpu "$device"
}
