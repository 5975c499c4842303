"""Encodes texts with transformers, as a user would who opens a folder that moreau wrote.

    python hf_encode.py TEXTS.json FOLDER...

Writes FOLDER/ids.json, the token ids of each text without those that frame it.
"""

import json
import sys

from transformers import AutoTokenizer

with open(sys.argv[1], encoding="utf-8") as f:
    texts = json.load(f)
for folder in sys.argv[2:]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer(texts, add_special_tokens=False)["input_ids"]
    with open(f"{folder}/ids.json", "w") as f:
        json.dump(ids, f)
