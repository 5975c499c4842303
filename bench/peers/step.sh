#!/usr/bin/env bash
# Loss and all gradients of a model: moreau beside PyTorch eager on the same cores,
# alternating, several rounds, both with products of float32 or of bfloat16.
#
# usage: bench/peers/step.sh PYTHON [ROUNDS [float32|bfloat16]]   PYTHON has torch and transformers
# The model is SmolLM2-135M-Instruct in ../shared/data/models.
set -euo pipefail
cd "$(dirname "$0")/../.."
python=$1 rounds=${2:-3} dtype=${3:-float32} threads=$(nproc)
model=../shared/data/models/SmolLM2-135M-Instruct/SmolLM2-135M-Instruct.Q4_1.gguf
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go run ./cmd/moreau convert "$model" -o "$work/hf" --dtype f32 2>/dev/null
go test -c -o "$work/step.test" ./internal/transformer
for shape in 10x128 4x512; do
  for _ in $(seq "$rounds"); do
    (cd internal/transformer && "$work/step.test" -test.run - -test.bench "SmolLM2Step/$shape/^$dtype\$" -test.benchtime 3x) |
      awk '/ns\/op/ { printf "moreau %.3f\n", $3 / 1e9 }'
    "$python" bench/peers/step.py "$work/hf" "${shape%x*}" "${shape#*x}" 3 "$threads" "$dtype" 2>/dev/null |
      awk '/^step/ { s += $2; n++ } END { printf "pytorch %.3f\n", s / n }'
  done | tee "$work/times"
  for who in moreau pytorch; do
    awk -v who=$who '$1 == who { print $2 }' "$work/times" | sort -n |
      awk -v who=$who -v shape="$shape tokens, $dtype" '{ t[NR] = $1 } END { printf "%s, %s: median %.3f s of %d rounds\n", shape, who, t[int((NR + 1) / 2)], NR }'
  done
done
