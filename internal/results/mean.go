package results

import (
	"fmt"
	"strings"

	"moreau/internal/eval"
)

// Rule says which metric of a task its mean over tasks takes.
type Rule struct {
	Name    string
	About   string
	Metrics map[string]string // by task, where it is not the task's own
}

// Rules are the means that papers report.
var Rules = []Rule{
	{"papers", "acc of boolq, winogrande, arc_easy; acc_norm of piqa, hellaswag, arc_challenge, openbookqa", nil},
	{"llm-pruner", "the same with acc of piqa", map[string]string{"piqa": "acc"}},
}

// RuleNames are those of Rules.
func RuleNames() (names []string) {
	for _, r := range Rules {
		names = append(names, r.Name)
	}
	return names
}

// FindRule is the rule of that name.
func FindRule(name string) (Rule, error) {
	for _, r := range Rules {
		if r.Name == name {
			return r, nil
		}
	}
	return Rule{}, fmt.Errorf("mean %q is not known, known are %s", name, strings.Join(RuleNames(), ", "))
}

// Metric is the one that counts of a task.
func (r Rule) Metric(t Task) string {
	if m, ok := r.Metrics[t.Name]; ok {
		return m
	}
	return t.Metric
}

// Mean is the mean over tasks, each counting the same.
func (r Rule) Mean(tasks []Task) eval.Mean {
	var means []eval.Mean
	for _, t := range tasks {
		means = append(means, t.Mean(r.Metric(t)))
	}
	return eval.MeanOfMeans(means)
}
