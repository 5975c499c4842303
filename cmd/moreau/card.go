package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"moreau/internal/export"
)

// card is the README.md of a written Hugging Face folder: metadata of the model
// hub (huggingface.co/docs/hub/model-cards), then for people what was cut, by
// what, from what. Before the run is done it stands for the size alone.
func (j *pruneJob) card(e export.Model, before, after []measured) string {
	var s strings.Builder
	s.WriteString(j.metadata())
	fmt.Fprintf(&s, "\n# %s, pruned\n\nPruned from %s by moreau %s.\n\n", modelName(j.m.Path), j.source.describe(j.m), version)
	s.WriteString("| | before | after | change |\n|---|---|---|---|\n")
	for _, r := range j.resultRows(before, after, " | ", false) {
		fmt.Fprintf(&s, "| %s |\n", r)
	}
	s.WriteString("\n| layers | query heads | KV groups | MLP channels |\n|---|---|---|---|\n")
	eachSpan(cutSizes(j.cut), func(layers string, l layerBeforeCut) {
		fmt.Fprintf(&s, "| %s | %s | %s | %s |\n", layers, arrow(l.Heads), arrow(l.KVHeads), arrow(l.Intermediate))
	})
	fmt.Fprintf(&s, "\n- scores: %s, seed %d\n- cut: layers %s%s, %s selection\n\n```\n%s\n```\n",
		j.describeScoring(), j.Seed, j.budget.Layers, protectedNote(protected(j.cut.Before, j.budget.Layers)), j.budget.Selection, j.command)
	return s.String() + loading(e)
}

// metadata is the YAML block.
func (j *pruneJob) metadata() string {
	lines := []string{"---", "library_name: transformers", "pipeline_tag: text-generation", "tags:", "- moreau", "- pruned"}
	if export.OwnCode(j.cut.After) {
		lines = append(lines, "- custom_code")
	}
	if j.source.repo != "" {
		lines = append(lines, "base_model: "+j.source.repo)
	}
	lines = append(lines, sourceMetadata(j.m, "license", "license_name", "license_link", "language")...)
	return strings.Join(append(lines, "---"), "\n") + "\n"
}

// loading says how to load the folder.
func loading(e export.Model) string {
	classes, tokenizer, trust, note := "AutoModelForCausalLM", "", "", ""
	if e.Vocab != nil {
		classes, tokenizer = classes+", AutoTokenizer", "tokenizer = AutoTokenizer.from_pretrained(path)\n"
	}
	if export.OwnCode(e.Config) {
		trust, note = ", trust_remote_code=True", "\nNo class of transformers builds layers of these sizes: the folder brings its own code.\n"
	}
	return note + "\n```python\nfrom transformers import " + classes + "\n\npath = \"path/to/this/folder\"\n" +
		tokenizer + "model = AutoModelForCausalLM.from_pretrained(path" + trust + ")\n```\n"
}

// immaterial are flags on which the model written does not depend.
var immaterial = map[string]bool{"threads": true, "json": true, "force": true, "memory": true, "scratch": true,
	"journal-every": true, "save-scores": true, "save-plan": true}

// commandLine is the command with the flags that were set, but for those on
// which the output does not depend; in order of their names, and with OUT for the
// output, so that the same run writes the same card.
func commandLine(cmd *cobra.Command, args []string) string {
	words := []string{cmd.CommandPath()}
	for _, a := range args {
		words = append(words, shellWord(a))
	}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		switch {
		case immaterial[f.Name]:
		case f.Name == "out":
			words = append(words, "-o OUT")
		case f.Value.Type() == "bool":
			words = append(words, switchWord(f))
		case f.Value.Type() == "stringArray":
			for _, v := range f.Value.(pflag.SliceValue).GetSlice() {
				words = append(words, "--"+f.Name, shellWord(v))
			}
		default:
			words = append(words, "--"+f.Name, shellWord(f.Value.String()))
		}
	})
	return strings.Join(words, " ")
}

// switchWord is a flag that is on or off.
func switchWord(f *pflag.Flag) string {
	if f.Value.String() == "true" {
		return "--" + f.Name
	}
	return "--" + f.Name + "=false"
}

// shellWord quotes what a shell would not take as it is.
func shellWord(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%+,-./:=@_") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
