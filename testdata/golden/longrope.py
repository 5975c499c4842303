"""Writes phi3_longrope and phi3_longrope_short: tiny random Phi-3s with what transformers computes of them.

    python longrope.py

Sequences of phi3_longrope are longer than its original context, so that its long factors apply; those of
phi3_longrope_short are shorter. Logits, loss and gradients are computed in float64.
"""

import json
import os

import torch
from safetensors.torch import save_file
from transformers import Phi3Config, Phi3ForCausalLM

SIZES = dict(
    vocab_size=256,
    hidden_size=32,
    intermediate_size=24,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    rms_norm_eps=1e-5,
    tie_word_embeddings=True,
    initializer_range=0.12,
    bos_token_id=1,
    eos_token_id=2,
    pad_token_id=0,
)
SCALING = {"type": "longrope", "short_factor": [1.0, 1.1, 1.3, 1.7], "long_factor": [1.2, 1.9, 3.1, 5.3]}


def golden(name, context, original):
    torch.manual_seed(13)
    sizes = SIZES | {"max_position_embeddings": context, "original_max_position_embeddings": original}
    model = Phi3ForCausalLM(Phi3Config(**sizes, rope_scaling=dict(SCALING))).float()
    with torch.no_grad():
        for p in model.parameters():
            if p.dim() == 1:
                p.copy_(1 + 0.2 * torch.randn_like(p))
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), name)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "config.json"), "w") as f:
        config = {"architectures": ["Phi3ForCausalLM"], "model_type": "phi3", "hidden_act": "silu", "sliding_window": None}
        json.dump(config | sizes | {"rope_theta": 10000.0, "rope_scaling": SCALING}, f, indent=2)
        f.write("\n")
    weights = {n: p.detach().clone() for n, p in model.named_parameters()}
    save_file(weights, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})

    ids = torch.randint(3, SIZES["vocab_size"], (3, 24))
    model = model.double()
    out = model(ids, labels=ids)
    out.loss.backward()
    expect = {"ids": ids, "logits": out.logits.detach().float(), "loss": out.loss.detach().double().reshape(1)}
    expect |= {f"grad.{n}": p.grad.float() for n, p in model.named_parameters()}
    save_file({n: t.contiguous() for n, t in expect.items()}, os.path.join(folder, "golden.safetensors"))


golden("phi3_longrope", 128, 16)
golden("phi3_longrope_short", 4096, 512)
