package hub

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

const commit = "0123456789abcdef0123456789abcdef01234567"

// fake is a hub with one repository, o/n, whose large files lie on another host.
type fake struct {
	t       *testing.T
	kind    Kind
	pages   int // in which the tree is listed; -1: without end, -2: the next one has no cursor
	files   map[string][]byte
	large   map[string]bool // sent by the other host
	hub     *httptest.Server
	storage *httptest.Server
	names   []string // listed beside the files

	ignoreRange bool
	shifted     int   // a range is answered by one that begins so many bytes further on
	cut         int   // bytes after which a transfer breaks off; 0: never
	answers     []int // status codes given before the right answer
	ranges      []string
	sent        int  // files, or what is left of them
	leaked      bool // a token reached the other host
	denied      bool // without the right token
}

func newFake(t *testing.T) *fake {
	f := &fake{t: t, kind: Models, files: map[string][]byte{}, large: map[string]bool{}}
	f.storage = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.leaked = f.leaked || r.Header.Get("Authorization") != ""
		f.send(w, r, strings.TrimPrefix(r.URL.Path, "/"))
	}))
	f.hub = httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(f.storage.Close)
	t.Cleanup(f.hub.Close)
	return f
}

func (f *fake) serve(w http.ResponseWriter, r *http.Request) {
	if f.denied && r.Header.Get("Authorization") != "Bearer right" {
		w.Header().Set("X-Error-Message", "gated")
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if len(f.answers) > 0 {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(f.answers[0])
		f.answers = f.answers[1:]
		return
	}
	prefix := ""
	if f.kind == Datasets {
		prefix = "/datasets"
	}
	switch api := "/api/" + string(f.kind) + "/o/n/"; {
	case r.URL.Path == api+"revision/main" && r.URL.Query().Get("blobs") == "true":
		f.list(w)
		return
	case r.URL.Path == api+"tree/"+commit && r.URL.Query().Get("recursive") == "true":
		f.tree(w, r.URL.Query().Get("cursor"))
		return
	}
	name, ok := strings.CutPrefix(r.URL.Path, prefix+"/o/n/resolve/"+commit+"/")
	switch {
	case !ok:
		w.WriteHeader(http.StatusNotFound)
	case f.large[name]:
		http.Redirect(w, r, f.storage.URL+"/"+name, http.StatusFound)
	default:
		f.send(w, r, name)
	}
}

func (f *fake) list(w http.ResponseWriter) {
	type object = map[string]any
	var siblings []object
	for name, data := range f.files {
		s := object{"rfilename": name, "size": len(data), "blobId": blob(data)}
		if f.large[name] {
			sum := sha256.Sum256(data)
			s["blobId"] = "of a pointer"
			s["lfs"] = object{"sha256": hex.EncodeToString(sum[:]), "size": len(data)}
		}
		siblings = append(siblings, s)
	}
	for _, name := range f.names {
		siblings = append(siblings, object{"rfilename": name})
	}
	json.NewEncoder(w).Encode(object{"sha": commit, "siblings": siblings})
}

// tree answers with a page of the listing, whose next one seems to be on the other host.
func (f *fake) tree(w http.ResponseWriter, cursor string) {
	type object = map[string]any
	page, _ := strconv.Atoi(cursor)
	entries := []object{{"type": "directory", "path": "data", "oid": "of a folder", "size": 0}}
	for i, name := range f.names {
		if f.pages > 0 && i%f.pages == page {
			entries = append(entries, object{"type": "file", "path": name, "size": 1, "oid": "o"})
		}
	}
	for name, data := range f.files {
		e := object{"type": "file", "path": name, "size": len(data), "oid": blob(data)}
		if sum := sha256.Sum256(data); f.large[name] {
			e["oid"], e["lfs"] = "of a pointer", object{"oid": hex.EncodeToString(sum[:]), "size": len(data)}
		}
		if page == f.pages-1 {
			entries = append(entries, e)
		}
	}
	switch {
	case f.pages == -2:
		w.Header().Set("Link", "<"+f.storage.URL+`/x>; rel="next"`)
	case f.pages == -1 || page < f.pages-1:
		w.Header().Set("Link", fmt.Sprintf(`<%s/x?cursor=%d>; rel="next"`, f.storage.URL, page+1))
	}
	json.NewEncoder(w).Encode(entries)
}

func blob(data []byte) string {
	sum := sha1.Sum(fmt.Appendf(nil, "blob %d\x00%s", len(data), data))
	return hex.EncodeToString(sum[:])
}

func (f *fake) send(w http.ResponseWriter, r *http.Request, name string) {
	data, ok := f.files[name]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	f.sent++
	from := 0
	if asked := r.Header.Get("Range"); asked != "" && !f.ignoreRange {
		f.ranges = append(f.ranges, asked)
		from, _ = strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(asked, "bytes="), "-"))
		from += f.shifted
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(data)-1, len(data)))
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(data)-from))
	if from > 0 {
		w.WriteHeader(http.StatusPartialContent)
	}
	data = data[from:]
	if f.cut > 0 && len(data) > f.cut {
		w.Write(data[:f.cut])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler) // breaks the connection
	}
	w.Write(data)
}

// client notes what it would wait for.
func (f *fake) client(waits *[]time.Duration) *Client {
	c := NewClient(f.hub.URL+"/", "right")
	c.Pause = func(_ context.Context, _ int, asked time.Duration) error {
		if waits != nil {
			*waits = append(*waits, asked)
		}
		return nil
	}
	return c
}

func (f *fake) resolve(c *Client) Revision {
	f.t.Helper()
	r, err := c.Resolve(f.t.Context(), f.kind, "o/n", "main")
	if err != nil {
		f.t.Fatal(err)
	}
	return r
}

func random(n int) []byte {
	data := make([]byte, n)
	x := uint32(1)
	for i := range data {
		x = x*1664525 + 1013904223
		data[i] = byte(x >> 24)
	}
	return data
}

// one is a hub with one large file, and the way to fetch it into dir.
func one(t *testing.T) (f *fake, dir string, fetch func() error) {
	f, dir = newFake(t), t.TempDir()
	f.files["sub/model.safetensors"], f.large["sub/model.safetensors"] = random(100_000), true
	return f, dir, func() error {
		c := f.client(nil)
		r := f.resolve(c)
		return c.Fetch(t.Context(), r, r.Files[0], dir, func(int64) {})
	}
}

func arrived(t *testing.T, f *fake, dir string) {
	t.Helper()
	got, err := os.ReadFile(filepath.Join(dir, "sub", "model.safetensors"))
	if err != nil || string(got) != string(f.files["sub/model.safetensors"]) {
		t.Errorf("the file is not what the hub has: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "sub", "*.part")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
