"""Steps of LoRA by PEFT and PyTorch, in float64: python lora.py FAMILY...

The student is the model without channels 0..7 of each layer. Writes FAMILY/lora.safetensors: rows [STEPS,2,12],
the A that it starts from (start.PARAM; B is zero), and for labels and for kl, the divergence from the whole
model's predictions, the loss before each step and A and B behind the last (CASE.losses, CASE.a.PARAM, CASE.b.PARAM).
"""
import math, sys
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

STEPS, RANK, ALPHA, RATE, GONE = 6, 4, 12, 0.02, 8


def rate(step):  # as internal/lora has it: up over a tenth of the steps, down by a cosine
    warm = math.ceil(0.1 * STEPS)
    return RATE * (step + 1) / warm if step < warm else RATE / 2 * (1 + math.cos(math.pi * (step + 1 - warm) / (STEPS - warm)))


def load(family):
    return AutoModelForCausalLM.from_pretrained(family, dtype=torch.float64, attn_implementation="eager").eval()


def student(family):
    model = load(family)
    for layer in model.model.layers:
        for name, rows in [("gate_proj", True), ("up_proj", True), ("down_proj", False)]:
            w = getattr(layer.mlp, name).weight
            w.data = w.data[GONE:] if rows else w.data[:, GONE:]
            getattr(layer.mlp, name).in_features, getattr(layer.mlp, name).out_features = w.shape[1], w.shape[0]
    config = LoraConfig(r=RANK, lora_alpha=ALPHA, lora_dropout=0.0, bias="none", task_type="CAUSAL_LM",
                        target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"])
    return get_peft_model(model, config).double()


for family in sys.argv[1:]:
    torch.manual_seed(7)
    teacher = load(family)
    rows = torch.randint(3, teacher.config.vocab_size, (STEPS, 2, 12))
    out = {"rows": rows.to(torch.int32)}
    for case in ["labels", "kl"]:
        torch.manual_seed(11)
        model = student(family)
        learnt = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
        key = lambda n: n.removeprefix("base_model.model.").replace(".lora_A.default", "").replace(".lora_B.default", "")
        for n, p in learnt:
            if "lora_A" in n:
                out["start." + key(n)] = p.detach().float().clone()
                p.data = p.data.float().double()
        optimizer = torch.optim.AdamW([p for _, p in learnt], weight_decay=0.0)
        losses = []
        for step in range(STEPS):
            logits = model(rows[step]).logits[:, :-1]
            if case == "labels":
                loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), rows[step][:, 1:].flatten())
            else:
                with torch.no_grad():
                    target = teacher(rows[step]).logits[:, :-1].log_softmax(-1)
                loss = (target.exp() * (target - logits.log_softmax(-1))).sum(-1).mean()
            losses.append(loss.item())
            optimizer.zero_grad()
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_([p for _, p in learnt], 1.0)
            print(family, case, step, loss.item(), norm.item())
            for g in optimizer.param_groups:
                g["lr"] = rate(step)
            optimizer.step()
        out[case + ".losses"] = torch.tensor(losses, dtype=torch.float64)
        for n, p in learnt:
            out[f"{case}.{'a' if 'lora_A' in n else 'b'}.{key(n)}"] = p.detach().float().clone()
    save_file(out, family + "/lora.safetensors")
