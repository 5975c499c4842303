package tokenizer

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
)

// hfAdded is an added token of tokenizer.json or tokenizer_config.json. HF may also trim around
// it or match it after normalising; like llama.cpp this package takes it as it stands in the text.
type hfAdded struct {
	ID      int    `json:"id"`
	Content string `json:"content"`
	Special bool   `json:"special"`
}

// readAdded places the tokens of added_tokens.json and of tokenizer_config.json that the
// vocabulary file lacks, as a tokenizer.model does.
func (v *Vocab) readAdded(dir string) error {
	path := filepath.Join(dir, "added_tokens.json")
	plain, err := readObject(path)
	if err != nil {
		return err
	}
	config, err := readObject(filepath.Join(dir, "tokenizer_config.json"))
	if err != nil {
		return err
	}
	byID, _ := value[map[int]hfAdded](config["added_tokens_decoder"])
	var added []hfAdded
	for text, raw := range plain {
		if id, ok := value[int](raw); ok && byID[id].Content == "" {
			added = append(added, hfAdded{ID: id, Content: text})
		}
	}
	for id, a := range byID {
		a.ID = id
		added = append(added, a)
	}
	ids := v.ids()
	added = slices.DeleteFunc(added, func(a hfAdded) bool {
		_, there := ids[a.Content]
		return there || a.Content == ""
	})
	if err := v.place(added); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// place puts added tokens at their ids; gaps before them become unused tokens.
func (v *Vocab) place(added []hfAdded) error {
	slices.SortFunc(added, func(a, b hfAdded) int { return a.ID - b.ID })
	for _, a := range added {
		if a.ID < 0 || a.ID >= maxTokens {
			return corrupt("added token %.40q has id %d, allowed 0..%d", a.Content, a.ID, maxTokens-1)
		}
		for len(v.Tokens) <= a.ID {
			v.add("", -1000, 0)
		}
		if v.Types[a.ID] != 0 && v.Tokens[a.ID] != a.Content {
			return corrupt("id %d belongs to two tokens, %.40q and %.40q", a.ID, v.Tokens[a.ID], a.Content)
		}
		v.Tokens[a.ID] = a.Content
		if v.Types[a.ID] != Unknown {
			v.Types[a.ID] = UserDefined
			if a.Special {
				v.Types[a.ID] = Control
			}
		}
	}
	for id := range v.Tokens {
		if v.Types[id] == 0 {
			v.Tokens[id], v.Types[id] = "[PAD"+strconv.Itoa(id)+"]", Unused
		}
	}
	return nil
}
