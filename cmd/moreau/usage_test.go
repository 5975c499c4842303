package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestWrongFlagsAndArguments(t *testing.T) {
	dir := t.TempDir()
	out := " -o " + filepath.Join(dir, "out.gguf")
	prune := "prune " + stories + out + " "
	for _, tt := range []struct{ args, words string }{
		{"bogus", `no command "bogus"|moreau --help`},
		{"prun", "did you mean prune"},
		{"inspect", "want one MODEL, got 0|moreau inspect --help"},
		{"inspect a b", "want one MODEL, got 2"},
		{"eval", "want a MODEL or several, got 0|moreau eval --help"},
		{"compare", "want results files|moreau compare --help"},
		{"compare a --mean x", `mean "x" is not known, known are papers, llm-pruner`},
		{"eval " + stories + " --tasks papers", "--data DIR"},
		{"eval " + stories + " --data .", "go with --tasks"},
		{"eval " + stories + " --tasks boolq,best --data .", `"best" is not known; known are boolq`},
		{"eval " + stories + " --tasks papers,boolq --data .", "boolq is named twice"},
		{"eval " + stories + " --tasks boolq --data . --limit -1", "--limit -1"},
		{"eval " + stories + " --mean x", "--mean"},
		{"demo extra", "want no arguments"},
		{"inspect --bogus m", "unknown flag: --bogus|moreau inspect --help"},
		{"--threads x inspect m", `invalid argument "x" for "--threads"`},
		{"--seed -1 inspect m", `"--seed"`},
		{"eval --threads -1 " + stories, "--threads -1: want 0 to"},
		{"convert " + stories, "-o OUT"},
		{"score " + stories, "-o scores.json"},
		{"logits " + stories + out, "--ids FILE"},
		{"prune " + stories + " --ratio 20%", "-o OUT|--dry-run"},
		{"convert --dtype int8 " + stories + out, "want f32, f16, bf16, q8_0, q6_k, q5_k, q5_1, q5_0, q4_k, q4_1 or q4_0"},

		{prune, "--ratio 20%"},
		{prune + "--ratio 0", "more than 0"},
		{prune + "--ratio -0.1", "more than 0"},
		{prune + "--ratio 100%", "less than 100%"},
		{prune + "--ratio 20", "such as 20%"},
		{prune + "--ratio nan", "more than 0"},
		{prune + "--ratio inf", "less than 100%"},
		{prune + "--ratio abc", `ratio "abc"|20% or 0.2`},
		{prune + "--layer-ratio 1", "less than 100%"},
		{prune + "--ratio 90%", "0.9 cannot be reached|at most 0.485|lower --ratio or widen --layers"},
		{prune + "--ratio 50% --units=kv-groups", "cannot be reached|at most 0.1"},
		{prune + "--layer-ratio 1% --units=kv-groups", "too small to cut a single unit|raise"},
		{prune + "--ratio 20% --layer-ratio .2", "only one of --layer-ratio, --ratio"},
		{prune + "--ratio 20% --units heads", "--units heads: want some of channels, kv-groups, query-heads"},
		{prune + "--ratio 20% --units channels,channels", "each once"},
		{prune + "--ratio 20% --units query-heads,kv-groups", "attention loses either"},
		{prune + "--ratio 20% --scores a --save-scores b", "only one of"},
		{prune + "--ratio 20% --allocate best", "want uniform, measured, global or threshold"},
		{prune + "--ratio 20% --layers 3..9", "A..B within 0..4"},
		{prune + "--ratio 20% --layers 3..1", "A..B within 0..4"},
		{prune + "--ratio 20% --layers x", "A..B within 0..4"},
		{prune + "--ratio 20% --save-plan" + out[3:], "to be written twice"},

		{prune + "--ratio 20% --method best", `"best" is not known, known are random, l1`},
		{prune + "--ratio 20% --method best --dry-run", "known are random"},
		{prune + "--ratio 20% --salience best", "known are element1, element2, mix, vector"},
		{prune + "--ratio 20% --salience mix", "method taylor only"},
		{"eval --threads 100000000 " + stories, "--threads 100000000: want 0 to"},
		{prune + "--ratio 20% --rows -1", "--rows -1"},
		{prune + "--ratio 20% --rows 9223372036854775807", "want 0 to"},
		{prune + "--ratio 20% --seq-len 9223372036854775807", "want 2 to"},
		{prune + "--ratio 20% --seq 9223372036854775807", "want 2 to"},
		{prune + "--ratio 20% --rows -1 --steps 0", "--steps 0: want 1 to|; --rows -1"},
		{prune + "--ratio 20% --seq-len 1", "--seq-len 1"},
		{prune + "--ratio 20% --steps 0", "--steps 0"},
		{prune + "--ratio 20% --std nan", "--std"},
		{prune + "--ratio 20% --lr 1", "--lr 1 must be smaller than --rho"},
		{prune + "--ratio 20% --seq 1", "--seq 1"},
		{prune + "--ratio 20% --ppl nofile", "want NAME=FILE"},
		{prune + "--ratio 20% --calib a --ids b", "only one of --calib, --ids"},
		{prune + "--ratio 20% --calib a --calib b,a", "--calib a is given twice"},
		{prune + "--ratio 20% --calib a:0", "--calib a:0: want a weight"},
		{prune + "--ratio 20% --calib a,", "without a name"},
		{"eval " + stories + " --ppl a=b --ids c", "only one of --ids, --ppl"},
		{"generate " + stories + " --tokens 0", "--tokens 0"},
		{"generate " + stories + " --temperature -1", "--temperature -1"},
		{"generate " + stories + " --top-k -1", "--top-k -1"},
		{"generate " + stories + " --top-p 2", "--top-p 2"},
		{"generate " + stories + " --min-p -1", "--min-p -1"},
		{"generate " + stories + " --top-p 0.9", "go with --temperature"},
		{"generate " + stories + " --stop=", "--stop is empty"},
		{"score " + stories + " --method best" + out, "is not known"},
		{"score " + stories + " --layers 9" + out, "A..B within 0..4"},
	} {
		refused(t, exitUsage, strings.Split(tt.words, "|"), strings.Fields(tt.args)...)
	}
	refused(t, exitUsage, []string{"prompt: it has", "context is 512; shorten it"}, "generate", stories, "--prompt", strings.Repeat("cat ", 600))
	only(t, dir)
}

// Each part of a condition by which a command line is refused, alone.
func TestEachPartOfARefusal(t *testing.T) {
	dir := t.TempDir()
	out := " -o " + filepath.Join(dir, "out.gguf")
	prune := "prune " + stories + out + " --ratio 20% "
	for args, words := range map[string]string{
		"eval " + stories + " --limit 3":                                    "--data and --limit go with --tasks",
		"eval " + stories + " --prompt-tokens 9":                            "go with --speed",
		"eval " + stories + " --new-tokens 9":                               "go with --speed",
		"eval " + stories + " --rounds 2":                                   "go with --speed",
		"eval " + stories + " --ppl =b":                                     "want NAME=FILE",
		"eval " + stories + " --ppl a=":                                     "want NAME=FILE",
		prune + "--compensate none --scores s.json --calib builtin:stories": "reads no calibration rows",
		prune + "--compensate none --scores s.json --ids i.json":            "reads no calibration rows",
		prune + "--compensate none --scores s.json --seq-len 64":            "--seq-len is of calibration rows",
		"eval " + stories + " --compute fp8":                                "--compute fp8: use auto, float32 or bf16",
		"eval":                                                              "want a MODEL or several",
		"synth" + out:                                                       "--like GEOMETRY -o OUT",
		"synth --like llama-7b":                                             "--like GEOMETRY -o OUT",
		"logits " + stories + " --ids ids.json":                             "-o OUT.safetensors",
		"logits " + stories + out:                                           "--ids FILE",
		"verify a":                                                          "want two models, DENSE and PRUNED, got 1",
		"verify a b c":                                                      "got 3",
		"pull a" + out:                                                      "want OWNER/NAME",
		"pull a/b":                                                          "-o DIR",
		"score " + stories + out + " --state f16":                           `--state "f16": want f32 or bf16`,
		"generate " + stories + " --system x --prompt y":                    "--system goes with --chat",
		prune + "--std -1":                                                  "--std and --eta want 0 or more",
		prune + "--eta -1":                                                  "--std and --eta want 0 or more",
		prune + "--lr 0":                                                    "--lr and --rho more than 0",
		prune + "--rho 0":                                                   "--lr and --rho more than 0",
		prune + "--std inf":                                                 "--std and --eta",
		prune + "--eta inf":                                                 "--std and --eta",
		prune + "--rho inf":                                                 "--std and --eta",
		prune + "--lr 0.2":                                                  "--lr 0.2 must be smaller than --rho 0.2",
		prune + "--max-length 9":                                            "--max-length goes with --protocol rolling",
		prune + "--memory x":                                                "want a size such as 16GiB",
		prune + "--shard-size x":                                            "want a size such as 16GiB",
		prune + "--shard-size 1GB":                                          "a .gguf file is one file",
		"prune " + stories + out + " --size x":                              "want a size such as 16GiB",
		"prune " + stories + out + " --params 0":                            "want a number such as 5.4B",
		"prune " + stories + out + " --params 1e15":                         "want a number such as 5.4B",
		"prune " + stories + out + " --drop-layers 1 --scores s.json":       "no scores are needed",
		"prune " + stories + out + " --drop-layers 1 --save-scores s.json":  "no scores are needed",
		"prune " + stories + out + " --drop-layers 1 --ratio 5% --layers 1": "all of these are dropped",
	} {
		refused(t, exitUsage, []string{words}, strings.Fields(args)...)
	}
	only(t, dir)
}

// Flags of which one alone may be given: every two of each group.
func TestFlagsThatExcludeEachOther(t *testing.T) {
	value := map[string]string{"ratio": "20%", "layer-ratio": "20%", "params": "5M", "size": "1MB", "layers": "1..2", "allocate": "global", "ppl": "a=b", "seq": "9", "protocol": "rolling", "align": "8", "rows": "4", "seq-len": "9", "steps": "3", "avg": "2", "std": "0.1", "lr": "0.1", "rho": "0.2", "eta": "0.1", "memory": "1GiB", "state": "bf16", "journal-every": "2s"}
	given := func(flag string) string {
		switch v, ok := value[flag]; {
		case ok:
			return "--" + flag + "=" + v
		case slices.Contains([]string{"uniform", "chat", "fresh-rows", "absolute-noise"}, flag):
			return "--" + flag
		}
		return "--" + flag + "=x"
	}
	for _, group := range []string{
		"prune ratio layer-ratio params size", "prune uniform layers", "prune uniform allocate", "prune calib ids", "prune ppl eval-ids",
		"prune protocol seq", "prune protocol eval-ids", "prune scores save-scores", "prune plan ratio", "prune plan layer-ratio", "prune plan params", "prune plan size", "prune plan scores",
		"prune plan save-scores", "prune plan drop-layers", "prune plan align", "prune plan uniform", "prune plan layers", "prune plan units", "prune plan allocate",
		"prune plan method", "prune plan calib", "prune plan ids", "prune plan seq-len", "prune plan steps", "prune plan memory", "prune plan fresh-rows",
		"prune scores method", "prune scores salience", "prune scores fresh-rows", "prune scores rows", "prune scores steps", "prune scores avg", "prune scores std", "prune scores absolute-noise",
		"prune scores lr", "prune scores rho", "prune scores eta", "prune scores memory", "prune scores scratch", "prune scores state", "prune scores journal-every",
		"eval ppl ids", "eval protocol seq", "eval protocol ids", "generate prompt ids", "generate chat ids", "score calib ids",
	} {
		words := strings.Fields(group)
		for i, a := range words[1:] {
			for _, b := range words[1:][i+1:] {
				refused(t, exitUsage, []string{"give only one of --", "--" + min(a, b) + ", --" + max(a, b)}, words[0], stories, given(a), given(b))
			}
		}
	}
}

func TestWrongKernels(t *testing.T) {
	t.Setenv("MOREAU_CPU", "foo")
	refused(t, exitUsage, []string{"MOREAU_CPU=foo", "generic"}, "eval", stories)
}

// What exists stays untouched without --force and is replaced with it.
func TestOutputExists(t *testing.T) {
	dir := t.TempDir()
	ids := idsFile(t, "llama_mha")
	for name, args := range map[string]string{
		"scores.json":        "score " + stories + " --method l1",
		"logits.safetensors": "logits " + golden("llama_mha") + " --ids " + ids,
		"model.gguf":         "convert " + stories,
		"pruned.gguf":        "prune " + stories + " --ratio 10% --method l1 --no-eval",
	} {
		out := write(t, filepath.Join(dir, name), "precious")
		command := append(strings.Fields(args), "-o", out)
		refused(t, exitOutput, []string{out, "exists", "--force"}, command...)
		if read(t, out) != "precious" {
			t.Errorf("%s was changed", name)
		}
		must(t, append(command, "--force")...)
		if len(read(t, out)) < 100 {
			t.Errorf("%s was not replaced", name)
		}
	}
	only(t, dir, "logits.safetensors", "model.gguf", "pruned.gguf", "scores.json")
}

func TestOutputFolderExists(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	prune := []string{"prune", stories, "--ratio", "10%", "--method", "l1", "--no-eval", "-o", out}
	must(t, "convert", stories, "-o", out)
	refused(t, exitOutput, []string{out, "exists", "--force"}, prune...)
	must(t, append(prune, "--force")...)
	if _, err := os.Stat(filepath.Join(out, "README.md")); err != nil {
		t.Error("the folder was not replaced")
	}
	refused(t, exitOutput, []string{"is read by this run"}, "convert", out, "-o", out, "--force")

	other := filepath.Join(dir, "photos")
	if err := os.Mkdir(other, 0o777); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(other, "cat.jpg"), "meow")
	refused(t, exitOutput, []string{other, "something else than a model"}, "convert", stories, "-o", other, "--force")
	only(t, other, "cat.jpg")
	only(t, dir, "out", "photos")
}

// A folder that is replaced takes no file of the run with it.
func TestOutputFolderHoldsItsSources(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	must(t, "convert", stories, "-o", out)
	inside := filepath.Join(out, "m.gguf")
	scores := filepath.Join(out, "scores.json")
	must(t, "convert", stories, "-o", inside)
	must(t, "score", stories, "--method", "l1", "-o", scores)
	link := filepath.Join(dir, "link")
	if err := os.Symlink(out, link); err != nil {
		t.Skip(err)
	}
	prune := []string{"prune", stories, "--ratio", "10%", "--method", "l1", "--no-eval", "--force", "-o", out}
	refused(t, exitOutput, []string{inside, "lies in", out}, "convert", inside, "-o", out, "--force")
	refused(t, exitOutput, []string{"m.gguf", "lies in", out}, "convert", filepath.Join(link, "m.gguf"), "-o", out, "--force")
	refused(t, exitOutput, []string{scores, "lies in"}, "prune", stories, "--ratio", "10%", "--no-eval", "--force", "-o", out, "--scores", scores)
	refused(t, exitOutput, []string{"new.json", "lies in"}, append(prune, "--save-scores", filepath.Join(out, "new.json"))...)
	for _, path := range []string{inside, scores} {
		if len(read(t, path)) < 100 {
			t.Errorf("%s is gone", path)
		}
	}
}

func TestOutputHasNoPlace(t *testing.T) {
	dir := t.TempDir()
	model := gguf(t, func(s string) string { return s })
	file := write(t, filepath.Join(dir, "file"), "")
	for _, tt := range []struct{ model, out, words string }{
		{stories, filepath.Join(dir, "no", "out.gguf"), "there is no folder|create it first"},
		{stories, filepath.Join(file, "out.gguf"), "out.gguf"},
		{stories, filepath.Join(dir, "out.json"), "*.gguf or to a folder"},
		{model, model, "is read by this run; write elsewhere"},
		{stories, "/dev/null", "no folder and is not replaced"},
	} {
		refused(t, exitOutput, append(strings.Split(tt.words, "|"), tt.out), "convert", tt.model, "-o", tt.out, "--force")
		refused(t, exitOutput, nil, "prune", tt.model, "--ratio", "10%", "--method", "l1", "-o", tt.out, "--force")
	}
	refused(t, exitOutput, []string{"no", "create it first"}, "score", stories, "-o", filepath.Join(dir, "no", "s.json"))
	refused(t, exitOutput, []string{"is read by this run"}, "score", model, "-o", model, "--force")
	only(t, dir, "file")
}
