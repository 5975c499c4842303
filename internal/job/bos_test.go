package job

import (
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moreau/internal/backend/cpu"
	"moreau/internal/dataset"
	"moreau/internal/load"
	"moreau/internal/tokenizer"
)

// Auto is what is said for it; there is no BOS that the tokenizer lacks.
func TestBOS(t *testing.T) {
	tok, err := builtinModel(t).Tokenizer()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, auto string }{{"auto", "tokenizer"}, {"always", "yes"}, {"never", "no"}} {
		var b BOS
		if err := b.Set(c.name); err != nil || b.String() != c.name {
			t.Errorf("%s: %v, %v", c.name, b, err)
		}
		for _, auto := range []bool{false, true} {
			want := c.auto == "yes" || c.auto == "tokenizer" && auto
			if got, err := b.decide(tok, auto); got != want || err != nil {
				t.Errorf("%s, auto %v: %v, %v", c.name, auto, got, err)
			}
		}
	}
	without := vocabOnly{tok, tokenizer.Vocab{BOS: -1}}
	if _, err := AlwaysBOS.decide(without, false); !errors.Is(err, ErrUsage) {
		t.Errorf("a BOS that is not there: %v", err)
	}
	var b BOS
	if b.Set("maybe") == nil {
		t.Error("--bos maybe passes")
	}
}

// vocabOnly is a tokenizer with another vocabulary.
type vocabOnly struct {
	tokenizer.Tokenizer
	vocab tokenizer.Vocab
}

func (v vocabOnly) Vocab() *tokenizer.Vocab { return &v.vocab }

// Rows are as long as asked for with BOS and without. The tokenizer decides for calibration but of the
// built-in model; for perplexity only the flag does.
func TestRowsBehindBOS(t *testing.T) {
	inside := builtinModel(t)
	copied := *inside
	copied.Path = filepath.Join("a", "copy.gguf")
	for _, c := range []struct {
		m           *load.Model
		bos         BOS
		calib, text bool
	}{{inside, AutoBOS, false, false}, {&copied, AutoBOS, true, false}, {inside, AlwaysBOS, true, true}, {&copied, NeverBOS, false, false}} {
		calib, err := CalibOptions{Rows: 3, SeqLen: 16, BOS: c.bos}.load(c.m, 1, 1)
		if err != nil {
			t.Fatal(err)
		}
		texts, err := TextOptions{Seq: 16, Chunks: 3, BOS: c.bos}.load(c.m, "")
		if err != nil {
			t.Fatal(err)
		}
		if calib.info.BOS != c.calib || texts[0].bos != c.text {
			t.Errorf("%+v: calibration %v, perplexity %v", c, calib.info.BOS, texts[0].bos)
		}
		for i := range 3 {
			if row := calib.rows[i]; len(row) != 16 || (row[0] == 1) != c.calib {
				t.Errorf("%s, %v: calibration row %v", c.m.Path, c.bos, row)
			}
			if row := texts[0].rows[i]; len(row) != 16 || (row[0] == 1) != c.text {
				t.Errorf("%s, %v: perplexity row %v", c.m.Path, c.bos, row)
			}
		}
	}
}

// Where a tokenizer adds BOS and a protocol has none, one line says so, and none where the flag was given or the protocol has it.
func TestNoteOfMissingBOS(t *testing.T) {
	be, err := cpu.New(2)
	if err != nil {
		t.Fatal(err)
	}
	two := []NamedFile{{"a", "builtin:stories"}, {"b", "builtin:shakespeare"}}
	for _, c := range []struct {
		o     TextOptions
		notes int
	}{{TextOptions{Seq: 64}, 1}, {TextOptions{Seq: 64, Files: two}, 1}, {TextOptions{Seq: 64, BOS: AlwaysBOS}, 0}, {TextOptions{Seq: 64, BOS: NeverBOS}, 0}, {TextOptions{Seq: 64, Protocol: "rolling"}, 0}} {
		c.o.Chunks = 1
		j, err := NewEval([]string{load.Builtin}, be, EvalOptions{Texts: &c.o, Mean: "papers"})
		if err != nil {
			t.Fatal(err)
		}
		h := &heard{}
		if _, err := j.Execute(t.Context(), j.Plan(), h); err != nil {
			t.Fatal(err)
		}
		j.Close()
		if len(h.notes) != c.notes || c.notes > 0 && (!strings.Contains(h.notes[0], "rows of 64 tokens, no BOS added") || !strings.Contains(h.notes[0], "--bos always")) {
			t.Errorf("%+v: notes %q", c.o, h.notes)
		}
	}
}

// The same of prune and score, and of rows given as ids where none begins with BOS.
func TestNoteOfRowsWithoutBOS(t *testing.T) {
	dir := t.TempDir()
	bare, behind := filepath.Join(dir, "bare.json"), filepath.Join(dir, "behind.json")
	put(t, bare, "[[5, 6, 7, 8], [9, 10, 11, 12]]")
	put(t, behind, "[[5, 6, 7, 8], [1, 10, 11, 12]]")
	scoring := func(method, ids string, bos BOS) ScoringOptions {
		o := quick(method)
		o.Calib.IDs, o.Calib.BOS = ids, bos
		return o
	}
	const rows = "calibration: no row of ids begins with BOS"
	for _, c := range []struct {
		ids  string
		bos  BOS
		said []string
	}{{bare, AutoBOS, []string{rows}}, {bare, NeverBOS, nil}, {behind, AutoBOS, nil}, {"", AutoBOS, nil}} {
		j, err := NewScore(load.Builtin, mustCPU(t), ScoreOptions{Scoring: scoring("taylor", c.ids, c.bos), Out: filepath.Join(dir, "s.json"), Force: true})
		if err != nil {
			t.Fatal(err)
		}
		p, err := j.Plan()
		if err != nil {
			t.Fatal(err)
		}
		h := &heard{}
		if _, err := j.Execute(t.Context(), p, h); err != nil || !slices.EqualFunc(h.notes, c.said, strings.HasPrefix) {
			t.Errorf("score %+v: notes %q, %v", c, h.notes, err)
		}
		j.Close()
	}
	cut := BudgetOptions{Ratio: 0.2, Align: AutoAlign}
	for _, c := range []struct {
		o    PruneOptions
		said []string
	}{
		{PruneOptions{Scoring: quick("l1"), Texts: TextOptions{Seq: 64, Chunks: 1}}, []string{"perplexity: rows of 64 tokens, no BOS added"}},
		{PruneOptions{Scoring: quick("l1"), Texts: TextOptions{Seq: 64, Chunks: 1, BOS: NeverBOS}}, nil},
		{PruneOptions{Scoring: scoring("taylor", bare, AutoBOS), Texts: TextOptions{IDs: bare, Seq: 64}}, []string{rows, "perplexity: no row of ids"}},
		{PruneOptions{Scoring: scoring("taylor", bare, AutoBOS), NoEval: true}, []string{rows}},
		{PruneOptions{Scoring: scoring("l1", bare, AutoBOS), NoEval: true, Compensate: CompensateOptions{Method: Refitted, Damping: 0.01}}, []string{rows}},
	} {
		c.o.Budget, c.o.Out = cut, OutOptions{Path: filepath.Join(dir, "out.gguf"), Force: true}
		j, err := NewPrune(load.Builtin, mustCPU(t), c.o)
		if err != nil {
			t.Fatal(err)
		}
		p, err := j.Plan(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		h := &heard{}
		if _, err := j.Execute(t.Context(), p, h); err != nil || !slices.EqualFunc(h.notes, c.said, strings.HasPrefix) {
			t.Errorf("prune: notes %q, want %q; %v", h.notes, c.said, err)
		}
		j.Close()
	}
}

// Rows that are longer than the model's context are measured, and one line says so.
func TestNoteOfLongRows(t *testing.T) {
	for seq, notes := range map[int]int{512: 0, 513: 1} {
		j, err := NewEval([]string{load.Builtin}, mustCPU(t), EvalOptions{Texts: &TextOptions{Seq: seq, Chunks: 1, BOS: NeverBOS}, Mean: "papers"})
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		h := &heard{}
		if _, err := j.Execute(t.Context(), j.Plan(), h); err != nil || len(h.notes) != notes || notes > 0 && !strings.Contains(h.notes[0], "the model's context is 512") {
			t.Errorf("rows of %d: notes %q, %v", seq, h.notes, err)
		}
	}
}

// Rows of ids are taken as they are: --bos always is refused where one lacks it, or nobody knows which id it is.
func TestBOSOfIDs(t *testing.T) {
	m := builtinModel(t)
	nameless := *m
	nameless.Vocab = func() (*tokenizer.Vocab, error) { return nil, tokenizer.ErrNone }
	for _, c := range []struct {
		m    *load.Model
		bos  BOS
		rows dataset.Rows
		want string // of the error
	}{
		{m, AlwaysBOS, dataset.Rows{{1, 5, 6}, {1, 7}}, ""},
		{m, AlwaysBOS, dataset.Rows{{1, 5, 6}, {7, 1}}, "ids.json: row 1 does not begin with BOS, 1"},
		{m, NeverBOS, dataset.Rows{{5, 6}}, ""},
		{&nameless, AlwaysBOS, dataset.Rows{{1, 5}}, "does not say which id BOS is"},
		{&nameless, AutoBOS, dataset.Rows{{1, 5}}, ""},
	} {
		lacks, err := c.bos.ofIDs(c.m, c.rows, "ids.json")
		if lacks || (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("--bos %s, %v: %v, want %q", c.bos, c.rows, err, c.want)
		}
	}
}

// Protocols by name: their lengths, what they say, and that no row of ids has one.
func TestProtocols(t *testing.T) {
	m := builtinModel(t)
	for _, c := range []struct {
		o    TextOptions
		name string
		how  string
	}{
		{TextOptions{Seq: 128, Chunks: 2}, "llm-pruner", "llm-pruner (rows of 128 tokens), no BOS added"},
		{TextOptions{Seq: 64, Chunks: 2}, "rows", "rows of 64 tokens, no BOS added"},
		{TextOptions{Seq: 128, Protocol: "gptq", Chunks: 2}, "gptq", "gptq (rows of 2048 tokens), no BOS added"},
		{TextOptions{Seq: 128, Protocol: "4096", Chunks: 2, BOS: AlwaysBOS}, "4096", "4096 (rows of 4096 tokens), behind BOS"},
		{TextOptions{Seq: 128, Protocol: "rolling"}, "rolling", "rolling over whole documents (windows of 512 tokens), behind BOS"},
		{TextOptions{Seq: 128, Protocol: "rolling", MaxLength: 100, BOS: NeverBOS}, "rolling", "rolling over whole documents (windows of 100 tokens), no BOS added"},
	} {
		texts, err := c.o.load(m, "")
		if err != nil {
			t.Fatal(err)
		}
		if got := texts[0]; got.protocol.Name != c.name || got.how() != c.how {
			t.Errorf("%+v: %s, %q", c.o, got.protocol.Name, got.how())
		}
		longest := 0
		for _, p := range texts[0].passes() {
			longest = max(longest, p.T)
		}
		if want := texts[0].protocol.Seq; longest != want && longest != want+1 {
			t.Errorf("%+v: passes of %d tokens", c.o, longest)
		}
	}
	for _, o := range []TextOptions{{Seq: 128, Protocol: "c4"}, {Seq: 2, BOS: AlwaysBOS}, {Seq: 128, MaxLength: 9}, {Seq: 1}} {
		if _, err := o.load(m, ""); !errors.Is(err, ErrUsage) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// A document read whole has as many words as its source and a perplexity for each of them.
func TestRollingPerplexity(t *testing.T) {
	be, err := cpu.New(2)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "two.jsonl")
	put(t, file, `{"text": "Once upon a time there was a cat."}`+"\n"+`{"text": "It sat on a mat, and then it sat on a hat."}`)
	var all []Measured
	for _, bos := range []BOS{NeverBOS, AutoBOS} {
		j, err := NewEval([]string{load.Builtin}, be, EvalOptions{Texts: &TextOptions{Files: []NamedFile{{"two", file}}, Protocol: "rolling", Seq: 128, MaxLength: 8, BOS: bos}, Mean: "papers"})
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		r, err := j.Execute(t.Context(), j.Plan(), &heard{})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r.Models[0].Perplexity[0])
	}
	for i, m := range all {
		loss := m.MeanNLL * float64(m.Tokens)
		if r := m.Rolling; m.Rows != 2 || r.Words != 20 || r.Bytes != 75 || math.Abs(math.Log(r.WordPerplexity)*20-loss) > 1e-9*loss || math.Abs(r.BitsPerByte*75*math.Ln2-loss) > 1e-9*loss ||
			!(r.WordStderr > 0) || !(m.Stderr > 0) || m.BOS != (i == 1) {
			t.Errorf("%+v, %+v", m, r)
		}
	}
	if all[1].Tokens != all[0].Tokens+2 { // the harness predicts the tokenizer's BOS behind its own
		t.Errorf("%d tokens, behind BOS %d", all[0].Tokens, all[1].Tokens)
	}
}
