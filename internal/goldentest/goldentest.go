// Package goldentest opens the golden files of testdata/golden for tests: tiny
// random models with what PyTorch and transformers computed of them in float64
// (testdata/golden/README.md).
package goldentest

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"

	"moreau/internal/backend"
	"moreau/internal/checkpoint"
	"moreau/internal/load"
	"moreau/internal/model"
	"moreau/internal/tensor"
	"moreau/internal/transformer"
)

// Families are the golden models of which everything is golden: scores, envelope
// iterates and the pruned model too. Two are in the repository, the others in shared/golden.
var Families = []string{"llama_mha", "llama_gqa_rope3", "mistral_window", "qwen2_bias", "qwen3_qknorm"}

// Passes are all golden models, those included of which a pass alone is golden: logits,
// loss and gradients.
var Passes = slices.Concat(Families, []string{"gemma", "gemma2_softcap", "llama_yarn", "llama_dynamic", "phi3_fused", "phi3_longrope", "phi3_longrope_short",
	"gemma3", "granite", "smollm3", "phi4mini", "qwen2_window", "qwen3_window", "seed_oss", "ernie4_5", "mistral3", "olmo2", "olmo3", "ministral3"})

// Golden is one golden model with its expected results.
type Golden struct {
	Config  *model.Config
	Weights checkpoint.Checkpoint
	Expect  checkpoint.Checkpoint
	dir     string
}

// Root is the top folder of the repository.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}

// Shared is a path in the folder of large test data beside the repository; the
// test is skipped where it is absent.
func Shared(t testing.TB, path ...string) string {
	t.Helper()
	full := filepath.Join(append([]string{Root(), "..", "shared"}, path...)...)
	if _, err := os.Stat(full); err != nil {
		t.Skipf("SKIPPED: needs the large test data shared/%s beside the repository", filepath.Join(path...))
	}
	return full
}

// Open opens a golden model; the test is skipped where it is absent.
func Open(t testing.TB, family string) *Golden {
	t.Helper()
	return OpenDir(t, Dir(t, family))
}

// Dir is the folder of a golden model; the test is skipped where it is absent.
func Dir(t testing.TB, family string) string {
	t.Helper()
	dir := filepath.Join(Root(), "testdata", "golden", family)
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	return Shared(t, "golden", family)
}

// OpenDir opens config.json, model.safetensors and golden.safetensors of a folder.
func OpenDir(t testing.TB, dir string) *Golden {
	t.Helper()
	m, err := load.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return &Golden{m.Config, m.Weights, unpaired(t, m.Config, openFile(t, filepath.Join(dir, "golden.safetensors"))), dir}
}

// Dir is the golden model's folder.
func (g *Golden) Dir() string { return g.dir }

func openFile(t testing.TB, path string) *checkpoint.Safetensors {
	t.Helper()
	s, err := checkpoint.OpenSafetensors(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// Float32 is an expected tensor's values.
func (g *Golden) Float32(t testing.TB, name string) []float32 {
	t.Helper()
	x, err := g.Expect.Read(name)
	if err != nil {
		t.Fatal(err)
	}
	return x.Float32()
}

// unpaired gives gradients of q and k the order of rows that the parameters have.
func unpaired(t testing.TB, cfg *model.Config, expect checkpoint.Checkpoint) checkpoint.Checkpoint {
	t.Helper()
	if !cfg.Family.PairsInFolders() {
		return expect
	}
	names := map[string]checkpoint.Entry{}
	for _, i := range expect.Tensors() {
		names[i.Name] = checkpoint.Entry{Name: i.Name}
	}
	for _, p := range cfg.Params() {
		if heads := cfg.RotatedHeads(p); heads > 0 {
			names["grad."+p.Name] = checkpoint.Entry{Name: "grad." + p.Name, Rows: checkpoint.RopeUnpermute(heads, cfg.HeadDim)}
		}
	}
	view, err := checkpoint.Rename(expect, names)
	if err != nil {
		t.Fatal(err)
	}
	return view
}

// Batch is the golden token ids.
func (g *Golden) Batch(t testing.TB) transformer.Batch {
	t.Helper()
	x, err := g.Expect.Read("ids")
	if err != nil {
		t.Fatal(err)
	}
	ids, err := x.Ints()
	if err != nil {
		t.Fatal(err)
	}
	rows := make([][]int32, x.Shape[0])
	for i := range rows {
		for _, id := range ids[i*x.Shape[1] : (i+1)*x.Shape[1]] {
			rows[i] = append(rows[i], int32(id))
		}
	}
	b, err := transformer.NewBatch(rows)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Host copies a buffer.
func Host(be backend.Backend, b backend.Buffer) []float32 {
	h := make([]float32, b.Len())
	be.Download(h, b)
	return h
}

// RelL2 is ||got - want|| / ||want||, or ||got|| where want is 0.
func RelL2(got, want []float32) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	var diff, norm float64
	for i := range want {
		d := float64(got[i]) - float64(want[i])
		diff += d * d
		norm += float64(want[i]) * float64(want[i])
	}
	if norm == 0 {
		return math.Sqrt(diff)
	}
	return math.Sqrt(diff / norm)
}

// MaxAbs is the largest |got - want|.
func MaxAbs(got, want []float32) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	var most float64
	for i := range want {
		d := math.Abs(float64(got[i]) - float64(want[i]))
		if !(d <= most) { // NaN too
			most = d
		}
	}
	return most
}

// InPieces is a backend whose uploads ask for few values at a time, the last ones first, as
// the contract lets any backend do.
func InPieces(be backend.Backend) backend.Backend { return pieces{be} }

type pieces struct{ backend.Backend }

func (p pieces) Upload(dst backend.Buffer, fill func(part []float32, lo int)) {
	const few = 3
	host := make([]float32, dst.Len())
	for lo := (len(host) - 1) / few * few; lo >= 0; lo -= few {
		fill(host[lo:min(len(host), lo+few)], lo)
	}
	p.Backend.Upload(dst, func(part []float32, lo int) { copy(part, host[lo:]) })
}

// ErrUnreadable is the error of an Unreadable checkpoint.
var ErrUnreadable = errors.New("unreadable")

// Unreadable is a checkpoint of which one read fails: that after so many good ones.
type Unreadable struct {
	checkpoint.Checkpoint
	Good  int64
	reads atomic.Int64
}

// Read implements checkpoint.Checkpoint.
func (u *Unreadable) Read(name string) (tensor.Tensor, error) {
	if u.reads.Add(1) == u.Good+1 {
		return tensor.Tensor{}, ErrUnreadable
	}
	return u.Checkpoint.Read(name)
}

// Reached says whether the read that fails was asked for.
func (u *Unreadable) Reached() bool { return u.reads.Load() > u.Good }

// FailingWeights is a weight source of which one call fails, that after so many good ones (Good is
// -1 then, and less if more are made), and which counts what it has lent.
type FailingWeights struct {
	transformer.WeightSource
	Good, Lent int
}

// Fail is a call: ErrUnreadable where it is the one that fails.
func (f *FailingWeights) Fail() error {
	if f.Good--; f.Good == -1 {
		return ErrUnreadable
	}
	return nil
}

// Weight implements transformer.WeightSource.
func (f *FailingWeights) Weight(p model.Param) (backend.Buffer, error) {
	if err := f.Fail(); err != nil {
		return nil, err
	}
	f.Lent++
	return f.WeightSource.Weight(p)
}

// Release implements transformer.WeightSource.
func (f *FailingWeights) Release(p model.Param, b backend.Buffer) {
	f.Lent--
	f.WeightSource.Release(p, b)
}
