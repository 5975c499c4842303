package main

import (
	"context"
	"errors"
	"io/fs"

	"moreau/internal/checkpoint"
	"moreau/internal/generate"
	"moreau/internal/hub"
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

// usageError marks mistakes in flags and arguments.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// inputError marks files that cannot be used as they are.
type inputError struct{ error }

func (e inputError) Unwrap() error { return e.error }

// outputError marks results that have no place where they are to go.
type outputError struct{ error }

func (e outputError) Unwrap() error { return e.error }

// interrupted says what a Ctrl-C leaves, where that is something.
type interrupted struct{ what string }

func (i interrupted) Error() string { return "interrupted; " + i.what }

// inputErrors are the errors about files of the packages that read them.
var inputErrors = []error{load.ErrModel, checkpoint.ErrCorrupt, tokenizer.ErrCorrupt, tokenizer.ErrUnsupported, tokenizer.ErrNone, hub.ErrHub, fs.ErrNotExist}

func exitCode(ctx context.Context, err error) int {
	var usage usageError
	var input inputError
	var out outputError
	var path *fs.PathError
	switch {
	case err == nil:
		return exitOK
	case ctx.Err() != nil:
		return exitInterrupted
	case errors.As(err, &usage), errors.Is(err, prune.ErrBudget), errors.Is(err, generate.ErrPrompt):
		return exitUsage
	case errors.Is(err, output.ErrExists), errors.Is(err, output.ErrWrite):
		return exitOutput
	case errors.As(err, &input), errors.As(err, &path), isAny(err, inputErrors):
		return exitInput
	case errors.As(err, &out):
		return exitOutput
	}
	return exitFailure
}

func isAny(err error, targets []error) bool {
	for _, t := range targets {
		if errors.Is(err, t) {
			return true
		}
	}
	return false
}
