// Package export writes a model as a GGUF file or a Hugging Face folder that
// stock programs load. Everything a format cannot hold is refused when the plan
// is made; the plan knows the exact size of every file before one is written.
package export

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"moreau/internal/checkpoint"
	"moreau/internal/model"
	"moreau/internal/output"
	"moreau/internal/tensor"
	"moreau/internal/tokenizer"
)

// Model is what is written: sizes, weights, and what is carried along.
type Model struct {
	Name    string // general.name of a GGUF file
	Config  *model.Config
	Weights checkpoint.Checkpoint      // Hugging Face names and layout; tensors that Config does not list are left out
	Vocab   *tokenizer.Vocab           // nil: no tokenizer is written
	Raw     map[string]json.RawMessage // config.json of a Hugging Face source, else nil; its unknown keys are kept
	Dir     string                     // Hugging Face source folder whose tokenizer, generation and license files are copied, else ""
	LeftOut int                        // tensors of the source that are no part of it: of a model that sees pictures too, all but the text part
	Card    string                     // contents of README.md; "": that of Dir, if there is one
}

// Options are the choices of the person who writes.
type Options struct {
	DType      *tensor.DType // one of DTypeNames; nil keeps what is stored; block types become F16 in folders
	Threads    int           // that encode; 0: one a core
	Force      bool          // replace an older file or model folder
	Importance Importance    // of the columns that block types are chosen by; nil: all are alike
	ShardBytes int64         // largest safetensors file of a folder, in bytes of data; 0: 5 GB
}

// Importance weighs errors of the columns of matrices, by parameter; one that is not there has columns
// that are all alike.
type Importance map[string][]float32

// The formats a model is written in.
const (
	GGUF = "GGUF"
	HF   = "Hugging Face"
)

// Plan says what Write will write.
type Plan struct {
	Path   string       `json:"path"`
	Format string       `json:"format"`           // GGUF or HF
	Class  string       `json:"class"`            // of GGUF: llama, deci, qwen2, qwen3, phi3, gemma or gemma2; LlamaForCausalLM, PrunedLlamaForCausalLM and the like
	Remote bool         `json:"remote"`           // the folder brings its own Python code: users pass trust_remote_code=True
	DType  tensor.DType `json:"-"`                // asked for, else of most of the weights
	Window int          `json:"window,omitempty"` // sliding window that the file has no place for, and whose length its context is cut to; 0: none
	Files  []File       `json:"files"`
	Bytes  int64        `json:"bytes"` // sum over Files

	LeftOut  int `json:"left_out,omitempty"`         // tensors of the source that are no part of the model, such as those that see pictures
	Unscaled int `json:"unscaled_context,omitempty"` // context up to which a file does without the dynamic RoPE scaling that it has no place for; 0: there is none

	Fallbacks []Fallback `json:"fallbacks,omitempty"` // matrices that block types do not fit
	Matrices  int        `json:"-"`                   // of all

	Memory int64 `json:"-"` // most bytes of tensors that writing holds at once

	force bool
}

// File is one file of an output.
type File struct {
	Name  string `json:"name"` // relative to the folder; the file's own name for GGUF
	Bytes int64  `json:"bytes"`

	write func(w io.Writer) error
}

// notModels are suffixes of files, not folders, that other programs hold weights in.
var notModels = []string{".safetensors", ".bin", ".pt", ".pth", ".onnx", ".json"}

// NewPlan plans to write m to path: a GGUF file when it ends in .gguf, else a
// Hugging Face folder. It refuses, with the remedy, what exists already
// (output.ErrExists), what does not fit on the disk, and what the format cannot hold.
func NewPlan(m Model, path string, o Options) (*Plan, error) {
	p, err := layOut(m, path, o)
	if err != nil {
		return nil, err
	}
	return p, p.check(m.Dir)
}

// Sizes are the bytes of the files that NewPlan would plan, wherever they would fit: of
// all, and of those that hold weights.
func Sizes(m Model, path string, o Options) (all, weights int64, err error) {
	p, err := layOut(m, path, o)
	if err != nil {
		return 0, 0, err
	}
	return p.Bytes, p.WeightBytes(), nil
}

// WeightBytes is the bytes of those of Files that hold weights.
func (p *Plan) WeightBytes() (n int64) {
	for _, f := range p.Files {
		if p.Format == GGUF || filepath.Ext(f.Name) == ".safetensors" {
			n += f.Bytes
		}
	}
	return n
}

// layOut decides the files and their sizes.
func layOut(m Model, path string, o Options) (*Plan, error) {
	p := &Plan{Path: path, LeftOut: m.LeftOut, force: o.Force}
	weights, err := newCast(m, o, isGGUF(path))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	p.DType = weights.main()
	switch {
	case isGGUF(path):
		err = p.planGGUF(m, weights)
	case slices.Contains(notModels, strings.ToLower(filepath.Ext(path))):
		err = fmt.Errorf("a model is written to a file *.gguf or to a folder; choose another name")
	default:
		err = p.planHF(m, weights, o.ShardBytes)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	p.Fallbacks, p.Matrices = weights.fallbacks(), weights.matrices()
	p.Memory = weights.memory()
	for _, f := range p.Files {
		p.Bytes += f.Bytes
	}
	return p, nil
}

func isGGUF(path string) bool { return strings.EqualFold(filepath.Ext(path), ".gguf") }

// MarshalJSON adds the dtype by its name.
func (p *Plan) MarshalJSON() ([]byte, error) {
	type fields Plan
	return json.Marshal(struct {
		*fields
		DType string `json:"dtype"`
	}{(*fields)(p), p.DType.String()})
}

// check asks whether there is a place for the output.
func (p *Plan) check(source string) error {
	check := output.CheckDir
	if p.Format == GGUF {
		check = output.Check
	}
	if sameFile(p.Path, source) {
		return &output.Error{Path: p.Path, Err: errors.New("this is the model that is being read; write elsewhere")}
	}
	if err := check(p.Path, p.force); err != nil {
		return err
	}
	return output.Room(p.Path, p.Bytes)
}

func sameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// Write writes the files, holding one tensor at a time. The output appears when
// it is complete; after an error, or when ctx is done, nothing is left.
// progress, if not nil, is told the bytes written so far and of all files.
func (p *Plan) Write(ctx context.Context, progress func(done, total int64)) error {
	m := &meter{stop: ctx.Err, total: p.Bytes, progress: progress}
	if p.Format == GGUF {
		return output.File(p.Path, p.force, m.through(p.Files[0].write))
	}
	return output.Dir(p.Path, p.force, func(dir string) error {
		for _, f := range p.Files {
			path := filepath.Join(dir, f.Name)
			if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
				return &output.Error{Path: path, Err: err}
			}
			if err := output.File(path, false, m.through(f.write)); err != nil {
				return err
			}
		}
		return nil
	})
}

// String is the plan in one line.
func (p *Plan) String() string {
	class := p.Class
	if p.Remote {
		class += " (brings its own code: load with trust_remote_code=True)"
	}
	if p.Window > 0 {
		class += fmt.Sprintf(" (context cut to the sliding window of %d tokens)", p.Window)
	}
	if p.Unscaled > 0 {
		class += fmt.Sprintf(" (without dynamic RoPE scaling, which begins beyond the context of %d tokens)", p.Unscaled)
	}
	if p.LeftOut > 0 {
		class += fmt.Sprintf(" (the text part; %d other tensors of the source are left out)", p.LeftOut)
	}
	if p.Format == GGUF {
		return fmt.Sprintf("%s: GGUF, architecture %s, %s, %d bytes", p.Path, class, p.DType, p.Bytes) + fallbackNote(p.Fallbacks)
	}
	return fmt.Sprintf("%s: Hugging Face folder, %s, %s, %d files, %d bytes", p.Path, class, p.DType, len(p.Files), p.Bytes)
}
