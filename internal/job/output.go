package job

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"moreau/internal/export"
	"moreau/internal/load"
	"moreau/internal/output"
	"moreau/internal/stage"
	"moreau/internal/tensor"
	"moreau/internal/tokenizer"
)

// OutOptions say where and how a model is written.
type OutOptions struct {
	Path       string        // a .gguf file, else a Hugging Face folder
	DType      *tensor.DType // nil: as stored
	ShardBytes int64         // most bytes of weights a file of a folder, 0: 5 GB
	Imatrix    string        // importance matrix by which block types are chosen, "": none
	Force      bool          // replace what is there
	Threads    int           // that encode, 0: one a core

	weigh export.Importance // what Imatrix says, of the model that is written
}

func isGGUF(path string) bool { return strings.EqualFold(filepath.Ext(path), ".gguf") }

// Check says before any reading whether a model can be written there; model is what
// is read, "" for no file.
func (o OutOptions) Check(model string) error {
	if err := Within("threads", o.Threads, 0, MostThreads); err != nil {
		return err
	}
	if err := apart([]string{model, o.Imatrix}, []string{o.Path}); err != nil {
		return err
	}
	if o.Imatrix != "" && o.DType != nil && !o.DType.Quantized() {
		return Usage(o.noBlocks())
	}
	if isGGUF(o.Path) {
		if o.ShardBytes > 0 {
			return Usage(fmt.Errorf("--shard-size is for Hugging Face folders, a .gguf file is one file; leave it out"))
		}
		return output.Check(o.Path, o.Force)
	}
	return output.CheckDir(o.Path, o.Force)
}

// noBlocks is the error of an importance matrix for an output without blocks.
func (o OutOptions) noBlocks() error {
	return fmt.Errorf("--imatrix %s: it chooses among blocks of a --dtype q*; ask for one, or leave it out", o.Imatrix)
}

func (o OutOptions) export() export.Options {
	return export.Options{DType: o.DType, Threads: o.Threads, Force: o.Force, ShardBytes: o.ShardBytes, Importance: o.weigh}
}

// plan plans where and how e is written; what has no place there is an output error.
func (o OutOptions) plan(e export.Model) (*export.Plan, error) {
	plan, err := export.NewPlan(e, o.Path, o.export())
	if err != nil {
		return nil, Output(err)
	}
	return plan, nil
}

// sizes are the bytes of what plan would plan, wherever they would fit: of all files, and
// of those that hold weights.
func (o OutOptions) sizes(e export.Model) (all, weights int64, err error) {
	all, weights, err = export.Sizes(e, o.Path, o.export())
	if err != nil {
		err = Output(err)
	}
	return all, weights, err
}

// exported is what is written: c, which m was changed into, with m's tokenizer and
// companions. A model without a tokenizer stays without one; one
// that this program cannot read still goes from folder to folder as it is.
func exported(m *load.Model, c stage.Model, out string) (export.Model, error) {
	e := export.Model{Name: modelName(m.Path), Config: c.Config, Weights: c.Weights, Raw: c.Raw, LeftOut: m.LeftOut}
	if m.Format == load.HF {
		e.Dir = m.Path
	}
	var err error
	e.Vocab, err = m.Vocab()
	folders := e.Dir != "" && !isGGUF(out)
	switch {
	case errors.Is(err, tokenizer.ErrNone), errors.Is(err, tokenizer.ErrUnsupported) && folders:
		return e, nil
	case errors.Is(err, tokenizer.ErrUnsupported):
		return e, fmt.Errorf("%w; write a folder, which keeps the tokenizer's files as they are", err)
	case err != nil:
		return e, fmt.Errorf("%w; download it again, or remove it to write the model without a tokenizer", err)
	}
	return e, nil
}

func modelName(path string) string {
	if abs, err := filepath.Abs(path); err == nil && !strings.HasPrefix(path, "builtin:") {
		path = abs
	}
	name := filepath.Base(strings.TrimPrefix(path, "builtin:"))
	return strings.TrimSuffix(name, ".gguf")
}

// writeModel executes an export plan.
func writeModel(ctx context.Context, plan *export.Plan, progress Progress) error {
	progress.Begin(Writing, "", plan.Bytes)
	if err := plan.Write(ctx, func(done, _ int64) { progress.At(done) }); err != nil {
		return err
	}
	progress.End(float64(plan.Bytes))
	return nil
}

// WriteText writes a file whole or not at all, in place of what is there.
func WriteText(path, text string) error { return writeText(path, true, []byte(text)) }

// writeText writes a small file.
func writeText(path string, force bool, text []byte) error {
	return output.File(path, force, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}
