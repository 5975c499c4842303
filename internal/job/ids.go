package job

import (
	"errors"
	"fmt"
	"strings"

	"moreau/internal/dataset"
	"moreau/internal/load"
	"moreau/internal/model"
	"moreau/internal/tokenizer"
)

// builtinText is the prefix of the texts inside the program.
const builtinText = "builtin:"

// readIDs reads rows of token ids and checks them against the vocabulary.
func readIDs(path string, cfg *model.Config) (dataset.Rows, error) {
	rows, err := dataset.ReadIDs(path)
	if err == nil {
		if err = dataset.Validate(rows, cfg.VocabSize); err != nil {
			err = fmt.Errorf("%s: %w", path, err)
		}
	}
	if err != nil {
		return nil, Input(err)
	}
	return rows, nil
}

// predictable are rows of token ids of which at least one has a token to predict.
func predictable(path string, cfg *model.Config) (dataset.Rows, error) {
	rows, err := readIDs(path, cfg)
	if err != nil {
		return nil, err
	}
	if rows.Predicted() == 0 {
		return nil, Input(fmt.Errorf("%s: no row has a next token to predict; give rows of at least two ids", path))
	}
	return rows, nil
}

// textTokenizer is the tokenizer of a model; instead says what a person can do without.
func textTokenizer(m *load.Model, instead string) (tokenizer.Tokenizer, error) {
	tok, err := m.Tokenizer()
	if err != nil {
		return nil, Input(fmt.Errorf("%w; or %s", err, instead))
	}
	return tok, nil
}

// defaultText is the built-in text that fits a model.
func defaultText(m *load.Model) string {
	if m.Path == load.Builtin {
		return builtinText + "stories"
	}
	return builtinText + "shakespeare"
}

// defaultCalib is what calibration rows are of where no text is given: a built-in text is too unlike what
// others than the built-in model read (docs/results.md).
func defaultCalib(m *load.Model) string {
	if m.Path == load.Builtin {
		return builtinText + "stories"
	}
	return selfSource
}

// builtin looks a built-in text up.
func builtin(name string) (calib, heldout string, err error) {
	if calib, heldout = dataset.Builtin(name); calib == "" {
		err = fmt.Errorf("there is no built-in text %q, known are %s", name, strings.Join(dataset.BuiltinNames, ", "))
	}
	return calib, heldout, err
}

// sizes refuses numbers of rows and tokens that make no rows.
func sizes(rows, seqLen int) error {
	return errors.Join(Within("rows", rows, 1, MostRows), Within("seq-len", seqLen, 2, MostRows))
}
