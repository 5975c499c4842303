package tokenizer

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
)

// hfAdded is an added token of tokenizer.json or tokenizer_config.json.
type hfAdded struct {
	ID      int    `json:"id"`
	Content string `json:"content"`
	Special bool   `json:"special"`
	Match
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
	named := len(v.Tokens) + len(added)
	for _, a := range added {
		if err := checkID(a.Content, a.ID, named); err != nil {
			return err
		}
		for len(v.Tokens) <= a.ID {
			v.add("", -1000, 0)
		}
		if v.Types[a.ID] != 0 && v.Tokens[a.ID] != a.Content {
			return corrupt("id %d belongs to two tokens, %.40q and %.40q", a.ID, v.Tokens[a.ID], a.Content)
		}
		v.Tokens[a.ID] = a.Content
		v.match(a)
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

// match notes how an added token is found; from the first that llama.cpp would not find so, for all.
func (v *Vocab) match(a hfAdded) {
	if v.Added == nil && a.Match == (Match{}) {
		return
	}
	if v.Added == nil {
		v.Added = map[int]Match{}
		for id := range v.Tokens {
			if v.literal(id) {
				v.Added[id] = Match{}
			}
		}
	}
	v.Added[a.ID] = a.Match
}
