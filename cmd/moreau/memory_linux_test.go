package main

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// The memory that a plan says is the most that the process has: from 15 % above to 5 % below, and
// as much again for what else a machine does to a small process.
func TestMemoryIsAsPlanned(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the program")
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "moreau")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	for _, method := range [][]string{{"--method", "l2"}, {"--method", "wanda-sp"}, {"--method", "taylor"}, {"--steps", "2"}} {
		args := append([]string{"prune", stories, "--ratio", "10%", "--no-eval", "--force", "-o", filepath.Join(dir, "out.gguf")}, method...)
		plan, err := exec.Command(program, append(args, "--dry-run", "--json")...).Output()
		if err != nil {
			t.Fatal(err)
		}
		var said struct {
			RAM int64 `json:"estimated_ram_bytes"`
		}
		if err := json.Unmarshal(plan, &said); err != nil {
			t.Fatal(err)
		}
		run := exec.Command(program, args...)
		if out, err := run.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		used := 1024 * run.ProcessState.SysUsage().(*syscall.Rusage).Maxrss
		if ratio := float64(used) / float64(said.RAM); ratio < 0.75 || ratio > 1.1 {
			t.Errorf("%v: %d bytes said, %d used: ratio %.2f", method, said.RAM, used, ratio)
		} else {
			t.Logf("%v: ratio %.3f", method, ratio)
		}
	}
}
