package job

import (
	"context"
	"fmt"

	"moreau/internal/backend"
	"moreau/internal/eval"
	"moreau/internal/results"
	"moreau/internal/transformer"
)

// measure fills run, the number'th, with what was measured of s before, by the journal, and
// what it measures now. It gives the perplexities with their rates.
func (s *subject) measure(ctx context.Context, be backend.Backend, number int, run *results.Run, journal *results.Journal, progress Progress) ([]Measured, error) {
	tr, w := transformer.New(be, s.m.Config), transformer.NewStreamed(be, s.m.Weights)
	var texts []Measured
	noteRows(s.m, nil, s.texts, progress)
	for i, t := range s.texts {
		known := journal.Chunks(number, t.name)
		keep := func(more []eval.Chunk) error {
			err := journal.AddChunks(number, t.name, len(known), more)
			known = append(known, more...)
			return err
		}
		m, err := measureText(ctx, tr, w, t, Perplexity, t.name, known, keep, progress)
		if err != nil {
			return nil, err
		}
		run.Texts[i].Set(m.Result)
		texts = append(texts, m)
	}
	if len(s.tasks) == 0 {
		return texts, nil
	}
	weights, free := s.taskWeights(w)
	defer free()
	for i, t := range s.tasks {
		if err := t.answer(ctx, tr, weights, number, &run.Tasks[i], journal, progress); err != nil {
			return nil, err
		}
	}
	return texts, nil
}

// keepBytes is what weights may take as float32 to be kept from pass to pass of the tasks; those of
// larger models are read and decoded for each.
const keepBytes = 2 << 30

func (s *subject) keepsWeights() bool { return 4*s.m.Config.ParamCount() <= keepBytes }

// taskWeights are what the passes of tasks take, and how it ends.
func (s *subject) taskWeights(w transformer.WeightSource) (transformer.WeightSource, func()) {
	if !s.keepsWeights() {
		return w, func() {}
	}
	kept := transformer.NewResident(w)
	return kept, kept.Free
}

// answer measures the questions of a task that the journal does not know.
func (t encoded) answer(ctx context.Context, tr *transformer.Transformer, w transformer.WeightSource, number int, into *results.Task, journal *results.Journal, progress Progress) error {
	var open []int // questions that are to be measured
	var texts [][]transformer.Text
	for i := range into.Examples {
		e := &into.Examples[i]
		if answers, ok := journal.Answers(number, t.Name, e.Index); ok && len(answers) == len(t.texts[i]) {
			e.Answers = answers
			continue
		}
		open, texts = append(open, i), append(texts, t.texts[i])
	}
	if t.cut > 0 {
		progress.Note(fmt.Sprintf("%s: contexts of %d of %d questions are longer than the model's context; they are cut on the left", t.Name, t.cut, len(t.texts)))
	}
	progress.Begin(Answering, t.Name, int64(len(t.texts)))
	err := eval.Likelihoods(ctx, tr, w, texts, func(answers [][]eval.Likelihood) error {
		var entries []results.Entry
		for i, a := range answers {
			e := &into.Examples[open[i]]
			e.Answers = a
			entries = append(entries, results.Entry{Run: number, Of: t.Name, Index: e.Index, Answers: a})
		}
		open = open[len(answers):]
		progress.At(int64(len(t.texts) - len(open)))
		return journal.Add(entries...)
	})
	if err != nil {
		return err
	}
	into.Judge()
	progress.End(into.Mean(into.Metric).Value)
	return nil
}
