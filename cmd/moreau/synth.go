package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"moreau/internal/export"
	"moreau/internal/load"
	"moreau/internal/model"
	"moreau/internal/synth"
	"moreau/internal/tensor"
)

// synthOptions are the flags of synth.
type synthOptions struct {
	Like string
	Out  outOptions
}

func (o *synthOptions) AddFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.Like, "like", "", "geometry: "+strings.Join(synth.Names(), ", ")+", or a MODEL (a folder may hold config.json alone)")
	o.Out.AddFlags(cmd)
	f.Lookup("dtype").Usage = dtypeUsage("f16")
}

const synthHelp = `synth writes a random model of a given geometry, to try out memory and time at
a size without that size's weights. Norms are 1, matrices normal with deviation
0.02, output projections smaller by sqrt(2 x layers). The same seed gives the same
bytes. There is no tokenizer: give token ids to score and eval (--ids).`

func newSynthCommand(g *globals) *cobra.Command {
	o := &synthOptions{}
	cmd := &cobra.Command{
		Use: "synth --like GEOMETRY -o OUT", Short: "Write a random model of a given geometry", Long: synthHelp,
		Example: "  moreau synth --like llama-7b -o random-7b\n  moreau synth --like ./SmolLM2-135M -o random.gguf --dtype f32",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runSynth(cmd.Context(), o, g, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.AddFlags(cmd)
	return cmd
}

func runSynth(ctx context.Context, o *synthOptions, g *globals, stdout, stderr io.Writer) error {
	if o.Like == "" || o.Out.Out == "" {
		return usageError{fmt.Errorf("say which geometry and where the model goes: --like GEOMETRY -o OUT")}
	}
	if err := within("threads", g.Threads, 0, mostThreads); err != nil {
		return err
	}
	cfg, raw, err := geometry(o.Like)
	if err != nil {
		return err
	}
	source := o.Like
	if synth.Known(source) {
		source = "" // no file that could be replaced
	}
	if err := o.Out.check(source); err != nil {
		return err
	}
	d := tensor.F16
	if o.Out.dtype != nil && o.Out.dtype.Float() { // blocks are made of F16
		d = *o.Out.dtype
	}
	e := export.Model{Name: "random " + filepath.Base(o.Like), Config: cfg, Weights: synth.New(cfg, d, g.Seed, g.Threads), Raw: raw}
	plan, err := planExport(e, &o.Out, g.Threads)
	if err != nil {
		return err
	}
	if err := writeModel(ctx, plan, stderr); err != nil {
		return err
	}
	if g.JSON {
		return printJSON(stdout, plan)
	}
	fmt.Fprintf(stdout, "%s parameters, %s\n", count(cfg.ParamCount()), plan)
	return nil
}

// geometry is a known one, or that of a model, with the config.json it stands in
// (nil for GGUF).
func geometry(like string) (*model.Config, map[string]json.RawMessage, error) {
	if synth.Known(like) {
		return synth.Geometry(like)
	}
	m, err := load.OpenConfig(like)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, usageError{fmt.Errorf("--like %s: neither a model nor a known geometry; known are %s", like, strings.Join(synth.Names(), ", "))}
	}
	if err != nil {
		return nil, nil, err
	}
	return m.Config, m.Raw, m.Close()
}
