"""Trains a loaded model for a moment: gradient checkpointing, and LoRA by PEFT."""

import tempfile

import torch
from peft import LoraConfig, PeftModel, get_peft_model

PROJECTIONS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
FUSED = ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]  # Phi-3's


def gradients(model, ids):
    model.zero_grad()
    model(ids, labels=ids, use_cache=False).loss.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters()}


def check_checkpointing(model, ids):
    """Activations computed a second time give the same gradients."""
    model.train()
    want = gradients(model, ids)
    model.gradient_checkpointing_enable()
    assert model.is_gradient_checkpointing, "gradient_checkpointing_enable() does nothing"
    for name, got in gradients(model, ids).items():
        assert torch.allclose(got, want[name], rtol=1e-5, atol=1e-7), f"{name}: other gradients with checkpointing"
    model.gradient_checkpointing_disable()


def check_adapters(load, ids):
    """Steps of LoRA on all projections move the adapters alone; saved and loaded, and merged, they
    give the same logits. load gives the model afresh."""
    torch.manual_seed(0)
    model = load()
    before = {id(p): p.detach().clone() for p in model.parameters()}
    dense = model(ids).logits.detach()
    targets = FUSED if hasattr(model.model.layers[0].self_attn, "qkv_proj") else PROJECTIONS
    adapted = get_peft_model(model, LoraConfig(r=4, lora_alpha=8, target_modules=targets, task_type="CAUSAL_LM"))
    wrapped = sum(1 for name, _ in adapted.named_modules() if name.endswith(".lora_A"))
    assert wrapped == len(targets) * model.config.num_hidden_layers, f"{wrapped} adapters"
    train(adapted, ids)
    for p in adapted.parameters():
        assert id(p) not in before or torch.equal(p, before[id(p)]), "training the adapters changed the model"
    with torch.no_grad():
        logits = adapted(ids).logits
        assert (logits - dense).abs().max() > 1e-2, "the adapters do nothing"
        with tempfile.TemporaryDirectory() as saved:
            adapted.save_pretrained(saved)
            again = PeftModel.from_pretrained(load(), saved).eval()
            assert torch.equal(logits, again(ids).logits), "the adapters changed when they were saved"
        most = (adapted.merge_and_unload()(ids).logits - logits).abs().max()
        assert most < 1e-4, f"merging the adapters changes the logits by {most}"


def train(adapted, ids):
    """Two steps: in the first only B moves, since B starts at zero."""
    trained = [p for p in adapted.parameters() if p.requires_grad]
    start = [p.detach().clone() for p in trained]
    optimizer = torch.optim.AdamW(trained, lr=1e-2)
    adapted.train()
    for _ in range(2):
        optimizer.zero_grad()
        adapted(ids, labels=ids).loss.backward()
        optimizer.step()
    for p, old in zip(trained, start):
        assert not torch.equal(p, old), "an adapter did not move"
    adapted.eval()
