package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moreau/internal/job"
	"moreau/internal/load"
	"moreau/internal/tokenizer"
)

const turns = `{{ bos_token }}{% for m in messages %}{{ m.role }}: {{ m.content }}
{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}`

// chatty is a folder of the built-in model with a chat template.
func chatty(t *testing.T, template string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "m")
	must(t, "convert", stories, "-o", dir)
	write(t, filepath.Join(dir, "chat_template.jinja"), template)
	return dir
}

func replied(t *testing.T, args ...string) job.Continuation {
	t.Helper()
	return parsed[job.Continuation](t, must(t, append([]string{"generate", "--json", "-n", "5"}, args...)...).stdout)
}

// The template's text is what the model reads, with one BOS, though the tokenizer adds one to texts.
func TestChat(t *testing.T) {
	dir := chatty(t, turns)
	m, err := load.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	tok, err := m.Tokenizer()
	if err != nil {
		t.Fatal(err)
	}
	ids := tok.Encode("<s>system: Be kind.\nuser: Hello\nassistant:")
	if v := tok.Vocab(); !v.AddBOS || ids[0] != v.BOS || ids[1] == v.BOS {
		t.Fatalf("%v", ids)
	}
	row, err := json.Marshal([][]int{ids})
	if err != nil {
		t.Fatal(err)
	}
	want := replied(t, dir, "--ids", write(t, filepath.Join(t.TempDir(), "ids.json"), string(row)))
	got := replied(t, dir, "--chat", "--system", "Be kind.", "--prompt", "Hello")
	if got.Prompt != len(ids) || !slices.Equal(got.IDs, want.IDs) || got.Ended {
		t.Errorf("%+v, want %+v after %d ids", got, want, len(ids))
	}
	if out := must(t, "generate", dir, "--chat", "--system", "Be kind.", "--prompt", "Hello", "-n", "5"); out.stdout != got.Text+"\n" || !strings.Contains(out.stderr, "tokens/s") {
		t.Errorf("%q, %q, want %q", out.stdout, out.stderr, got.Text)
	}
}

// An answer ends at what generation_config.json names beside EOS.
func TestChatEnds(t *testing.T) {
	dir := chatty(t, turns)
	c := replied(t, dir, "--chat", "--prompt", "Hello")
	at := slices.Index(c.IDs, c.IDs[2])
	ends, err := json.Marshal(map[string]any{"eos_token_id": []int{2, c.IDs[2]}})
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "generation_config.json"), string(ends))
	if got := replied(t, dir, "--chat", "--prompt", "Hello"); !got.Ended || !slices.Equal(got.IDs, c.IDs[:at]) {
		t.Errorf("%+v, want the first %d of %v", got, at, c.IDs)
	}
}

// A template goes with the model into every container, pruned or not, and so do the ends.
func TestChatIsCarriedOn(t *testing.T) {
	dir, out := chatty(t, turns), t.TempDir()
	write(t, filepath.Join(dir, "generation_config.json"), `{"eos_token_id": [2, 3]}`)
	want := replied(t, dir, "--chat", "--prompt", "Hello")
	path := func(name string) string { return filepath.Join(out, name) }
	for _, step := range [][2]string{{dir, path("a")}, {dir, path("b.gguf")}, {path("b.gguf"), path("c")}, {path("b.gguf"), path("d.gguf")}} {
		must(t, "convert", step[0], "-o", step[1])
		if got := replied(t, step[1], "--chat", "--prompt", "Hello"); got.Prompt != want.Prompt || !slices.Equal(got.IDs, want.IDs) {
			t.Errorf("%s: %+v, want %+v", step[1], got, want)
		}
		carries(t, step[1])
		cut := step[1] + "-cut" + filepath.Ext(step[1])
		must(t, "prune", step[1], "--ratio", "20%", "--method", "l1", "--no-eval", "-o", cut)
		carries(t, cut)
	}
}

// carries wants the template and both ends in a model.
func carries(t *testing.T, path string) {
	t.Helper()
	m, err := load.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	var v *tokenizer.Vocab
	if v, err = m.Vocab(); err != nil {
		t.Fatal(err)
	}
	if v.ChatTemplate != turns || !slices.Equal(v.Ends(), []int{2, 3}) {
		t.Errorf("%s: template %q, ends %v", path, v.ChatTemplate, v.Ends())
	}
}

// Messages come from standard input too; at a terminal each line is one, and answers are part of what follows.
func TestChatInput(t *testing.T) {
	dir := chatty(t, turns)
	want := replied(t, dir, "--chat", "--prompt", "Hello\nyou")
	var stdout, stderr bytes.Buffer
	cmd := newRootCommand()
	cmd.SetArgs([]string{"generate", dir, "--chat", "--json", "-n", "5"})
	cmd.SetIn(strings.NewReader("Hello\nyou\n"))
	cmd.SetOut(&stdout)
	if err := cmd.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := parsed[job.Continuation](t, stdout.String()); got.Prompt != want.Prompt || got.Text != want.Text {
		t.Errorf("%+v, want %+v", got, want)
	}

	dir = chatty(t, turns+`{% if messages | length == 3 %}{{ raise_exception(messages | map(attribute='role') | join(' ') + ': ' + messages[1].content) }}{% endif %}`)
	first := replied(t, dir, "--chat", "--prompt", "Hello")
	stdout.Reset()
	o := &generateOptions{}
	o.Chat, o.Tokens = true, 5
	err := o.run(t.Context(), &globals{Compute: "float32"}, dir, input{strings.NewReader("Hello\n\nand now?\n"), true}, &stdout, &stderr)
	if err == nil || !strings.Contains(err.Error(), "user assistant user: "+first.Text) || stdout.String() != first.Text+"\n" {
		t.Errorf("%v after %q, %q", err, stdout.String(), stderr.String())
	}
}

func TestChatIsRefused(t *testing.T) {
	chat := []string{"--chat", "--prompt", "x"}
	refused(t, exitInput, []string{stories, "no chat template"}, append([]string{"generate", stories}, chat...)...)
	refused(t, exitInput, []string{"chat template", "No system!"}, append([]string{"generate", chatty(t, `{{ raise_exception('No system!') }}`)}, chat...)...)
	refused(t, exitInput, []string{"chat template", "line 1"}, append([]string{"generate", chatty(t, `{% if %}{% nonsense %}`)}, chat...)...)
	refused(t, exitInput, []string{"no tokenizer"}, append([]string{"generate", golden("llama_mha")}, chat...)...)
	refused(t, exitUsage, []string{"--system goes with --chat"}, "generate", stories, "--system", "x", "--prompt", "y")
	refused(t, exitUsage, []string{"only one of --chat, --ids"}, "generate", stories, "--chat", "--ids", "x")
	refused(t, exitUsage, []string{"no tokens; give some text"}, "generate", chatty(t, turns), "--chat")
}
