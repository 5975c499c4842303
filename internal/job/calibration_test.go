package job

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Fresh rows are other rows in each step, and together all that were read; without, every step sees
// the same.
func TestFreshRows(t *testing.T) {
	m := builtinModel(t)
	ids := filepath.Join(t.TempDir(), "ids.json")
	if err := os.WriteFile(ids, []byte("[[1,2],[3,4],[5,6],[7,8],[9,10],[11,12],[13,14]]"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, o := range []CalibOptions{{IDs: ids, Rows: 2, SeqLen: 2}, {Rows: 2, SeqLen: 16}} {
		o.Fresh = true
		c, err := o.load(m, 1, 3)
		if err != nil {
			t.Fatal(err)
		}
		var seen [][]int32
		for step := range 3 {
			b, err := c.batch(step)
			if err != nil {
				t.Fatal(err)
			}
			if b.B != 2 {
				t.Errorf("%d rows in a step", b.B)
			}
			seen = append(seen, c.rows[step*2:step*2+2]...)
			if step > 0 && fmt.Sprint(b) == fmt.Sprint(first(t, c)) {
				t.Errorf("step %d sees the rows of the first", step)
			}
		}
		if len(seen) != len(c.rows) || !slices.EqualFunc(seen, c.rows, slices.Equal) || c.info.Rows != 6 {
			t.Errorf("rows %v of %v, the manifest says %d", seen, c.rows, c.info.Rows)
		}
		if o.IDs != "" && !slices.Equal(c.rows[0], []int32{1, 2}) {
			t.Errorf("the first row is %v", c.rows[0])
		}
		o.Fresh = false
		c, err = o.load(m, 1, 3)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := c.batch(2); err != nil || fmt.Sprint(b) != fmt.Sprint(first(t, c)) {
			t.Errorf("another batch at step 2, %v", err)
		}
	}
	if _, err := (CalibOptions{IDs: ids, Rows: 3, SeqLen: 2, Fresh: true}).load(m, 1, 3); err == nil || !strings.Contains(err.Error(), "7 rows, --fresh-rows needs 9") {
		t.Errorf("more rows than there are: %v", err)
	}
}

func first(t *testing.T, c *calibration) any {
	t.Helper()
	b, err := c.batch(0)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The rows of a mix are those of its sources, in exact shares; the manifest says of which files.
func TestMixedCalibration(t *testing.T) {
	m, dir := builtinModel(t), t.TempDir()
	cats, dogs := filepath.Join(dir, "cats.txt"), filepath.Join(dir, "dogs.txt")
	put(t, cats, strings.Repeat("The cat sat on the mat. ", 50))
	put(t, dogs, strings.Repeat("A dog ran up a big hill. ", 50))
	mixed, err := CalibOptions{Text: cats + ":3," + dogs, Rows: 12, SeqLen: 16}.load(m, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	i := mixed.info
	if i.Source != cats+":3,"+dogs || i.Rows != 12 || len(i.Mix) != 2 || i.Mix[0].Rows != 9 || i.Mix[1].Rows != 3 {
		t.Errorf("the manifest says %+v", i)
	}
	for _, s := range i.Mix {
		data, _ := os.ReadFile(s.Source)
		if sum := sha256.Sum256(data); s.SHA256 != hex.EncodeToString(sum[:]) {
			t.Errorf("%s has hash %s", s.Source, s.SHA256)
		}
		alone, err := CalibOptions{Text: s.Source, Rows: s.Rows, SeqLen: 16}.load(m, 1, 1)
		if err != nil {
			t.Fatal(err)
		}
		got := slices.DeleteFunc(slices.Clone(mixed.rows), func(row []int32) bool {
			return !slices.ContainsFunc(alone.rows, func(r []int32) bool { return slices.Equal(r, row) })
		})
		if !slices.EqualFunc(got, alone.rows, slices.Equal) {
			t.Errorf("%s: rows %v, alone %v", s.Source, got, alone.rows)
		}
	}
	missing := filepath.Join(dir, "birds.txt")
	for text, want := range map[string]string{cats + "," + missing: missing, cats + ":100," + dogs: dogs + ": its share of 12 rows", cats + "," + cats: cats + " is given twice", dogs + ":0": dogs + ":0: want a weight"} {
		if _, err := (CalibOptions{Text: text, Rows: 12, SeqLen: 16}).load(m, 1, 1); !errors.Is(err, ErrInput) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// A run continues none of another mix: of other weights, or of a file that changed, though it gave the same rows.
func TestAnotherMixIsAnotherRun(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.txt")
	key := func(calib string) string {
		o := quick("moreau")
		o.Calib.Text, o.Calib.Rows = calib, 8
		j := newScore(t, o, filepath.Join(dir, "s.json"))
		p, err := j.Plan()
		if err != nil {
			t.Fatal(err)
		}
		j.Close()
		return j.scoring.journal(j.be, p, &heard{}).Key
	}
	put(t, text, strings.Repeat("The cat sat on the mat. ", 50))
	first := key(text + ":3,builtin:stories")
	if again := key(text + ":3,builtin:stories:1"); again != first {
		t.Error("the same mix is another run")
	}
	if key(text+":2,builtin:stories") == first || key(text) == first {
		t.Error("another mix is the same run")
	}
	put(t, text, strings.Repeat("The cat sat on the mat. ", 50)+"\n")
	if key(text+":3,builtin:stories") == first {
		t.Error("another text is the same run")
	}
}
