"""Adapters with PEFT: python hf_adapter.py MODEL ADAPTER MADE IDS OUT

Writes OUT/read.safetensors, the logits of MODEL with the folder ADAPTER, and makes an adapter of its own, MADE, with
two ranks and rsLoRA, whose logits are OUT/made.safetensors. MODEL brings its own code.
"""
import json, sys

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

path, adapter, made, ids, out = sys.argv[1:]
with open(ids) as f:
    ids = torch.tensor(json.load(f))


def load():
    return AutoModelForCausalLM.from_pretrained(path, torch_dtype=torch.float32, trust_remote_code=True).eval()


def write(model, name):
    with torch.no_grad():
        save_file({"logits": model(ids).logits.contiguous()}, f"{out}/{name}.safetensors")


write(PeftModel.from_pretrained(load(), adapter).eval(), "read")

torch.manual_seed(3)
config = LoraConfig(r=3, lora_alpha=5, use_rslora=True, rank_pattern={"q_proj": 6}, target_modules=["q_proj", "up_proj", "down_proj"], task_type="CAUSAL_LM")
model = get_peft_model(load(), config).eval()
for name, p in model.named_parameters():
    if "lora_B" in name:
        torch.nn.init.normal_(p, std=0.1)
model.save_pretrained(made)
write(model, "made")
