package results

import (
	"errors"
	"fmt"
	"strings"

	"moreau/internal/eval"
)

// Comparison is two models on the same questions and texts; differences are B's less A's.
type Comparison struct {
	A     string           `json:"a"`
	B     string           `json:"b"`
	Tasks []TaskDifference `json:"tasks,omitempty"`
	Mean  *MeanDifference  `json:"mean,omitempty"` // over all tasks, by a rule; nil where there is but one
	Texts []TextDifference `json:"perplexity,omitempty"`

	Unpaired []string `json:"unpaired,omitempty"` // tasks and texts that both have, and why they are not compared
}

// TaskDifference is that of one metric of a task.
type TaskDifference struct {
	Task       string    `json:"task"`
	Metric     string    `json:"metric"`
	Counts     bool      `json:"counts"` // in the mean
	A          float64   `json:"a"`
	B          float64   `json:"b"`
	Difference eval.Mean `json:"difference"` // over the examples
	OnlyA      int       `json:"only_a"`     // examples that A alone has right
	OnlyB      int       `json:"only_b"`
	P          float64   `json:"p"` // McNemar's exact test, two-sided
}

// MeanDifference is that of the means over tasks.
type MeanDifference struct {
	Rule       string    `json:"rule"`
	A          float64   `json:"a"`
	B          float64   `json:"b"`
	Difference eval.Mean `json:"difference"`
	P          float64   `json:"p"` // of a normal variable, two-sided
}

// TextDifference is that of a text, chunk by chunk.
type TextDifference struct {
	Text       string    `json:"text"`
	A          float64   `json:"a"` // perplexity
	B          float64   `json:"b"`
	Difference eval.Mean `json:"difference"` // of the chunks' mean -log p, nats a token
	P          float64   `json:"p"`          // paired t-test, two-sided
}

// Compare pairs what both runs measured. A task or text of the same name with other records,
// other questions or other tokens is left out, and said; nothing to pair is an error.
func Compare(a, b Run, rule Rule) (Comparison, error) {
	c := Comparison{A: a.Model, B: b.Model}
	for _, x := range a.Tasks {
		for _, y := range b.Tasks {
			if x.Name != y.Name {
				continue
			}
			pair, err := pairs(x, y)
			if err != nil {
				c.Unpaired = append(c.Unpaired, fmt.Sprintf("task %s: %v", x.Name, err))
				continue
			}
			c.Tasks = append(c.Tasks, pair.difference(x, "acc", rule), pair.difference(x, "acc_norm", rule))
		}
	}
	c.Mean = meanDifference(c.Tasks, rule)
	for _, x := range a.Texts {
		for _, y := range b.Texts {
			if x.Name != y.Name {
				continue
			}
			if x.SHA256 != y.SHA256 || x.Protocol != y.Protocol || x.Length != y.Length || len(x.ChunkNLL) != len(y.ChunkNLL) {
				c.Unpaired = append(c.Unpaired, fmt.Sprintf("text %s: other tokens: other text, protocol, rows or tokenizer", x.Name))
				continue
			}
			c.Texts = append(c.Texts, textDifference(x, y))
		}
	}
	if c.Tasks == nil && c.Texts == nil {
		why := append([]string{fmt.Sprintf("%s and %s have no task or text to compare", a.Model, b.Model)}, c.Unpaired...)
		return c, errors.New(strings.Join(why, "; "))
	}
	return c, nil
}

// paired is examples that two runs have, in the order of records.
type paired struct{ a, b []eval.Verdict }

func pairs(x, y Task) (p paired, err error) {
	switch {
	case x.Data != y.Data:
		return p, fmt.Errorf("other records (SHA-256 %.12s, %.12s)", x.Data, y.Data)
	case x.SHA256 != y.SHA256:
		return p, fmt.Errorf("other questions (SHA-256 of the task %.12s, %.12s)", x.SHA256, y.SHA256)
	}
	others := map[int]Example{}
	for _, e := range y.Examples {
		others[e.Index] = e
	}
	for _, e := range x.Examples {
		if other, ok := others[e.Index]; ok {
			p.a, p.b = append(p.a, e.Verdict()), append(p.b, other.Verdict())
		}
	}
	if p.a == nil {
		err = fmt.Errorf("no example in common")
	}
	return p, err
}

// difference compares one metric.
func (p paired) difference(t Task, metric string, rule Rule) TaskDifference {
	d := TaskDifference{Task: t.Name, Metric: metric, Counts: rule.Metric(t) == metric}
	right := func(v eval.Verdict) float64 {
		if metric == "acc" {
			return one(v.Acc)
		}
		return one(v.AccNorm)
	}
	var as, bs, differences []float64
	for i := range p.a {
		a, b := right(p.a[i]), right(p.b[i])
		as, bs, differences = append(as, a), append(bs, b), append(differences, b-a)
		switch {
		case a > b:
			d.OnlyA++
		case b > a:
			d.OnlyB++
		}
	}
	d.A, d.B, d.Difference = eval.MeanOf(as).Value, eval.MeanOf(bs).Value, eval.MeanOf(differences)
	d.P = eval.McNemar(d.OnlyA, d.OnlyB)
	return d
}

func meanDifference(tasks []TaskDifference, rule Rule) *MeanDifference {
	m := &MeanDifference{Rule: rule.Name, P: 1}
	var differences []eval.Mean
	for _, t := range tasks {
		if t.Counts {
			differences = append(differences, t.Difference)
			m.A += t.A
			m.B += t.B
		}
	}
	n := len(differences)
	if n < 2 {
		return nil
	}
	m.A, m.B = m.A/float64(n), m.B/float64(n)
	m.Difference = eval.MeanOfMeans(differences)
	if m.Difference.Stderr > 0 {
		m.P = eval.NormalTail(m.Difference.Value / m.Difference.Stderr)
	}
	return m
}

func textDifference(x, y Text) TextDifference {
	var differences []float64
	for i := range x.ChunkNLL {
		differences = append(differences, y.ChunkNLL[i]-x.ChunkNLL[i])
	}
	d := TextDifference{Text: x.Name, A: x.Perplexity, B: y.Perplexity, Difference: eval.MeanOf(differences)}
	d.P = eval.PairedT(d.Difference)
	return d
}
