"""A Llama whose layers differ in query heads, KV heads and MLP channels."""

import copy

from transformers import LlamaForCausalLM, LlamaModel

from .configuration_pruned_llama import PrunedLlamaConfig


def layer_config(config, layer):
    """The configuration with the sizes of one layer."""
    c = copy.copy(config)
    c.num_attention_heads = config.num_attention_heads_per_layer[layer]
    c.num_key_value_heads = config.num_key_value_heads_per_layer[layer]
    c.intermediate_size = config.intermediate_size_per_layer[layer]
    return c


class PrunedLlamaModel(LlamaModel):
    config_class = PrunedLlamaConfig
    _auto_class = "AutoModel"  # so that save_pretrained copies this file in transformers 4 too

    def __init__(self, config):
        super().__init__(config)
        for i, layer in enumerate(self.layers):
            c = layer_config(config, i)
            layer.self_attn = type(layer.self_attn)(c, i)
            layer.self_attn.config = config  # so that a later change of the attention implementation is seen
            layer.mlp = type(layer.mlp)(c)
        self.post_init()


class PrunedLlamaForCausalLM(LlamaForCausalLM):
    config_class = PrunedLlamaConfig
    _auto_class = "AutoModelForCausalLM"

    def __init__(self, config):
        super().__init__(config)
        self.model = PrunedLlamaModel(config)
        self.post_init()
