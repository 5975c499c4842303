#!/usr/bin/env bash
# Prompt and generation of token ids: moreau beside llama.cpp on the same cores, alternating,
# several rounds: tokens/s by the clock, and CPU seconds, which other work on the machine changes less.
# Prompts go through moreau as it takes them by default (in bf16 for coarse weights, where the CPU is faster so) and in float32; llama.cpp
# rounds activations to eight bits for block types, and to the type of the weights for others.
#
# usage: bench/peers/generate.sh [ROUNDS [THREADS [SMOLLM2_TYPES [1B_TYPES]]]]
# PROMPT (512) and TOKENS (64) are how many. Types are as --dtype takes them, or none; the models are SmolLM2-135M-Instruct in ../shared/data/models,
# converted, and a random one of TinyLlama's geometry (1.1 billion parameters). llama.cpp is that of interop/install-llamacpp.sh.
set -euo pipefail
cd "$(dirname "$0")/../.."
all="f16 bf16 q8_0 q4_0 q4_1 q4_k"
rounds=${1:-3} threads=${2:-$(nproc)} small=${3:-$all} large=${4:-$all} prompt=${PROMPT:-512} tokens=${TOKENS:-64}
smollm=../shared/data/models/SmolLM2-135M-Instruct/SmolLM2-135M-Instruct.Q4_1.gguf
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
interop/install-llamacpp.sh
library=$(echo "$PWD"/interop/.cache/llamacpp-*)
go build -o "$work/moreau" ./cmd/moreau
(cd interop && go build -o "$work/llamaspeed" ./llamaspeed)
seq "$prompt" | awk '{ printf "%s%d", (NR > 1 ? "," : "[["), 100 + $1 * 7 % 200 } END { print "]]" }' >"$work/ids.json"
note() { printf '%s\t%s\t%s\n' "$2" "$3" "$4" >>"$work/$1"; } # FILE CASE WHO VALUE

# ours MODEL TOKENS COMPUTE: tokens/s of the prompt, of the generation, and CPU seconds of the whole run
ours() {
  /usr/bin/time -o "$work/used" -f '%U %S' "$work/moreau" generate "$1" --threads "$threads" --ids "$work/ids.json" -n "$2" --compute "$3" --json >"$work/json"
  awk -F '[:,]' -v cpu="$(awk '{ print $1 + $2 }' "$work/used")" '/"tokens_per_second"/ { g = $2 } /"prompt_tokens_per_second"/ { p = $2 } END { print p, g, cpu }' "$work/json"
}

measure() { # CASE MODEL
  "$work/moreau" generate "$2" --ids "$work/ids.json" -n 1 >/dev/null 2>&1 # the file is in memory
  for _ in $(seq "$rounds"); do
    read -r _ theirs_prompt _ theirs_gen _ _ theirs_cpu < <("$work/llamaspeed" "$library" "$2" "$threads" "$prompt" "$tokens")
    read -r our_prompt our_gen long < <(ours "$2" $((tokens + 1)) auto)
    read -r _ _ short < <(ours "$2" 1 auto)
    read -r our_float32 _ _ < <(ours "$2" 1 float32)
    note prompt "$1" moreau "$our_prompt"
    note prompt "$1" llama.cpp "$theirs_prompt"
    note float32 "$1" moreau "$our_float32"
    note float32 "$1" llama.cpp "$theirs_prompt"
    note generation "$1" moreau "$our_gen"
    note generation "$1" llama.cpp "$theirs_gen"
    note cpu "$1" moreau "$(awk "BEGIN { print 1000 * ($long - $short) / $tokens }")"
    note cpu "$1" llama.cpp "$(awk "BEGIN { print 1000 * $theirs_cpu / $tokens }")"
  done
}

for type in $small; do
  [ "$type" = none ] && continue
  "$work/moreau" convert "$smollm" --dtype "$type" -o "$work/model.gguf" >/dev/null 2>&1
  measure "SmolLM2-135M, $type" "$work/model.gguf"
  rm "$work/model.gguf"
done
for type in $large; do
  [ "$type" = none ] && continue
  "$work/moreau" synth --like tinyllama --dtype "$type" -o "$work/model.gguf" >/dev/null 2>&1
  measure "1.1 billion, $type" "$work/model.gguf"
  rm "$work/model.gguf"
done
echo "$threads threads, medians of $rounds rounds; load $(cut -d ' ' -f 1-3 /proc/loadavg)"
echo "prompt of $prompt tokens"
awk -v unit=tokens/s -v peer=llama.cpp -v better=more -f bench/peers/ratios.awk "$work/prompt"
echo "prompt of $prompt tokens, --compute float32"
awk -v unit=tokens/s -v peer=llama.cpp -v better=more -f bench/peers/ratios.awk "$work/float32"
echo "generation of $tokens tokens after it"
awk -v unit=tokens/s -v peer=llama.cpp -v better=more -f bench/peers/ratios.awk "$work/generation"
awk -v unit="CPU ms a token" -v peer=llama.cpp -f bench/peers/ratios.awk "$work/cpu"
