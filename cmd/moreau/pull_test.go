package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const pullCommit = "0123456789abcdef0123456789abcdef01234567"

// serveModel is a hub that has the files of dir as o/n, for those with the token of HF_TOKEN; HF_ENDPOINT points to it.
func serveModel(t *testing.T, dir string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if token := os.Getenv("HF_TOKEN"); token != "" && r.Header.Get("Authorization") != "Bearer "+token {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if strings.HasPrefix(r.URL.Path, "/api/models/o/n/revision/") {
			var siblings []map[string]any
			entries, _ := os.ReadDir(dir)
			for _, e := range entries {
				info, _ := e.Info()
				siblings = append(siblings, map[string]any{"rfilename": e.Name(), "size": info.Size()})
			}
			json.NewEncoder(w).Encode(map[string]any{"sha": pullCommit, "siblings": siblings})
			return
		}
		name, ok := strings.CutPrefix(r.URL.Path, "/o/n/resolve/"+pullCommit+"/")
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		http.ServeFile(w, r, filepath.Join(dir, name))
	}))
	t.Cleanup(server.Close)
	t.Setenv("HF_ENDPOINT", server.URL)
}

func TestPull(t *testing.T) {
	t.Setenv("HF_TOKEN", "secret")
	serveModel(t, filepath.Join("..", "..", "testdata", "golden", "llama_mha"))
	out := filepath.Join(t.TempDir(), "m")
	plan := must(t, "pull", "o/n", "-o", out, "--dry-run").stdout
	if !strings.Contains(plan, "model.safetensors") || !strings.Contains(plan, pullCommit) || strings.Contains(plan, "golden.safetensors.index") {
		t.Errorf("plan %s", plan)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("--dry-run wrote something")
	}
	for range 2 { // the second finds all there
		must(t, "pull", "o/n@main", "-o", out)
		if got := must(t, "inspect", out).stdout; !strings.Contains(got, "llama") {
			t.Errorf("inspect %s", got)
		}
	}
}

func TestPullRefusals(t *testing.T) {
	model := t.TempDir()
	for name, data := range map[string]string{"a.gguf": "x", "b.gguf": "y"} {
		if err := os.WriteFile(filepath.Join(model, name), []byte(data), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	serveModel(t, model)
	out := t.TempDir()
	refused(t, exitUsage, []string{"OWNER/NAME"}, "pull", "name", "-o", out)
	refused(t, exitUsage, []string{"OWNER/NAME"}, "pull", "../..", "-o", out)
	refused(t, exitUsage, []string{"-o DIR"}, "pull", "o/n")
	refused(t, exitUsage, []string{"a.gguf, b.gguf"}, "pull", "o/n", "-o", out)
	refused(t, exitInput, []string{"o/other@main", "no such repository"}, "pull", "o/other", "-o", out)
	must(t, "pull", "o/n:a.gguf", "-o", out)
	if read(t, filepath.Join(out, "a.gguf")) != "x" {
		t.Error("not the file asked for")
	}
	other := t.TempDir()
	os.WriteFile(filepath.Join(other, "mine.txt"), nil, 0o666)
	refused(t, exitOutput, []string{other, "not empty"}, "pull", "o/n:a.gguf", "-o", other)
	mark := filepath.Join(out, ".moreau-pull.json")
	os.WriteFile(mark, []byte(strings.ReplaceAll(read(t, mark), pullCommit, "another")), 0o666)
	refused(t, exitOutput, []string{"another", pullCommit}, "pull", "o/n:a.gguf", "-o", out)
	t.Setenv("HF_HUB_OFFLINE", "1")
	refused(t, exitUsage, []string{"HF_HUB_OFFLINE"}, "pull", "o/n", "-o", out)
}

// Of two pulls to the same folder at once one waits for the other, and both have all.
func TestTwoPullsAtOnce(t *testing.T) {
	t.Setenv("HF_TOKEN", "")
	serveModel(t, filepath.Join("..", "..", "testdata", "golden", "llama_mha"))
	out := filepath.Join(t.TempDir(), "m")
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			if r := run(t.Context(), "pull", "o/n", "-o", out); r.code != exitOK {
				t.Errorf("exit code %d: %s", r.code, r.message)
			}
		})
	}
	both.Wait()
	must(t, "inspect", out)
	if left, _ := filepath.Glob(filepath.Join(out, ".*.moreau-*")); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}
