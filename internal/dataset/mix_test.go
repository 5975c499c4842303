package dataset

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestParseMix(t *testing.T) {
	for _, c := range []struct {
		text string
		want Mix
	}{
		{"c4.jsonl", Mix{{Source: "c4.jsonl", Weight: 1}}},
		{"c4.jsonl:3,wiki.txt:1", Mix{{Source: "c4.jsonl", Weight: 3}, {Source: "wiki.txt", Weight: 1}}},
		{"builtin:stories,self:0.5", Mix{{Source: "builtin:stories", Weight: 1}, {Source: "self", Weight: 0.5}}},
		{"log:3:1", Mix{{Source: "log:3", Weight: 1}}}, // the name of a file that ends so
		{`C:\c4.txt:2e1`, Mix{{Source: `C:\c4.txt`, Weight: 20}}},
	} {
		got, err := ParseMix(c.text)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %+v, %v, want %+v", c.text, got, err, c.want)
		}
		if again, err := ParseMix(got.String()); err != nil || !slices.Equal(again, got) {
			t.Errorf("%s: as text %s, which is %+v, %v", c.text, got, again, err)
		}
	}
	for text, want := range map[string]string{"": "without a name", "a,": "without a name", ":2": "without a name", "a:0": "a:0: want a weight", "a:-1": "a:-1", "a:inf": "a:inf",
		"a:nan": "a:nan", "a:1e999": "a:1e999", "a:2,b,a:3": "a is given twice"} {
		if m, err := ParseMix(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %+v, %v", text, m, err)
		}
	}
}

// Shares are within a row of what the weights say, and add up to all rows.
func TestDeal(t *testing.T) {
	for _, c := range []struct {
		mix  string
		rows int
		want []int
	}{{"a", 10, []int{10}}, {"a:3,b:1", 8, []int{6, 2}}, {"a:3,b:1", 10, []int{8, 2}}, {"a,b,c", 128, []int{43, 43, 42}}, {"a:0.1,b:0.2", 30, []int{10, 20}}, {"a:1e6,b:9e5", 19, []int{10, 9}}} {
		m, err := ParseMix(c.mix)
		if err == nil {
			err = m.Deal(c.rows)
		}
		if err != nil {
			t.Errorf("%s: %v", c.mix, err)
			continue
		}
		for i, s := range m {
			if s.Rows != c.want[i] {
				t.Errorf("%d rows of %s: %+v, want %v", c.rows, c.mix, m, c.want)
			}
		}
	}
	m, _ := ParseMix("a:100,b")
	if err := m.Deal(10); err == nil || !strings.Contains(err.Error(), "b: its share of 10 rows is none") {
		t.Errorf("a share of nothing: %v", err)
	}
}

// The first rows, runs of rows and every eighth, which refits hold out, are mixed as all are; a
// source's rows are all there.
func TestOrderIsMixedThroughout(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		m := Mix{{Weight: 1}, {Weight: 1 + 4*random.Float64()}, {Weight: 1 + 4*random.Float64()}}[:2+random.IntN(2)]
		n := 64 + random.IntN(1000)
		if err := m.Deal(n); err != nil {
			t.Fatal(err)
		}
		order := m.Order()
		every := func(what string, rows []int) {
			for i, s := range m {
				got := 0
				for _, source := range rows {
					if source == i {
						got++
					}
				}
				if want := float64(s.Rows) * float64(len(rows)) / float64(n); math.Abs(float64(got)-want) > 3 {
					t.Errorf("%s, %+v: %d rows of source %d, want %.1f", what, m, got, i, want)
				}
			}
		}
		every("all", order)
		from := random.IntN(n - 10)
		every("a step", order[from:from+10])
		every("the first", order[:n/3])
		var eighth []int
		for i := 7; i < n; i += 8 {
			eighth = append(eighth, order[i])
		}
		every("held out", eighth)
		for i, s := range m {
			if got := len(slices.DeleteFunc(slices.Clone(order), func(source int) bool { return source != i })); got != s.Rows {
				t.Errorf("%d rows of source %d, want %d", got, i, s.Rows)
			}
		}
	}
	if one := (Mix{{Rows: 3}}).Order(); !slices.Equal(one, []int{0, 0, 0}) {
		t.Errorf("of one source: %v", one)
	}
}
