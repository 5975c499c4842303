package job

import (
	"errors"
	"path/filepath"
	"testing"

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
