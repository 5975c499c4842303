"""Scores of wanda-sp, flap and energy by transformers, in float64: python activations.py FAMILY...

Writes FAMILY/statistics.json: token rows of several lengths, each run alone, and for each
layer the scores of its query heads ("heads", one a query head) and channels ("mlp").
"""
import json, sys
import torch
from transformers import AutoModelForCausalLM

ROWS = [[(7 * i + 3) % 97 for i in range(24)], [(11 * i + 5) % 89 for i in range(9)], [42]]


def scores(values, weight):
    """values [tokens, I] of all rows and weight [O, I]: a number for each column of each method."""
    norm = values.square().sum(0).sqrt()
    centred = values - values.mean(0)
    return {"wanda-sp": weight.abs().mean(0) * norm, "flap": centred.square().mean(0) * weight.square().sum(0),
            "energy": values.square().mean(0) * weight.square().sum(0)}


for family in sys.argv[1:]:
    model = AutoModelForCausalLM.from_pretrained(family, dtype=torch.float64, attn_implementation="eager").eval()
    seen = {}

    def watch(key):
        return lambda module, args: seen.setdefault(key, []).append(args[0].reshape(-1, args[0].shape[-1]))

    for l, layer in enumerate(model.model.layers):
        layer.self_attn.o_proj.register_forward_pre_hook(watch((l, "heads")))
        layer.mlp.down_proj.register_forward_pre_hook(watch((l, "mlp")))
    with torch.no_grad():
        for row in ROWS:
            model(torch.tensor([row]))
    layers = []
    for l, layer in enumerate(model.model.layers):
        entry = {}
        for kind, weight, width in [("heads", layer.self_attn.o_proj.weight, layer.self_attn.head_dim), ("mlp", layer.mlp.down_proj.weight, 1)]:
            for method, columns in scores(torch.cat(seen[l, kind]), weight).items():
                entry.setdefault(method, {})[kind] = columns.reshape(-1, width).sum(1).tolist()
        layers.append(entry)
    with open(family + "/statistics.json", "w") as f:
        json.dump({"rows": ROWS, "layers": layers}, f)
