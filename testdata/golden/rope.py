"""Writes llama_yarn and llama_dynamic: tiny random Llamas with what transformers computes of them.

    python rope.py

Sequences of llama_yarn are shorter than its context; those of llama_dynamic are longer, so that its
frequencies depend on their length. Logits, loss and gradients are computed in float64.
"""

import json
import os

import torch
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

SIZES = dict(
    vocab_size=48,
    hidden_size=32,
    intermediate_size=24,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=16,
    rms_norm_eps=1e-5,
    tie_word_embeddings=True,
    initializer_range=0.15,
)

ROPES = {
    "llama_yarn": dict(
        max_position_embeddings=2048,
        rope_parameters={"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 512},
    ),
    "llama_dynamic": dict(
        max_position_embeddings=16,
        rope_parameters={"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 2.0},
    ),
}


def golden(name, rope):
    torch.manual_seed(11)
    config = LlamaConfig(**SIZES, **rope)
    model = LlamaForCausalLM(config).float()
    with torch.no_grad():
        for p in model.parameters():
            if p.dim() == 1:
                p.copy_(1 + 0.2 * torch.randn_like(p))
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), name)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu"} | SIZES | rope, f, indent=2)
        f.write("\n")
    weights = {n: p.detach().clone() for n, p in model.named_parameters()}
    save_file(weights, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})

    ids = torch.randint(0, SIZES["vocab_size"], (3, 24))
    model = model.double()
    out = model(ids, labels=ids)
    out.loss.backward()
    expect = {"ids": ids, "logits": out.logits.detach().float(), "loss": out.loss.detach().double().reshape(1)}
    expect |= {f"grad.{n}": p.grad.float() for n, p in model.named_parameters()}
    save_file({n: t.contiguous() for n, t in expect.items()}, os.path.join(folder, "golden.safetensors"))


for name, rope in ROPES.items():
    golden(name, rope)
