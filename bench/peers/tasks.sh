#!/usr/bin/env bash
# The seven zero-shot tasks on SmolLM2-135M: moreau eval, float32 and --compute bf16, beside
# lm-evaluation-harness with transformers in float32, on the same cores, in turn, several rounds:
# seconds by the clock and CPU seconds of whole runs, and what each says of the tasks.
#
# usage: bench/peers/tasks.sh PYTHON [ROUNDS [LIMIT [THREADS]]]   PYTHON has lm_eval, torch and transformers
# LIMIT is the questions of each task (200), BATCH the harness's batch size (8, its fastest of
# 1, 4, 8, 16 and 32). Records and model are those of ../shared/data, the model as a float32 folder.
set -euo pipefail
cd "$(dirname "$0")/../.."
python=$1 rounds=${2:-2} limit=${3:-200} threads=${4:-$(nproc)} batch=${BATCH:-8}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go build -o "$work/moreau" ./cmd/moreau
"$work/moreau" convert ../shared/data/models/SmolLM2-135M-Instruct/SmolLM2-135M-Instruct.Q4_1.gguf -o "$work/hf" --dtype f32 >/dev/null 2>&1
"$python" bench/peers/records.py ../shared/data "$work/data"
tasks='["boolq", "piqa", "hellaswag", "winogrande", "arc_easy", "arc_challenge", "openbookqa"]'
echo "{\"model\": \"$work/hf\", \"data\": \"$work/data\", \"tasks\": $tasks, \"limit\": $limit, \"bos\": null, \"batch\": $batch, \"remote\": false}" >"$work/job"

# note CASE WHO: what the command that was timed last used.
note() {
  read -r wall user system <"$work/used"
  printf '%s\t%s\t%s\n' "$1" "$2" "$wall" >>"$work/wall"
  printf '%s\t%s\t%s\n' "$1" "$2" "$(awk "BEGIN { print $user + $system }")" >>"$work/cpu"
}
timed() { /usr/bin/time -o "$work/used" -f '%e %U %S' "$@" 2>"$work/log" || { tail "$work/log" >&2; exit 1; }; }

for _ in $(seq "$rounds"); do
  for compute in float32 bf16; do
    timed "$work/moreau" eval "$work/hf" --tasks papers --data "$work/data" --limit "$limit" --compute $compute --threads "$threads" --force -o "$work/$compute.json" >/dev/null
    note "$compute" moreau
  done
  OMP_NUM_THREADS=$threads timed "$python" interop/harness.py <"$work/job" >"$work/harness"
  for compute in float32 bf16; do note $compute lm-eval; done
done
echo "seven tasks, $limit questions of each, $threads threads, the harness with batches of $batch, medians of $rounds rounds; load $(cut -d ' ' -f 1-3 /proc/loadavg)"
for table in wall:s cpu:CPU-s; do
  awk -v unit="${table#*:}" -v peer=lm-eval -f bench/peers/ratios.awk "$work/${table%%:*}"
  echo
done
"$python" bench/peers/accuracies.py "$work/harness" "$work/float32.json" "$work/bf16.json"
