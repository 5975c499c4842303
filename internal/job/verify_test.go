package job

import (
	"path/filepath"
	"testing"

	"moreau/internal/load"
)

// Rows are no longer than both models take, the tokens are those of the seed, and the bound is that of the
// type the pruned model is written in.
func TestVerifyPlan(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	be := mustCPU(t)
	p := newPrune(t, PruneOptions{Budget: BudgetOptions{Ratio: 0.2}, Out: OutOptions{Path: out}})
	plan, err := p.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Execute(t.Context(), plan, &heard{}); err != nil {
		t.Fatal(err)
	}
	found := func(rows, seqLen int, seed uint64) (VerifyPlan, VerifyReport) {
		j, err := NewVerify(load.Builtin, out, be, VerifyOptions{Rows: rows, SeqLen: seqLen, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		r, err := j.Execute(t.Context(), j.Plan(), &heard{})
		if err != nil {
			t.Fatal(err)
		}
		return j.Plan(), r
	}
	vp, r := found(1, 1<<16, 1)
	if vp.SeqLen != 512 || vp.DType != "F32" || vp.Bound != 1e-4 || !r.Pass || r.Rows != 512 || r.Of != 5 || len(r.Layers) != 5 {
		t.Errorf("plan %+v, report %+v", vp, r)
	}
	_, again := found(1, 1<<16, 1)
	if _, other := found(1, 1<<16, 2); r.RMSOf != again.RMSOf || r.RMSOf == other.RMSOf {
		t.Errorf("logits of %g, again %g, with another seed %g", r.RMSOf, again.RMSOf, other.RMSOf)
	}
	for _, o := range []VerifyOptions{{Rows: 0, SeqLen: 1}, {Rows: 1025, SeqLen: 1}, {Rows: 1, SeqLen: 0}, {Rows: 1, SeqLen: 1<<16 + 1}} {
		if _, err := NewVerify(load.Builtin, out, be, o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}
