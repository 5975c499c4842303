"""Runs lm-evaluation-harness, offline, on local records in the form of the hub's data sets.

    python harness.py < JOBS > REPLIES

Each line of JOBS is JSON: "model" is a folder of transformers, "data" the folder of the records,
OWNER/NAME/CONFIG/SPLIT.jsonl or .parquet, "tasks" their names, "limit" the records of each, "bos" true,
false or null for what the tokenizer says, "batch" the rows of a batch, "remote" whether trust_remote_code=True
is needed. The reply is a line of JSON, by task: the means and standard errors that the harness prints, and
"samples", each with its number "doc", its metrics and for each choice "answers": log-likelihood and whether
it is greedy. The first line of REPLIES names the versions.

A task is the harness's own file, included, with other data files: what it asks and how is not written here.
"""

import glob
import json
import os
import sys
import tempfile

os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
home = tempfile.TemporaryDirectory()  # for model code and records that libraries copy
os.environ["HF_HOME"] = home.name

import datasets
import lm_eval
import torch
import transformers
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager

# Of each task its file in the harness, its data set with the configuration, and the split that it reads.
TASKS = {
    "boolq": ("super_glue/boolq/default.yaml", "aps/super_glue/boolq", "validation"),
    "piqa": ("piqa/piqa.yaml", "baber/piqa/data", "validation"),
    "hellaswag": ("hellaswag/hellaswag.yaml", "Rowan/hellaswag/data", "validation"),
    "winogrande": ("winogrande/default.yaml", "allenai/winogrande/winogrande_xl", "validation"),
    "arc_easy": ("arc/arc_easy.yaml", "allenai/ai2_arc/ARC-Easy", "test"),
    "arc_challenge": ("arc/arc_challenge.yaml", "allenai/ai2_arc/ARC-Challenge", "test"),
    "openbookqa": ("openbookqa/openbookqa.yaml", "allenai/openbookqa/main", "test"),
}


def write_tasks(names, data, folder):
    """Task files of these names over the records in data."""
    own = os.path.join(os.path.dirname(lm_eval.__file__), "tasks")
    for name in names:
        file, dataset, split = TASKS[name]
        (records,) = glob.glob(f"{data}/{dataset}/{split}.*")
        kind = {".jsonl": "json", ".parquet": "parquet"}[os.path.splitext(records)[1]]
        splits = "".join(f"{s}_split: {s if s == split else 'null'}\n" for s in ("training", "validation", "test"))
        with open(f"{folder}/{name}.yaml", "w") as f:
            f.write(f"include: {own}/{file}\ntask: {name}\ndataset_path: {kind}\ndataset_name: null\n{splits}")
            f.write(f"dataset_kwargs:\n  data_files:\n    {split}: {records}\n")


def evaluate(job):
    with tempfile.TemporaryDirectory() as folder:
        write_tasks(job["tasks"], job["data"], folder)
        model = HFLM(
            pretrained=job["model"],
            dtype="float32",
            device="cpu",
            batch_size=job["batch"],
            add_bos_token=job["bos"],
            trust_remote_code=job["remote"],
        )
        results = lm_eval.simple_evaluate(
            model=model,
            tasks=job["tasks"],
            limit=job["limit"],
            task_manager=TaskManager(include_path=folder, include_defaults=False),
        )
    return {name: reply(results["results"][name], results["samples"][name]) for name in job["tasks"]}


def reply(result, samples):
    """Metrics without the names of their filters, and of each sample what is said of its choices."""
    metrics = {key.removesuffix(",none"): value for key, value in result.items()}
    chosen = [
        {"doc": s["doc_id"], "answers": [r[0] for r in s["resps"]], "acc": s["acc"], "acc_norm": s.get("acc_norm")} for s in samples
    ]
    return {metric: metrics.get(metric) for metric in ("acc", "acc_stderr", "acc_norm", "acc_norm_stderr")} | {"samples": chosen}


def main():
    replies, sys.stdout = sys.stdout, sys.stderr
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    versions = {module.__name__: module.__version__ for module in (lm_eval, torch, transformers, datasets)}
    print(json.dumps(versions), file=replies, flush=True)
    for line in sys.stdin:
        print(json.dumps(evaluate(json.loads(line))), file=replies, flush=True)


main()
