package tokenizer

import (
	"fmt"
	"math"
	"strconv"
)

// Token types as llama.cpp numbers them.
const (
	Normal      int32 = 1
	Unknown     int32 = 2
	Control     int32 = 3
	UserDefined int32 = 4
	Unused      int32 = 5
	Byte        int32 = 6
)

// Limits on what a file may claim: several times the largest vocabulary known (Gemma's 262,144).
const (
	maxTokens = 1 << 21
	maxMerges = 1 << 23
	maxText   = 1 << 12 // bytes of one token
	maxGap    = 1 << 16 // ids without a token, beside as many as there are tokens
)

// Vocab is everything a file format needs to store the tokenizer: what GGUF's tokenizer.ggml.*
// keys hold, and what only a tokenizer.json can say.
type Vocab struct {
	Model  string    // "llama" (SentencePiece BPE by score) or "gpt2" (byte-level BPE by merge rank)
	Pre    string    // "default" for llama; "gpt-2", "llama-bpe", "smollm", "qwen2" for gpt2
	Tokens []string  // text by id: blanks as U+2581 (llama), byte-level letters (gpt2), special tokens verbatim
	Scores []float32 // llama: the token with the highest score is merged first
	Types  []int32   // Normal, Unknown, Control, UserDefined, Unused or Byte; nil: all Normal
	Merges []string  // "left right" in order of rank; where a llama vocabulary has them they go before scores

	BOS, EOS, UNK, PAD int // ids, -1 when absent
	AddBOS, AddEOS     bool
	AddSpacePrefix     bool              // llama: a blank goes before the text and after each special token (unless Metaspace says otherwise)
	RemoveExtraSpaces  bool              // llama: outer blanks are cut and runs of blanks become one
	ChatTemplate       string            // Jinja source
	OtherTemplates     map[string]string // by name, for other purposes than chats (tool use)
	TurnEnds           []int             // beside EOS, tokens that end an answer, as the files say; Ends knows more

	// What only a tokenizer.json says.
	Added        map[int]Match // how literal tokens are found, by id; nil: as llama.cpp does, all of type Control, Unknown and UserDefined as they stand
	Normalizers  []Normalizer  // taken in order, before blanks are written
	IgnoreMerges bool          // gpt2: a word that is a token is not merged
	Metaspace    string        // llama: "first", "always", "never": how HF's Metaspace sets the blank before the text; "": a normaliser does
	SplitBlanks  bool          // llama: nothing is merged across the start of a blank
	SplitUnknown bool          // llama: an unknown token for each unknown character, not for each run of them
}

// Pad appends unused tokens "[PAD<id>]" until there are n: a model's embedding may have more
// rows than its tokenizer has tokens, and GGUF wants as many tokens as rows. An error when
// there are more than n tokens already.
func (v *Vocab) Pad(n int) error {
	if len(v.Tokens) > n {
		return fmt.Errorf("tokenizer has %d tokens, the model only %d embedding rows", len(v.Tokens), n)
	}
	for len(v.Tokens) < n {
		v.add("[PAD"+strconv.Itoa(len(v.Tokens))+"]", -1000, Unused)
	}
	return nil
}

func (v *Vocab) add(text string, score float32, kind int32) {
	v.Tokens = append(v.Tokens, text)
	v.Types = append(v.Types, kind)
	if v.Model == "llama" {
		v.Scores = append(v.Scores, score)
	}
}

// checkID refuses ids that make a small file a large vocabulary: named tokens leave few gaps.
func checkID(text string, id, named int) error {
	if limit := min(2*named+maxGap, maxTokens); id < 0 || id >= limit {
		return corrupt("token %.40q has id %d, allowed 0..%d with %d tokens", text, id, limit-1, named)
	}
	return nil
}

// kind gives the type of a token.
func (v *Vocab) kind(id int) int32 {
	if v.Types == nil {
		return Normal
	}
	return v.Types[id]
}

// literal says whether a token is recognised as it stands in the text.
func (v *Vocab) literal(id int) bool {
	switch v.kind(id) {
	case Control, Unknown, UserDefined:
		return true
	}
	return false
}

// ids maps the text of each token to its id.
func (v *Vocab) ids() map[string]int32 {
	m := make(map[string]int32, len(v.Tokens))
	for id, t := range v.Tokens {
		m[t] = int32(id)
	}
	return m
}

// id finds a token by its text, -1 when there is none; for a few look-ups only.
func (v *Vocab) id(text string) int {
	for id, t := range v.Tokens {
		if t == text {
			return id
		}
	}
	return -1
}

func (v *Vocab) validate() error {
	n := len(v.Tokens)
	switch {
	case n == 0:
		return corrupt("no tokens")
	case n > maxTokens:
		return corrupt("%d tokens, at most %d allowed", n, maxTokens)
	case len(v.Merges) > maxMerges:
		return corrupt("%d merges, at most %d allowed", len(v.Merges), maxMerges)
	case v.Types != nil && len(v.Types) != n:
		return corrupt("%d token types for %d tokens", len(v.Types), n)
	case v.Model == "llama" && len(v.Scores) != n:
		return corrupt("%d scores for %d tokens", len(v.Scores), n)
	case v.Model == "gpt2" && len(v.Merges) == 0:
		return corrupt("no merges")
	}
	for _, n := range v.Normalizers {
		if err := n.validate(); err != nil {
			return err
		}
	}
	for id, s := range v.Scores {
		if math.IsNaN(float64(s)) {
			return corrupt("score of token %d is not a number", id)
		}
	}
	return v.validateIDs()
}

func (v *Vocab) validateIDs() error {
	for _, s := range v.specialIDs() {
		if *s.id < -1 || *s.id >= len(v.Tokens) {
			return corrupt("%s id %d outside the %d tokens", s.name, *s.id, len(v.Tokens))
		}
	}
	for _, id := range v.TurnEnds {
		if id < 0 || id >= len(v.Tokens) {
			return corrupt("id %d, which ends turns, outside the %d tokens", id, len(v.Tokens))
		}
	}
	for id := range v.Added {
		if id < 0 || id >= len(v.Tokens) {
			return corrupt("added token %d outside the %d tokens", id, len(v.Tokens))
		}
	}
	seen := make(map[string]int, len(v.Tokens))
	for id, t := range v.Tokens {
		if len(t) > maxText {
			return corrupt("token %d has %d bytes, at most %d allowed", id, len(t), maxText)
		}
		if other, twice := seen[t]; twice {
			return corrupt("tokens %d and %d are both %.40q", other, id, t)
		}
		seen[t] = id
	}
	return nil
}

// namedID is a special id with its names in Hugging Face files and in GGUF.
type namedID struct {
	name, gguf string
	id         *int
}

func (v *Vocab) specialIDs() []namedID {
	return []namedID{
		{"bos", "bos_token_id", &v.BOS},
		{"eos", "eos_token_id", &v.EOS},
		{"unk", "unknown_token_id", &v.UNK},
		{"pad", "padding_token_id", &v.PAD},
	}
}
