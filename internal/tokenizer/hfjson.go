package tokenizer

import (
	"encoding/json"
	"strings"
)

// hfTokenizer is what this package reads of a tokenizer.json.
type hfTokenizer struct {
	AddedTokens   []hfAdded  `json:"added_tokens"`
	Normalizer    *component `json:"normalizer"`
	PreTokenizer  *component `json:"pre_tokenizer"`
	PostProcessor *component `json:"post_processor"`
	Model         hfModel    `json:"model"`
}

type hfModel struct {
	Type         string          `json:"type"`
	UnkToken     *string         `json:"unk_token"`
	Prefix       *string         `json:"continuing_subword_prefix"`
	Suffix       *string         `json:"end_of_word_suffix"`
	Dropout      float64         `json:"dropout"`
	FuseUnk      bool            `json:"fuse_unk"`
	IgnoreMerges bool            `json:"ignore_merges"`
	ByteFallback bool            `json:"byte_fallback"`
	Vocab        json.RawMessage `json:"vocab"`
	Merges       []hfMerge       `json:"merges"`
}

// hfMerge is "a b" or, since tokenizers 0.20, ["a", "b"].
type hfMerge string

func (m *hfMerge) UnmarshalJSON(data []byte) error {
	var parts []string
	if json.Unmarshal(data, &parts) == nil {
		*m = hfMerge(strings.Join(parts, " "))
		return nil
	}
	return json.Unmarshal(data, (*string)(m))
}

// parseJSON reads a tokenizer.json. The error chain holds ErrUnsupported where some step of the
// pipeline is not one whose ids are reproduced exactly.
func parseJSON(data []byte) (*Vocab, error) {
	var f hfTokenizer
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, corrupt("%w", err)
	}
	if f.Model.Type != "BPE" && (f.Model.Type != "" || f.Model.Merges == nil) {
		return nil, unsupported("model type %q (known: BPE)", f.Model.Type)
	}
	if text(f.Model.Prefix)+text(f.Model.Suffix) != "" {
		return nil, unsupported("subword prefix %q, word suffix %q (known: none)", text(f.Model.Prefix), text(f.Model.Suffix))
	}
	if f.Model.Dropout != 0 {
		return nil, unsupported("BPE with dropout %g, which draws merges at random (known: none)", f.Model.Dropout)
	}
	v := &Vocab{BOS: -1, EOS: -1, UNK: -1, PAD: -1, Added: map[int]Match{}}
	if err := f.pipeline(v); err != nil {
		return nil, err
	}
	if err := f.tokens(v); err != nil {
		return nil, err
	}
	for _, m := range f.Model.Merges {
		v.Merges = append(v.Merges, string(m))
	}
	if f.Model.UnkToken != nil {
		v.UNK = v.id(*f.Model.UnkToken)
	}
	if err := f.template(v); err != nil {
		return nil, err
	}
	if v.Model == "llama" {
		if err := v.scoreByRank(); err != nil {
			return nil, err
		}
	}
	return v, v.validate()
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// tokens places the vocabulary and the added tokens by id; gaps become unused tokens.
func (f *hfTokenizer) tokens(v *Vocab) error {
	var vocab map[string]int
	if err := json.Unmarshal(f.Model.Vocab, &vocab); err != nil {
		return corrupt("model.vocab: %w", err)
	}
	top := -1
	for t, id := range vocab {
		if err := checkID(t, id, len(vocab)); err != nil {
			return err
		}
		top = max(top, id)
	}
	v.Tokens, v.Types = make([]string, top+1), make([]int32, top+1)
	for t, id := range vocab {
		if v.Types[id] != 0 {
			return corrupt("id %d belongs to two tokens, %.40q and %.40q", id, min(t, v.Tokens[id]), max(t, v.Tokens[id]))
		}
		v.Tokens[id], v.Types[id] = t, f.kind(v, t)
	}
	return v.place(f.AddedTokens)
}

func (f *hfTokenizer) kind(v *Vocab, text string) int32 {
	if _, ok := byteOf(text); ok && v.Model == "llama" && f.Model.ByteFallback {
		return Byte
	}
	if v.Model == "llama" && f.Model.UnkToken != nil && text == *f.Model.UnkToken {
		return Unknown
	}
	return Normal
}

// scoreByRank gives each token minus the rank of the first merge that makes it, so that merging
// by score is merging by rank; what no merge makes comes last.
func (v *Vocab) scoreByRank() error {
	v.Scores = make([]float32, len(v.Tokens))
	made := make(map[string]int, len(v.Merges))
	for rank, m := range v.Merges {
		left, right, ok := cutMerge(m)
		if !ok {
			return corrupt("merge %d %.60q is not two tokens with a blank between", rank, m)
		}
		if _, ok := made[left+right]; !ok {
			made[left+right] = rank
		}
	}
	for id, t := range v.Tokens {
		rank, ok := made[t]
		switch {
		case ok:
			v.Scores[id] = -float32(rank)
		case v.Types[id] == Normal:
			v.Scores[id] = -float32(len(v.Merges) + id)
		}
	}
	return nil
}
