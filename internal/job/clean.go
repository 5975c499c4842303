package job

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"moreau/internal/output"
)

// Leftover is what an interrupted or killed run left beside its output.
type Leftover struct {
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
	What  string `json:"what"`
	InUse bool   `json:"in_use,omitempty"` // a run that has not ended holds it

	of string // output that it is an unfinished one of; "": it is state
}

// leftover is how what runs leave is called: the output's name, and a kind.
var leftover = regexp.MustCompile(`^\.(.+)\.moreau-(tmp|old|state|scratch|refit|recover|self|answers|lock)(-[0-9a-f]{12})?$`)

// leftoverKinds say what each kind is.
var leftoverKinds = map[string]string{
	"tmp": "unfinished output", "old": "output that was being replaced", "state": "state of scoring", "scratch": "state of scoring",
	"refit": "layers that are refitted", "recover": "adapters that are learnt", "self": "text that the model wrote", "answers": "answers of an evaluation",
	"lock": "lock of a run",
}

// Clean is the job that removes what runs left in a folder.
type Clean struct{ dir string }

// NewClean takes a folder that is there.
func NewClean(dir string) (*Clean, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, Usage(fmt.Errorf("%s is a file: name the folder that it lies in", dir))
	}
	return &Clean{dir}, nil
}

// Plan lists what there is, by name.
func (j *Clean) Plan() (list []Leftover, err error) {
	entries, err := os.ReadDir(j.dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		parts := leftover.FindStringSubmatch(e.Name())
		if parts == nil {
			continue
		}
		l := Leftover{Path: filepath.Join(j.dir, e.Name()), What: leftoverKinds[parts[2]]}
		if parts[3] != "" {
			l.of = filepath.Join(j.dir, parts[1])
		}
		lock := filepath.Join(j.dir, "."+parts[1]+".moreau-lock") // of the run that writes the output
		l.Bytes, l.InUse = BytesIn(l.Path), inUse(lock) || e.Type().IsRegular() && inUse(l.Path)
		list = append(list, l)
	}
	return list, nil
}

// Execute removes what nobody uses; a whole folder whose place is empty is put back.
func (j *Clean) Execute(list []Leftover) error {
	for _, l := range list {
		switch {
		case l.InUse:
		case l.of != "":
			release, err := output.Claim(l.of) // which cleans up
			if err != nil {
				return err
			}
			release()
		default:
			if err := os.RemoveAll(l.Path); err != nil {
				return Output(err)
			}
		}
	}
	return nil
}

// BytesIn is the size of a file, or of all in a folder.
func BytesIn(path string) (n int64) {
	filepath.WalkDir(path, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			if info, err := e.Info(); err == nil {
				n += info.Size()
			}
		}
		return nil
	})
	return n
}

// inUse says whether a run has the file locked.
func inUse(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	return output.Lock(f) != nil
}
