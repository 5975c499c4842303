// Package task is zero-shot tasks as data: from the records of a data set, whatever form of it
// is at hand, the contexts and continuations whose log-likelihoods decide a question, or the texts
// that are read whole, as EleutherAI's lm-evaluation-harness makes them.
package task

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// ErrTask is in the chain of every error about a task file or a record that does not fit one.
var ErrTask = errors.New("task")

// The metrics of a multiple-choice task.
const (
	Acc     = "acc"      // the choice of the largest log-likelihood is right
	AccNorm = "acc_norm" // that of the largest log-likelihood a character
)

// Task is one task file (docs/formats/tasks.md).
type Task struct {
	Name   string `json:"name"`
	About  string `json:"about,omitempty"`
	Metric string `json:"metric"` // the one that counts: Acc or AccNorm; "": records are read whole
	Split  string `json:"split"`  // of the data sets: validation, test
	Prompt        // of records as the data sets have them
	Data   []Data `json:"data"` // where records may be, the first that is there counts
	SHA256 string `json:"-"`    // of the file
}

// Prompt says what is asked of a record.
type Prompt struct {
	Contexts  Templates `json:"context,omitempty"`
	Choices   Templates `json:"choices,omitempty"`
	Delimiter *string   `json:"delimiter,omitempty"` // between context and choice; nil: a blank
	Gold      string    `json:"gold,omitempty"`      // template of the right choice's number, from 0
	Text      string    `json:"text,omitempty"`      // instead of all these: template of a text that is read whole
	Source    string    `json:"source,omitempty"`    // template of what its words and bytes are counted in; "": Text

	compiled *compiled
}

// Data is one form of the records: a data set on the hub, or files.
type Data struct {
	Dataset string            `json:"dataset,omitempty"` // OWNER/NAME: a folder of that name
	Config  string            `json:"config,omitempty"`  // of the data set: a folder in it
	File    string            `json:"file,omitempty"`    // instead: this file, in the folder of all data
	Lines   []string          `json:"lines,omitempty"`   // File is text: the fields of a record, a line each
	Beside  map[string]string `json:"beside,omitempty"`  // fields that stand in files of their own, a line a record
	Prompt                    // what is otherwise than in the task's
}

// Templates are one or several templates; a single one may stand in JSON without its brackets.
type Templates []string

// UnmarshalJSON takes a string or a list of strings.
func (t *Templates) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*t = Templates{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(t))
}

// Open reads a task file.
func Open(path string) (*Task, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, data)
}

// Parse reads a task; errors name its file.
func Parse(file string, data []byte) (*Task, error) {
	var t Task
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&t); err != nil {
		return nil, fmt.Errorf("%s: not a %w file: %w; its form is in docs/formats/tasks.md", file, ErrTask, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("%s: more than one %w in a file; give each its own", file, ErrTask)
	}
	if err := t.prepare(); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", file, ErrTask, err)
	}
	t.SHA256 = fmt.Sprintf("%x", sha256.Sum256(data))
	return &t, nil
}

// prepare checks t and compiles its templates.
func (t *Task) prepare() error {
	switch {
	case t.Name == "" || strings.ContainsAny(t.Name, ",/\\ \t\n"):
		return fmt.Errorf("name %q: want a word without comma, slash or blank", t.Name)
	case !t.Whole() && !slices.Contains([]string{Acc, AccNorm}, t.Metric):
		return fmt.Errorf("metric %q: want %s or %s", t.Metric, Acc, AccNorm)
	case t.Whole() && t.Metric != "":
		return errors.New(`"metric" goes with "choices"; of a "text" all figures are measured`)
	case len(t.Data) == 0:
		return errors.New(`no "data": say where its records are`)
	}
	for i := range t.Data {
		d := &t.Data[i]
		if err := d.check(t.Split); err != nil {
			return fmt.Errorf("data %d: %w", i, err)
		}
		if d.Text != "" && !t.Whole() {
			return fmt.Errorf(`data %d: "text" wants one of the task itself`, i)
		}
		d.Prompt = d.Prompt.over(t.Prompt)
		if err := d.Prompt.compile(); err != nil {
			return fmt.Errorf("data %d: %w", i, err)
		}
	}
	return nil
}

// Whole says whether records are texts that are read whole, not questions.
func (t *Task) Whole() bool { return t.Text != "" }

func (d *Data) check(split string) error {
	switch {
	case (d.Dataset == "") == (d.File == ""):
		return errors.New(`want a "dataset" or a "file"`)
	case d.Dataset != "" && split == "":
		return errors.New(`a data set wants the task's "split"`)
	case d.Dataset != "" && (d.Lines != nil || d.Beside != nil):
		return errors.New(`"lines" and "beside" go with a "file"`)
	}
	return nil
}

// over is p, where it says nothing what base says.
func (p Prompt) over(base Prompt) Prompt {
	if p.Contexts == nil {
		p.Contexts = base.Contexts
	}
	if p.Choices == nil {
		p.Choices = base.Choices
	}
	if p.Delimiter == nil {
		p.Delimiter = base.Delimiter
	}
	if p.Gold == "" {
		p.Gold = base.Gold
	}
	p.Text, p.Source = cmp.Or(p.Text, base.Text), cmp.Or(p.Source, base.Source)
	return p
}

// delimiter stands between context and choice.
func (p Prompt) delimiter() string {
	if p.Delimiter == nil {
		return " "
	}
	return *p.Delimiter
}
