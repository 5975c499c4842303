"""What lm-evaluation-harness and moreau eval say of the same tasks, beside each other, as a Markdown table, and how far they are apart.

usage: accuracies.py REPLIES RESULTS...   REPLIES of interop/harness.py, RESULTS by moreau eval -o
"""
import json
import os
import sys

replies, *files = sys.argv[1:]
versions, harness = map(json.loads, open(replies))
ours = {os.path.basename(f).removesuffix(".json"): {t["task"]: t for t in json.load(open(f))["runs"][0]["tasks"]} for f in files}


def apart(task, name):
    """Largest difference of a log-likelihood."""
    pairs = zip(harness[task]["samples"], ours[name][task]["examples"], strict=True)
    return max(abs(a[0] - b["loglikelihood"]) for s, e in pairs for a, b in zip(s["answers"], e["answers"], strict=True))


most = dict.fromkeys(ours, 0.0)  # standard errors
print(", ".join(f"{module} {version}" for module, version in versions.items()))
print("| task | metric | lm-eval |" + "".join(f" {name} | log-likelihoods within |" for name in ours))
print("|---|---|---|" + "---|---|" * len(ours))
for task, result in harness.items():
    for metric in ("acc", "acc_norm"):
        if result[metric] is None:
            continue
        print(f"| {task} | {metric} | {result[metric]:.4f} ± {result[metric + '_stderr']:.4f} |", end="")
        for name, tasks in ours.items():
            off = abs(tasks[task][metric]["value"] - result[metric])
            most[name] = max(most[name], off / max(result[metric + "_stderr"], 1e-9))
            print(f" {tasks[task][metric]['value']:.4f} ± {tasks[task][metric]['stderr']:.4f} | {apart(task, name):.1e} |", end="")
        print()
print("\n" + "; ".join(f"{name} at most {n:.2f} standard errors off" for name, n in most.items()))
