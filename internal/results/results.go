// Package results is what evaluations found: results.json, the journal from which an
// interrupted one continues, and paired comparisons of models (docs/formats/results.md).
package results

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"moreau/internal/eval"
	"moreau/internal/output"
)

// Format is the first thing that a results file says.
const Format = "moreau-results 1"

// ErrResults is in the chain of every error about what is in a results file.
var ErrResults = errors.New("unusable results")

// File is a results file: everything by which its numbers can be judged and made again.
type File struct {
	Format  string `json:"format"`
	Program string `json:"program"` // and its version
	Backend string `json:"backend"` // and its kernels
	Runs    []Run  `json:"runs"`    // one a model
}

// Run is one model's evaluation.
type Run struct {
	Model      string `json:"model"` // path
	Weights    string `json:"weights_sha256"`
	Tokenizer  string `json:"tokenizer_sha256,omitempty"` // of the vocabulary that tasks were encoded by, as this program reads it
	Parameters int64  `json:"parameters"`
	BOS        bool   `json:"bos"` // whether questions begin with one
	MaxLength  int    `json:"max_length"`
	Texts      []Text `json:"perplexity,omitempty"`
	Tasks      []Task `json:"tasks,omitempty"`
}

// Text is the perplexity of one text.
type Text struct {
	Name       string    `json:"text"`
	Protocol   string    `json:"protocol"`
	Length     int       `json:"max_length,omitempty"`  // tokens of a row, or of a window at most
	BOS        bool      `json:"bos"`                   // whether it was put before each row or document
	SHA256     string    `json:"rows_sha256"`           // of the token ids
	Task       string    `json:"task_sha256,omitempty"` // of the task file whose records are read whole
	Files      []string  `json:"files,omitempty"`       // of that task
	Data       string    `json:"files_sha256,omitempty"`
	Perplexity float64   `json:"perplexity"`
	Stderr     float64   `json:"stderr"`
	MeanNLL    float64   `json:"mean_nll"` // nats a token
	Tokens     int       `json:"predicted_tokens"`
	ChunkNLL   []float64 `json:"chunk_mean_nll"`

	Rolling *eval.Rolling `json:"rolling,omitempty"` // of documents read whole
}

// Set takes what was measured.
func (t *Text) Set(r eval.Result) {
	t.Perplexity, t.Stderr, t.MeanNLL, t.Tokens, t.ChunkNLL, t.Rolling = r.Perplexity, r.Stderr, r.MeanNLL, r.Tokens, r.ChunkNLL, r.Rolling
}

// Task is one task's accuracy.
type Task struct {
	Name     string    `json:"task"`
	SHA256   string    `json:"task_sha256"` // of the task file
	Metric   string    `json:"metric"`      // the one that counts
	Files    []string  `json:"files"`
	Data     string    `json:"files_sha256"`
	Records  int       `json:"records"` // in the files
	Cut      int       `json:"cut"`     // contexts that were cut on the left to fit the model
	Acc      eval.Mean `json:"acc"`
	AccNorm  eval.Mean `json:"acc_norm"`
	Examples []Example `json:"examples,omitempty"`
}

// Example is one question with its answers, a number a choice.
type Example struct {
	Index   int               `json:"index"` // of the record
	ID      string            `json:"id,omitempty"`
	Gold    int               `json:"gold"`
	Chars   []int             `json:"chars"` // of the choices
	Answers []eval.Likelihood `json:"answers"`
}

// Verdict judges an example.
func (e Example) Verdict() eval.Verdict {
	var logs []float64
	for _, a := range e.Answers {
		logs = append(logs, a.Log)
	}
	return eval.Judge(logs, e.Chars, e.Gold)
}

// Mean is the task's acc or acc_norm.
func (t Task) Mean(metric string) eval.Mean {
	if metric == "acc" {
		return t.Acc
	}
	return t.AccNorm
}

// Judge computes the means from the examples.
func (t *Task) Judge() {
	var acc, accNorm []float64
	for _, e := range t.Examples {
		v := e.Verdict()
		acc, accNorm = append(acc, one(v.Acc)), append(accNorm, one(v.AccNorm))
	}
	t.Acc, t.AccNorm = eval.MeanOf(acc), eval.MeanOf(accNorm)
}

func one(right bool) float64 {
	if right {
		return 1
	}
	return 0
}

// Write writes a results file, complete or not at all.
func (f File) Write(path string, force bool) error {
	return output.File(path, force, func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		return e.Encode(f)
	})
}

// Read reads a results file.
func Read(path string) (File, error) {
	var f File
	data, err := os.ReadFile(path)
	if err != nil {
		return f, err
	}
	if err := json.Unmarshal(data, &f); err != nil {
		return f, fmt.Errorf("%s: %w: %w; make it anew: moreau eval -o", path, ErrResults, err)
	}
	if f.Format != Format || len(f.Runs) == 0 {
		return f, fmt.Errorf("%s: %w: it is no results file of this version (format %q, want %q); make it anew: moreau eval -o", path, ErrResults, f.Format, Format)
	}
	return f, f.check(path)
}

// check refuses examples that could not be judged.
func (f File) check(path string) error {
	for _, r := range f.Runs {
		for _, t := range r.Tasks {
			for _, e := range t.Examples {
				if n := len(e.Answers); n < 2 || len(e.Chars) != n || e.Gold < 0 || e.Gold >= n {
					return fmt.Errorf("%s: %w: %s, task %s, example %d: %d answers, %d lengths, the right one is %d", path, ErrResults, r.Model, t.Name, e.Index, n, len(e.Chars), e.Gold)
				}
			}
		}
	}
	return nil
}
