"""Writes llama_yarn, llama_dynamic, phi3_longrope and phi3_longrope_short: tiny random models with what
transformers computes of them.

    python rope.py

Sequences of llama_yarn are shorter than its context; those of llama_dynamic are longer, so that its
frequencies depend on their length. Sequences of phi3_longrope are longer than its original context, so
that its long factors apply; those of phi3_longrope_short are shorter. Logits, loss and gradients are
computed in float64.
"""

import json
import os

import torch
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM, Phi3Config, Phi3ForCausalLM

SIZES = dict(
    hidden_size=32,
    intermediate_size=24,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
)
LLAMA = dict(vocab_size=48) | SIZES | dict(head_dim=16, rms_norm_eps=1e-5, tie_word_embeddings=True, initializer_range=0.15)
PHI3 = dict(vocab_size=256) | SIZES | dict(rms_norm_eps=1e-5, tie_word_embeddings=True, initializer_range=0.12)
PHI3 |= dict(bos_token_id=1, eos_token_id=2, pad_token_id=0)
LONGROPE = {"type": "longrope", "short_factor": [1.0, 1.1, 1.3, 1.7], "long_factor": [1.2, 1.9, 3.1, 5.3]}


def llama(name, rope):
    torch.manual_seed(11)
    model = LlamaForCausalLM(LlamaConfig(**LLAMA, **rope)).float()
    head = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu"}
    golden(name, model, head | LLAMA | rope, lowest=0)


def phi3(name, context, original):
    torch.manual_seed(13)
    sizes = PHI3 | {"max_position_embeddings": context, "original_max_position_embeddings": original}
    model = Phi3ForCausalLM(Phi3Config(**sizes, rope_scaling=dict(LONGROPE))).float()
    head = {"architectures": ["Phi3ForCausalLM"], "model_type": "phi3", "hidden_act": "silu", "sliding_window": None}
    golden(name, model, head | sizes | {"rope_theta": 10000.0, "rope_scaling": LONGROPE}, lowest=3)


def golden(name, model, config, lowest):
    """Writes the folder of a model just made; lowest is the first token id that is drawn."""
    randomise(model)
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), name)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump(config, f, indent=2)
        f.write("\n")
    weights = {n: p.detach().clone() for n, p in model.named_parameters()}
    save_file(weights, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
    expect(folder, model, torch.randint(lowest, config["vocab_size"], (3, 24)))


def randomise(model, centre=1):
    """Gives norms random weights about centre, and biases some about 0."""
    with torch.no_grad():
        for n, p in model.named_parameters():
            if p.dim() == 1:
                p.copy_((0 if n.endswith("bias") else centre) + 0.2 * torch.randn_like(p))


def expect(folder, model, ids):
    """Writes golden.safetensors: what model, which is left in float64, computes of ids."""
    model = model.double().eval()
    out = model(ids, labels=ids)
    out.loss.backward()
    tensors = {"ids": ids, "logits": out.logits.detach().float(), "loss": out.loss.detach().double().reshape(1)}
    tensors |= {f"grad.{n}": p.grad.float() for n, p in model.named_parameters()}
    save_file({n: t.contiguous() for n, t in tensors.items()}, os.path.join(folder, "golden.safetensors"))


if __name__ == "__main__":
    YARN = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 512}
    llama("llama_yarn", dict(max_position_embeddings=2048, rope_parameters=YARN))
    llama("llama_dynamic", dict(max_position_embeddings=16, rope_parameters={"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 2.0}))
    phi3("phi3_longrope", 128, 16)
    phi3("phi3_longrope_short", 4096, 512)
