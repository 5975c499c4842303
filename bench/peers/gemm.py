"""Matrix products of a linear layer by PyTorch on the CPU, in GFLOP/s.

usage: gemm.py ROWS INPUTS OUTPUTS THREADS
Prints the median of several runs of each layout, in float32, in bfloat16, and in
bfloat16 with float32 operands and results, whose conversion is counted. Results go to
tensors that exist: page faults of new ones are not counted.
"""
import statistics
import sys
import time

import torch

N, I, O, threads = map(int, sys.argv[1:5])
torch.set_num_threads(threads)
torch.manual_seed(1)
torch.set_grad_enabled(False)


def measure(run):
    run()  # warm-up
    times = []
    start = time.perf_counter()
    while len(times) < 3 or time.perf_counter() - start < 0.1:
        before = time.perf_counter()
        run()
        times.append(time.perf_counter() - before)
    return statistics.median(times)


def layouts(x, w, dout, out, dx, dw, cast=lambda t: t):
    """The products by name; cast converts operands that they read first."""
    return {
        "forward": lambda: torch.mm(cast(x), cast(w).t(), out=out),  # what F.linear(x, w) computes
        "dx": lambda: torch.mm(cast(dout), cast(w), out=dx),
        "dw": lambda: torch.mm(cast(dout).t(), cast(x), out=dw),
    }


def report(dtype, products, results=None):
    """One line a layout; results are float32 tensors that products' results go to."""
    for layout, product in products.items():
        run = product if results is None else lambda: results[layout].copy_(product())
        print(f"{N} x {I} -> {O}, {layout}, {dtype}\tpytorch\t{2 * N * I * O / measure(run) / 1e9:.1f}")


operands = [torch.randn(shape) for shape in ((N, I), (O, I), (N, O))]
results = [torch.empty_like(operands[i]) for i in (2, 0, 1)]
halves = [[t.bfloat16() for t in group] for group in (operands, results)]
report("float32", layouts(*operands, *results))
report("bfloat16", layouts(*halves[0], *halves[1]))
report("bfloat16 of float32", layouts(*operands, *halves[1], torch.Tensor.bfloat16), dict(zip(("forward", "dx", "dw"), results)))
