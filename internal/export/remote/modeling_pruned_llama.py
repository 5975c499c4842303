"""A Llama whose layers differ in query heads, KV heads and MLP channels."""

from transformers import LlamaForCausalLM, LlamaModel

from .configuration_pruned_llama import PrunedLlamaConfig


class LayerConfig:
    """The sizes of one layer; all else is the model's configuration, later changes of it included."""

    def __init__(self, config, layer):
        self.model_config = config
        self.num_attention_heads = config.num_attention_heads_per_layer[layer]
        self.num_key_value_heads = config.num_key_value_heads_per_layer[layer]
        self.intermediate_size = config.intermediate_size_per_layer[layer]

    def __getattr__(self, name):
        if name.startswith("__") or name == "model_config":  # asked for by copy, before there is one
            raise AttributeError(name)
        return getattr(self.model_config, name)


class PrunedLlamaModel(LlamaModel):
    config_class = PrunedLlamaConfig
    _auto_class = "AutoModel"  # so that save_pretrained copies this file in transformers 4 too

    def __init__(self, config):
        super().__init__(config)
        for i, layer in enumerate(self.layers):
            c = LayerConfig(config, i)
            layer.self_attn = type(layer.self_attn)(c, i)
            layer.mlp = type(layer.mlp)(c)
        self.post_init()


class PrunedLlamaForCausalLM(LlamaForCausalLM):
    config_class = PrunedLlamaConfig
    _auto_class = "AutoModelForCausalLM"

    def __init__(self, config):
        super().__init__(config)
        self.model = PrunedLlamaModel(config)
        self.post_init()
