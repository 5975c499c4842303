"""Loads model folders with transformers, as a user would, and checks them.

    python hf_model.py < JOBS > REPLIES

One process takes many models, since to import torch takes seconds. The first line of JOBS is JSON
with "ids", rows of token ids of one length, and "texts", strings. Each further line is a job:
"model" is the folder, "out" the safetensors file for the logits in float32, "remote" whether
trust_remote_code=True is needed, "thorough" whether to train and to attach adapters too. The reply
is a line of JSON: the class of the model, its type, the token ids of the texts where the folder has
a tokenizer, and the metadata of its model card; or "error". The first line of REPLIES names the versions.
"""

import functools
import json
import os
import sys
import tempfile
import traceback

os.environ["HF_HUB_OFFLINE"] = "1"
home = tempfile.TemporaryDirectory()  # for the model code that transformers copies
os.environ["HF_HOME"] = home.name

import peft
import torch
import transformers
from huggingface_hub import ModelCard
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

import hf_train


def load(path, remote, **options):
    model, info = AutoModelForCausalLM.from_pretrained(
        path, torch_dtype="auto", trust_remote_code=remote, output_loading_info=True, **options
    )
    for what, names in info.items():
        assert not names, f"{path}: {what}: {names}"
    return model.eval()


def check_refused(path):
    """Who forgets trust_remote_code is told."""
    try:
        load(path, False)
    except ValueError as e:
        assert "trust_remote_code=True" in str(e), e
        return
    raise AssertionError("loads without trust_remote_code")


def greedy(model, ids, **options):
    """Six next tokens of each row. ids: [rows, tokens]; returns the logits [rows, 6, vocabulary]."""
    new = model.generate(
        ids,
        max_new_tokens=6,
        do_sample=False,
        eos_token_id=None,
        pad_token_id=0,
        return_dict_in_generate=True,
        output_logits=True,
        **options,
    )
    logits = torch.stack(new.logits, dim=1)
    assert torch.equal(new.sequences[:, ids.shape[1] :], logits.argmax(-1)), "generate() does not follow its logits"
    return logits


def check_same(what, got, want):
    """Float32 sums in another order: a few 1e-6 of the largest logit."""
    most, largest = (got - want).abs().max(), want.abs().max()
    assert most < 2e-5 * largest, f"{what}: logits up to {largest} differ by {most}"


def rope_type(config):
    """That of layers that see all keys, as transformers 5 or 4 spells it."""
    rope = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None) or {}
    rope = rope.get("full_attention", rope)
    return rope.get("rope_type", rope.get("type"))


def check_generate(model, ids, logits):
    """The cache of keys and values changes nothing, nor do other rows and padding on the left."""
    new = greedy(model, ids)
    check_same("first token", new[:, 0], logits[:, -1])
    if rope_type(model.config) in ("dynamic", "longrope"):
        return  # keys in the cache keep the angles of the length that they were made at
    check_same("without the cache", greedy(model, ids, use_cache=False), new)
    batch = ids[:2].clone()
    batch[1, :5] = 0
    mask = torch.ones_like(batch)
    mask[1, :5] = 0
    alone = torch.cat([new[:1], greedy(model, ids[1:2, 5:])])
    check_same("padded", greedy(model, batch, attention_mask=mask), alone)


def check_saved(model, ids, logits, remote):
    """What save_pretrained() writes is the same model, own code included."""
    with tempfile.TemporaryDirectory() as saved:
        model.save_pretrained(saved)
        assert torch.equal(logits, load(saved, remote)(ids).logits), "save_pretrained() changed the logits"


def check_eager(path, remote, ids, logits):
    """The attention that stores its scores gives the same as the default one."""
    check_same("eager attention", load(path, remote, attn_implementation="eager")(ids).logits, logits)


def tokens(path, texts, remote):
    if not os.path.exists(os.path.join(path, "tokenizer.json")):
        return None
    tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=remote)
    return [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]


def card(path):
    readme = os.path.join(path, "README.md")
    return ModelCard.load(readme).data.to_dict() if os.path.exists(readme) else None


def check(job, ids, texts):
    path, remote = job["model"], job["remote"]
    if remote:
        check_refused(path)
    with torch.no_grad():
        model = load(path, remote)
        reply = {"class": type(model).__name__, "dtype": str(model.dtype)}
        reply |= {"tokens": tokens(path, texts, remote), "card": card(path)}
        stored = model(ids).logits
        check_saved(model, ids, stored, remote)
        model.float()
        logits = model(ids).logits
        check_generate(model, ids, logits)
        save_file({"logits": logits.contiguous()}, job["out"])
        if job["thorough"]:
            check_eager(path, remote, ids, logits)
    if job["thorough"]:
        hf_train.check_checkpointing(model, ids)
        hf_train.check_adapters(functools.partial(load, path, remote), ids)
    return reply


def main():
    torch.set_num_threads(1)
    replies, sys.stdout = sys.stdout, sys.stderr
    inputs = json.loads(sys.stdin.buffer.readline())
    ids, texts = torch.tensor(inputs["ids"]), inputs["texts"]
    versions = {module.__name__: module.__version__ for module in (torch, transformers, peft)}
    print(json.dumps(versions), file=replies, flush=True)
    for line in sys.stdin.buffer:
        try:
            reply = check(json.loads(line), ids, texts)
        except Exception:
            reply = {"error": traceback.format_exc()}
        print(json.dumps(reply), file=replies, flush=True)


main()
