package job

import (
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
