package job

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"moreau/internal/backend/dry"
	"moreau/internal/dataset"
	"moreau/internal/eval"
	"moreau/internal/load"
	"moreau/internal/results"
	"moreau/internal/task"
	"moreau/internal/tokenizer"
	"moreau/internal/transformer"
)

// subject is a model that is evaluated, with texts and questions as its token ids.
type subject struct {
	m         *load.Model
	texts     []text
	tasks     []encoded
	bos       bool   // questions begin with BOS
	tokenizer string // hash of its vocabulary; "": no task was encoded
}

// encoded is a task's questions as token ids.
type encoded struct {
	questions
	texts [][]transformer.Text
	cut   int // questions whose contexts were cut to fit the model
}

// TaskPlan is a task that will be measured.
type TaskPlan struct {
	Name      string
	Questions int
	Cut       int // whose contexts are longer than the model's and are cut on the left
}

// Accuracy is what was measured of a task.
type Accuracy struct {
	Task    string    `json:"task"`
	Metric  string    `json:"metric"` // the one that counts in the mean, by its rule
	BOS     bool      `json:"bos"`    // questions begin with it
	Cut     int       `json:"cut"`    // contexts that were cut to fit the model
	Acc     eval.Mean `json:"acc"`
	AccNorm eval.Mean `json:"acc_norm"`
}

// TaskMean is a mean over tasks by a rule.
type TaskMean struct {
	Rule string `json:"rule"`
	eval.Mean
}

// newSubject opens a model and encodes what it is asked.
func newSubject(path string, texts *TextOptions, tasks []questions, bos BOS) (*subject, error) {
	m, err := load.Open(path)
	if err != nil {
		return nil, err
	}
	s := &subject{m: m}
	if texts != nil {
		s.texts, err = texts.load(m, "give token ids instead: --ids FILE")
	}
	if err == nil {
		err = s.encode(tasks, bos)
	}
	if err != nil {
		m.Close()
		return nil, err
	}
	return s, nil
}

// encode makes token ids of questions.
func (s *subject) encode(tasks []questions, bos BOS) error {
	if len(tasks) == 0 {
		return nil
	}
	tok, err := textTokenizer(s.m, "tasks need one")
	if err != nil {
		return err
	}
	s.tokenizer = fmt.Sprintf("%x", sha256.Sum256(fmt.Appendf(nil, "%#v", *tok.Vocab())))
	if s.bos, err = bos.decide(tok, addsBOS(tok)); err != nil {
		return err
	}
	for _, q := range tasks {
		add := s.ask
		if q.Whole() {
			add = s.read
		}
		if err := add(q, tok); err != nil {
			return err
		}
	}
	return nil
}

// ask encodes a task's questions.
func (s *subject) ask(q questions, tok tokenizer.Tokenizer) error {
	e := eval.Encoding{Tokenizer: tok, BOS: s.bos, MaxLength: s.m.Config.MaxPositions}
	t := encoded{questions: q}
	for _, example := range q.Examples {
		texts, cut, err := question(e, example)
		if err != nil {
			return Input(fmt.Errorf("%s: record %d: task %s: %w", q.Files[0], example.Index, q.Name, err))
		}
		t.texts = append(t.texts, texts)
		t.cut += cut
	}
	s.tasks = append(s.tasks, t)
	return nil
}

// read makes a text of a task whose records are read whole.
func (s *subject) read(q questions, tok tokenizer.Tokenizer) error {
	if slices.ContainsFunc(s.texts, func(t text) bool { return t.name == q.Name }) {
		return Usage(fmt.Errorf("--ppl %s has the name of a task; give the text another", q.Name))
	}
	rolling, err := dataset.FindProtocol("rolling")
	if err != nil {
		return err
	}
	t := text{name: q.Name, protocol: rolling, bos: s.bos, task: &q}
	err = t.read(q.Documents, s.m.Config.MaxPositions, tok)
	s.texts = append(s.texts, t)
	return err
}

// question is the texts of an example's choices; cut is 1 if one of them was cut to fit, else 0.
func question(e eval.Encoding, example task.Example) (texts []transformer.Text, cut int, err error) {
	for _, r := range example.Requests {
		text, tokens, err := e.Request(r)
		if err != nil {
			return nil, 0, err
		}
		texts = append(texts, text)
		cut = max(cut, min(1, tokens))
	}
	return texts, cut, nil
}

// run is a run without numbers.
func (s *subject) run() results.Run {
	r := results.Run{Model: s.m.Path, Tokenizer: s.tokenizer, Parameters: s.m.Config.ParamCount(), BOS: s.bos, MaxLength: s.m.Config.MaxPositions}
	for _, t := range s.texts {
		r.Texts = append(r.Texts, t.result())
	}
	for _, t := range s.tasks {
		r.Tasks = append(r.Tasks, t.result())
	}
	return r
}

// result is a text's result without numbers.
func (t text) result() results.Text {
	r := results.Text{Name: t.name, Protocol: t.protocol.Name, Length: t.protocol.Seq, BOS: t.bos, SHA256: hashRows(t.rows)}
	if t.task != nil {
		r.Task, r.Files, r.Data = t.task.Task.SHA256, t.task.Files, t.task.Read.SHA256
	}
	return r
}

// result is a task's result without numbers.
func (t encoded) result() results.Task {
	r := results.Task{Name: t.Name, SHA256: t.Task.SHA256, Metric: t.Metric, Files: t.Files, Data: t.Read.SHA256, Records: t.Records, Cut: t.cut}
	for _, e := range t.Examples {
		example := results.Example{Index: e.Index, ID: e.ID, Gold: e.Gold}
		for _, q := range e.Requests {
			example.Chars = append(example.Chars, q.Chars)
		}
		r.Examples = append(r.Examples, example)
	}
	return r
}

func (s *subject) planTasks() []TaskPlan {
	var plans []TaskPlan
	for _, t := range s.tasks {
		plans = append(plans, TaskPlan{t.Name, len(t.Examples), t.cut})
	}
	return plans
}

// taskRAM is the resident memory that the largest pass of the tasks takes.
func (s *subject) taskRAM() int64 {
	var most int64
	tr := transformer.New(dry.New(), s.m.Config)
	for _, t := range s.tasks {
		pass := eval.LargestPass(tr, t.texts)
		most = max(most, resident(s.m.Config, transformer.ScoreBytes(s.m.Config, s.m.Weights, pass, s.keepsWeights())))
	}
	return most
}
