"""Loss and all gradients of a model by PyTorch eager on the CPU.

usage: step.py HF_FOLDER ROWS TOKENS REPEATS THREADS [float32|bfloat16]
Prints the seconds of each repeat (after one warm-up) and the peak resident set.
"""
import resource
import sys
import time

import torch
from transformers import AutoModelForCausalLM

folder, rows, tokens, repeats, threads = sys.argv[1], *map(int, sys.argv[2:6])
dtype = getattr(torch, sys.argv[6] if len(sys.argv) > 6 else "float32")
torch.set_num_threads(threads)
model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)
model.config.use_cache = False
ids = torch.randint(0, model.config.vocab_size, (rows, tokens), generator=torch.Generator().manual_seed(1))
for i in range(repeats + 1):
    model.zero_grad(set_to_none=True)
    start = time.perf_counter()
    loss = model(input_ids=ids, labels=ids).loss
    loss.backward()
    if i:
        print(f"step {time.perf_counter() - start:.3f} s", flush=True)
print(f"rss {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB, loss {loss.item():.4f}, torch {torch.__version__}, {threads} threads, {dtype}")
