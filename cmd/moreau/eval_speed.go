package main

import (
	"fmt"
	"io"

	"moreau/internal/job"
)

// printSpeed writes a row a model, medians with the least and the most of all rounds.
func printSpeed(w io.Writer, models []job.ModelReport) {
	s := models[0].Speed
	rows := []string{fmt.Sprintf("model\ttype\tweights\tRAM\tprompt of %d, tokens/s\tratio\tthen %d, tokens/s\tratio", s.Prompt, s.Tokens)}
	for _, m := range models {
		s := m.Speed
		rows = append(rows, fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s", m.Model, s.Type, job.Size(s.Bytes), job.Size(s.Memory),
			spread(s.Reading.Spread, 1), ratio(s.Reading.Ratio), spread(s.Generation.Spread, 1), ratio(s.Generation.Ratio)))
	}
	table(w, rows...)
	fmt.Fprintf(w, "median (least to most) of %d rounds, the models in turn; ratios to the first model, round by round; RAM of generating so, estimated\n", len(s.Reading.Rounds))
}

func spread(s job.Spread, digits int) string {
	return fmt.Sprintf("%.*f (%.*f to %.*f)", digits, s.Median, digits, s.Least, digits, s.Most)
}

// ratio is empty for the first model.
func ratio(s *job.Spread) string {
	if s == nil {
		return ""
	}
	return spread(*s, 2)
}
