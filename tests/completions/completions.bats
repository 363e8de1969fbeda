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

columns() {
  printf 'age,first_name,sex\n1,x,m\n' >people.csv
  gzip -k people.csv
  mkfifo pipe
}

device() { nn-devices 2>/dev/null | head -1 | grep . || skip "nn-devices is missing"; }

@test "bash: options" {
  offers bash 'nn-read --form' --format
  offers bash 'nn-train --layers 4 --early' --early-stopping
  offers bash 'nn-model show --j' --json
  offers bash 'nn-model verify --j'
}
@test "bash: choices, after a space and after an equals sign" {
  offers bash 'nn-read --to ' text csv tsv json npy npz stream
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

@test "bash: columns of the file on the line, wherever it stands" {
  columns
  offers bash 'nn-train people.csv --label ' age first_name sex last
  offers bash 'nn-train --standardize people.csv.gz --label=s' --label=sex
  offers bash 'nn-read people.csv --select age,' age,first_name age,sex
  offers bash 'nn-read people.csv --select age,s' age,sex
  offers bash 'nn-read people.csv --where a' age
  offers bash "nn-read people.csv --where 'a" age
  offers bash 'nn-predict -m a.nn people.csv --target sex,a' sex,age
  printf 'first name,x\n1,2\n' >names.csv
  includes bash 'nn-read names.csv --label f' 'name'
}
@test "bash: no columns of what is missing, no table, or an output" {
  columns
  offers bash 'nn-train missing.csv --label ' last
  offers bash 'nn-train a.nn --label ' last
  offers bash 'nn-train pipe --label ' last
  offers bash 'nn-train folder --label ' last
  offers bash 'nn-read -o people.csv --label ' last
  offers bash 'nn-read --where '
}
@test "fish: columns" {
  columns
  offers fish 'nn-train people.csv --label ' age first_name last sex
  offers fish 'nn-read people.csv --select age,s' age,sex
  offers fish 'nn-train missing.csv --label ' last
}
@test "zsh: columns" {
  columns
  offers zsh 'nn-train people.csv --label ' age first_name last sex
  offers zsh 'nn-read people.csv --select age,s' sex
  offers zsh 'nn-train missing.csv --label ' last
}

@test "fish: options and choices" {
  offers fish 'nn-read --form' --format
  offers fish 'nn-read --to ' text csv tsv json npy npz stream
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
  offers zsh 'nn-read --to ' text csv tsv json npy npz stream
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
