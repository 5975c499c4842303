package main

import (
	"context"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// countdown is a context that is cancelled when it has been asked so many times.
type countdown struct {
	context.Context
	left atomic.Int64
}

func (c *countdown) Err() error {
	if c.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// Whatever the moment of Ctrl-C, the output is complete or not there.
func TestInterruptAnywhere(t *testing.T) {
	ids := idsFile(t, "llama_mha")
	for _, args := range []string{
		"score --method taylor --ids " + ids,
		"prune --method moreau --steps 2 --compensate none --ratio 20% --no-eval --ids " + ids,
		"convert",
		"logits --ids " + ids,
	} {
		for _, name := range []string{"out.gguf", "out"} {
			interruptAnywhere(t, strings.Fields(args), name)
		}
	}
}

func interruptAnywhere(t *testing.T, args []string, name string) {
	step := int64(1)
	if testing.Short() {
		step = 5
	}
	for n := int64(0); ; n += step {
		dir := t.TempDir()
		ctx := &countdown{Context: t.Context()}
		ctx.left.Store(n)
		r := run(ctx, append(args, golden("llama_mha"), "-o", filepath.Join(dir, name))...)
		if r.code == exitOK {
			only(t, dir, name)
			return
		}
		if r.code != exitInterrupted || r.message != "interrupted; nothing half-written is left" {
			t.Fatalf("%v stopped at check %d: exit code %d: %s", args, n, r.code, r.message)
		}
		only(t, dir)
		if n > 10_000 {
			t.Fatalf("%v never ends", args)
		}
	}
}

func TestInterruptedDemoLeavesNoFolder(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	ctx := &countdown{Context: t.Context()}
	ctx.left.Store(20)
	if r := run(ctx, "demo"); r.code != exitInterrupted {
		t.Errorf("exit code %d: %s", r.code, r.message)
	}
	only(t, tmp)
}
