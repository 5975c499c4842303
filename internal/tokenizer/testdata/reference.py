"""Writes reference.json and odd.json: the ids that HF tokenizers and sentencepiece give.

usage: python reference.py SHARED    (pip install tokenizers sentencepiece gguf)

odd.json   300 texts of code, many scripts, emoji, odd blanks, some with special tokens inside
reference  per tokenizer: the first 8 hex digits of sha256("id id id ..."), - where left out, of each text of
           odd.json and of each of the first 1,000 lines of WikiText-2 test that are not blank
"""
import hashlib, json, os, random, re, sys
from gguf import GGUFReader
from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import BPE
import sentencepiece

SHARED = sys.argv[1] + "/data/"
HERE = os.path.dirname(os.path.abspath(__file__))
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = LLAMA3.replace("{1,3}", "")


def odd_texts():
    parts = [
        "for (int i = 0; i < 10; i++) {\n\tprintf(\"%d\\n\", i);\n}", "def f(x):\n    return x ** 2  # square", "Hello", "world", "the", "don't",
        "I'LL", "We'Ve", "it's", "'S", "x='s'", "1234567", "3.14159", "12", "\u0661\u0662\u0663", "\u2460\u00bd\u2167", "H\u2082O", " ", "  ", "   ", "\t", "\n", "\n\n",
        " \n ", "\r\n", "\u00a0", "\u3000", "\u2009", "\u200b", "\u2028", "\ufeff", "\u2581", "\u2581\u2581x", "\u4f60\u597d\uff0c\u4e16\u754c", "\u65e5\u672c\u8a9e\u306e\u30c6\u30ad\u30b9\u30c8",
        "\ud55c\uad6d\uc5b4", "\u041f\u0440\u0438\u0432\u0435\u0442", "\u03b3\u03b5\u03b9\u03ac", "\u05e9\u05dc\u05d5\u05dd", "\u0645\u0631\u062d\u0628\u0627", "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35", "\u0928\u092e\u0938\u094d\u0924\u0947",
        "\U0001f600", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f1e9\U0001f1ea", "\U0001f44d\U0001f3fd", "e\u0301", "\u00e9", "\u212b", "\ufb01", "\u017f", "'\u017f", "na\u00efve", "Stra\u00dfe", "\U00020000", "\U0001d400",
        "aaaaaaaaaaaa", "========", "...", "!?!?", "--", "$100", "a_b_c", "camelCaseWord", "https://example.com/?q=1&r=2", "<|im_start|>", "<|endoftext|>", "<s>", "</s>", "<unk>",
        "<0x0A>", "\x00", "\x7f", "\u0301", "\"quoted\"", "(", ")", "[[", "]]", "{}", "\\", "/", "~", "`", "''", "antidisestablishmentarianism", "zzzzqqq", "Once upon a time",
    ]
    r = random.Random(1)
    return parts + ["".join(r.choice(["", "", " "]) + r.choice(parts) for _ in range(r.randint(2, 12))) for _ in range(300 - len(parts))]


def field(reader, key):
    f = reader.fields["tokenizer.ggml." + key]
    return [bytes(f.parts[i]).decode() for i in f.data]


def byte_level(tokens, merges, literal, steps, nfc=False, ignore_merges=False):
    t = Tokenizer(BPE({s: i for i, s in enumerate(tokens)}, [tuple(m.split(" ")) for m in merges], ignore_merges=ignore_merges))
    own = not any(isinstance(s, pre_tokenizers.Split) for s in steps)
    t.pre_tokenizer = pre_tokenizers.Sequence(steps + [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=own)])
    if nfc:
        t.normalizer = normalizers.NFC()
    t.add_special_tokens([tokens[i] for i in literal])
    return lambda s: t.encode(s, add_special_tokens=False).ids


def from_gguf(path, steps, **kw):
    r = GGUFReader(SHARED + path)
    types = r.fields["tokenizer.ggml.token_type"]
    literal = [i for i, d in enumerate(types.data) if int(types.parts[d][0]) in (2, 3, 4)]
    return byte_level(field(r, "tokens"), field(r, "merges"), literal, steps, **kw)


def from_json(path):
    t = Tokenizer.from_file(SHARED + path)
    return lambda s: t.encode(s, add_special_tokens=False).ids


def gemma(path):  # its pipeline over another vocabulary
    t = Tokenizer.from_file(SHARED + path)
    t.normalizer, t.pre_tokenizer = normalizers.Replace(" ", "\u2581"), pre_tokenizers.Split(" ", "merged_with_previous")
    return lambda s: t.encode(s, add_special_tokens=False).ids


def split(regex):
    return [pre_tokenizers.Split(Regex(regex), "isolated")]


sp = sentencepiece.SentencePieceProcessor(model_file=SHARED + "tokenizers/llama2/tokenizer.model")
gpt2 = "tokenizers/vectors/ggml-vocab-gpt-2.gguf"
encoders = {
    "smollm2": from_gguf("models/SmolLM2-135M-Instruct/SmolLM2-135M-Instruct.Q4_1.gguf", [pre_tokenizers.Digits(individual_digits=True)]),
    "gpt-2": from_gguf(gpt2, []),
    "gpt-2 llama-bpe": from_gguf(gpt2, split(LLAMA3), ignore_merges=True),
    "gpt-2 qwen2": from_gguf(gpt2, split(QWEN2), nfc=True),
    "tinyllama": from_json("tokenizers/tinyllama/tokenizer.json"),
    "tinyllama gemma": gemma("tokenizers/tinyllama/tokenizer.json"),
    "tinystories": from_json("models/TinyStories-656K/tokenizer.json"),
    "llama2": sp.encode,
}
odd = odd_texts()
with open(SHARED + "wikitext-2-raw/wiki.test.raw", encoding="utf-8", newline="") as f:
    lines = [l for l in f.read().split("\n") if l.strip()][:1000]


# sentencepiece knows no special tokens in a text, and TinyStories' tokenizer.json has the rare
# kind that is matched after normalising: those texts are left out for both.
special = re.compile(r"<s>|</s>|<unk>")


def digest(ids):
    return hashlib.sha256(" ".join(map(str, ids)).encode()).hexdigest()[:8]


out = {name: {"odd": " ".join("-" if special.search(s) and name in ("tinystories", "llama2") else digest(e(s)) for s in odd), "wikitext": " ".join(digest(e(s)) for s in lines)} for name, e in encoders.items()}
json.dump(odd, open(HERE + "/odd.json", "w"), indent=0)
json.dump(out, open(HERE + "/reference.json", "w"), indent=0)
if len(sys.argv) > 2:  # the ids themselves, to look at a difference
    json.dump({n: {"odd": [e(s) for s in odd], "wikitext": [e(s) for s in lines]} for n, e in encoders.items()}, open(sys.argv[2], "w"))
