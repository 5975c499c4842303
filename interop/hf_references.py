"""Reference implementations of tokenizers that no package at hand has as they are."""

import base64
import re

import regex
from gguf import GGUFReader
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2 = LLAMA3.replace("{1,3}", "")


def tiktoken(path):
    """Tiktoken's rule as it is published: split by the expression, join the neighbours of the lowest rank.

    Gives encode and decode.
    """
    with open(path, "rb") as f:
        ranks = {base64.b64decode(token): int(rank) for token, rank in (line.split() for line in f if line.strip())}
    word = regex.compile(LLAMA3)
    special = {"<|begin_of_text|>": len(ranks), "<|end_of_text|>": len(ranks) + 1, "<|eot_id|>": len(ranks) + 9}
    tokens = {id: token for token, id in ranks.items()} | {id: token.encode() for token, id in special.items()}
    cut = re.compile("(" + "|".join(map(re.escape, special)) + ")")

    def merge(data):
        if data in ranks:
            return [ranks[data]]
        parts = [bytes([b]) for b in data]
        while True:
            pairs = [(ranks.get(a + b, len(ranks)), i) for i, (a, b) in enumerate(zip(parts, parts[1:]))]
            rank, i = min(pairs, default=(len(ranks), 0))
            if rank == len(ranks):
                return [ranks[p] for p in parts]
            parts[i : i + 2] = [parts[i] + parts[i + 1]]

    def encode(text):
        ids = []
        for part in cut.split(text):
            if part in special:
                ids.append(special[part])
            else:
                for found in word.findall(part):
                    ids += merge(found.encode())
        return ids

    return encode, lambda ids: b"".join(tokens[id] for id in ids).decode()


def gguf_byte_level(path, steps):
    """The vocabulary of a GGUF file, read by gguf-py, under the pre-tokenisers of the model's own tokenizer.json."""
    fields = GGUFReader(path).fields
    strings = lambda key: [bytes(fields[key].parts[i]).decode() for i in fields[key].data]
    tokens = strings("tokenizer.ggml.tokens")
    types = fields["tokenizer.ggml.token_type"]
    merges = [tuple(m.split(" ")) for m in strings("tokenizer.ggml.merges")]
    tokenizer = Tokenizer(models.BPE({t: i for i, t in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps + [pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([tokens[i] for i, d in enumerate(types.data) if int(types.parts[d][0]) in (2, 3, 4)])
    return tokenizer
