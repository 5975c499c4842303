"""Writes NAME.blocks (random blocks of one quantised type) and NAME.f32 (what
the gguf package decodes them to, little-endian float32).

Run in this folder: pip install gguf numpy && python gen.py
"""
import gguf
import numpy as np

rng = np.random.default_rng(7)
for name in "Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q4_K Q5_K Q6_K".split():
    kind = gguf.GGMLQuantizationType[name]
    values, size = gguf.GGML_QUANT_SIZES[kind]
    count = 1024 // values
    blocks = rng.integers(0, 256, (count, size), dtype=np.uint8)
    # Scales of real models: finite and small. They are the last two bytes of
    # Q6_K and the first two, or four, of the others.
    halves = (rng.standard_normal((count, 2)) * 0.05).astype("<f2").view(np.uint8)
    if name == "Q6_K":
        blocks[:, -2:] = halves[:, :2]
    elif name in ("Q4_0", "Q5_0", "Q8_0"):
        blocks[:, :2] = halves[:, :2]
    else:
        blocks[:, :4] = halves
    blocks.tofile(name + ".blocks")
    gguf.quants.dequantize(blocks, kind).astype("<f4").tofile(name + ".f32")
