"""Loads a model folder with transformers, as a user would, and writes its logits.

    python hf_model.py MODEL IDS.json TEXTS.json OUT.safetensors [--remote]

IDS.json holds rows of token ids of one length, TEXTS.json strings. Also checks that generate()
works, and that what save_pretrained() writes gives the same logits. Prints JSON: the class of the
model, and the token ids of the texts where the folder has a tokenizer.
"""

import argparse
import json
import os
import tempfile

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer


def load(path, remote):
    model, info = AutoModelForCausalLM.from_pretrained(
        path, torch_dtype=torch.float32, trust_remote_code=remote, output_loading_info=True
    )
    for what, names in info.items():
        assert not names, f"{path}: {what}: {names}"
    return model.eval()


def check_generate(model, ids, logits):
    """Greedy, with the cache of keys and values: the first new token follows from the last logits."""
    new = model.generate(ids[:1], max_new_tokens=4, do_sample=False, eos_token_id=None, pad_token_id=0)[0, ids.shape[1] :]
    assert len(new) == 4, f"generate() gave {len(new)} tokens"
    assert new[0] == logits[0, -1].argmax(), "generate() does not follow the logits"


def check_saved(model, ids, logits, remote):
    """What save_pretrained() writes is the same model, own code included."""
    with tempfile.TemporaryDirectory() as saved:
        model.save_pretrained(saved)
        assert torch.equal(logits, load(saved, remote)(ids).logits), "save_pretrained() changed the logits"


def tokens(path, texts, remote):
    if not os.path.exists(os.path.join(path, "tokenizer.json")):
        return None
    tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=remote)
    return [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser()
    for name in ("model", "ids", "texts", "out"):
        parser.add_argument(name)
    parser.add_argument("--remote", action="store_true", help="pass trust_remote_code=True")
    args = parser.parse_args()

    torch.set_num_threads(1)
    with open(args.ids) as f:
        ids = torch.tensor(json.load(f))
    with open(args.texts) as f:
        texts = json.load(f)
    model = load(args.model, args.remote)
    logits = model(ids).logits
    check_generate(model, ids, logits)
    check_saved(model, ids, logits, args.remote)
    save_file({"logits": logits.contiguous()}, args.out)
    print(json.dumps({"class": type(model).__name__, "tokens": tokens(args.model, texts, args.remote)}))


main()
