package task

import (
	"embed"
	"errors"
	"fmt"
	"slices"
	"strings"
)

//go:embed builtin/*.json
var builtin embed.FS

// ErrName is in the error about tasks that are not there by that name, or come twice.
var ErrName = errors.New("task")

// Papers are the seven tasks that papers on structured pruning measure, in their usual order.
var Papers = []string{"boolq", "piqa", "hellaswag", "winogrande", "arc_easy", "arc_challenge", "openbookqa"}

// Texts are the built-in tasks that read texts whole.
var Texts = []string{"wikitext"}

// Builtin is a built-in task.
func Builtin(name string) (*Task, error) {
	if !slices.Contains(Papers, name) && !slices.Contains(Texts, name) {
		return nil, fmt.Errorf("%w: %q is not known; known are %s, papers (these seven), %s, or a file: NAME.json", ErrName, name, strings.Join(Papers, ", "), strings.Join(Texts, ", "))
	}
	data, err := builtin.ReadFile("builtin/" + name + ".json")
	if err != nil {
		return nil, err
	}
	return Parse("built-in "+name, data)
}

// Load opens what names say, in order: built-in tasks, papers for all seven, files that end in
// .json. Each may come once.
func Load(names []string) (tasks []*Task, err error) {
	var all []string
	for _, name := range names {
		name = strings.TrimSpace(name)
		if name == "papers" {
			all = append(all, Papers...)
		} else {
			all = append(all, name)
		}
	}
	seen := map[string]bool{}
	for _, name := range all {
		open := Builtin
		if strings.HasSuffix(name, ".json") {
			open = Open
		}
		t, err := open(name)
		if err != nil {
			return nil, err
		}
		if seen[t.Name] {
			return nil, fmt.Errorf("%w: %s is named twice", ErrName, t.Name)
		}
		seen[t.Name] = true
		tasks = append(tasks, t)
	}
	return tasks, nil
}
