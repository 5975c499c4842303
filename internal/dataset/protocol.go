package dataset

import (
	"fmt"
	"strings"
)

// Protocol is a way to measure perplexity (docs/method.md, "Perplexity").
type Protocol struct {
	Name  string
	About string
	Seq   int // tokens a row; of Rolling those that a window reads at most, 0 for the model's

	Rolling bool // documents are read whole, through windows
}

// Protocols are those that have a name.
var Protocols = []Protocol{
	{"llm-pruner", "rows of 128 tokens", 128, false},
	{"gptq", "rows of 2048", 2048, false},
	{"4096", "rows of 4096", 4096, false},
	{"rolling", "whole documents, as task wikitext of lm-evaluation-harness", 0, true},
}

// FindProtocol is the protocol of that name.
func FindProtocol(name string) (Protocol, error) {
	var names []string
	for _, p := range Protocols {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return Protocol{}, fmt.Errorf("protocol %q is not known, known are %s", name, strings.Join(names, ", "))
}

// RowsOf is the protocol of rows of so many tokens; lengths that no paper takes are called "rows".
func RowsOf(seq int) Protocol {
	for _, p := range Protocols {
		if p.Seq == seq {
			return p
		}
	}
	return Protocol{Name: "rows", Seq: seq}
}
