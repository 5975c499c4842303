"""Encodes texts with the reference implementations of tokenizers.

    python hf_tokenizers.py SHARED TEXTS.json OUT

SHARED is the folder of the shared data (tokenizers that need it are left out where it is absent).
Writes OUT/NAME/ids.json for each tokenizer: the reference, the path of the file that moreau reads
(OUT/NAME itself where "model" is null), the ids of each text (null: the reference has no
answer) and their decoded text. Tokenizers that no file at hand has are trained on the texts.
"""

import json
import os
import re
import sys

import regex
import sentencepiece
import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import GPT2Tokenizer

from hf_references import LLAMA3, QWEN2, gguf_byte_level, tiktoken

SHARED, TEXTS, OUT = sys.argv[1:]
BLANK = "\u2581"
with open(TEXTS, encoding="utf-8") as f:
    texts = json.load(f)


def write(name, reference, encode, decode=None, model=None, skip=None):
    os.makedirs(f"{OUT}/{name}", exist_ok=True)
    ids = [None if skip and re.search(skip, text) else encode(text) for text in texts]
    decoded = [None if one is None or decode is None else decode(one) for one in ids]
    with open(f"{OUT}/{name}/ids.json", "w", encoding="utf-8") as f:
        json.dump({"reference": reference, "model": model, "ids": ids, "decoded": decoded}, f)


def write_hf(name, tokenizer, reference=f"tokenizers {tokenizers.__version__}", model=None):
    tokenizer.no_truncation()
    if model is None:
        os.makedirs(f"{OUT}/{name}", exist_ok=True)
        tokenizer.save(f"{OUT}/{name}/tokenizer.json")
    encode = lambda text: tokenizer.encode(text, add_special_tokens=False).ids
    write(name, reference, encode, lambda ids: tokenizer.decode(ids, skip_special_tokens=False), model)


def edited(tokenizer, **model):
    """A tokenizer with other settings of its model; "vocab" names more tokens."""
    state = json.loads(tokenizer.to_str())
    for token in model.pop("vocab", []):
        state["model"]["vocab"].setdefault(token, len(state["model"]["vocab"]))
    state["model"].update(model)
    return Tokenizer.from_str(json.dumps(state))


def train(normalizer, pre, size=1200, words=None, **settings):
    """BPE trained on the texts; words: a pre-tokeniser for the training alone."""
    tokenizer = Tokenizer(models.BPE(**settings))
    if normalizer:
        tokenizer.normalizer = normalizer
    if words or pre:
        tokenizer.pre_tokenizer = words or pre
    level = "ByteLevel" in str(pre)
    alphabet = pre_tokenizers.ByteLevel.alphabet() if level else []
    trainer = trainers.BpeTrainer(
        vocab_size=size, initial_alphabet=alphabet, limit_alphabet=256 if level else 200, special_tokens=[], show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    state = json.loads(tokenizer.to_str())
    state["pre_tokenizer"] = None
    tokenizer = Tokenizer.from_str(json.dumps(state))
    if pre:
        tokenizer.pre_tokenizer = pre
    return tokenizer


def byte_level(steps, normalizer=None, own=False):
    steps = steps + [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=own)]
    tokenizer = train(normalizer, pre_tokenizers.Sequence(steps) if len(steps) > 1 else steps[0])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|begin_of_text|>", "<|eot_id|>"])
    tokenizer.add_tokens([AddedToken("<think>", normalized=False), AddedToken("</think>", normalized=False)])
    return tokenizer


def split(pattern):
    return [pre_tokenizers.Split(Regex(pattern), "isolated")]


def template(tokenizer, bos):
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A", pair=f"{bos} $A {bos}:1 $B:1", special_tokens=[(bos, tokenizer.token_to_id(bos))]
    )
    return tokenizer


def byte_levels():
    llama3 = template(byte_level(split(LLAMA3)), "<|begin_of_text|>")
    whole = ["\u0120Hello", "camelCaseWord", "antidisestablishmentarianism", "\u0120return\u0120", "\u0120tokenizer", "\u0120\u0120\u0120\u0120x"]
    write_hf("llama3-ignore-merges", edited(llama3, vocab=whole, ignore_merges=True))
    write_hf("llama3-merges", edited(llama3, vocab=whole))
    write_hf("qwen2", byte_level(split(QWEN2), normalizers.NFC()))
    write_hf("qwen2-without-nfc", byte_level(split(QWEN2)))
    write_hf("gpt2-trained", byte_level([], own=True))
    write_hf("smollm-trained", byte_level([pre_tokenizers.Digits(individual_digits=True)], own=True))
    for name, steps in {
        "nfkc-lowercase-strip": [normalizers.NFKC(), normalizers.Lowercase(), normalizers.Strip()],
        "nfd-strip-left-replace": [normalizers.NFD(), normalizers.Strip(right=False), normalizers.Replace("a", "bb")],
        "nfkd-replace": [normalizers.NFKD(), normalizers.Replace("''", '"')],
    }.items():
        write_hf(f"byte-level-{name}", byte_level([], normalizers.Sequence(steps), own=True))


def blanks(normalizer=None, pre=None, fallback=True, strip=True, **settings):
    words = pre or pre_tokenizers.Split(BLANK, "merged_with_next")
    tokenizer = train(normalizer, pre, words=words, unk_token="<unk>")
    tokenizer = edited(
        tokenizer,
        vocab=["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256) if fallback],
        byte_fallback=fallback,
        **settings,
    )
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    steps = [decoders.Replace(BLANK, " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence(steps + [decoders.Strip(" ", 1, 0)] * strip)
    return tokenizer


def sentence_piece_like():
    spaces = normalizers.Replace(" ", BLANK)
    prepend = normalizers.Sequence([normalizers.Prepend(BLANK), spaces])
    write_hf("llama2-like", template(blanks(prepend, fuse_unk=True), "<s>"))
    write_hf("unknown-fused", blanks(prepend, fallback=False, fuse_unk=True))
    write_hf("unknown-each", blanks(prepend, fallback=False))
    write_hf("no-bytes-but-tokens-like-them", edited(blanks(prepend, fallback=False), vocab=["<0x0A>", "<0xE4>"]))

    phi3 = blanks(prepend, fuse_unk=True)
    phi3.add_special_tokens([AddedToken("<|assistant|>", rstrip=True, normalized=False), AddedToken("<|endoftext|>", normalized=False)])
    phi3.add_special_tokens([AddedToken("<think>", rstrip=True), AddedToken("</think>", lstrip=True, rstrip=True, normalized=False)])
    write_hf("phi3-like", phi3)

    gemma = train(spaces, pre_tokenizers.Split(" ", "merged_with_previous"), words=pre_tokenizers.Split("\n", "isolated"), unk_token="<unk>")
    gemma = edited(gemma, vocab=["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)], byte_fallback=True, fuse_unk=True)
    gemma.add_special_tokens(["<unk>", "<s>", "</s>", "<start_of_turn>"])
    gemma.add_tokens([AddedToken(t, normalized=False) for t in ["\n\n", "\n\n\n", BLANK * 2, BLANK * 3, "\t\t", "<div>"]])
    gemma.decoder = decoders.Sequence([decoders.Replace(BLANK, " "), decoders.ByteFallback(), decoders.Fuse()])
    write_hf("gemma-like", gemma)

    for scheme in ("first", "always", "never"):
        for cut in (True, False):
            pre = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=cut)
            write_hf(f"metaspace-{scheme}-{'split' if cut else 'whole'}", blanks(None, pre, fuse_unk=True, strip=scheme != "never"))
    pre = pre_tokenizers.Metaspace(prepend_scheme="always")
    write_hf("metaspace-nfkc-lowercase", blanks(normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()]), pre))


FLAGS = [
    AddedToken("<extra>", lstrip=True, rstrip=True, normalized=False),
    AddedToken("[PAD]", single_word=True, normalized=True),
    AddedToken("Hello", single_word=True, normalized=False),
    AddedToken("wor", normalized=True),
    AddedToken("\u304b\u3099", normalized=True, lstrip=True),
    AddedToken("don't", normalized=True),
    AddedToken("...", rstrip=True, normalized=True),
    AddedToken("\u0e2a", single_word=True, normalized=False),
    AddedToken("();", lstrip=True, normalized=False),
    AddedToken("return x", normalized=True, single_word=True),
    AddedToken("</s", normalized=False),
]


def added():
    lower = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    prepend = normalizers.Sequence([normalizers.Prepend(BLANK), normalizers.Replace(" ", BLANK)])
    for name, tokenizer in {
        "byte-level": byte_level([], own=True),
        "byte-level-lowercase": byte_level([], lower, own=True),
        "llama2-like": blanks(prepend, fuse_unk=True),
        "metaspace-first": blanks(None, pre_tokenizers.Metaspace(prepend_scheme="first", split=False), fuse_unk=True),
    }.items():
        tokenizer.add_tokens(FLAGS)
        write_hf(f"added-{name}", tokenizer)


def at_hand():
    data = SHARED + "/data"
    gpt2 = GPT2Tokenizer(f"{data}/tokenizers/gpt2/vocab.json", f"{data}/tokenizers/gpt2/merges.txt")
    write_hf("gpt2", gpt2.backend_tokenizer, "transformers GPT2Tokenizer of vocab.json and merges.txt")
    for name, folder in {"tinyllama": "tokenizers/tinyllama", "tinystories": "models/TinyStories-656K"}.items():
        write_hf(name, Tokenizer.from_file(f"{data}/{folder}/tokenizer.json"), model=f"{data}/{folder}")
    smol = f"{data}/models/SmolLM2-135M-Instruct/SmolLM2-135M-Instruct.Q4_1.gguf"
    write_hf("smollm2", gguf_byte_level(smol, [pre_tokenizers.Digits(individual_digits=True)]), model=smol)
    piece = sentencepiece.SentencePieceProcessor(model_file=f"{data}/tokenizers/llama2/tokenizer.model")
    for name, file in {"llama2": "", "llama2-llama2c": "/tokenizer.bin"}.items():
        # sentencepiece takes control tokens in a text for text.
        write(name, f"sentencepiece {sentencepiece.__version__}", piece.encode, piece.decode, f"{data}/tokenizers/llama2{file}", "<s>|</s>|<unk>")
    llama3 = f"{data}/tokenizers/llama3"
    write("llama3", f"tiktoken's rule with regex {regex.__version__}", *tiktoken(llama3 + "/tokenizer.model"), llama3)


if os.path.isdir(SHARED + "/data"):
    at_hand()
byte_levels()
sentence_piece_like()
added()
