package main

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"moreau/internal/goldentest"
)

var update = flag.Bool("update", false, "write the golden texts anew")

// goldenText is a text that people read, kept in testdata/NAME.
type goldenText struct {
	name string
	make func(t *testing.T) string
}

// goldenTexts are all of them: help of every command, what every flag is by default, plans and cards.
func goldenTexts() []goldenText {
	all := []goldenText{{"help/moreau.txt", help()}, {"defaults.txt", func(*testing.T) string { return defaults(newRootCommand()) }}}
	for _, c := range newRootCommand().Commands() {
		if !c.Hidden {
			all = append(all, goldenText{"help/" + c.Name() + ".txt", help(c.Name())})
		}
	}
	return slices.Concat(all, goldenPlans, goldenCards, goldenOutputs)
}

var goldenPlans = []goldenText{
	{"plan/ratio.txt", plan(stories, "--ratio", "20%")},
	{"plan/output.txt", plan(stories, "--layer-ratio", "50%", "--layers", "1..3", "-o", "OUT.gguf")},
	{"plan/folder.txt", plan(stories, "--params", "200k", "--method", "taylor", "--dtype", "f16", "-o", "OUT")},
	{"plan/weights-alone.txt", plan(stories, "--ratio", "20%", "--method", "l1", "--no-eval", "-o", "OUT.gguf")},
	{"plan/global.txt", plan(stories, "--ratio", "20%", "--allocate", "global", "-o", "OUT")},
	{"plan/scratch.txt", plan(stories, "--ratio", "20%", "--scratch", ".", "--state", "bf16", "--method", "moreau-gs", "-o", "OUT.gguf")},
	{"plan/query-heads.txt", plan(stories, "--layer-ratio", "50%", byQueryHead, "--method", "mask", "-o", "OUT.gguf")},
	{"plan/size.txt", plan(stories, "--size", "800KiB", "--method", "random", "-o", "OUT.gguf")},
	{"plan/llama-7b.txt", plan(filepath.Join("..", "..", "testdata", "configs", "llama-7b"), "--layer-ratio", "0.25")},
	{"plan/llama-7b-q4.txt", plan(filepath.Join("..", "..", "testdata", "configs", "llama-7b"), "--ratio", "20%", "-o", "OUT.gguf", "--dtype", "q4_k")},
}

// goldenOutputs are what other commands print, for people and for programs, where it is the same everywhere.
var goldenOutputs = []goldenText{
	{"output/plan.json", prints("prune", stories, "--ratio", "20%", "--dry-run", "--json")},
	{"output/inspect.txt", prints("inspect", stories)},
	{"output/inspect.json", prints("inspect", stories, "--json")},
	{"output/inspect-llama3.txt", prints("inspect", "MODEL/llama3-8b")},
	{"output/inspect-smollm2.json", prints("inspect", "MODEL/smollm2-135m", "--json")},
	{"output/convert.txt", prints("convert", stories, "-o", "OUT.gguf", "--dtype", "q8_0")},
	{"output/convert.json", prints("convert", stories, "-o", "OUT", "--json")},
	{"output/synth.txt", prints("synth", "--like", stories, "-o", "OUT.gguf")},
	{"output/logits.txt", prints("logits", stories, "--ids", "ids.json", "-o", "OUT")},
	{"output/logits.json", prints("logits", stories, "--ids", "ids.json", "-o", "OUT", "--json")},
	{"output/eval.txt", evaluated(1)},
	{"output/eval-two.txt", evaluated(2)},
	{"output/eval-speed.txt", timed},
	{"output/compare.txt", comparing()},
	{"output/compare-llm-pruner.txt", comparing("--mean", "llm-pruner")},
	{"output/score.txt", prints("score", stories, "--method", "l1", "-o", "OUT")},
}

var goldenCards = []goldenText{
	{"card/differ.md", cardOf("--layer-ratio", "50%", "--layers", "1..3", "--method", "l1", "--no-eval")},
	{"card/alike.md", cardOf("--ratio", "30%", "--uniform", "--method", "taylor", "--rows", "2", "--seq-len", "32", "--chunks", "2", "--seq", "64")},
	{"card/moreau.md", cardOf("--params", "200k", "--rows", "2", "--seq-len", "32", "--steps", "2", "--chunks", "2", "--seq", "64")},
}

func TestGoldenTexts(t *testing.T) {
	known, dir := map[string]bool{}, filepath.Join(goldentest.Root(), "cmd", "moreau", "testdata")
	for _, g := range goldenTexts() {
		known[g.name] = true
		t.Run(g.name, func(t *testing.T) { compareGolden(t, filepath.Join(dir, filepath.FromSlash(g.name)), g.make(t)) })
	}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !known[name] {
			t.Errorf("testdata/%s is no golden text; remove it", name)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// compareGolden compares got with a file, or writes it.
func compareGolden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		write(t, path, got)
	}
	if want := read(t, path); got != want {
		t.Errorf("%s differs; go test -run TestGoldenTexts -update writes it anew. Got:\n%s", path, got)
	}
}

func help(command ...string) func(t *testing.T) string {
	return func(t *testing.T) string { return must(t, append(command, "--help")...).stdout }
}

// defaults lists every flag of every command with what it is when nobody says anything.
func defaults(root *cobra.Command) string {
	var s strings.Builder
	root.PersistentFlags().VisitAll(func(f *pflag.Flag) { fmt.Fprintf(&s, "moreau --%s %q\n", f.Name, f.DefValue) })
	for _, c := range root.Commands() {
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Name != "help" {
				fmt.Fprintf(&s, "moreau %s --%s %q\n", c.Name(), f.Name, f.DefValue)
			}
		})
	}
	return s.String()
}

// elsewhere is what differs from machine to machine: estimates of time, names that tell
// folders apart, and perplexities, whose last digit depends on the kernels.
var elsewhere = regexp.MustCompile(`(?m)(^estimate .* of RAM, |\.gguf-|^\| perplexity [^|]* )(?:.*moreau-scratch|.*$)`)

// plan is what prune --dry-run prints, without measurements.
func plan(model string, args ...string) func(t *testing.T) string {
	return func(t *testing.T) string {
		if !strings.HasPrefix(model, "builtin:") {
			abs, err := filepath.Abs(model)
			if err != nil {
				t.Fatal(err)
			}
			text := inFolder(t, append([]string{"prune", abs, "--dry-run"}, args...))
			return strings.ReplaceAll(text, abs, "MODEL")
		}
		return elsewhere.ReplaceAllString(inFolder(t, append([]string{"prune", model, "--dry-run"}, args...)), "${1}...")
	}
}

// prints is what a command says; MODEL is the folder of the published configurations.
func prints(args ...string) func(t *testing.T) string {
	return func(t *testing.T) string {
		configs := filepath.Join(goldentest.Root(), "testdata", "configs")
		command := slices.Clone(args)
		for i := range command {
			command[i] = strings.Replace(command[i], "MODEL", configs, 1)
		}
		t.Chdir(t.TempDir())
		write(t, "ids.json", "[[1,2,3],[4,5]]")
		return strings.ReplaceAll(must(t, command...).stdout, configs, "MODEL")
	}
}

// inFolder runs a command in an empty folder.
func inFolder(t *testing.T, args []string) string {
	t.Chdir(t.TempDir())
	return must(t, args...).stdout
}

// cardOf is the card of the built-in model as a folder, pruned.
func cardOf(args ...string) func(t *testing.T) string {
	return func(t *testing.T) string {
		t.Chdir(t.TempDir())
		must(t, "convert", stories, "-o", "stories")
		must(t, append([]string{"prune", "stories", "-o", "out"}, args...)...)
		return elsewhere.ReplaceAllString(read(t, filepath.Join("out", "README.md")), "${1}...")
	}
}
