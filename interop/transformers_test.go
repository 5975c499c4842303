package interop

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// python is a Python that imports transformers: MOREAU_PYTHON, or python3.
func python(t *testing.T) string {
	t.Helper()
	name := os.Getenv("MOREAU_PYTHON")
	if name == "" {
		name = "python3"
	}
	if err := exec.Command(name, "-c", "import torch, transformers, safetensors").Run(); err != nil {
		t.Skipf("SKIPPED: %s does not import torch, transformers and safetensors; name one that does in MOREAU_PYTHON", name)
	}
	return name
}

func TestTransformers(t *testing.T) {
	py := python(t)
	rows := tokens(3, 24)
	eachCase(t, func(t *testing.T, c int, gguf, folder string) {
		ids, out := writeJSON(t, rows), filepath.Join(t.TempDir(), "logits.safetensors")
		args := []string{"hf_model.py", folder, ids, writeJSON(t, texts), out}
		if cases[c].remote {
			refused(t, py, args)
			args = append(args, "--remote")
		}
		text, err := run(t, py, args)
		if err != nil {
			t.Fatalf("%q: %v\n%s", args, err, stderr(err))
		}
		var got struct {
			Class  string
			Tokens [][]int
		}
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		if got.Class != cases[c].class {
			t.Errorf("class %s, want %s", got.Class, cases[c].class)
		}
		if got.Tokens != nil {
			compareTokens(t, got.Tokens, folder)
		}
		reference := gguf
		if cases[c].arch == "" || cases[c].window > 0 {
			reference = folder // the file does not compute it, or not as far
		}
		compare(t, readLogits(t, out), moreauLogits(t, reference, ids), f32Diff)
	})
}

// run starts Python without the network, and with a folder of its own for the
// model code that transformers copies.
func run(t *testing.T, py string, args []string) ([]byte, error) {
	cmd := exec.Command(py, args...)
	cmd.Env = append(os.Environ(), "HF_HUB_OFFLINE=1", "HF_HOME="+t.TempDir())
	return cmd.Output()
}

// refused makes sure that who forgets trust_remote_code is told.
func refused(t *testing.T, py string, args []string) {
	t.Helper()
	if _, err := run(t, py, args); err == nil || !strings.Contains(stderr(err), "trust_remote_code=True") {
		t.Errorf("without trust_remote_code: %v\n%s", err, stderr(err))
	}
}

func stderr(err error) string {
	if exit, ok := err.(*exec.ExitError); ok {
		return string(exit.Stderr)
	}
	return ""
}
