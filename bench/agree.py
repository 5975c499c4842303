"""How far two scores.json files agree: Spearman's rank correlation of the units of
each layer and kind, and the share of the units that both would keep.

usage: agree.py A.json B.json [RATIO]   RATIO of each layer's units goes, 0.2 by default
"""
import json
import sys


def ranks(values):
    order = sorted(range(len(values)), key=lambda i: (values[i], i))
    rank = [0] * len(values)
    for position, i in enumerate(order):
        rank[i] = position
    return rank


def spearman(a, b):
    n = len(a)
    d2 = sum((x - y) ** 2 for x, y in zip(ranks(a), ranks(b)))
    return 1 - 6 * d2 / (n * (n * n - 1))


def kept(values, ratio):
    order = sorted(range(len(values)), key=lambda i: (values[i], i))
    return set(order[int(len(values) * ratio):])


a, b = (json.load(open(path))["layers"] for path in sys.argv[1:3])
ratio = float(sys.argv[3]) if len(sys.argv) > 3 else 0.2
for kind in ("heads", "mlp"):
    pairs = [(x[kind], y[kind]) for x, y in zip(a, b) if x[kind] and y[kind]]
    both = sum(len(kept(x, ratio) & kept(y, ratio)) for x, y in pairs)
    one = sum(len(kept(x, ratio)) for x, _ in pairs)
    correlations = sorted(spearman(x, y) for x, y in pairs)
    print(f"{kind}: rank correlation {correlations[0]:.5f} to {correlations[-1]:.5f} (median {correlations[len(correlations) // 2]:.5f}), "
          f"{both} of {one} kept units in common, {one - both} differ ({100 * (one - both) / one:.2f} %)")
