"""Writes rolling.json: what lm-evaluation-harness says of whole documents behind BOS.

    moreau convert SmolLM2-135M-Instruct.Q4_1.gguf -o MODEL --dtype f32
    python rolling.py MODEL

The harness's own task wikitext (prompt, detokeniser, words, bytes, metrics) reads the pages below
from a Parquet file, offline, by backend hf with add_bos_token=True, through windows of 48 tokens.
The model's own tokenizer says add_bos_token=false.
"""

import json
import os
import shutil
import sys
import tempfile

os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
import datasets
import lm_eval
import lm_eval.tasks
from lm_eval.models.huggingface import HFLM

MAX_LENGTH = 48
PAGES = [
    " = Harbour bell = \n \n The Harbour bell was cast in 1 @,@ 840 kilograms of bronze ; it rang for the first time on 3 May 1871 . It is the town 's oldest bell . \n \n = = Use = = \n \n"
    ' Until 1902 the bell was rung ( by hand ) when fog came in , at half @-@ hour intervals . Sailors called it " the old aunt " . \n \n = = = Repairs = = = \n \n'
    " The clapper was replaced in 1955 at a cost of 12 @.@ 5 pounds . Who paid for it ? Nobody knows ! The keepers ' house , built in 1880 , is a museum : it has 4 rooms . \n",
    " = Short page = \n",
    " = Temperature = \n \n Water boils at 100 ° C at sea level and at 90 ° C on a mountain of 3 @,@ 000 metres . \n \n = = See also = = \n \n [ Pressure ] , { Steam } \n",
]


def main(model):
    lm = HFLM(pretrained=model, dtype="float32", device="cpu", batch_size=1, add_bos_token=True, max_length=MAX_LENGTH)
    assert lm.tok_encode("a")[0] == lm.tokenizer.bos_token_id
    windows = []
    score = HFLM._loglikelihood_tokens

    def hook(self, requests, *args, **kwargs):
        answers = score(self, requests, *args, **kwargs)
        windows.extend({"context_ids": list(c), "continuation_ids": list(t), "loglikelihood": a[0]} for (_, c, t), a in zip(requests, answers, strict=True))
        return answers

    HFLM._loglikelihood_tokens = hook
    folder = tempfile.mkdtemp()
    datasets.Dataset.from_dict({"page": PAGES}).to_parquet(f"{folder}/test.parquet")
    own = os.path.join(os.path.dirname(lm_eval.tasks.__file__), "wikitext", "wikitext.yaml")
    task = {"include": own, "task": "pages", "dataset_path": "parquet", "dataset_name": None, "dataset_kwargs": {"data_files": {"test": f"{folder}/test.parquet"}}}
    task |= {"training_split": None, "validation_split": None}
    json.dump(task, open(f"{folder}/pages.yaml", "w"))
    found = lm_eval.simple_evaluate(
        model=lm, tasks=["pages"], log_samples=True, task_manager=lm_eval.tasks.TaskManager(include_path=folder, include_defaults=False)
    )
    shutil.rmtree(folder)
    result = found["results"]["pages"]
    documents = []
    for s in found["samples"]["pages"]:
        ids = lm.tok_encode(s["target"])
        own_windows, count = [], 0
        while count < len(ids):
            own_windows.append(windows.pop(0))
            count += len(own_windows[-1]["continuation_ids"])
        (words, size) = (s["word_perplexity"][1], s["byte_perplexity"][1])
        documents.append({"page": s["doc"]["page"], "text": s["target"], "words": words, "bytes": size, "loglikelihood": s["word_perplexity"][0], "windows": own_windows})
    golden = {
        "lm_eval": lm_eval.__version__,
        "max_length": MAX_LENGTH,
        "prefix_token_id": lm.prefix_token_id,
        "aggregate": {m: result[m + ",none"] for m in ("word_perplexity", "byte_perplexity", "bits_per_byte")},
        "documents": documents,
    }
    json.dump(golden, open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "rolling.json"), "w"), indent=1)


main(sys.argv[1])
