package job

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"moreau/internal/importance"
	"moreau/internal/model"
	"moreau/internal/moreau"
	"moreau/internal/output"
	"moreau/internal/tensor"
)

// planned is the plan of a scoring run of the built-in model.
func planned(t *testing.T, o ScoringOptions, out string) (*ScoringPlan, error) {
	t.Helper()
	m := builtinModel(t)
	s, err := newScoring(m, o, m.Config.AllLayers())
	if err != nil {
		t.Fatal(err)
	}
	return s.plan(out)
}

// A method with a state takes 8 bytes a moving parameter more than the same pass without, in memory.
func TestMemoryOfTheState(t *testing.T) {
	cfg := builtinModel(t).Config
	var moving, all int64
	for _, p := range cfg.Params() {
		all += int64(p.Len())
		if p.Projection() {
			moving += int64(p.Len())
		}
	}
	ram := func(method string) int64 {
		p, err := planned(t, quick(method), filepath.Join(t.TempDir(), "s.json"))
		if err != nil {
			t.Fatal(err)
		}
		return p.RAM
	}
	for _, method := range importance.Methods {
		o := quick(method.Name)
		if method.Needs.Calibration {
			bytes := method.Bytes(cfg, builtinModel(t).Weights, o.importance(cfg.AllLayers()), 3, 16, 0, nil)
			if got := ram(method.Name); got != resident(cfg, bytes) {
				t.Errorf("%s: %d bytes, want %d", method.Name, got, resident(cfg, bytes))
			}
		}
	}
	pass := ram("taylor")
	for method, moves := range map[string]int64{"moreau": moving, "moreau-gs": moving, "moreau-compat": all} {
		if more := ram(method) - pass; more < 8*moves || more > 16*moves {
			t.Errorf("%s: %d bytes more than taylor, want 8 for each of %d and some for the noise", method, more, moves)
		}
	}
	if ram("mask") >= pass {
		t.Errorf("mask: %d bytes, taylor %d", ram("mask"), pass)
	}
	if got := ram("l1"); got != 0 {
		t.Errorf("l1: %d bytes", got)
	}
}

// Where the state goes: to a folder that is asked for, under half the bytes beside the output, and beside it
// where memory is short of it.
func TestPlaceOfTheState(t *testing.T) {
	dir, scratch := t.TempDir(), t.TempDir()
	out := filepath.Join(dir, "s.json")
	whole, err := planned(t, quick("moreau"), out)
	if err != nil || whole.State.Scratch != "" || whole.State.DType != tensor.F32 || whole.Keep != 0 || whole.State.Journal != filepath.Join(dir, ".s.json.moreau-state") {
		t.Fatalf("%+v, %v", whole.State, err)
	}
	on := func(name string, change func(o *ScoringOptions), folder string, dtype tensor.DType) *ScoringPlan {
		o := quick("moreau")
		change(&o)
		p, err := planned(t, o, out)
		if err != nil || filepath.Dir(p.State.Scratch) != folder || p.State.DType != dtype || p.State.Journal == "" {
			t.Fatalf("%s: %+v, %v", name, p.State, err)
		}
		return p
	}
	f32 := on("--scratch", func(o *ScoringOptions) { o.Scratch = scratch }, scratch, tensor.F32)
	bf16 := on("--state bf16", func(o *ScoringOptions) { o.State = tensor.BF16 }, dir, tensor.BF16)
	if a, b := f32.State.Bytes, bf16.State.Bytes; a < 2*b-8192 || a > 2*b {
		t.Errorf("%d bytes as f32, %d as bf16", a, b)
	}
	if f32.RAM >= whole.RAM {
		t.Errorf("%d bytes with the state on disk, %d in memory", f32.RAM, whole.RAM)
	}
	short := on("--memory", func(o *ScoringOptions) { o.Memory = whole.RAM - 1 }, dir, tensor.F32)
	if short.RAM > whole.RAM-1 {
		t.Errorf("%d bytes of %d", short.RAM, whole.RAM-1)
	}
	on("--scratch --state bf16", func(o *ScoringOptions) { o.Scratch, o.State = scratch, tensor.BF16 }, scratch, tensor.BF16)
	on("--scratch --memory", func(o *ScoringOptions) { o.Scratch, o.Memory = scratch, f32.RAM }, scratch, tensor.F32)
	on("--state bf16 --memory", func(o *ScoringOptions) { o.State, o.Memory = tensor.BF16, whole.RAM }, dir, tensor.BF16)
	on("all three", func(o *ScoringOptions) { o.Scratch, o.State, o.Memory = scratch, tensor.BF16, whole.RAM }, scratch, tensor.BF16)
	o := quick("moreau")
	o.Memory = whole.RAM + 8000
	if p, err := planned(t, o, out); err != nil || p.State.Scratch != "" || p.Keep != 5000 {
		t.Errorf("with 8000 bytes to spare: %+v, %v", p, err)
	}
	if other, err := planned(t, quick("moreau"), filepath.Join(scratch, "s.json")); err != nil || other.State.Journal == whole.State.Journal {
		t.Errorf("the same files for outputs in two folders: %+v, %v", other.State, err)
	}
}

// A run that ends deletes its files; the scratch file of one that is to go on has its room already.
func TestStateFiles(t *testing.T) {
	dir := t.TempDir()
	s := newState([]model.Param{builtinModel(t).Config.LayerParams(0)[1]}, 0)
	s.toDisk(dir, filepath.Join(dir, "s.json"), tensor.F32)
	if err := s.fit(filepath.Join(dir, "s.json"), output.FreeBytes); err != nil {
		t.Fatal(err)
	}
	if want := (moreau.ScratchFile{Path: s.Scratch, DType: tensor.F32, Keep: true}); *s.scratchFile() != want {
		t.Errorf("%+v, want %+v", *s.scratchFile(), want)
	}
	for _, file := range []string{s.Scratch, s.Journal} {
		if err := os.WriteFile(file, nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	s.Bytes = 1 << 62
	if err := s.fit(filepath.Join(dir, "s.json"), output.FreeBytes); err != nil {
		t.Errorf("the file of an interrupted run: %v", err)
	}
	s.journal(builtinModel(t), importance.Manifest{}, &heard{}).Remove()
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
	if err := s.fit(filepath.Join(dir, "s.json"), output.FreeBytes); err == nil {
		t.Error("no disk has 4 EiB")
	}
}

// The manifest says the settings that the scores depend on, and no others.
func TestManifest(t *testing.T) {
	m := builtinModel(t)
	of := func(o ScoringOptions) importance.Manifest {
		s, err := newScoring(m, o, m.Config.AllLayers())
		if err != nil {
			t.Fatal(err)
		}
		return s.manifest()
	}
	if d := of(DefaultScoring()); d.Method != "energy" || d.Envelope != nil || d.Calibration.Rows != 43 {
		t.Errorf("a bare run: %+v, %+v", d, d.Calibration)
	}
	o := DefaultScoring()
	o.Method = "moreau"
	d := of(o)
	if e := *d.Envelope; d.Method != "moreau" || d.Salience != "element1" || d.Seed != 1 || d.Layers != "0..4" || e != (importance.Envelope{Steps: 10, Avg: 5, Std: 0.05, LR: 2e-4, Rho: 0.2, Eta: 5e-6}) {
		t.Errorf("a bare run: %+v, %+v", d, e)
	}
	if c := *d.Calibration; c.Source != "builtin:stories" || c.Rows != 10 || c.SeqLen != 128 || c.Fresh || len(c.SHA256) != 64 {
		t.Errorf("its rows: %+v", c)
	}
	if l1 := of(quick("l1")); l1.Calibration != nil || l1.Envelope != nil || l1.Salience != "" {
		t.Errorf("l1: %+v", l1)
	}
	if mask := of(quick("mask")); mask.Calibration == nil || mask.Salience != "" || mask.Envelope != nil {
		t.Errorf("mask: %+v", mask)
	}
	o = quick("moreau")
	o.State = tensor.BF16
	if e := of(o).Envelope; e.State != "bf16" || e.Steps != 2 {
		t.Errorf("bf16: %+v", e)
	}
}

// In memory, a run is journaled where two states have room and a byte is over; on disk, where the file has.
func TestRoomForTheState(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "s.json")
	free := func(bytes int64, known bool) func(string) (int64, bool) {
		return func(of string) (int64, bool) {
			if of != dir {
				t.Errorf("the room in %s was asked for", of)
			}
			return bytes, known
		}
	}
	moving := []model.Param{builtinModel(t).Config.LayerParams(0)[1]}
	for _, tt := range []struct {
		scratch       bool
		states, bytes int64 // of room
		known         bool
		journal       bool
	}{{false, 2, 1, true, true}, {false, 2, 0, true, false}, {false, 0, 0, false, true}, {true, 1, 0, true, true}, {true, 1, -1, true, false}, {true, 0, 0, false, true}} {
		s := newState(moving, 0)
		if tt.scratch {
			s.toDisk(dir, out, tensor.F32)
		}
		err := s.fit(out, free(tt.states*s.Bytes+tt.bytes, tt.known))
		if refused := tt.scratch && !tt.journal; refused != errors.Is(err, ErrOutput) || (!refused && (err != nil || (s.Journal != "") != tt.journal)) {
			t.Errorf("%+v: journal %q, %v", tt, s.Journal, err)
		}
	}
}

// A folder is the same one however it is named, and another one elsewhere: so are the files of its state.
func TestStateOfRelativeFolders(t *testing.T) {
	scratch, names := t.TempDir(), map[string]bool{}
	for range 2 {
		dir := t.TempDir()
		t.Chdir(dir)
		file := func(out string) string {
			s := newState(nil, 0)
			s.toDisk(scratch, out, tensor.F32)
			return s.Scratch
		}
		relative := file("s.json")
		if other := file(filepath.Join(dir, "s.json")); other != relative {
			t.Errorf("%s of a relative folder, %s of the same one", relative, other)
		}
		names[relative] = true
	}
	if len(names) != 2 {
		t.Errorf("two folders share %v", names)
	}
}
