"""Writes rope.json: inverse frequencies and attention factors that transformers 5.23 computes.

    python rope.py > rope.json

Each case is what a config.json says of RoPE, and a sequence length (0: within the context).
"""

import json

from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 4096}
LONG = {"rope_type": "longrope", "short_factor": [1.0, 1.1, 1.3, 1.7], "long_factor": [1.2, 1.9, 3.1, 5.3]}

# head size, max_position_embeddings, the rest of config.json, sequence length
CASES = [
    (64, 2048, {}, 0),
    (64, 8192, {"rope_scaling": {"type": "linear", "factor": 2.5}}, 0),
    (128, 131072, {"rope_theta": 5e5, "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
        "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}}, 0),
    (64, 2048, {"rope_scaling": {"type": "dynamic", "factor": 2.0}}, 0),
    (64, 2048, {"rope_scaling": {"type": "dynamic", "factor": 2.0}}, 2048),
    (64, 2048, {"rope_scaling": {"type": "dynamic", "factor": 2.0}}, 2049),
    (128, 4096, {"rope_parameters": {"rope_type": "dynamic", "factor": 3.0, "rope_theta": 1e6}}, 16384),
    (128, 16384, {"rope_scaling": YARN}, 0),
    (16, 2048, {"rope_scaling": YARN | {"original_max_position_embeddings": 512}}, 0),
    (128, 16384, {"rope_parameters": YARN | {"rope_theta": 1e6}}, 0),
    (128, 16384, {"rope_theta": 1e6, "rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 4096}}, 0),
    (64, 16384, {"rope_scaling": YARN | {"attention_factor": 1.0}}, 0),
    (64, 16384, {"rope_scaling": YARN | {"attention_factor": 0.75, "mscale": 2.0, "mscale_all_dim": 0.5}}, 0),
    (64, 16384, {"rope_scaling": YARN | {"mscale": 0.707, "mscale_all_dim": 1.0}}, 0),
    (64, 16384, {"rope_scaling": YARN | {"mscale": 0.707}}, 0),
    (64, 16384, {"rope_scaling": YARN | {"beta_fast": 16, "beta_slow": 2.5}}, 0),
    (64, 16384, {"rope_scaling": YARN | {"beta_fast": 48.0, "truncate": False}}, 0),
    (64, 16384, {"rope_scaling": YARN | {"truncate": True, "beta_fast": 32, "beta_slow": 1}}, 0),
    (64, 16384, {"rope_scaling": YARN | {"factor": 1.0}}, 0),
    (64, 16384, {"rope_scaling": YARN | {"factor": None}}, 0),
    (64, 4096, {"rope_scaling": {"rope_type": "yarn", "factor": 4.0}}, 0),
    (8, 64, {"rope_scaling": YARN | {"original_max_position_embeddings": 16}}, 0),  # a ramp that begins at 0
    (64, 16384, {"rope_scaling": YARN, "rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 5e5}}, 0),
    (64, 16384, {"rope_scaling": {}, "rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 5e5}}, 0),
    (64, 16384, {"rope_scaling": None, "rope_parameters": {"rope_type": "default", "rope_theta": 5e5}}, 0),
    (8, 4096, {"rope_scaling": LONG | {"original_max_position_embeddings": 1024}}, 1024),
    (8, 4096, {"rope_scaling": LONG | {"original_max_position_embeddings": 1024}}, 1025),
    (8, 4096, {"rope_scaling": LONG | {"original_max_position_embeddings": 1024, "factor": 2.0}}, 1025),
    (8, 4096, {"rope_parameters": LONG | {"attention_factor": 1.25, "rope_theta": 5e5}}, 4097),
    (8, 4096, {"rope_scaling": {}, "rope_parameters": LONG | {"rope_theta": 5e5}}, 0),
    # Where Phi-3 has its original context, for any family and all but dynamic scaling.
    (8, 4096, {"original_max_position_embeddings": 64, "rope_scaling": LONG | {"original_max_position_embeddings": 1024}}, 64),
    (8, 4096, {"original_max_position_embeddings": 64, "rope_scaling": LONG | {"original_max_position_embeddings": 1024}}, 1024),
    (64, 16384, {"original_max_position_embeddings": 512, "rope_scaling": YARN}, 0),
    (64, 16384, {"original_max_position_embeddings": 512, "rope_scaling": YARN | {"factor": None}}, 0),
    (64, 16384, {"original_max_position_embeddings": 512, "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
        "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}}, 0),
    (64, 2048, {"original_max_position_embeddings": 512, "rope_scaling": {"type": "dynamic", "factor": 2.0}}, 2049),
]


def result(head_dim, context, rope, length):
    sizes = {"model_type": "llama", "vocab_size": 8, "hidden_size": 2 * head_dim, "intermediate_size": 8, "num_hidden_layers": 1,
        "num_attention_heads": 2, "head_dim": head_dim, "max_position_embeddings": context}
    config = LlamaConfig.from_dict(json.loads(json.dumps(sizes | rope)))
    embedding = LlamaRotaryEmbedding(config)
    inv_freq, attention = embedding.inv_freq, embedding.attention_scaling
    if length > 0:
        inv_freq, attention = ROPE_INIT_FUNCTIONS[embedding.rope_type](config, seq_len=length)
    return {"config": sizes | rope, "length": length, "inv_freq": inv_freq.tolist(), "attention": attention}


print("[\n" + ",\n".join(json.dumps(result(*case)) for case in CASES) + "\n]")
