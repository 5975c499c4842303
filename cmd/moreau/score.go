package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"moreau/internal/importance"
	"moreau/internal/load"
	"moreau/internal/model"
	"moreau/internal/output"
)

// scoreCommand are the options of moreau score.
type scoreCommand struct {
	*globals
	scoreOptions
	Layers string
	Out    string
	Force  bool
}

func newScoreCommand(g *globals) *cobra.Command {
	o := &scoreCommand{globals: g}
	cmd := &cobra.Command{
		Use: "score MODEL -o scores.json", Short: "Score heads and channels, to prune at any ratio later",
		Long: "Score every KV group (or query head: --attention-unit) and MLP channel. The file holds\none number per unit, layer and kind (docs/formats/scores.md); moreau prune --scores\ntakes it.\n\nMethods:\n" + methodHelp(),
		Args: oneModel,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), args[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.scoreOptions.AddFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&o.Layers, "layers", "", "layers to score, A..B (default: all)")
	f.StringVarP(&o.Out, "out", "o", "", "scores file to write")
	f.BoolVar(&o.Force, "force", false, "replace the output if it exists")
	return cmd
}

func methodHelp() string {
	var s string
	for _, m := range importance.Methods {
		s += fmt.Sprintf("  %-14s %s\n", m.Name, m.Doc)
	}
	return s
}

func (o *scoreCommand) run(ctx context.Context, path string, stdout, stderr io.Writer) error {
	if o.Out == "" {
		return usageError{fmt.Errorf("say where the scores go: -o scores.json")}
	}
	if _, err := o.find(); err != nil {
		return err
	}
	if err := distinct(path, o.Out); err != nil {
		return err
	}
	if err := output.Check(o.Out, o.Force); err != nil {
		return err
	}
	m, err := load.Open(path)
	if err != nil {
		return err
	}
	defer m.Close()
	if err := o.chooseUnit(m); err != nil {
		return err
	}
	layers, err := layersOr(m.Config, o.Layers, m.Config.AllLayers())
	if err != nil {
		return err
	}
	be, err := o.backend()
	if err != nil {
		return err
	}
	s, err := o.prepare(m, layers, o.globals)
	if err != nil {
		return err
	}
	if err := s.place(m.Config, o.Out); err != nil {
		return err
	}
	output.Clean(o.Out)
	if note := s.stateNote(m.Config); note != "" && (s.scratch != nil || s.journal == nil) {
		fmt.Fprintln(stderr, "state:", note)
	}
	scores, manifest, err := s.execute(ctx, m, be, stderr)
	if err != nil {
		return err
	}
	if err := writeScores(o.Out, o.Force, m.Config, scores, manifest); err != nil {
		return err
	}
	s.journal.Remove()
	if o.JSON {
		return printJSON(stdout, manifest)
	}
	fmt.Fprintf(stdout, "%s: scores of %d dimensions by %s\n", o.Out, len(scores), o.Method)
	return nil
}

func writeScores(path string, force bool, cfg *model.Config, s importance.Scores, m importance.Manifest) error {
	data, err := importance.Encode(cfg, s, m)
	if err != nil {
		return err
	}
	return output.File(path, force, func(w io.Writer) error {
		_, err := w.Write(append(data, '\n'))
		return err
	})
}

// layersOr parses a --layers flag; empty gives the default.
func layersOr(cfg *model.Config, flag string, def model.Range) (model.Range, error) {
	if flag == "" {
		return def, nil
	}
	r, err := cfg.ParseRange(flag)
	if err != nil {
		return r, usageError{fmt.Errorf("--%w", err)}
	}
	return r, nil
}
