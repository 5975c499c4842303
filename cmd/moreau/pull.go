package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"moreau/internal/hub"
	"moreau/internal/output"
)

// pullOptions are the flags of pull.
type pullOptions struct {
	Out    string
	DryRun bool
}

func (o *pullOptions) AddFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&o.Out, "out", "o", "", "folder that the model goes to")
	f.BoolVar(&o.DryRun, "dry-run", false, "list the files and stop")
}

const pullHelp = `pull fetches a model from huggingface.co, or from the hub that HF_ENDPOINT names:
weights in safetensors, configuration, tokenizer and license, or one .gguf file.
REV is a branch, a tag or a commit (default: main). HF_TOKEN is sent to that hub.

A transfer that breaks off goes on when the same command is given again. Files are
checked against the hashes that the hub states; config.json comes last, so a folder
that opens as a model is complete.`

func newPullCommand(g *globals) *cobra.Command {
	o := &pullOptions{}
	cmd := &cobra.Command{
		Use: "pull OWNER/NAME[@REV][:FILE.gguf] -o DIR", Short: "Fetch a model from a hub", Long: pullHelp,
		Example: "  moreau pull HuggingFaceTB/SmolLM2-135M -o smollm2\n  moreau pull OWNER/NAME@main:model-q8_0.gguf -o models",
		Args:    oneModel,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runPull(cmd.Context(), args[0], o, g, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.AddFlags(cmd)
	return cmd
}

var repository = regexp.MustCompile(`^(\w[\w.-]*/\w[\w.-]*)(?:@([\w./-]+))?(?::(.+\.[gG][gG][uU][fF]))?$`)

// pulled is what a pull fetches; the JSON output, and what marks a folder as a pull's.
type pulled struct {
	Endpoint string   `json:"endpoint"`
	Repo     string   `json:"repo"`
	Commit   string   `json:"commit"`
	Files    []string `json:"files"`
	Bytes    int64    `json:"bytes"`
}

// pullMark is the file that marks a folder.
const pullMark = ".moreau-pull.json"

func runPull(ctx context.Context, name string, o *pullOptions, g *globals, stdout, stderr io.Writer) error {
	parts := repository.FindStringSubmatch(name)
	switch {
	case parts == nil:
		return usageError{fmt.Errorf("%q: want OWNER/NAME, OWNER/NAME@REV or OWNER/NAME@REV:FILE.gguf", name)}
	case o.Out == "":
		return usageError{fmt.Errorf("say where the model goes: -o DIR")}
	case os.Getenv("HF_HUB_OFFLINE") == "1":
		return usageError{fmt.Errorf("HF_HUB_OFFLINE=1 forbids to ask the hub; unset it to pull")}
	}
	endpoint, revision := os.Getenv("HF_ENDPOINT"), parts[2]
	if endpoint == "" {
		endpoint = hub.DefaultEndpoint
	}
	if revision == "" {
		revision = "main"
	}
	client := hub.NewClient(endpoint, os.Getenv("HF_TOKEN"))
	r, err := client.Resolve(ctx, parts[1], revision)
	if err != nil {
		return err
	}
	files, err := choose(r, parts[3])
	if err != nil {
		return err
	}
	p := pulled{Endpoint: client.Endpoint, Repo: r.Repo, Commit: r.Commit}
	for _, f := range files {
		p.Files, p.Bytes = append(p.Files, f.Path), p.Bytes+f.Size
	}
	if o.DryRun {
		return p.print(files, g, stdout)
	}
	if err := p.claim(o.Out); err != nil {
		return err
	}
	err = fetchAll(ctx, client, r, files, o.Out, p.Bytes, stderr)
	switch {
	case ctx.Err() != nil:
		return interrupted{"the same command goes on from here"}
	case err != nil:
		return err
	}
	if g.JSON {
		return printJSON(stdout, p)
	}
	fmt.Fprintf(stdout, "%s: %s at %s, %d files, %s\n", o.Out, p.Repo, p.Commit, len(files), size(p.Bytes))
	return nil
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
		return nil, inputError{fmt.Errorf("%s has no safetensors weights with a config.json and no .gguf file; other formats are not read", r.Repo)}
	}
	return nil, usageError{fmt.Errorf("say which file of %s to fetch, %s:FILE.gguf; there are: %s", r.Repo, r.Repo, strings.Join(names, ", "))}
}

func (p *pulled) print(files []hub.File, g *globals, stdout io.Writer) error {
	if g.JSON {
		return printJSON(stdout, p)
	}
	rows := []string{fmt.Sprintf("%s\t%s", p.Repo, p.Commit)}
	for _, f := range files {
		rows = append(rows, fmt.Sprintf("%s\t%s", f.Path, size(f.Size)))
	}
	table(stdout, append(rows, "total\t"+size(p.Bytes))...)
	return nil
}

// claim makes dir, or makes sure that it is from a pull of the same commit, and that
// the rest has room.
func (p *pulled) claim(dir string) error {
	mark := filepath.Join(dir, pullMark)
	data, err := os.ReadFile(mark)
	if err == nil {
		var before pulled
		if err := json.Unmarshal(data, &before); err != nil {
			return outputError{fmt.Errorf("%s: %w; delete the folder to begin anew", mark, err)}
		}
		if before.Repo != p.Repo || before.Commit != p.Commit {
			return outputError{fmt.Errorf("%s is of %s at %s, not of %s at %s; ask for @%s, or pull to another folder", dir, before.Repo, before.Commit, p.Repo, p.Commit, before.Commit)}
		}
		return p.room(dir)
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return outputError{fmt.Errorf("%s is no folder of a pull and not empty; pull to another folder", dir)}
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return outputError{err}
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return outputError{err}
	}
	if err := p.room(dir); err != nil {
		return err
	}
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return output.File(mark, true, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// room checks the disk for what dir does not hold yet.
func (p *pulled) room(dir string) error {
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

func fetchAll(ctx context.Context, c *hub.Client, r hub.Revision, files []hub.File, dir string, total int64, stderr io.Writer) error {
	bar := newProgress(stderr, "pulling "+r.Repo, total)
	var before int64
	for _, f := range files {
		if err := c.Fetch(ctx, r, f, dir, func(done int64) { bar.set(before + done) }); err != nil {
			return err
		}
		before += f.Size
	}
	bar.finish("")
	return nil
}
