"""Configuration of a Llama whose layers differ in size."""

from transformers import LlamaConfig


class PrunedLlamaConfig(LlamaConfig):
    """LlamaConfig with one entry a layer; the fields without `_per_layer` only pass LlamaConfig's checks."""

    model_type = "pruned_llama"

    def __init__(
        self,
        num_attention_heads_per_layer=None,
        num_key_value_heads_per_layer=None,
        intermediate_size_per_layer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_attention_heads_per_layer = num_attention_heads_per_layer
        self.num_key_value_heads_per_layer = num_key_value_heads_per_layer
        self.intermediate_size_per_layer = intermediate_size_per_layer
