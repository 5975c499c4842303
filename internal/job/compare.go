package job

import (
	"fmt"

	"moreau/internal/results"
)

// Compare pairs the first model of results files with each of the others, by a rule of
// results.Rules for means.
func Compare(files []string, mean string) ([]results.Comparison, error) {
	rule, err := results.FindRule(mean)
	if err != nil {
		return nil, Usage(fmt.Errorf("--%w", err))
	}
	var runs []results.Run
	for _, path := range files {
		f, err := results.Read(path)
		if err != nil {
			return nil, Input(err)
		}
		runs = append(runs, f.Runs...)
	}
	if len(runs) < 2 {
		return nil, Input(fmt.Errorf("%s: it holds one model; name a results file of another", files[0]))
	}
	var all []results.Comparison
	for _, other := range runs[1:] {
		c, err := results.Compare(runs[0], other, rule)
		if err != nil {
			return nil, Input(err)
		}
		all = append(all, c)
	}
	return all, nil
}
