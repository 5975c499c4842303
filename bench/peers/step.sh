#!/usr/bin/env bash
# Loss and all gradients of a model: moreau beside PyTorch eager on the same cores,
# alternating, several rounds, both with products of float32 or of bfloat16; and the
# peak resident set of both.
#
# usage: bench/peers/step.sh PYTHON [ROUNDS [float32|bfloat16]]   PYTHON has torch and transformers
# The model is SmolLM2-135M-Instruct in ../shared/data/models. For time, both keep all
# activations. For memory, ours is that of moreau score on the same float32 folder: method
# taylor does what PyTorch's step does; method moreau holds the state of its iteration too,
# in memory or, with --memory, in a scratch file.
set -euo pipefail
cd "$(dirname "$0")/../.."
python=$1 rounds=${2:-3} dtype=${3:-float32} threads=$(nproc)
model=../shared/data/models/SmolLM2-135M-Instruct/SmolLM2-135M-Instruct.Q4_1.gguf
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go build -o "$work/moreau" ./cmd/moreau
"$work/moreau" convert "$model" -o "$work/hf" --dtype f32 >/dev/null 2>&1
go test -c -o "$work/step.test" ./internal/transformer
note() { printf '%s\t%s\t%s\n' "$2" "$3" "$4" >>"$work/$1"; } # FILE CASE WHO VALUE
for _ in $(seq "$rounds"); do
  for shape in 10x128 4x512; do
    rows=${shape%x*} tokens=${shape#*x} case="$rows x $tokens tokens, $dtype"
    note seconds "$case" moreau "$(cd internal/transformer && "$work/step.test" -test.run - -test.bench "SmolLM2Step/$shape/^$dtype\$" -test.benchtime 3x |
      awk '/ns\/op/ { printf "%.3f", $3 / 1e9 }')"
    "$python" bench/peers/step.py "$work/hf" "$rows" "$tokens" 3 "$threads" "$dtype" 2>/dev/null >"$work/pytorch"
    note seconds "$case" pytorch "$(awk '/^step/ { s += $2; n++ } END { printf "%.3f", s / n }' "$work/pytorch")"
    for run in "taylor" "moreau" "moreau --memory 900MiB"; do
      used=$("$python" bench/peers/usage.py "$work/moreau" score "$work/hf" --method $run --steps 3 --compute "${dtype/bfloat16/bf16}" \
        --rows "$rows" --seq-len "$tokens" --force -o "$work/scores.json")
      note memory "$case, $run" moreau "${used##* }"
      note memory "$case, $run" pytorch "$(awk '/^rss/ { print $2 }' "$work/pytorch")"
    done
  done
done
echo "loss and all gradients of SmolLM2-135M, $threads threads, medians of $rounds rounds"
awk -v unit=s -v peer=PyTorch -f bench/peers/ratios.awk "$work/seconds"
echo
awk -v unit="peak GiB" -v peer=PyTorch -f bench/peers/ratios.awk "$work/memory"
