#!/usr/bin/env bash
# Matrix products: moreau beside PyTorch on the same cores, shape after shape in turn,
# several rounds, in float32 and bfloat16, all three layouts of a linear layer.
#
# usage: bench/peers/gemm.sh PYTHON [ROUNDS]   PYTHON has torch
# Ours are float32 with bfloat16 products too (--compute bf16): operands are rounded
# as they are packed, which is counted. PyTorch's stand for them both as bfloat16
# operands and results, and as float32 ones that it converts ("bfloat16 of float32").
set -euo pipefail
cd "$(dirname "$0")/../.."
python=$1 rounds=${2:-3} threads=$(nproc)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go test -c -o "$work/bench.test" ./internal/bench
ours() { "$work/bench.test" -test.run - -test.bench "$1" -test.benchtime 1x; }
for _ in $(seq "$rounds"); do
  ours '^BenchmarkPeak$' | awk '$1 ~ /^BenchmarkPeak/ { print $3 }' >>"$work/peaks"
  for shape in "512 512 512" "1024 1024 1024" "2048 2048 2048" "4096 4096 4096" \
    "1280 4096 4096" "1280 4096 11008" "1280 11008 4096"; do
    read -r n i o <<<"$shape"
    ours "^BenchmarkLinear\$/^${n}x${i}x$o\$" |
      awk -v shape="$n x $i -> $o" '/GFLOP/ { split($1, p, "/"); sub(/-[0-9]+$/, "", p[4]); line(p[4]); if (p[4] == "bfloat16") line("bfloat16 of float32") }
        function line(dtype) { printf "%s, %s, %s\tmoreau\t%s\n", shape, p[3], dtype, $3 }'
    "$python" bench/peers/gemm.py $shape "$threads" 2>/dev/null
  done
done >"$work/speeds"
peak=$(sort -n "$work/peaks" | tail -1)
echo "FMA peak $peak GFLOP/s (best product that stays in cache), $threads threads, medians of $rounds rounds"
awk -v unit=GFLOP/s -v peer=PyTorch -v better=more -v peak="$peak" -f bench/peers/ratios.awk "$work/speeds"
