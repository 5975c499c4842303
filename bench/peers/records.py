"""Records of the seven tasks, from the older forms of ../shared/data to those of the hub's data sets.

usage: records.py DATA OUT

OUT gets OWNER/NAME/CONFIG/SPLIT.jsonl, which moreau eval --data OUT and interop/harness.py read.
HellaSwag's text form says nowhere where the half sentence at a context's end begins: it is taken to begin behind
the last end of a sentence, unless the context ends in one (docs/formats/tasks.md).
"""
import json
import os
import re
import sys

data, out = sys.argv[1:]


def lines(path):
    with open(os.path.join(data, path), encoding="utf-8", newline="") as f:
        return f.read().removesuffix("\n").split("\n")


def records(path):
    return map(json.loads, lines(path))


def boolq():
    for r in records("boolq/superglue.val.jsonl"):
        yield r | {"label": int(str(r["label"]).lower() in ("true", "1"))}


def piqa():
    for r, label in zip(records("piqa/valid.jsonl"), lines("piqa/valid-labels.lst"), strict=True):
        yield r | {"label": int(label)}


def hellaswag():
    text = lines("hellaswag/hellaswag_val_full.txt")
    for head, label, *endings in zip(*(text[i::6] for i in range(6)), strict=True):
        activity, context = head.split(": ", 1)
        ends = [m.end() for m in re.finditer(r"[.!?][\"')]*\s+", context)]
        cut = len(context) if re.search(r"[.!?][\"')]*$", context) or not ends else ends[-1]
        yield {"activity_label": activity, "ctx_a": context[:cut].rstrip(), "ctx_b": context[cut:], "ctx": context, "endings": endings, "label": label}


def winogrande():
    for r in records("winogrande/dev.jsonl"):
        yield {field: r[field] for field in ("sentence", "option1", "option2", "answer")}


def choices(path, stem):
    for r in records(path):
        answers = r["question"]["choices"]
        yield {
            "id": r["id"],
            stem: r["question"]["stem"],
            "choices": {"text": [c["text"] for c in answers], "label": [c["label"] for c in answers]},
            "answerKey": r["answerKey"],
        }


for name, all in {
    "aps/super_glue/boolq/validation": boolq(),
    "baber/piqa/data/validation": piqa(),
    "Rowan/hellaswag/data/validation": hellaswag(),
    "allenai/winogrande/winogrande_xl/validation": winogrande(),
    "allenai/ai2_arc/ARC-Easy/test": choices("arc/ARC-Easy-Test.jsonl", "question"),
    "allenai/ai2_arc/ARC-Challenge/test": choices("arc/ARC-Challenge-Test.jsonl", "question"),
    "allenai/openbookqa/main/test": choices("openbookqa/Main/test.jsonl", "question_stem"),
}.items():
    path = os.path.join(out, name + ".jsonl")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.writelines(json.dumps(r, ensure_ascii=False) + "\n" for r in all)
