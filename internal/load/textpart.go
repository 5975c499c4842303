package load

import (
	"fmt"
	"strings"

	"moreau/internal/checkpoint"
)

// textPrefixes are what the names of the text part's tensors begin with in a model that sees
// pictures too, and what in a model of text alone: as transformers 4 writes them, and as 5
// has them in memory. The head may stand outside.
var textPrefixes = [][2]string{{"language_model.", ""}, {"model.language_model.", "model."}, {"lm_head.", "lm_head."}}

// textPart gives the tensors of the text part the names they have in a model of text alone; what
// else there is, is left out and counted.
func textPart(files checkpoint.Checkpoint) (text checkpoint.Checkpoint, leftOut int, err error) {
	names := map[string]checkpoint.Entry{}
	for _, i := range files.Tensors() {
		name, ok := textName(i.Name)
		if _, twice := names[name]; twice {
			return nil, 0, fmt.Errorf("tensor %.200s is there twice, under two prefixes; download the folder again", name)
		}
		if ok {
			names[name] = checkpoint.Entry{Name: i.Name}
		} else {
			leftOut++
		}
	}
	text, err = checkpoint.Rename(files, names)
	return text, leftOut, err
}

func textName(whole string) (string, bool) {
	for _, p := range textPrefixes {
		if rest, ok := strings.CutPrefix(whole, p[0]); ok {
			return p[1] + rest, true
		}
	}
	return "", false
}
