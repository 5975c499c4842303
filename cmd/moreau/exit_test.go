package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"moreau/internal/checkpoint"
	"moreau/internal/generate"
	"moreau/internal/hub"
	"moreau/internal/job"
	"moreau/internal/load"
	"moreau/internal/output"
	"moreau/internal/prune"
	"moreau/internal/tokenizer"
)

// Each class of errors has its code, however deep it is wrapped; the first in the order of the table where
// there are several.
func TestExitCodes(t *testing.T) {
	_, notThere := os.Stat("not-there")
	some := errors.New("some")
	for _, tt := range []struct {
		err  error
		want int
	}{
		{nil, 0}, {some, 1}, {io.ErrUnexpectedEOF, 1},
		{job.Usage(some), 2}, {prune.ErrBudget, 2}, {generate.ErrPrompt, 2},
		{job.Input(some), 3}, {load.ErrModel, 3}, {checkpoint.ErrCorrupt, 3}, {tokenizer.ErrCorrupt, 3}, {tokenizer.ErrUnsupported, 3}, {tokenizer.ErrNone, 3},
		{hub.ErrHub, 3}, {fs.ErrNotExist, 3}, {notThere, 3}, {&fs.PathError{Op: "open", Path: "x", Err: fs.ErrPermission}, 3},
		{job.Output(some), 4}, {output.ErrExists, 4}, {&output.Error{Path: "x", Err: some}, 4}, {&output.Error{Path: "x", Err: notThere}, 4},
		{job.Usage(output.ErrExists), 2}, {job.Output(output.ErrExists), 4}, {job.Output(checkpoint.ErrCorrupt), 3}, {job.Input(output.ErrWrite), 4},
	} {
		if got := exitCode(t.Context(), tt.err); got != tt.want {
			t.Errorf("%v: %d, want %d", tt.err, got, tt.want)
		}
		if tt.err == nil {
			continue
		}
		if got := exitCode(t.Context(), fmt.Errorf("a: %w", errors.Join(some, fmt.Errorf("b: %w", tt.err)))); got != tt.want {
			t.Errorf("%v, wrapped: %d, want %d", tt.err, got, tt.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := exitCode(ctx, job.Usage(some)); got != 130 {
		t.Errorf("interrupted: %d", got)
	}
	if exitCode(ctx, nil) != 0 {
		t.Error("a run that ended well has failed")
	}
}

// What Go's packages say comes in a reader's words, wherever it stands in the chain.
func TestMessages(t *testing.T) {
	_, notThere := os.Stat("not-there")
	_, number := strconv.ParseInt("x", 10, 64)
	wrong := func(text string, into any) error { return json.Unmarshal([]byte(text), into) }
	for _, tt := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("m: %w", notThere), "m: not-there: no such file or directory; check the path"},
		{fmt.Errorf("x: %w; fetch it again", fs.ErrNotExist), "x: file does not exist; fetch it again"},
		{fmt.Errorf("x: %w", fs.ErrNotExist), "x; check the path"},
		{fmt.Errorf("f: %w; say more", wrong(`{"a`, new(any))), "f: the JSON ends too early; say more"},
		{fmt.Errorf("f: %w", wrong(`{"a": 1.5}`, &struct {
			A int `json:"a"`
		}{})), "f: number 1.5 in a, want a whole number"},
		{wrong(`-1`, new(uint8)), "number -1, want a whole number of 0 or more"},
		{wrong(`"a"`, new(float64)), "string, want a number"}, {wrong(`1`, new(bool)), "number, want true or false"},
		{wrong(`{}`, new([]int)), "object, want a list"}, {wrong(`[]`, &struct{ A int }{}), "array, want an object"},
		{fmt.Errorf("--threads: %w", number), "--threads: invalid syntax"},
		{fmt.Errorf("f: %w", io.ErrUnexpectedEOF), "f: it ends too early"},
		{errors.Join(errors.New("a"), fmt.Errorf("b: %w", io.ErrUnexpectedEOF)), "a; b: it ends too early"},
	} {
		if got := message(t.Context(), newRootCommand(), tt.err); got != tt.want && !strings.HasPrefix(got, "m: not-there") {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		command string
		err     error
		want    string
	}{
		{"convert m -o out", errors.New("x"), "interrupted; nothing half-written is left"}, {"inspect m", errors.New("x"), "interrupted"},
		{"eval m", errors.New("x"), "interrupted"}, {"prune m -o out --dry-run", errors.New("x"), "interrupted"}, {"prune m -o out", errors.New("x"), "interrupted; nothing half-written is left"},
		{"prune m -o out", fmt.Errorf("y: %w", interrupted{"go on"}), "interrupted; go on"},
	} {
		cmd, args, err := newRootCommand().Find(strings.Fields(tt.command))
		if err != nil || cmd.ParseFlags(args) != nil {
			t.Fatal(tt.command, err)
		}
		if got := message(ctx, cmd, tt.err); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.command, got, tt.want)
		}
	}
}

// A console that is no terminal says how far a phase is now and then, and how it ended.
func TestConsole(t *testing.T) {
	var text strings.Builder
	c := newConsole(&text)
	c.Begin(job.Scoring, "taylor", 10)
	c.At(3)
	if text.String() != "" {
		t.Errorf("said at once: %q", text.String())
	}
	c.start, c.last = c.start.Add(-30*time.Second), c.last.Add(-30*time.Second)
	c.At(3)
	c.At(4)
	if got, want := text.String(), "scoring (taylor): 30 %, 30s, about 1m10s left\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	c.last = c.last.Add(-time.Minute)
	c.At(10)
	text.Reset()
	c.End(1.5)
	if got := text.String(); !strings.HasPrefix(got, "scoring (taylor): done in 30s, last loss 1.5000\n") {
		t.Errorf("%q", got)
	}
	for phase, want := range map[job.Phase]string{job.Writing: "writing: done in 0.0 s, 1.5 KiB\n", job.Hashing: "hashing m: done in 0.0 s\n", job.DensePerplexity: "dense perplexity on m: done in 0.0 s, perplexity 1536.0000\n"} {
		text.Reset()
		of, result := "m", 1536.0
		switch phase {
		case job.Writing:
			of = ""
		case job.Hashing:
			result = math.NaN()
		}
		c.Begin(phase, of, 1)
		c.End(result)
		if text.String() != want {
			t.Errorf("%q, want %q", text.String(), want)
		}
	}
	for phase := range phases {
		if !strings.Contains(phases[phase].label, "%s") || phases[phase].note == nil {
			t.Errorf("phase %d: %+v", phase, phases[phase])
		}
	}
}
