package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"moreau/internal/job"
)

// maxInput is the longest text that is read from standard input, in bytes; no model's context is as long.
const maxInput = 16 << 20

// input is standard input.
type input struct {
	io.Reader
	terminal bool
}

// isTerminal says whether a person types what is read, or sees what is written.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// all reads all of it, without the end of its last line.
func (in input) all(ctx context.Context) (string, error) {
	type result struct {
		text []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		text, err := io.ReadAll(io.LimitReader(in, maxInput+1))
		done <- result{text, err}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case r := <-done:
		if r.err == nil && len(r.text) > maxInput {
			r.err = errors.New("too long")
		}
		if r.err != nil {
			return "", job.Input(fmt.Errorf("standard input: %w", r.err))
		}
		return strings.TrimRight(string(r.text), "\r\n"), nil
	}
}

// lines reads line by line, until there are no more.
func (in input) lines() <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		s := bufio.NewScanner(in)
		s.Buffer(nil, maxInput)
		for s.Scan() {
			lines <- s.Text()
		}
	}()
	return lines
}
