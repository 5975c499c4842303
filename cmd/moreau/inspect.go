package main

import (
	"fmt"
	"io"
	"sort"
	"strings"

	"github.com/spf13/cobra"

	"moreau/internal/job"
	"moreau/internal/load"
	"moreau/internal/model"
)

// inspectOptions are the flags of inspect: it has none.
type inspectOptions struct{}

func newInspectCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use: "inspect MODEL", Short: "Show architecture, sizes, tokenizer and prunable structures",
		Args: oneModel,
		RunE: func(cmd *cobra.Command, args []string) error {
			return inspectOptions{}.run(g, args[0], cmd.OutOrStdout())
		},
	}
}

// inspection is what inspect knows of a model; the JSON output.
type inspection struct {
	Path         string           `json:"path"`
	Format       load.Format      `json:"format"`
	Family       string           `json:"family"`
	Parameters   int64            `json:"parameters"`
	Bytes        int64            `json:"weight_bytes"`
	Bare         bool             `json:"configuration_only,omitempty"` // no weights are there: bytes and dtypes are what config.json promises
	DTypes       map[string]int64 `json:"parameters_by_dtype"`
	VocabSize    int              `json:"vocab_size"`
	HiddenSize   int              `json:"hidden_size"`
	HeadDim      int              `json:"head_dim"`
	MaxPositions int              `json:"max_positions"`
	Window       int              `json:"sliding_window,omitempty"`
	RopeTheta    float64          `json:"rope_theta"`
	RopeScaling  string           `json:"rope_scaling,omitempty"`
	Tied         bool             `json:"tied_embeddings"`
	KVBytes      int64            `json:"kv_cache_bytes_per_token"`
	Tokenizer    string           `json:"tokenizer"`
	Layers       []layerSizes     `json:"layers"`
	ScoreBytes   int64            `json:"estimated_ram_moreau_10x128"`
	EvalBytes    int64            `json:"estimated_ram_eval"`
}

type layerSizes struct {
	Heads        int   `json:"heads"`
	KVHeads      int   `json:"kv_heads"`
	Intermediate int   `json:"intermediate_size"`
	UnitParams   []int `json:"parameters_per_unit"` // of a KV group, of a channel
	Protected    bool  `json:"protected_by_default"`
}

func (inspectOptions) run(g *globals, path string, stdout io.Writer) error {
	i, err := job.Inspect(path)
	if err != nil {
		return err
	}
	r := newInspection(i)
	if g.JSON {
		return printJSON(stdout, r)
	}
	printInspection(stdout, r)
	return nil
}

func newInspection(i job.Inspection) inspection {
	c := i.Config
	r := inspection{Path: i.Path, Format: i.Format, Bare: i.Bare, Family: c.Family.Name, Parameters: c.ParamCount(), Bytes: i.Bytes, DTypes: i.DTypes,
		VocabSize: c.VocabSize, HiddenSize: c.HiddenSize, HeadDim: c.HeadDim, MaxPositions: c.MaxPositions, Window: c.Window(),
		RopeTheta: c.Rope.Theta, Tied: c.Tied, KVBytes: c.KVBytes(), Tokenizer: describeTokenizer(i), ScoreBytes: i.ScoringBytes, EvalBytes: i.EvalBytes}
	if c.Rope.Scaling != nil {
		r.RopeScaling = c.Rope.Scaling.Type
	}
	open := c.UnprotectedLayers()
	for l, s := range c.Layers {
		r.Layers = append(r.Layers, layerSizes{s.Heads, s.KVHeads, s.Intermediate,
			[]int{int(c.UnitParams(c.Dim(l, model.Heads))), int(c.UnitParams(c.Dim(l, model.MLP)))}, !open.Has(l)})
	}
	return r
}

// describeTokenizer is one phrase; a model without a tokenizer can still be inspected.
func describeTokenizer(i job.Inspection) string {
	if i.VocabErr != nil {
		return "none (" + i.VocabErr.Error() + ")"
	}
	return fmt.Sprintf("%s, %s, %d tokens", i.Vocab.Model, i.Vocab.Pre, len(i.Vocab.Tokens))
}

func printInspection(w io.Writer, r inspection) {
	tied := "untied"
	if r.Tied {
		tied = "tied"
	}
	rope := fmt.Sprintf("theta %g", r.RopeTheta)
	if r.RopeScaling != "" {
		rope += ", scaling " + r.RopeScaling
	}
	window := ""
	if r.Window > 0 {
		window = fmt.Sprintf(", sliding window %d", r.Window)
	}
	table(w,
		"model\t"+r.Path+" ("+string(r.Format)+", family "+r.Family+")",
		fmt.Sprintf("parameters\t%s, embeddings %s", count(r.Parameters), tied),
		weightsRow(r),
		fmt.Sprintf("sizes\thidden %d, head size %d, vocabulary %d, context %d%s", r.HiddenSize, r.HeadDim, r.VocabSize, r.MaxPositions, window),
		"rope\t"+rope,
		fmt.Sprintf("KV cache\t%s a token at 16 bits", job.Size(r.KVBytes)),
		"tokenizer\t"+r.Tokenizer,
		fmt.Sprintf("estimated RAM\t%s to score by moreau on 10 x 128 tokens, %s to evaluate", job.Size(r.ScoreBytes), job.Size(r.EvalBytes)),
	)
	fmt.Fprintln(w)
	rows := []string{"layers\tquery heads\tKV groups\tparameters a group\tMLP channels\tparameters a channel\t"}
	for lo := 0; lo < len(r.Layers); {
		hi := lo + 1
		for hi < len(r.Layers) && same(r.Layers[lo], r.Layers[hi]) {
			hi++
		}
		l := r.Layers[lo]
		note := ""
		if l.Protected {
			note = "protected by default"
		}
		rows = append(rows, fmt.Sprintf("%s\t%d\t%d\t%s\t%d\t%s\t%s", span(lo, hi-1), l.Heads, l.KVHeads, count(int64(l.UnitParams[0])), l.Intermediate, count(int64(l.UnitParams[1])), note))
		lo = hi
	}
	table(w, rows...)
}

func weightsRow(r inspection) string {
	row := fmt.Sprintf("weights\t%s: %s", job.Size(r.Bytes), dtypes(r.DTypes))
	if r.Bare {
		row += "; not here: config.json is alone"
	}
	return row
}

func same(a, b layerSizes) bool {
	return a.Heads == b.Heads && a.KVHeads == b.KVHeads && a.Intermediate == b.Intermediate && a.Protected == b.Protected
}

func span(first, last int) string {
	if first == last {
		return fmt.Sprint(first)
	}
	return model.Range{First: first, Last: last}.String()
}

func dtypes(counts map[string]int64) string {
	var parts []string
	for d, n := range counts {
		parts = append(parts, fmt.Sprintf("%s %s", d, count(n)))
	}
	sort.Strings(parts)
	return strings.Join(parts, ", ")
}
