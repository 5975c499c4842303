package job

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"moreau/internal/hub"
	"moreau/internal/output"
)

// PullOptions say what is fetched from where.
type PullOptions struct {
	Name     string   // OWNER/NAME, OWNER/NAME@REV or, of a model, OWNER/NAME@REV:FILE.gguf
	Dataset  bool     // it names a data set
	Include  []string // of a data set: patterns of files, none for those that tasks read, or all records
	Endpoint string   // "": the default hub
	Token    string   // sent to it, "": none
	Out      string   // folder; a data set goes to OWNER/NAME in it
}

// Pull is the job that fetches a model or a data set from a hub.
type Pull struct {
	o      PullOptions
	client *hub.Client
	rev    hub.Revision
	files  []hub.File
}

// PullPlan says what will be fetched.
type PullPlan struct {
	Pulled
	Out   string // folder that the files go to
	Sizes []hub.File
}

// NewPull asks the hub what the revision holds.
func NewPull(ctx context.Context, o PullOptions) (*Pull, error) {
	parts := hubName.FindStringSubmatch(o.Name)
	switch {
	case parts == nil || o.Dataset && parts[3] != "":
		return nil, Usage(fmt.Errorf("%q: want OWNER/NAME, OWNER/NAME@REV or, of a model, OWNER/NAME@REV:FILE.gguf", o.Name))
	case o.Out == "":
		return nil, Usage(fmt.Errorf("say where it goes: -o DIR"))
	case o.Include != nil && !o.Dataset:
		return nil, Usage(fmt.Errorf("--include goes with --dataset; one file of a model is OWNER/NAME:FILE.gguf"))
	}
	j := &Pull{o: o, client: hub.NewClient(cmp.Or(o.Endpoint, hub.DefaultEndpoint), o.Token)}
	kind := hub.Models
	if o.Dataset {
		kind = hub.Datasets
		j.o.Out = filepath.Join(o.Out, filepath.FromSlash(parts[1]))
	}
	var err error
	if j.rev, err = j.client.Resolve(ctx, kind, parts[1], cmp.Or(parts[2], "main")); err != nil {
		return nil, err
	}
	if o.Dataset {
		j.files, err = chooseRecords(j.rev, o.Include)
	} else {
		j.files, err = choose(j.rev, parts[3])
	}
	return j, err
}

// choose picks the files to fetch: a model folder, or the GGUF file asked for.
func choose(r hub.Revision, gguf string) ([]hub.File, error) {
	var names []string
	for _, f := range r.GGUF() {
		if f.Path == gguf {
			return []hub.File{f}, nil
		}
		names = append(names, f.Path)
	}
	if files := r.Folder(); gguf == "" && files != nil {
		return files, nil
	}
	if len(names) == 0 {
		return nil, Input(fmt.Errorf("%s has no safetensors weights with a config.json and no .gguf file; other formats are not read", r.Repo))
	}
	return nil, Usage(fmt.Errorf("say which file of %s to fetch, %s:FILE.gguf; there are: %s", r.Repo, r.Repo, strings.Join(names, ", ")))
}

// Plan says what Execute will fetch.
func (j *Pull) Plan() PullPlan {
	p := PullPlan{Pulled{Endpoint: j.client.Endpoint, Repo: j.rev.Repo, Commit: j.rev.Commit}, j.o.Out, j.files}
	for _, f := range j.files {
		p.Files, p.Bytes = append(p.Files, f.Path), p.Bytes+f.Size
	}
	return p
}

// Execute fetches what is not there yet.
func (j *Pull) Execute(ctx context.Context, p PullPlan, progress Progress) (Pulled, error) {
	release, err := alone(ctx, j.o.Out, progress)
	if err != nil {
		return p.Pulled, err
	}
	defer release()
	if err := p.claim(j.o.Out); err != nil {
		return p.Pulled, err
	}
	progress.Begin(Pulling, p.Repo, p.Bytes)
	var before int64
	for _, f := range p.Sizes {
		if err := j.client.Fetch(ctx, j.rev, f, j.o.Out, func(done int64) { progress.At(before + done) }); err != nil {
			return p.Pulled, err
		}
		before += f.Size
	}
	progress.End(math.NaN())
	return p.Pulled, nil
}

// alone makes dir, and waits until no other pull writes there, which may bring what is asked for.
func alone(ctx context.Context, dir string, progress Progress) (release func(), err error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, Output(err)
	}
	for waited := false; ; waited = true {
		release, err = output.Claim(filepath.Join(dir, pullMark))
		switch {
		case !errors.Is(err, output.ErrBusy):
			return release, err
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case !waited:
			progress.Note(dir + ": waiting for another pull")
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// claim makes sure that dir is new, or from a pull of the same commit, and that the rest has room.
func (p *Pulled) claim(dir string) error {
	mark := filepath.Join(dir, pullMark)
	data, err := os.ReadFile(mark)
	if err == nil {
		var before Pulled
		if err := json.Unmarshal(data, &before); err != nil {
			return Output(fmt.Errorf("%s: %w; delete the folder to begin anew", mark, err))
		}
		if before.Repo != p.Repo || before.Commit != p.Commit {
			return Output(fmt.Errorf("%s is of %s at %s, not of %s at %s; ask for @%s, or pull to another folder", dir, before.Repo, before.Commit, p.Repo, p.Commit, before.Commit))
		}
		return p.room(dir)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return Output(err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "."+pullMark) { // what is beside the mark is ours
			return Output(fmt.Errorf("%s is no folder of a pull and not empty; pull to another folder", dir))
		}
	}
	if err := p.room(dir); err != nil {
		return err
	}
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return writeText(mark, true, text)
}

// room checks the disk for what dir does not hold yet.
func (p *Pulled) room(dir string) error {
	left := p.Bytes
	for _, f := range p.Files {
		for _, path := range []string{f, f + ".part"} {
			if info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(path))); err == nil {
				left -= info.Size()
			}
		}
	}
	err := output.Room(filepath.Join(dir, pullMark), max(0, left))
	if full, ok := errors.AsType[*output.Error](err); ok {
		return &output.Error{Path: dir, Err: full.Err}
	}
	return err
}
