"""Makes token ids of conversations with transformers, as a user would who opens a folder that moreau wrote.

    python hf_chat.py GOLDEN.json TEMPLATES FOLDER...

Writes FOLDER/chat.json: by template of the folder TEMPLATES and conversation of GOLDEN.json, with the beginning of an answer, the ids, or null
where the template refuses it.
"""

import glob
import json
import os
import sys

import jinja2
from transformers import AutoTokenizer

with open(sys.argv[1], encoding="utf-8") as f:
    conversations = json.load(f)["conversations"]
templates = {}
for path in glob.glob(sys.argv[2] + "/*.jinja"):
    with open(path, encoding="utf-8", newline="") as f:
        templates[os.path.basename(path)] = f.read()


def ids(tokenizer, template, messages):
    try:
        return tokenizer.apply_chat_template(messages, chat_template=template, add_generation_prompt=True, return_dict=False)
    except jinja2.exceptions.TemplateError:
        return None


for folder in sys.argv[3:]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    all = {name: {c: ids(tokenizer, source, messages) for c, messages in conversations.items()} for name, source in templates.items()}
    with open(f"{folder}/chat.json", "w") as f:
        json.dump(all, f)
