package eval

import (
	"context"
	"slices"

	"moreau/internal/transformer"
)

// Likelihood is what a model says of one continuation.
type Likelihood struct {
	Log    float64 `json:"loglikelihood"` // natural logarithm, summed over its tokens
	Greedy bool    `json:"is_greedy"`     // each token is the most likely one
}

// Likelihoods measures questions, each the texts of its choices, a pass at a time, and hands
// emit what each pass gave, in order. The bits of a question do not depend on the others.
func Likelihoods(ctx context.Context, tr *transformer.Transformer, w transformer.WeightSource, questions [][]transformer.Text,
	emit func(answers [][]Likelihood) error) error {
	for len(questions) > 0 {
		n := inPass(tr, questions)
		results, err := score(ctx, tr, w, questions[:n])
		if err != nil {
			return err
		}
		answers, err := likelihoods(questions[:n], results)
		if err != nil {
			return err
		}
		if err := emit(answers); err != nil {
			return err
		}
		questions = questions[n:]
	}
	return nil
}

// inPass is how many of the first questions go through the model at once: as many as have
// passTokens rows and turn alike, or one.
func inPass(tr *transformer.Transformer, questions [][]transformer.Text) int {
	rows := transformer.ScoreRows(questions[0])
	for n := 1; n < len(questions); n++ {
		rows += transformer.ScoreRows(questions[n])
		if rows > passTokens || !alike(tr, append(slices.Clone(questions[0]), questions[n]...)) {
			return n
		}
	}
	return len(questions)
}

// LargestPass is the questions, or the one text of a question, of the pass of Likelihoods that has most rows.
func LargestPass(tr *transformer.Transformer, questions [][]transformer.Text) (largest [][]transformer.Text) {
	most := 0
	for len(questions) > 0 {
		n := inPass(tr, questions)
		for _, pass := range passes(tr, questions[:n]) {
			rows := 0
			for _, q := range pass {
				rows += transformer.ScoreRows(q)
			}
			if rows > most {
				most, largest = rows, pass
			}
		}
		questions = questions[n:]
	}
	return largest
}

// passes are one for all questions, or one for each text of a question whose texts cannot share one.
func passes(tr *transformer.Transformer, questions [][]transformer.Text) (all [][][]transformer.Text) {
	if alike(tr, questions[0]) {
		return [][][]transformer.Text{questions}
	}
	for _, text := range questions[0] {
		all = append(all, [][]transformer.Text{{text}})
	}
	return all
}

// alike says whether texts can share a pass.
func alike(tr *transformer.Transformer, texts []transformer.Text) bool {
	return !slices.ContainsFunc(texts, func(t transformer.Text) bool { return !tr.TurnAlike(len(t.IDs)-1, len(texts[0].IDs)-1) })
}

// score runs the passes of questions, one after the other.
func score(ctx context.Context, tr *transformer.Transformer, w transformer.WeightSource, questions [][]transformer.Text) ([][]transformer.Predictions, error) {
	var results [][]transformer.Predictions
	for _, pass := range passes(tr, questions) {
		r, err := tr.Score(ctx, pass, w)
		if err != nil {
			return nil, err
		}
		results = append(results, r...)
	}
	if len(results) > len(questions) { // a text each
		return [][]transformer.Predictions{slices.Concat(results...)}, nil
	}
	return results, nil
}

// likelihoods sums up what is predicted of each text.
func likelihoods(questions [][]transformer.Text, results [][]transformer.Predictions) ([][]Likelihood, error) {
	answers := make([][]Likelihood, len(questions))
	for q, texts := range questions {
		for k, t := range texts {
			r := results[q][k]
			l := Likelihood{-total(r.NLL), slices.Equal(r.Best, t.IDs[t.From:])}
			if err := transformer.Finite("a log-likelihood", l.Log); err != nil {
				return nil, err
			}
			answers[q] = append(answers[q], l)
		}
	}
	return answers, nil
}
