package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"moreau/internal/backend/cpu"
	"moreau/internal/job"
)

// version is set by the release build.
var version = "0.1.0-dev"

// globals are the flags of every command.
type globals struct {
	Seed    uint64
	Threads int
	Compute string
	JSON    bool
}

func (g *globals) AddFlags(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	f.Uint64Var(&g.Seed, "seed", 1, "seed of noise, calibration rows, random scores and sampling")
	f.IntVar(&g.Threads, "threads", 0, "CPU threads, 0 for all cores; results do not depend on it")
	f.StringVar(&g.Compute, "compute", "auto", "inputs of matrix products: float32, bf16 (rounded; sums stay float32), or auto: float32,\nand bf16 for prompts of generate and eval --speed where weights have as few bits and the CPU is faster so")
	f.BoolVar(&g.JSON, "json", false, "print the result as JSON on standard output")
}

// backend is the compute backend the flags ask for.
func (g *globals) backend() (*cpu.Backend, error) {
	if err := job.Within("threads", g.Threads, 0, job.MostThreads); err != nil {
		return nil, err
	}
	be, err := cpu.New(g.Threads)
	if err != nil {
		return nil, job.Usage(err)
	}
	switch g.Compute {
	case "auto", "float32":
		return be, nil
	case "bf16":
		return be.WithBF16(), nil
	}
	return nil, job.Usage(fmt.Errorf("--compute %s: use auto, float32 or bf16", g.Compute))
}

// generating is the backend of commands that generate.
func (g *globals) generating() (*cpu.Backend, error) {
	be, err := g.backend()
	if err != nil || g.Compute != "auto" {
		return be, err
	}
	return be.WithFastPrompts(), nil
}

const rootHelp = `moreau makes large language models smaller by structured pruning.

It scores attention heads (KV groups) and MLP channels by the gradient of the
loss's Moreau envelope, cuts the least important, measures what was lost, and
writes a model that llama.cpp and transformers load as it is.

MODEL is a Hugging Face folder (config.json with safetensors), a .gguf file, or
builtin:stories260K, a tiny model inside the program.

Exit codes: 0 done; 1 failure; 2 wrong flags, arguments or budget; 3 a model or
other input is missing or unusable; 4 the output exists or cannot be written;
130 interrupted. MOREAU_CPU=generic|neon|avx2|avx512|avx512+amx forces the CPU
kernels.`

const rootExample = `  moreau demo
  moreau inspect model.gguf
  moreau prune ./SmolLM2-135M --ratio 20% -o smaller.gguf`

func newRootCommand() *cobra.Command {
	g := &globals{}
	cmd := &cobra.Command{
		Use: "moreau", Short: "Structured pruning of large language models", Long: rootHelp, Example: rootExample,
		Version: version, SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		Args:              knownCommand,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	g.AddFlags(cmd)
	cmd.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return job.Usage(fmt.Errorf("%w; see %s --help", err, c.CommandPath()))
	})
	cmd.AddCommand(newDemoCommand(g), newInspectCommand(g), newPruneCommand(g), newSweepCommand(g), newScoreCommand(g),
		newEvalCommand(g), newCompareCommand(g), newConvertCommand(g), newImatrixCommand(g), newRecoverCommand(g), newMergeCommand(g), newGenerateCommand(g), newLogitsCommand(g), newSynthCommand(g), newVerifyCommand(g), newPullCommand(g), newBenchCommand(g), newCleanCommand(g), newVersionCommand(g))
	cmd.AddCommand(newManCommand(cmd))
	cmd.SetHelpCommand(newHelpCommand(cmd))
	cmd.SetVersionTemplate(thisBuild().String() + "\n")
	return cmd
}

// printJSON writes v, indented.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
