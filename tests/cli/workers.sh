# For cases with workers: sourced by their cmd.

# Two models and rows of the digits.
nn-read "$DATA/digits.csv.gz" --no-header --label last --rows 0:400 >train.arrows
nn-read "$DATA/digits.csv.gz" --no-header --label last --rows 1437: >test.arrows
for seed in 1 2 3; do
  nn-train train.arrows --layers 16 --standardize --epochs 3 --seed $seed -q -o m$seed.nn
done

workers=()
trap 'kill -9 "${workers[@]}" 2>/dev/null' EXIT

# worker NAME OPTION…: starts one at unix:NAME.sock, and waits until it can be reached. $pid is its
# process.
worker() {
  local name=$1
  shift
  mkfifo "$name.ready"
  nn-worker --listen "unix:$PWD/$name.sock" --print-endpoint "$@" >"$name.ready" 2>"$name.err" &
  pid=$!
  workers+=("$pid")
  head -n 1 "$name.ready" >"$name.endpoint"
  rm "$name.ready"
}

# ended PID…: waits, and prints how they ended.
ended() {
  for one in "$@"; do
    wait "$one"
    echo "ended with $?"
  done
}
