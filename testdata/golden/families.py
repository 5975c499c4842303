"""Writes the golden models of which a pass alone is golden: tiny random models with what transformers
computes of them.

    python families.py [NAME ...]

Each row of FAMILIES is a model type and its configuration, with changes of the configuration that must
change its logits: what a golden file is for has to act in it. config.json is what save_pretrained of
transformers 5 writes; config_v4.json, where files in the wild are so, is the same in the spelling of
transformers 4, and transformers must read both alike. Logits, loss and gradients are computed in float64.
"""

import json
import os
import sys

import torch
from rope import expect, randomise
from transformers import AutoConfig, AutoModelForCausalLM, Mistral3Config, Mistral3ForConditionalGeneration

HERE = os.path.dirname(os.path.abspath(__file__))
SMALL = dict(
    vocab_size=40,
    hidden_size=32,
    intermediate_size=20,
    num_hidden_layers=4,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=64,
    rms_norm_eps=1e-5,
    initializer_range=0.08,
    bos_token_id=1,
    eos_token_id=2,
    pad_token_id=0,
)
PLAIN = {"rope_type": "default", "rope_theta": 10000.0}
YARN = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 16}
LINEAR = {"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0}
OLMO = {"rope_theta": 500000.0}  # transformers 5 reads no other theta of sliding layers from a file of 4
LOCAL = {"rope_type": "default", "rope_theta": 100.0}
SLIDING, FULL = "sliding_attention", "full_attention"
WINDOW = dict(use_sliding_window=True, sliding_window=7, layer_types=None)
LONGROPE = {"rope_type": "longrope", "short_factor": [1.0, 1.1, 1.7], "long_factor": [1.2, 1.9, 5.3]}
LONGROPE |= dict(rope_theta=10000.0, original_max_position_embeddings=16, partial_rotary_factor=0.75)
TEMPERATURE = {"rope_theta": 100.0, "original_max_position_embeddings": 8, "mscale": 1.0, "mscale_all_dim": 1.0}
TEMPERATURE = YARN | TEMPERATURE | {"beta_fast": 32.0, "beta_slow": 1.0, "llama_4_scaling_beta": 0.3}

# name: (model type, configuration, whether config_v4.json is written, changes that must act)
FAMILIES = {
    "olmo2": ("olmo2", dict(rope_parameters=PLAIN), True, []),
    "olmo3": (
        "olmo3",
        dict(sliding_window=7, layer_types=[SLIDING, SLIDING, SLIDING, FULL], rope_parameters={FULL: YARN | OLMO, SLIDING: PLAIN | OLMO}),
        True,
        [dict(sliding_window=24), dict(rope_parameters={FULL: PLAIN | OLMO, SLIDING: PLAIN | OLMO})]
        + [dict(rope_parameters={FULL: YARN | OLMO, SLIDING: YARN | OLMO})],
    ),
    "smollm3": (
        "smollm3",
        dict(no_rope_layers=[1, 1, 0, 1], no_rope_layer_interval=4, tie_word_embeddings=True, rope_parameters=PLAIN),
        True,
        [dict(no_rope_layers=[1, 1, 1, 1]), dict(no_rope_layers=[1, 1, 1, 0])],
    ),
    "granite": (
        "granite",
        dict(embedding_multiplier=3.0, residual_multiplier=0.6, attention_multiplier=0.2, logits_scaling=2.5)
        | dict(tie_word_embeddings=True, rope_parameters=PLAIN),
        True,
        [dict(embedding_multiplier=1.0), dict(residual_multiplier=1.0), dict(attention_multiplier=1.0), dict(logits_scaling=1.0)],
    ),
    "gemma3": (
        "gemma3_text",
        dict(head_dim=12, query_pre_attn_scalar=9, sliding_window=7, layer_types=[SLIDING, SLIDING, FULL, SLIDING])
        | dict(rope_parameters={FULL: LINEAR, SLIDING: LOCAL}),
        True,
        [dict(query_pre_attn_scalar=12), dict(sliding_window=24), dict(layer_types=[SLIDING, SLIDING, SLIDING, FULL])]
        + [dict(rope_parameters={FULL: PLAIN, SLIDING: LOCAL}), dict(rope_parameters={FULL: LINEAR, SLIDING: PLAIN})],
    ),
    "ministral3": (
        "ministral3",
        dict(head_dim=12, max_position_embeddings=32, rope_parameters=TEMPERATURE),
        False,
        [dict(rope_parameters=TEMPERATURE | {"llama_4_scaling_beta": 0.0}), dict(rope_parameters=TEMPERATURE | {"factor": 1.0})],
    ),
    "mistral3": ("mistral", dict(head_dim=12, sliding_window=None, rope_parameters=PLAIN), True, []),
    "qwen2_window": ("qwen2", WINDOW | dict(max_window_layers=2, rope_parameters=PLAIN), True, [dict(max_window_layers=3)]),
    "qwen3_window": (
        "qwen3",
        dict(head_dim=12, tie_word_embeddings=True, rope_parameters=PLAIN)
        | WINDOW
        | dict(layer_types=[SLIDING, FULL, FULL, SLIDING]),
        False,
        [dict(layer_types=[SLIDING, FULL, SLIDING, FULL]), dict(sliding_window=24)],
    ),
    "phi4mini": (
        "phi3",
        dict(tie_word_embeddings=True, original_max_position_embeddings=16, sliding_window=None, rope_parameters=LONGROPE),
        True,
        [dict(rope_parameters=LONGROPE | {"long_factor": [1.0, 1.1, 1.7]})],
    ),
    "seed_oss": (
        "seed_oss",
        dict(head_dim=12, attention_bias=True, attention_out_bias=False, mlp_bias=False, rope_parameters=PLAIN),
        True,
        [],
    ),
    "ernie4_5": ("ernie4_5", dict(head_dim=12, use_bias=False, tie_word_embeddings=True, rope_parameters=PLAIN), True, []),
}


def family(name, model_type, fields, v4, changes):
    torch.manual_seed(17)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(model_type, **(SMALL | fields))).float()
    randomise(model, centre=0 if model_type == "gemma3_text" else 1)
    whole = multimodal(model) if name == "mistral3" else model
    folder = os.path.join(HERE, name)
    whole.save_pretrained(folder)
    os.remove(os.path.join(folder, "generation_config.json"))
    ids = torch.randint(3, SMALL["vocab_size"], (3, 24))
    expect(folder, model, ids)
    if v4:
        assert moves(whole, write_v4(folder, type(whole.config)), ids) == 0, f"{name}: config_v4.json is read otherwise"
    for change in changes:
        moved = moves(model, AutoConfig.for_model(model_type, **(SMALL | fields | change)), ids)
        assert moved > 0.01, f"{name}: {change} moves logits by {moved}"


def moves(model, config, ids):
    """How far logits of model move under another configuration."""
    other = type(model)(config).double().eval()
    other.load_state_dict(model.state_dict())
    with torch.no_grad():
        return (other(ids).logits - model.double().eval()(ids).logits).abs().max().item()


def multimodal(text):
    """The same model as the text part of a Mistral 3 that sees pictures too."""
    vision = dict(hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1, head_dim=8, image_size=8, patch_size=4)
    config = Mistral3Config(text_config=text.config.to_dict(), vision_config=vision | {"model_type": "pixtral"}, tie_word_embeddings=False)
    whole = Mistral3ForConditionalGeneration(config).float()
    whole.model.language_model.load_state_dict(text.model.state_dict())
    whole.lm_head.load_state_dict(text.lm_head.state_dict())
    return whole


def write_v4(folder, kind):
    """Writes config.json of a folder as transformers 4 wrote it, and reads it."""
    with open(os.path.join(folder, "config.json")) as f:
        fields = json.load(f)
    spell4(fields.get("text_config", fields))
    with open(os.path.join(folder, "config_v4.json"), "w") as f:
        json.dump(fields, f, indent=2, sort_keys=True)
        f.write("\n")
    return kind.from_dict(fields)


def spell4(fields):
    """Turns the fields of transformers 5 into those of 4, in place."""
    rope = fields.pop("rope_parameters")
    local = rope.pop(SLIDING, None)
    rope = rope.get(FULL, rope)
    fields["rope_theta"] = rope.pop("rope_theta")
    if "partial_rotary_factor" in rope:
        fields["partial_rotary_factor"] = rope.pop("partial_rotary_factor")
    if fields["model_type"] == "gemma3_text":
        fields["rope_local_base_freq"] = local["rope_theta"]
        fields["sliding_window_pattern"] = fields.pop("layer_types").index(FULL) + 1
        del fields["_sliding_window_pattern"]
    if fields["model_type"] == "phi3":
        rope["type"] = rope.pop("rope_type")
    fields["rope_scaling"] = None if rope == {"rope_type": "default"} else rope
    if fields["model_type"] in ("qwen2", "smollm3"):
        del fields["layer_types"]
    if "dtype" in fields:
        fields["torch_dtype"] = fields.pop("dtype")


for name, row in FAMILIES.items():
    if name in (sys.argv[1:] or FAMILIES):
        family(name, *row)
