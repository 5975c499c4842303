package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"moreau/internal/checkpoint"
	"moreau/internal/generate"
	"moreau/internal/hub"
	"moreau/internal/job"
	"moreau/internal/load"
	"moreau/internal/output"
	"moreau/internal/prune"
	"moreau/internal/tokenizer"
)

// Exit codes, by class; the root command's help lists them.
const (
	exitOK          = 0
	exitFailure     = 1   // anything else
	exitUsage       = 2   // wrong flags, arguments or budget
	exitInput       = 3   // a model, text or scores file is missing or unusable
	exitOutput      = 4   // the output exists or cannot be written
	exitInterrupted = 130 // Ctrl-C
)

// codes are the exit codes of errors: the first row that has one that err is.
var codes = []struct {
	code int
	errs []error
}{
	{exitUsage, []error{job.ErrUsage, prune.ErrBudget, generate.ErrPrompt}},
	{exitOutput, []error{output.ErrExists, output.ErrWrite}},
	{exitInput, []error{job.ErrInput, load.ErrModel, checkpoint.ErrCorrupt, tokenizer.ErrCorrupt, tokenizer.ErrUnsupported, tokenizer.ErrNone, hub.ErrHub, fs.ErrNotExist, errPath}},
	{exitOutput, []error{job.ErrOutput}},
}

// errPath stands for any error about a path.
var errPath error = new(fs.PathError)

// interrupted says what a Ctrl-C leaves, where that is something.
type interrupted struct{ what string }

func (i interrupted) Error() string { return "interrupted; " + i.what }

// goesOn is err, or, of a run that was interrupted, what it has kept: those of the paths that are there.
func goesOn(ctx context.Context, err error, paths ...string) error {
	var kept []string
	for _, path := range paths {
		if _, err := os.Stat(path); err == nil {
			kept = append(kept, path+" ("+job.Size(job.BytesIn(path))+")")
		}
	}
	if ctx.Err() == nil || len(kept) == 0 {
		return err
	}
	return interrupted{"the same command continues from " + strings.Join(kept, ", ")}
}

// stays is goesOn of state beside an output, with how to be rid of it.
func stays(ctx context.Context, err error, paths ...string) error {
	err = goesOn(ctx, err, paths...)
	if left, ok := errors.AsType[interrupted](err); ok {
		return interrupted{left.what + "; moreau clean " + shellWord(filepath.Dir(paths[0])) + " removes it"}
	}
	return err
}

func exitCode(ctx context.Context, err error) int {
	switch {
	case err == nil:
		return exitOK
	case ctx.Err() != nil:
		return exitInterrupted
	}
	for _, row := range codes {
		for _, class := range row.errs {
			if is(err, class) {
				return row.code
			}
		}
	}
	return exitFailure
}

func is(err, class error) bool {
	if class == errPath {
		_, ok := errors.AsType[*fs.PathError](err)
		return ok
	}
	return errors.Is(err, class)
}
