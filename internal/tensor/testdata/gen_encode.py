"""Writes encode.f32, values that are easy and hard to quantise, and NAME.encoded,
what ggml_quantize_chunk of llama.cpp makes of them.

Run in this folder: pip install numpy && python gen_encode.py PATH/TO/libggml-base.so
(interop/install-llamacpp.sh fetches one; x86-64, where the compiler does not fuse operations).
"""
import ctypes
import sys

import numpy as np

TYPES = {"Q4_0": (2, 32, 18), "Q4_1": (3, 32, 20), "Q5_0": (6, 32, 22), "Q5_1": (7, 32, 24),
         "Q8_0": (8, 32, 34), "Q4_K": (12, 256, 144), "Q5_K": (13, 256, 176), "Q6_K": (14, 256, 210)}


def rows():
    """Super-blocks of 256 values."""
    rng = np.random.default_rng(11)
    normal = lambda scale: rng.standard_normal(256) * scale
    outlier = normal(0.01)
    outlier[77] = -3
    patches = normal(0.02)
    patches[32:64], patches[96:112], patches[200:] = 0, 0.5, -0.25
    yield from (normal(0.02), normal(1), normal(1e4), normal(1e-5), normal(1e-9))
    yield rng.standard_t(2, 256) * 0.03  # heavy tails
    yield np.abs(normal(0.1))
    yield -np.abs(normal(0.1))
    yield 100 + normal(0.01)  # far from zero
    yield np.zeros(256)
    yield np.full(256, -0.0)
    yield np.full(256, 0.75)
    yield np.full(256, -0.75)
    yield normal(1e-40)  # denormal
    yield normal(3e-15)  # just above what K-quants call zero
    yield rng.integers(0, 15, 256) / 8  # the coarsest and the finest scale that Q4_K tries are right
    yield rng.integers(0, 17, 256) / 8
    yield normal(1e-16)  # below what K-quants call zero
    yield np.arange(256) / 16 - 8  # ties
    yield np.where(np.arange(256) % 2, 1, -1) * 0.5  # no single farthest value
    yield outlier
    yield patches


x = np.concatenate([r.astype("<f4") for r in rows()])
x.tofile("encode.f32")
quantize = ctypes.CDLL(sys.argv[1]).ggml_quantize_chunk
quantize.restype = ctypes.c_size_t
quantize.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p] + [ctypes.c_int64] * 3 + [ctypes.c_void_p]
for name, (kind, values, size) in TYPES.items():
    out = np.zeros(len(x) // values * size, np.uint8)
    assert quantize(kind, x.ctypes.data, out.ctypes.data, 0, len(x) // 256, 256, None) == len(out)
    out.tofile(name + ".encoded")
