package main

import (
	"bufio"
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestProcess looks at what only a process of its own shows: signals and standard output.
func TestProcess(t *testing.T) {
	program := filepath.Join(t.TempDir(), "moreau")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	for name, test := range map[string]func(t *testing.T){
		"Ctrl-C":                      func(t *testing.T) { ended(t, program, os.Interrupt) },
		"SIGTERM":                     func(t *testing.T) { ended(t, program, syscall.SIGTERM) },
		"SIGHUP":                      func(t *testing.T) { ended(t, program, syscall.SIGHUP) },
		"SIGQUIT":                     func(t *testing.T) { ended(t, program, syscall.SIGQUIT) },
		"SIGHUP under nohup":          func(t *testing.T) { nohup(t, program) },
		"kill -9":                     func(t *testing.T) { killAgain(t, program) },
		"kill -9 with a scratch file": func(t *testing.T) { killAgain(t, program, "--scratch", ".") },
		"two runs at once":            func(t *testing.T) { twoAtOnce(t, program) },
		"full disk":                   func(t *testing.T) { fullDisk(t, program) },
		"no room for standard output": func(t *testing.T) { fullStdout(t, program) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // they wait for the disk
			test(t)
		})
	}
}

// exitOf is the exit code of a process that ended with err.
func exitOf(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return 0
}

// longRun is a run that ends when it is asked to.
var longRun = []string{"prune", stories, "--ratio", "20%", "--no-eval", "--steps", "1000000", "-o", "out.gguf", "--save-scores", "s.json"}

// begin starts a command in work and waits for its first line: of the plan, after which it scores.
func begin(t *testing.T, work string, args ...string) (*exec.Cmd, *strings.Builder) {
	t.Helper()
	cmd, stderr := exec.Command(args[0], args[1:]...), new(strings.Builder)
	cmd.Dir, cmd.Stderr = work, stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return cmd, stderr
}

// ended lets a signal end a run.
func ended(t *testing.T, program string, by os.Signal) {
	work := t.TempDir()
	cmd, stderr := begin(t, work, append([]string{program}, longRun...)...)
	if err := cmd.Process.Signal(by); err != nil {
		t.Skipf("SKIPPED: this system sends no %v: %v", by, err)
	}
	if code := exitOf(cmd.Wait()); code != exitInterrupted {
		t.Errorf("exit code %d, want %d", code, exitInterrupted)
	}
	if got := stderr.String(); got != "moreau: interrupted; nothing half-written is left\n" {
		t.Errorf("standard error %q", got)
	}
	only(t, work)
}

// nohup starts a run that a closed terminal does not end.
func nohup(t *testing.T, program string) {
	work := t.TempDir()
	cmd, stderr := begin(t, work, append([]string{"sh", "-c", "trap '' HUP; exec \"$@\"", "sh", program}, longRun...)...)
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Skipf("SKIPPED: this system sends no SIGHUP: %v", err)
	}
	time.Sleep(300 * time.Millisecond)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Errorf("it ended: %v: %s", err, stderr)
	}
	cmd.Wait()
}

// twoAtOnce refuses a second run with an output that another run writes, which it leaves alone.
func twoAtOnce(t *testing.T, program string) {
	work := t.TempDir()
	first, _ := begin(t, work, append([]string{program}, longRun...)...)
	for _, args := range [][]string{longRun, {"score", stories, "--method", "l1", "-o", "s.json"}, {"convert", stories, "-o", "out.gguf"}} {
		second := exec.Command(program, args...)
		second.Dir = work
		out, err := second.CombinedOutput()
		if code := exitOf(err); code != exitOutput || !strings.Contains(string(out), "another run writes it; wait for its end") {
			t.Errorf("%q: exit code %d: %s", args, code, out)
		}
	}
	if err := first.Process.Signal(syscall.SIGTERM); err != nil {
		t.Errorf("the first run ended: %v", err)
	}
	first.Wait()
	only(t, work)
}

func fullStdout(t *testing.T, program string) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skipf("SKIPPED: needs /dev/full: %v", err)
	}
	defer full.Close()
	var stderr strings.Builder
	cmd := exec.Command(program, "inspect", stories)
	cmd.Stdout, cmd.Stderr = full, &stderr
	if code := exitOf(cmd.Run()); code != exitOutput || !strings.Contains(stderr.String(), "standard output: the disk is full") {
		t.Errorf("exit code %d, want %d: %s", code, exitOutput, stderr.String())
	}
}

// killAgain kills a scoring run with these flags at ten random moments; the run that
// is let through in the end gives the bytes of one in memory that never died.
func killAgain(t *testing.T, program string, flags ...string) {
	args := []string{"score", stories, "--method", "moreau-gs", "--steps", "30", "--journal-every", "0", "-o", "scores.json"}
	calm := t.TempDir()
	whole := exec.Command(program, args...)
	whole.Dir = calm
	start := time.Now()
	if err := whole.Run(); err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	args = append(args, flags...)
	work, most := t.TempDir(), 10
	if testing.Short() {
		most = 3
	}
	for kills := 0; kills < most; {
		cmd := exec.Command(program, args...)
		cmd.Dir = work
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(took/20 + rand.N(took/10))
		cmd.Process.Kill()
		if err := cmd.Wait(); err == nil { // it was done already
			os.Remove(filepath.Join(work, "scores.json"))
			continue
		}
		kills++
	}
	last := exec.Command(program, args...)
	last.Dir = work
	if out, err := last.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want, err := os.ReadFile(filepath.Join(calm, "scores.json"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(work, "scores.json"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("scores after ten kills differ from those of an undisturbed run")
	}
	only(t, work, "scores.json")
}

// fullDisk lets a scoring run fail when its scratch file reaches a limit, and
// continue once that is gone.
func fullDisk(t *testing.T, program string) {
	args := []string{"score", stories, "--steps", "6", "--avg", "2", "--journal-every", "0", "--scratch", ".", "-o", "scores.json"}
	work, calm := t.TempDir(), t.TempDir()
	limited := exec.Command("sh", append([]string{"-c", "ulimit -f $1; trap '' XFSZ; shift; exec \"$@\"", "sh", "5000", program}, args...)...)
	limited.Dir = work
	out, err := limited.CombinedOutput()
	if code := exitOf(err); code != exitOutput || !strings.Contains(string(out), ".moreau-scratch") {
		t.Skipf("SKIPPED: no limit on the size of files here: exit code %d: %s", code, out)
	}
	state, err := filepath.Glob(filepath.Join(work, ".scores.json.moreau-state"))
	if err != nil || len(state) != 1 {
		t.Fatalf("no state to continue from: %s", out)
	}
	for _, dir := range []string{work, calm} {
		cmd := exec.Command(program, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		only(t, dir, "scores.json")
	}
	if read(t, filepath.Join(work, "scores.json")) != read(t, filepath.Join(calm, "scores.json")) {
		t.Error("scores after a full disk differ")
	}
}
