#!/usr/bin/env bash
# A step of the Moreau iteration: moreau beside the published program, in turn, several
# rounds, on a random Llama of 148 million parameters and 10 x 128 random tokens: wall and
# CPU seconds of a step, and the peak resident set.
#
# usage: bench/peers/published.sh PYTHON REPO [ROUNDS]
# PYTHON has torch and transformers 4.36; REPO is a checkout of github.com/ShiningSord/MoreauPruner.
# moreau-compat moves all parameters, as the published program does, moreau those of the layers
# that are scored. Ours of a step is half of what three steps take more than one.
set -euo pipefail
cd "$(dirname "$0")/../.."
python=$1 repo=$(realpath "$2") rounds=${3:-3} threads=$(nproc) first=4 last=27
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go build -o "$work/moreau" ./cmd/moreau
"$work/moreau" synth --like testdata/configs/llama-148m -o "$work/model" --dtype f32 >/dev/null 2>&1
"$python" -c 'import json, random; r = random.Random(1); print(json.dumps([[r.randrange(49152) for _ in range(128)] for _ in range(10)]))' >"$work/ids.json"
note() { printf '%s\t%s\t%s\n' "$2" "$3" "$4" >>"$work/$1"; } # FILE CASE WHO VALUE
score() { # STEPS METHOD [OPTION...]
  rm -f "$work"/scores.json "$work"/.scores.json*
  "$python" bench/peers/usage.py "$work/moreau" score "$work/model" --steps "$1" --layers "$first..$last" --ids "$work/ids.json" --method "${@:2}" -o "$work/scores.json"
}
for _ in $(seq "$rounds"); do
  "$python" bench/peers/published.py "$repo" "$work/model" "$work/ids.json" 4 "$first" "$last" "$threads" 2>"$work/log" >"$work/published" || { tail "$work/log" >&2; exit 1; }
  read -r wall cpu < <(awk '/^step/ { w += $2; c += $4; n++ } END { printf "%.3f %.3f\n", w / n, c / n }' "$work/published")
  rss=$(awk '/^rss/ { print $2 }' "$work/published")
  for run in "moreau-compat" "moreau-compat --memory 1GiB" "moreau" "moreau --memory 1GiB"; do
    one=$(score 1 $run) three=$(score 3 $run)
    read -r ours_wall ours_cpu ours_rss < <(awk '{ w1 = $1; c1 = $2; printf "%.3f %.3f %s\n", ($4 - w1) / 2, ($5 - c1) / 2, $6 }' <<<"$one $three")
    note wall "$run" moreau "$ours_wall"
    note wall "$run" published "$wall"
    note cpu "$run" moreau "$ours_cpu"
    note cpu "$run" published "$cpu"
    note memory "$run" moreau "$ours_rss"
    note memory "$run" published "$rss"
  done
done
echo "a step of the Moreau iteration, 148M parameters, 10 x 128 tokens, layers $first..$last, $threads threads, medians of $rounds rounds"
for table in "wall:s" "cpu:CPU-s" "memory:peak GiB"; do
  awk -v unit="${table#*:}" -v peer=published -f bench/peers/ratios.awk "$work/${table%%:*}"
  echo
done
