package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"moreau/internal/job"
)

// cardText is the README.md of a written Hugging Face folder: metadata of the model
// hub (huggingface.co/docs/hub/model-cards), then for people what was cut, by
// what, from what. Before the run is done it stands for the size alone.
func cardText(r job.PruneReport) string {
	var s strings.Builder
	s.WriteString(metadata(r))
	fmt.Fprintf(&s, "\n# %s, pruned\n\nPruned from %s by %s.\n\n", r.Source.Name, describe(r.Source), r.Program)
	s.WriteString("| | before | after | change |\n|---|---|---|---|\n")
	for _, row := range resultRows(r, " | ") {
		fmt.Fprintf(&s, "| %s |\n", row)
	}
	s.WriteString("\n| layers | query heads | KV groups | MLP channels |\n|---|---|---|---|\n")
	eachSpan(cutSizes(r.Plan), func(layers string, l layerCut) {
		if l.gone() {
			fmt.Fprintf(&s, "| %s | dropped | | |\n", layers)
			return
		}
		fmt.Fprintf(&s, "| %s | %s | %s | %s |\n", layers, arrow(l.Heads), arrow(l.KVHeads), arrow(l.Intermediate))
	})
	lines := decisions(r.Plan)
	if note := perplexityNote(r.Plan); note != "" {
		lines += "- " + note + "\n"
	}
	fmt.Fprintf(&s, "\n%s\n```\n%s\n```\n", lines, r.Command)
	return s.String() + loading(r)
}

// decisions are the lines about what was dropped and cut.
func decisions(p job.PrunePlan) (lines string) {
	if gone := p.Dropped(); len(gone) > 0 {
		lines = fmt.Sprintf("- dropped: layers %s\n", spans(gone))
	}
	if scores := p.ScoresInWords(); scores != "" {
		lines += fmt.Sprintf("- scores: %s, seed %d\n", scores, p.Manifest.Seed)
	}
	if p.Cut.Removed() > 0 {
		lines += fmt.Sprintf("- cut: %s\n", cutNote(p))
	}
	if p.Refit != nil {
		lines += "- refit: " + refitNote(p) + "\n"
	}
	if p.Tune != nil {
		lines += "- tuning: " + tuneNote(p) + "\n"
	}
	return lines
}

// describe is the source in the words of the card. Where the hash is not known yet, there
// is room for it, so that the size of the card is planned.
func describe(s job.Source) string {
	name := "`" + s.Name + "`"
	if s.Repo != "" {
		name = fmt.Sprintf("`%s` at `%s`", s.Repo, s.Commit)
	}
	switch len(s.Files) {
	case 0:
		return name + " (inside the program)"
	case 1:
		return fmt.Sprintf("%s (SHA-256 of `%s`: `%64s`)", name, s.Files[0], s.SHA256)
	}
	return fmt.Sprintf("%s (SHA-256 of its safetensors files one after the other: `%64s`)", name, s.SHA256)
}

// metadata is the YAML block.
func metadata(r job.PruneReport) string {
	lines := []string{"---", "library_name: transformers", "pipeline_tag: text-generation", "tags:", "- moreau", "- pruned"}
	if r.OwnCode {
		lines = append(lines, "- custom_code")
	}
	if r.Source.Repo != "" {
		lines = append(lines, "base_model: "+r.Source.Repo)
	}
	lines = append(lines, r.Source.Metadata...)
	return strings.Join(append(lines, "---"), "\n") + "\n"
}

// loading says how to load the folder.
func loading(r job.PruneReport) string {
	classes, tokenizer, trust, note := "AutoModelForCausalLM", "", "", ""
	if r.Tokenizer {
		classes, tokenizer = classes+", AutoTokenizer", "tokenizer = AutoTokenizer.from_pretrained(path)\n"
	}
	if r.OwnCode {
		trust, note = ", trust_remote_code=True", "\nNo class of transformers builds layers of these sizes: the folder brings its own code.\n"
	}
	return note + "\n```python\nfrom transformers import " + classes + "\n\npath = \"path/to/this/folder\"\n" +
		tokenizer + "model = AutoModelForCausalLM.from_pretrained(path" + trust + ")\n```\n"
}

// immaterial are flags on which the model written does not depend.
var immaterial = map[string]bool{"threads": true, "json": true, "force": true, "memory": true, "scratch": true,
	"journal-every": true, "save-scores": true, "save-plan": true, "force-scores": true}

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
