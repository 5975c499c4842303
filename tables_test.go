package moreau_test

import (
	"slices"
	"testing"

	"moreau/internal/dataset"
	"moreau/internal/importance"
	"moreau/internal/model"
	"moreau/internal/task"
)

// A name stands once in each table.
func TestNamesAreUnique(t *testing.T) {
	tables := map[string][]string{"importance.Methods": importance.MethodNames(), "dataset.BuiltinNames": dataset.BuiltinNames, "task.Papers and Texts": slices.Concat(task.Papers, task.Texts)}
	for _, f := range model.Families {
		tables["model.Families"] = append(tables["model.Families"], f.Name)
		tables["model types"] = append(tables["model types"], f.ModelTypes...)
		tables["GGUF architectures"] = append(tables["GGUF architectures"], f.GGUFArchs...)
	}
	for table, names := range tables {
		seen := map[string]bool{}
		for _, n := range names {
			if n == "" || seen[n] {
				t.Errorf("%s: %q is empty or occurs twice", table, n)
			}
			seen[n] = true
		}
	}
	for _, m := range importance.Methods {
		if found, err := importance.FindMethod(m.Name); err != nil || m.Doc == "" || found.Name != m.Name {
			t.Errorf("method %q is not found or not described", m.Name)
		}
	}
}
