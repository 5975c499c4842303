package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// The adapter that recover writes, merged into the model that it was learnt on, gives the model that recover writes; what is
// no plain LoRA of the model is refused by name.
func TestMerge(t *testing.T) {
	cut, dir := cutStories(t, "cut", "--dtype", "f32"), t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must(t, "recover", cut, "--teacher", stories, "--data", "builtin:stories", "--tokens", "3k", "--no-eval", "-o", at("out"), "--adapter", at("adapter"))
	if text := must(t, "merge", cut, at("adapter"), "-o", at("merged")).stdout; !strings.Contains(text, "35 matrices") {
		t.Error(text)
	}
	if read(t, filepath.Join(at("out"), "model.safetensors")) != read(t, filepath.Join(at("merged"), "model.safetensors")) {
		t.Error("another model than recover's")
	}
	refused(t, exitOutput, []string{at("adapter"), "not replaced"}, "recover", cut, "-o", at("again"), "--adapter", at("adapter"), "--force")
	refused(t, exitUsage, []string{"MODEL and ADAPTER"}, "merge", cut, "-o", at("x"))
	refused(t, exitUsage, []string{"-o OUT"}, "merge", cut, at("adapter"))
	refused(t, exitInput, []string{"down_proj", "as it was pruned"}, "merge", stories, at("adapter"), "-o", at("x"))
	refused(t, exitInput, []string{"adapter_config.json"}, "merge", cut, dir, "-o", filepath.Join(t.TempDir(), "x"))
	config := filepath.Join(at("adapter"), "adapter_config.json")
	plain := read(t, config)
	for _, c := range [][3]string{
		{`"LORA"`, `"IA3"`, "IA3"}, {`"use_dora": false`, `"use_dora": true`, "DoRA"}, {`"alpha_pattern": {}`, `"alpha_pattern": {"q_proj": 3}`, "alpha_pattern"},
		{`"modules_to_save": null`, `"modules_to_save": ["lm_head"]`, "lm_head"}, {`"bias": "none"`, `"bias": "all"`, "biases"},
		{`"fan_in_fan_out": false`, `"fan_in_fan_out": true`, "fan_in_fan_out"}, {`"lora_alpha": 16`, `"lora_alpha": 0`, "lora_alpha"}, {"{", "[", "PEFT"},
	} {
		write(t, config, strings.Replace(plain, c[0], c[1], 1))
		refused(t, exitInput, []string{at("adapter"), c[2]}, "merge", cut, at("adapter"), "-o", at("x"))
	}
	only(t, dir, "adapter", "merged", "out")
}
