# For cases with nn-serve: sourced by their cmd, behind workers.sh, whose models they serve.
. "$DATA/../tests/cli/workers.sh"

# A row of the digits, as JSON has it.
row=$(zcat "$DATA/digits.csv.gz" | head -n 1 | cut -d, -f1-64)
body="{\"instances\":[[$row]]}"

# server NAME OPTION…: starts one at a port that is free, and at unix:NAME.sock, and waits until it can be reached.
# $url is its address, $pid its process; stderr is NAME.err.
server() {
  local name=$1
  shift
  mkfifo "$name.ready"
  nn-serve --listen http://127.0.0.1:0 --listen "unix:$PWD/$name.sock" --print-endpoint "$@" \
    >"$name.ready" 2>"$name.err" &
  pid=$!
  workers+=("$pid")
  url=$(head -n 1 "$name.ready")
  rm "$name.ready"
  if [ -z "$url" ]; then
    cat "$name.err" >&2
    exit 1
  fi
}

# ask PATH [CURL OPTION…]: the status, and nothing else.
ask() {
  local path=$1
  shift
  curl -s -o answer -w '%{http_code}\n' "$@" "$url$path"
}
