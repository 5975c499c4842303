package job

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moreau/internal/goldentest"
	"moreau/internal/load"
	"moreau/internal/tokenizer"
)

// ownText is a calibration with its rows drawn, kept in a file if path is not "".
func ownText(t *testing.T, o CalibOptions, path string) *calibration {
	t.Helper()
	m := builtinModel(t)
	c, err := o.load(m, 1, 1)
	if err == nil {
		err = c.draw(t.Context(), mustCPU(t), m, path, &heard{})
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Rows of the model's own text are as long as asked for, behind BOS or without it, the first rows of
// more, and in a mix among those of the files.
func TestOwnText(t *testing.T) {
	all := ownText(t, CalibOptions{Text: "self", Rows: 40, SeqLen: 12}, "")
	if i := all.info; i.Source != "self" || i.BOS || i.SHA256 != hashRows(all.rows) || i.Rows != 40 || i.SeqLen != 12 {
		t.Errorf("the manifest says %+v", i)
	}
	few := ownText(t, CalibOptions{Text: "self", Rows: 7, SeqLen: 12}, "")
	behind := ownText(t, CalibOptions{Text: "self", Rows: 7, SeqLen: 13, BOS: AlwaysBOS}, "")
	for i, row := range few.rows {
		if len(row) != 12 || !slices.Equal(row, all.rows[i]) {
			t.Errorf("row %d of 7 is %v, of 40 %v", i, row, all.rows[i])
		}
		if !slices.Equal(behind.rows[i], append([]int32{1}, row...)) {
			t.Errorf("row %d behind BOS is %v, without it %v", i, behind.rows[i], row)
		}
	}
	mixed := ownText(t, CalibOptions{Text: "self:3,builtin:stories", Rows: 8, SeqLen: 12}, "")
	own := 0
	for _, row := range mixed.rows {
		if slices.ContainsFunc(all.rows[:6], func(r []int32) bool { return slices.Equal(r, row) }) {
			own++
		}
	}
	if own != 6 || mixed.info.Mix[0].Rows != 6 || mixed.info.Mix[1].SHA256 == "" {
		t.Errorf("%d rows of 8 are the model's own, the manifest says %+v", own, mixed.info)
	}
}

// A model without a tokenizer writes behind random tokens.
func TestOwnTextWithoutTokenizer(t *testing.T) {
	m, err := load.Open(goldentest.Dir(t, "llama_mha"))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	c, err := CalibOptions{Text: "self", Rows: 8, SeqLen: 12}.load(m, 1, 1)
	if err == nil {
		err = c.draw(t.Context(), mustCPU(t), m, "", &heard{})
	}
	if err != nil {
		t.Fatal(err)
	}
	begins := map[int32]bool{}
	for _, row := range c.rows {
		if begins[row[0]] = true; len(row) != 12 {
			t.Errorf("a row of %d tokens", len(row))
		}
	}
	if len(begins) < 6 {
		t.Errorf("8 rows begin with %v", begins)
	}
	for _, o := range []CalibOptions{{Text: "self,builtin:stories", Rows: 8, SeqLen: 12}, {Text: "self", Rows: 8, SeqLen: 12, BOS: AlwaysBOS}} {
		if _, err := o.load(m, 1, 1); !errors.Is(err, tokenizer.ErrNone) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// What was written before an interruption is not written again, and what is of another run is not taken.
func TestOwnTextContinues(t *testing.T) {
	path, m, be := filepath.Join(t.TempDir(), "self"), builtinModel(t), mustCPU(t)
	o := CalibOptions{Text: "self", Rows: 100, SeqLen: 12}
	want := ownText(t, o, "")
	c, err := o.load(m, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := c.draw(ctx, be, m, path, &stopping{cancel: cancel, after: 15}); !errors.Is(err, context.Canceled) {
		t.Fatalf("interrupted: %v", err)
	}
	h := &heard{}
	if err := c.draw(t.Context(), be, m, path, h); err != nil {
		t.Fatal(err)
	}
	if len(h.done) != 12 || fmt.Sprint(c.rows) != fmt.Sprint(want.rows) {
		t.Errorf("went on for %d steps, want 12 of the second group; the same rows: %t", len(h.done), fmt.Sprint(c.rows) == fmt.Sprint(want.rows))
	}
	h = &heard{}
	if err := c.draw(t.Context(), be, m, path, h); err != nil || len(h.phases) > 0 {
		t.Errorf("all are there, and %v begin, %v", h.phases, err)
	}
	other, err := o.load(m, 2, 1)
	if err == nil {
		err = other.draw(t.Context(), be, m, path, h)
	}
	if err != nil || len(h.phases) != 1 || fmt.Sprint(other.rows) == fmt.Sprint(want.rows) {
		t.Errorf("another seed takes the rows that are there: %v, %v", h.phases, err)
	}
}

// The plan says how much text is drawn, for scores and refit together, and that it takes time.
func TestPlanOfOwnText(t *testing.T) {
	for calib, rows := range map[string]int{"self": 12, "self,builtin:stories": 6, "builtin:stories": 0} {
		o := PruneOptions{Scoring: quick("wanda-sp"), Budget: BudgetOptions{Ratio: 0.2, Align: AutoAlign}, NoEval: true,
			Compensate: CompensateOptions{Method: Refitted, Rows: 12, Damping: 0.01}, Out: OutOptions{Path: filepath.Join(t.TempDir(), "o.gguf")}}
		o.Scoring.Calib.Text, o.Scoring.Calib.Rows = calib, 4
		j, err := NewPrune(load.Builtin, mustCPU(t), o)
		if err != nil {
			t.Fatal(err)
		}
		p, err := j.Plan(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		switch s := p.Self; {
		case rows == 0 && s != nil:
			t.Errorf("%s: the plan has %+v", calib, s)
		case rows > 0 && (s == nil || s.Rows != rows || s.SeqLen != 16 || !(s.Seconds.Least > 0) || s.Seconds.Most > p.Seconds.Most):
			t.Errorf("%s: the plan has %+v in %v", calib, s, p.Seconds)
		}
		if !strings.Contains(p.ScoresInWords(), "of "+calib+", no BOS") {
			t.Errorf("%s: scores are %q", calib, p.ScoresInWords())
		}
		j.Close()
	}
}
