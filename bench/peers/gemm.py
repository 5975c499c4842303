"""Matrix products of a linear layer by PyTorch on the CPU, in GFLOP/s.

usage: gemm.py ROWS INPUTS OUTPUTS THREADS
Prints the median of several runs of each layout and dtype. Results go to tensors that
exist: page faults of new ones are not counted.
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


for dtype in torch.float32, torch.bfloat16:
    x, w, dout = (torch.randn(shape).to(dtype) for shape in ((N, I), (O, I), (N, O)))
    out, dx, dw = torch.empty_like(dout), torch.empty_like(x), torch.empty_like(w)
    for layout, run in (
        ("forward", lambda: torch.mm(x, w.t(), out=out)),  # what F.linear(x, w) computes
        ("dx", lambda: torch.mm(dout, w, out=dx)),
        ("dw", lambda: torch.mm(dout.t(), x, out=dw)),
    ):
        print(f"{N} x {I} -> {O}, {layout}, {str(dtype)[6:]}\tpytorch\t{2 * N * I * O / measure(run) / 1e9:.1f}")
