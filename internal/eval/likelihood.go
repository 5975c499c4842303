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

// MostRows is how many rows a pass of Likelihoods has at most.
func MostRows(questions [][]transformer.Text) int {
	most, all := 0, 0
	for _, q := range questions {
		n := transformer.ScoreRows(q)
		most, all = max(most, n), all+n
	}
	return max(most, min(all, passTokens))
}

// alike says whether texts can share a pass.
func alike(tr *transformer.Transformer, texts []transformer.Text) bool {
	return !slices.ContainsFunc(texts, func(t transformer.Text) bool { return !tr.TurnAlike(len(t.IDs)-1, len(texts[0].IDs)-1) })
}

// score is one pass, or one for each text of a question whose texts cannot share one.
func score(ctx context.Context, tr *transformer.Transformer, w transformer.WeightSource, questions [][]transformer.Text) ([][]transformer.Predictions, error) {
	if alike(tr, questions[0]) {
		return tr.Score(ctx, questions, w)
	}
	var results []transformer.Predictions
	for _, text := range questions[0] {
		r, err := tr.Score(ctx, [][]transformer.Text{{text}}, w)
		if err != nil {
			return nil, err
		}
		results = append(results, r[0][0])
	}
	return [][]transformer.Predictions{results}, nil
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
