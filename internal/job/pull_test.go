package job

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moreau/internal/hub"
	"moreau/internal/output"
)

// Progress of a pull is of all its files: it rises over them to the total, at the end alone.
func TestProgressOfPulling(t *testing.T) {
	sizes := map[string]int{"a": 100, "b": 50, "c": 200}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte(strings.Repeat("x", sizes[filepath.Base(r.URL.Path)])))
	}))
	defer server.Close()
	j := &Pull{o: PullOptions{Out: filepath.Join(t.TempDir(), "m")}, client: hub.NewClient(server.URL, ""), rev: hub.Revision{Repo: "o/n", Commit: "abc"}}
	for _, name := range []string{"a", "b", "c"} {
		j.files = append(j.files, hub.File{Path: name, Size: int64(sizes[name])})
	}
	for range 2 { // the second time all is there
		h := &heard{}
		if _, err := j.Execute(t.Context(), j.Plan(), h); err != nil {
			t.Fatal(err)
		}
		if h.total != 350 || !slices.IsSorted(h.done) || slices.Index(h.done, 350) != len(h.done)-1 || !slices.Contains(h.done, 150) || len(h.ends) != 1 {
			t.Errorf("progress %v of %d", h.done, h.total)
		}
	}
}

// What does not fit on the disk is refused before anything is asked for: of a new folder, which stays
// empty, and of one in which some is there.
func TestRoomForAPull(t *testing.T) {
	out := t.TempDir()
	for _, begun := range []bool{false, true} {
		p := &Pulled{Repo: "o/n", Commit: "abc", Bytes: 1 << 60, Files: []string{"x"}}
		if begun {
			if err := (&Pulled{Repo: "o/n", Commit: "abc"}).claim(out); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.claim(out); !errors.Is(err, output.ErrWrite) || !strings.Contains(err.Error(), "are to be written") {
			t.Errorf("begun before %t: %v", begun, err)
		}
		if there, _ := filepath.Glob(filepath.Join(out, "*")); (len(there) > 0) != begun { // the mark of the pull that was begun
			t.Errorf("begun before %t: %q is there", begun, there)
		}
	}
}
