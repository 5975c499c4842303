"""Steps of the published MoreauPruner program on the CPU.

usage: published.py REPO HF_FOLDER IDS STEPS FIRST LAST THREADS
REPO is a checkout of github.com/ShiningSord/MoreauPruner, IDS a file of token ids [[1,2,...],...].

Its moreauprune.py runs as it is, with the arguments of its start.sh; only the calibration text
is replaced by IDS, and the tokenizer and the perplexity, which need downloads, are absent. Its log
says when a step begins; where it would cut, the run ends. Prints wall and CPU seconds of each step
but the first, which also creates the state, and the peak resident set.
"""
import json
import resource
import runpy
import sys
import time
import types
from pathlib import Path

import torch
import transformers

repo, folder, ids, steps, first, last, threads = *sys.argv[1:4], *map(int, sys.argv[4:8])
torch.set_num_threads(threads)
sys.path.insert(0, repo)
examples = torch.tensor(json.loads(Path(ids).read_text()))
marks = []  # (wall, CPU) seconds at the beginning of each step, and at the end of the last


def mark():
    marks.append((time.perf_counter(), time.process_time()))


class Logger:
    def __init__(self, **_):
        pass

    def log(self, text):
        if text.startswith("Start Backwarding"):
            mark()
        print(text, file=sys.stderr)


def replace(name, **content):
    module = types.ModuleType(name)
    module.__dict__.update(content)
    sys.modules[name] = module


def end(_):
    mark()
    raise SystemExit


replace("LLMPruner.utils.logger", LoggerWithDepth=Logger)
replace("LLMPruner.evaluator.ppl", PPLMetric=None)
replace("LLMPruner.datasets.example_samples", get_examples=lambda *_, **__: examples)
transformers.LlamaTokenizer.from_pretrained = lambda _: None
import LLMPruner.torch_pruning as tp  # noqa: E402

tp.pruner.MetaPruner.step = end
sys.argv = ["moreauprune.py", "--base_model", folder, "--pruning_ratio", "0.2", "--device", "cpu", "--eval_device", "cpu", "--block_wise",
            *(f"--block_{part}_layer_{side}={n}" for part in ("mlp", "attention") for side, n in (("start", first), ("end", last + 1))),
            "--pruner_type", "taylor", "--taylor", "param_first", "--iterative_steps", str(steps), "--num_examples", str(len(examples)),
            "--std", "0.05", "--lamb", "0.2", "--lr", "0.0002", "--soft", "0.000005"]
try:
    runpy.run_path(str(Path(repo) / "moreauprune.py"), run_name="__main__")
except SystemExit:
    pass
for (wall, cpu), (wall2, cpu2) in list(zip(marks, marks[1:]))[1:]:
    print(f"step {wall2 - wall:.3f} s, {cpu2 - cpu:.3f} CPU-s", flush=True)
print(f"rss {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB, torch {torch.__version__}, transformers {transformers.__version__}, {threads} threads")
