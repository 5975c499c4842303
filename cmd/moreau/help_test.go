package main

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// Every flag of prune is in one topic.
func TestFlagsOfPruneByTopic(t *testing.T) {
	cmd, _, err := newRootCommand().Find([]string{"prune"})
	if err != nil {
		t.Fatal(err)
	}
	cmd.InitDefaultHelpFlag()
	var grouped, all []string
	for _, g := range pruneFlags {
		grouped = append(grouped, g.flags...)
	}
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) { all = append(all, f.Name) })
	slices.Sort(grouped)
	slices.Sort(all)
	if !slices.Equal(grouped, all) {
		t.Errorf("topics have %v, prune has %v", grouped, all)
	}
}

func TestHelpOfACommand(t *testing.T) {
	for _, args := range [][]string{{"help", "nope"}, {"help", "prune", "nope"}} {
		refused(t, exitUsage, []string{"there is no command"}, args...)
	}
	if a, b := must(t, "help", "prune").stdout, must(t, "prune", "--help").stdout; a != b || !strings.Contains(a, "How much goes:") {
		t.Errorf("help prune says\n%s", a)
	}
	if text := must(t, "help").stdout; !strings.Contains(text, "Available Commands") {
		t.Errorf("help says\n%s", text)
	}
}

func TestVersion(t *testing.T) {
	want := runtime.GOOS + "/" + runtime.GOARCH
	for _, args := range [][]string{{"version"}, {"--version"}, {"version", "--json"}} {
		if text := must(t, args...).stdout; !strings.Contains(text, want) || !strings.Contains(text, version) {
			t.Errorf("%v: %q", args, text)
		}
	}
}

// An error is one line for a person, and under --json an object for a program.
func TestErrorsAsJSON(t *testing.T) {
	for _, args := range [][]string{{"inspect", "m", "--json"}, {"inspect", "m"}} {
		cmd := newRootCommand()
		called, _, err := cmd.Find(args)
		if err != nil || called.ParseFlags(args[1:]) != nil {
			t.Fatal(err)
		}
		var stdout, stderr bytes.Buffer
		report(&stdout, &stderr, called, "m is missing", exitInput)
		want := ""
		if len(args) == 3 {
			want = "{\n  \"error\": \"m is missing\",\n  \"exit_code\": 3\n}\n"
		}
		if stderr.String() != "moreau: m is missing\n" || stdout.String() != want {
			t.Errorf("%v: %q and %q", args, stderr.String(), stdout.String())
		}
	}
}

// A text is an argument, a flag, or comes on standard input.
func TestTextToContinue(t *testing.T) {
	want := must(t, "generate", stories, "--prompt", "Once upon", "-n", "4").stdout
	if got := must(t, "generate", stories, "Once upon", "-n", "4").stdout; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	cmd := newRootCommand()
	var stdout, stderr bytes.Buffer
	cmd.SetArgs([]string{"generate", stories, "-n", "4"})
	cmd.SetIn(strings.NewReader("Once upon\n"))
	cmd.SetOut(&stdout)
	cmd.SetErr(&stderr)
	if err := cmd.ExecuteContext(t.Context()); err != nil || stdout.String() != want {
		t.Errorf("from standard input %q (%v), want %q", stdout.String(), err, want)
	}
	refused(t, exitUsage, []string{"TEXT or --prompt"}, "generate", stories, "a", "--prompt", "b")
	refused(t, exitUsage, []string{"want one MODEL"}, "generate", stories, "a", "b")
}

// Every command that people see has a manual page.
func TestManualPages(t *testing.T) {
	dir := t.TempDir()
	must(t, "man", dir)
	page := read(t, filepath.Join(dir, "moreau-prune.1"))
	if !strings.HasPrefix(page, ".TH MOREAU-PRUNE 1") || !strings.Contains(page, `\-\-ratio`) {
		t.Errorf("the page is\n%s", page)
	}
	for _, c := range newRootCommand().Commands() {
		if _, err := os.Stat(filepath.Join(dir, "moreau-"+c.Name()+".1")); (err == nil) == c.Hidden {
			t.Errorf("%s: %v", c.Name(), err)
		}
	}
}
