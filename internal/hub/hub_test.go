package hub

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestFetch(t *testing.T) {
	f, dir, fetch := one(t)
	f.denied = true // the token is needed at the hub
	if err := fetch(); err != nil {
		t.Fatal(err)
	}
	arrived(t, f, dir)
	if f.leaked {
		t.Error("the token went to another host")
	}
	f.files["sub/model.safetensors"] = nil // not to be asked for again
	f.large = map[string]bool{}
	c := f.client(nil)
	sum := sha256.Sum256(random(100_000))
	file := File{Path: "sub/model.safetensors", Size: 100_000, SHA256: hex.EncodeToString(sum[:])}
	if err := c.Fetch(t.Context(), Revision{Repo: "o/n", Commit: commit}, file, dir, func(int64) {}); err != nil {
		t.Errorf("a file that is there is fetched again: %v", err)
	}
}

// A transfer that breaks off goes on from where it was, as does a later command.
func TestFetchGoesOn(t *testing.T) {
	f, dir, fetch := one(t)
	f.cut = 30_000
	if err := fetch(); err != nil {
		t.Fatal(err)
	}
	arrived(t, f, dir)
	if want := []string{"bytes=30000-", "bytes=60000-", "bytes=90000-"}; strings.Join(f.ranges, " ") != strings.Join(want, " ") {
		t.Errorf("ranges %q, want %q", f.ranges, want)
	}

	f, dir, fetch = one(t)
	part := filepath.Join(dir, "sub", "model.safetensors.part")
	os.Mkdir(filepath.Dir(part), 0o777)
	os.WriteFile(part, random(100_000)[:40_000], 0o666)
	if err := fetch(); err != nil {
		t.Fatal(err)
	}
	arrived(t, f, dir)
	if strings.Join(f.ranges, " ") != "bytes=40000-" {
		t.Errorf("ranges %q", f.ranges)
	}
}

func TestFetchWithoutRanges(t *testing.T) {
	f, dir, fetch := one(t)
	f.ignoreRange = true
	part := filepath.Join(dir, "sub", "model.safetensors.part")
	os.Mkdir(filepath.Dir(part), 0o777)
	os.WriteFile(part, random(100_000)[:40_000], 0o666)
	if err := fetch(); err != nil {
		t.Fatal(err)
	}
	arrived(t, f, dir)
}

// Another range than the one asked for is not taken for it, though no hash would tell: all
// is fetched again. Nor is one that begins with the same digits.
func TestFetchChecksTheRange(t *testing.T) {
	for _, shifted := range []int{1, -1, 360_000} {
		f, dir := newFake(t), t.TempDir()
		f.files["x"], f.shifted = random(500_000), shifted
		if err := os.WriteFile(filepath.Join(dir, "x.part"), random(500_000)[:40_000], 0o666); err != nil {
			t.Fatal(err)
		}
		file := File{Path: "x", Size: 500_000}
		if err := f.client(nil).Fetch(t.Context(), Revision{Repo: "o/n", Commit: commit}, file, dir, func(int64) {}); err != nil {
			t.Errorf("shifted by %d: %v", shifted, err)
		}
		if got, _ := os.ReadFile(filepath.Join(dir, "x")); string(got) != string(f.files["x"]) {
			t.Errorf("shifted by %d: the file is not what the hub has", shifted)
		}
	}
}

// A byte more than the hub states is too many, and leaves no file.
func TestFetchOfTooMuch(t *testing.T) {
	for more, fine := range map[int]bool{0: true, 1: false, 500: false} {
		f, dir := newFake(t), t.TempDir()
		f.files["x"] = random(1000 + more)
		err := f.client(nil).Fetch(t.Context(), Revision{Repo: "o/n", Commit: commit}, File{Path: "x", Size: 1000}, dir, func(int64) {})
		if fine != (err == nil) || !fine && (!errors.Is(err, ErrHub) || !strings.Contains(err.Error(), "more arrives")) {
			t.Errorf("%d bytes more: %v", more, err)
		}
		if _, err := os.Stat(filepath.Join(dir, "x")); (err == nil) != fine {
			t.Errorf("%d bytes more: the file is there: %v", more, err)
		}
	}
}

// Progress rises, from what is there already, and is all of the file only at the end.
func TestFetchProgress(t *testing.T) {
	f, dir, _ := one(t)
	part := filepath.Join(dir, "sub", "model.safetensors.part")
	os.Mkdir(filepath.Dir(part), 0o777)
	os.WriteFile(part, random(100_000)[:40_000], 0o666)
	f.cut = 25_000
	c := f.client(nil)
	r := f.resolve(c)
	var told []int64
	for range 2 { // the second time the file is there
		if err := c.Fetch(t.Context(), r, r.Files[0], dir, func(done int64) { told = append(told, done) }); err != nil {
			t.Fatal(err)
		}
	}
	whole := slices.Index(told, 100_000)
	if told[0] != 40_000 || !slices.IsSorted(told) || whole != len(told)-2 {
		t.Errorf("progress %v", told)
	}
}

// A part that is longer than the file is begun anew.
func TestPartOfTooMuch(t *testing.T) {
	f, dir, fetch := one(t)
	part := filepath.Join(dir, "sub", "model.safetensors.part")
	os.Mkdir(filepath.Dir(part), 0o777)
	os.WriteFile(part, make([]byte, 100_001), 0o666)
	if err := fetch(); err != nil {
		t.Fatal(err)
	}
	arrived(t, f, dir)
	if len(f.ranges) > 0 || f.sent != 1 {
		t.Errorf("a part longer than the file is gone on from, or all is fetched twice: %d times, ranges %q", f.sent, f.ranges)
	}
}

// A part of something else does not survive the hash; a hub that sends something
// else than it states is an error and leaves no file.
func TestHashes(t *testing.T) {
	f, dir, fetch := one(t)
	part := filepath.Join(dir, "sub", "model.safetensors.part")
	os.Mkdir(filepath.Dir(part), 0o777)
	os.WriteFile(part, make([]byte, 40_000), 0o666)
	if err := fetch(); err != nil {
		t.Fatal(err)
	}
	arrived(t, f, dir)

	for _, large := range []bool{true, false} {
		f, dir := newFake(t), t.TempDir()
		f.files["x"], f.large["x"] = random(1000), large
		c := f.client(nil)
		r := f.resolve(c)
		f.files["x"] = make([]byte, 1000)
		if err := c.Fetch(t.Context(), r, r.Files[0], dir, func(int64) {}); !errors.Is(err, ErrHub) || !strings.Contains(err.Error(), "another hash") {
			t.Errorf("large %v: error %v", large, err)
		}
		f.files["x"] = make([]byte, 2000)
		if err := c.Fetch(t.Context(), r, r.Files[0], dir, func(int64) {}); !errors.Is(err, ErrHub) || !strings.Contains(err.Error(), "more arrives") {
			t.Errorf("large %v: error %v", large, err)
		}
		if _, err := os.Stat(filepath.Join(dir, "x")); err == nil {
			t.Error("a wrong file has its name")
		}
	}
}

func TestRetries(t *testing.T) {
	f := newFake(t)
	var waits []time.Duration
	f.answers = []int{429, 503, 500}
	f.resolve(f.client(&waits))
	if fmt.Sprint(waits) != "[7s 7s 7s]" {
		t.Errorf("waits %v, want what Retry-After says", waits)
	}
	f.answers = []int{503, 503, 503, 503, 503, 503}
	if _, err := f.client(nil).Resolve(t.Context(), Models, "o/n", "main"); !errors.Is(err, ErrHub) || !strings.Contains(err.Error(), "503") || len(f.answers) != 1 {
		t.Errorf("%d answers left, error %v", len(f.answers), err)
	}
	f.hub.Close()
	if _, err := f.client(nil).Resolve(t.Context(), Models, "o/n", "main"); !errors.Is(err, ErrHub) {
		t.Errorf("no server: error %v", err)
	}
}

// The token goes on to the same host in the same way, and nowhere else; redirects end.
func TestRedirects(t *testing.T) {
	request := func(address string) *http.Request {
		r, err := http.NewRequest(http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer secret")
		return r
	}
	for address, keeps := range map[string]bool{
		"https://hub.example/b": true, "http://hub.example/b": false, "https://cdn.hub.example/b": false, "https://hub.example:8443/b": false, "https://other.example/b": false,
	} {
		to := request(address)
		if err := redirected(to, []*http.Request{request("https://hub.example/a"), request("https://other.example/a")}); err != nil || (to.Header.Get("Authorization") != "") != keeps {
			t.Errorf("%s: %v, token %q", address, err, to.Header.Get("Authorization"))
		}
	}
	via := make([]*http.Request, 10)
	for i := range via {
		via[i] = request("https://hub.example/a")
	}
	if redirected(request("https://hub.example/b"), via[:9]) != nil || redirected(request("https://hub.example/b"), via) == nil {
		t.Error("ten redirects are followed, or nine are not")
	}
}

func TestWaits(t *testing.T) {
	for _, c := range []struct {
		n           int
		asked, want time.Duration
	}{
		{1, 0, time.Second}, {2, 0, 2 * time.Second}, {4, 0, 8 * time.Second},
		{1, 7 * time.Second, 7 * time.Second}, {4, 7 * time.Second, 8 * time.Second},
		{1, 5 * time.Minute, 5 * time.Minute}, {1, time.Hour, 5 * time.Minute}, {1, -time.Hour, time.Second},
	} {
		if got := wait(c.n, c.asked); got != c.want {
			t.Errorf("after try %d, asked for %v: %v, want %v", c.n, c.asked, got, c.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := pause(ctx, 4, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	f := newFake(t)
	if _, err := f.client(nil).Resolve(t.Context(), Models, "o/n", "v2"); !errors.Is(err, ErrHub) || !strings.Contains(err.Error(), "o/n@v2") {
		t.Errorf("unknown revision: error %v", err)
	}
	f.denied = true
	c := f.client(nil)
	c.Token = "wrong"
	if _, err := c.Resolve(t.Context(), Models, "o/n", "main"); !errors.Is(err, ErrHub) || !strings.Contains(err.Error(), "HF_TOKEN") || !strings.Contains(err.Error(), "gated") {
		t.Errorf("wrong token: error %v", err)
	}
	f.denied = false
	for _, name := range []string{"../x", "/etc/x", "a/../../x", `a\x`, "", "C:x"} {
		f.names = []string{name}
		if _, err := f.client(nil).Resolve(t.Context(), Models, "o/n", "main"); !errors.Is(err, ErrHub) {
			t.Errorf("name %q: error %v", name, err)
		}
	}
}

// Answers that no hub should give.
func TestHostileAnswers(t *testing.T) {
	for answer, words := range map[string]string{
		`{"sha": "../../x", "siblings": []}`:                                            "names no commit",
		`{"sha": "abc", "siblings": [{"rfilename": "x", "size": -5}]}`:                  "-5 bytes for x",
		`{"sha": "abc", "siblings": [{"rfilename": "x", "size": 9223372036854775807}]}`: "9223372036854775807 bytes for x",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, answer) }))
		_, err := NewClient(server.URL, "").Resolve(t.Context(), Models, "o/n", "main")
		server.Close()
		if !errors.Is(err, ErrHub) || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: error %v, want %q", answer, err, words)
		}
	}
}

// Hashes are compared as numbers.
func TestHashInCapitals(t *testing.T) {
	f, dir := newFake(t), t.TempDir()
	f.files["x"], f.large["x"] = random(1000), true
	c := f.client(nil)
	r := f.resolve(c)
	r.Files[0].SHA256 = strings.ToUpper(r.Files[0].SHA256)
	if err := c.Fetch(t.Context(), r, r.Files[0], dir, func(int64) {}); err != nil {
		t.Error(err)
	}
}

func TestFolder(t *testing.T) {
	r := Revision{}
	for _, name := range []string{"config.json", "pytorch_model.bin", "model-1.safetensors", "model.safetensors.index.json", "onnx/model.onnx",
		"original/x.safetensors", "tokenizer.json", "NOTICE", "additional_chat_templates/rag.jinja", "LICENSE.txt", "q8.GGUF", "generation_config.json"} {
		r.Files = append(r.Files, File{Path: name})
	}
	var got []string
	for _, f := range r.Folder() {
		got = append(got, f.Path)
	}
	if want := "model-1.safetensors model.safetensors.index.json tokenizer.json additional_chat_templates/rag.jinja generation_config.json LICENSE.txt NOTICE config.json"; strings.Join(got, " ") != want {
		t.Errorf("%q, want %q", got, want)
	}
	if g := r.GGUF(); len(g) != 1 || g[0].Path != "q8.GGUF" {
		t.Errorf("GGUF files %v", g)
	}
	r.Files = r.Files[:2]
	if r.Folder() != nil {
		t.Error("a folder without safetensors")
	}
}

// A data set has addresses of its own, and is fetched, continued and checked as a model is.
func TestDataset(t *testing.T) {
	f, dir := newFake(t), t.TempDir()
	f.kind, f.cut = Datasets, 30_000
	f.files["boolq/validation-00000-of-00001.parquet"], f.large["boolq/validation-00000-of-00001.parquet"] = random(100_000), true
	c := f.client(nil)
	r := f.resolve(c)
	if err := c.Fetch(t.Context(), r, r.Files[0], dir, func(int64) {}); err != nil || len(f.ranges) != 3 {
		t.Errorf("%v, ranges %q", err, f.ranges)
	}
	if got, _ := os.ReadFile(filepath.Join(dir, "boolq", "validation-00000-of-00001.parquet")); string(got) != string(f.files[r.Files[0].Path]) {
		t.Error("the file is not what the hub has")
	}
	if _, err := c.Resolve(t.Context(), Models, "o/n", "main"); !errors.Is(err, ErrHub) || !strings.Contains(err.Error(), "no such repository") {
		t.Errorf("as a model: %v", err)
	}
}

// Where the first answer may not name all files they are listed page by page, in order, and the
// token stays with the hub whatever the pages' addresses say.
func TestListingInPages(t *testing.T) {
	f := newFake(t)
	for i := range manyFiles {
		f.names = append(f.names, fmt.Sprint("data/", i))
	}
	f.pages = 3
	f.files["small.jsonl"], f.files["large.parquet"], f.large["large.parquet"] = random(100), random(1000), true
	r := f.resolve(f.client(nil))
	if len(r.Files) != manyFiles+2 || f.leaked {
		t.Fatalf("%d files; the token reached the other host: %t", len(r.Files), f.leaked)
	}
	for _, file := range r.Files {
		if large := file.Path == "large.parquet"; (large || file.Path == "small.jsonl") && (file.Size != int64(len(f.files[file.Path])) || (file.SHA256 != "") != large || (file.Blob != "") == large) {
			t.Errorf("%+v", file)
		}
	}
	for pages, words := range map[int]string{-1: "does not end", -2: "without a cursor"} {
		f.pages = pages
		if _, err := f.client(nil).Resolve(t.Context(), Models, "o/n", "main"); !errors.Is(err, ErrHub) || !strings.Contains(err.Error(), words) {
			t.Errorf("%v, want %q", err, words)
		}
	}
}
