package interop

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"moreau/internal/chat"
	"moreau/internal/tokenizer"
)

// What a model reads of a conversation is what transformers' apply_chat_template makes of it: every
// template at hand, with every tokenizer, from the files that moreau writes.
func TestChatIDs(t *testing.T) {
	needPython(t, "jinja2, transformers")
	const golden, templates = "../internal/chat/testdata/golden.json", "../internal/chat/testdata/templates"
	var g struct{ Conversations map[string][]chat.Message }
	if err := json.Unmarshal(readFile(t, golden), &g); err != nil {
		t.Fatal(err)
	}
	dir, all, args := t.TempDir(), vocabs(t), []string{"hf_chat.py", golden, templates}
	for name, v := range all {
		files, err := v.HF()
		if err != nil {
			t.Fatal(err)
		}
		writeFiles(t, filepath.Join(dir, name), files)
		args = append(args, filepath.Join(dir, name))
	}
	python(t, args...)
	for name, v := range all {
		t.Run(name, func(t *testing.T) {
			var want map[string]map[string][]int // nil: refused
			if err := json.Unmarshal(readFile(t, filepath.Join(dir, name, "chat.json")), &want); err != nil {
				t.Fatal(err)
			}
			tok, err := tokenizer.New(v)
			if err != nil {
				t.Fatal(err)
			}
			compared := 0
			for file, ids := range want {
				template, err := chat.New(string(readFile(t, filepath.Join(templates, file))))
				if err != nil {
					t.Fatal(err)
				}
				compared += sameChats(t, file, template, tok, g.Conversations, ids)
			}
			t.Logf("%d conversations through %d templates", compared, len(want))
		})
	}
}

// sameChats compares ids of conversations and counts them; what transformers refuses must be refused.
func sameChats(t *testing.T, file string, template *chat.Template, tok tokenizer.Tokenizer, conversations map[string][]chat.Message, want map[string][]int) int {
	t.Helper()
	for name, messages := range conversations {
		text, err := template.Render(messages, chat.Options{Tokens: tok.Vocab().SpecialTokens(), Answer: true, Now: time.Now()})
		if got := tok.Encode(text); (err != nil) != (want[name] == nil) || err == nil && !slices.Equal(got, want[name]) {
			t.Errorf("%s, %s: %v\n got %s\nwant %s", file, name, err, head(got), head(want[name]))
		}
	}
	return len(conversations)
}
