package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"moreau/internal/export"
	"moreau/internal/output"
)

// distinct refuses outputs that would replace the model being read, or each
// other; empty ones are not written.
func distinct(model string, outs ...string) error {
	for i, out := range outs {
		if out == "" {
			continue
		}
		if samePath(out, model) {
			return outputError{fmt.Errorf("%s is the model that is being read; write elsewhere", out)}
		}
		for _, other := range outs[:i] {
			if other != "" && samePath(out, other) {
				return usageError{fmt.Errorf("%s is to be written twice; give each output its own name", out)}
			}
		}
	}
	return nil
}

// samePath compares files that are there, else names.
func samePath(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	if errX == nil && errY == nil {
		return os.SameFile(x, y)
	}
	a, errX = filepath.Abs(a)
	b, errY = filepath.Abs(b)
	return errX == nil && errY == nil && a == b
}

// check says before any reading whether a model can be written to o.Out.
func (o *outOptions) check(model string) error {
	if err := distinct(model, o.Out); err != nil {
		return err
	}
	if _, err := o.shardBytes(); err != nil {
		return err
	}
	if isGGUF(o.Out) {
		return output.Check(o.Out, o.Force)
	}
	return output.CheckDir(o.Out, o.Force)
}

// shardBytes is the size of --shard-size, 0 without it.
func (o *outOptions) shardBytes() (int64, error) {
	switch {
	case o.ShardSize == "":
		return 0, nil
	case isGGUF(o.Out):
		return 0, usageError{fmt.Errorf("--shard-size is for Hugging Face folders, a .gguf file is one file; leave it out")}
	}
	return parseBytes("shard-size", o.ShardSize)
}

func isGGUF(path string) bool { return strings.EqualFold(filepath.Ext(path), ".gguf") }

// planExport plans where and how e is written; what has no place there is an output error.
func planExport(e export.Model, o *outOptions, threads int) (*export.Plan, error) {
	shard, err := o.shardBytes()
	if err != nil {
		return nil, err
	}
	plan, err := export.NewPlan(e, o.Out, export.Options{DType: o.dtype, Threads: threads, Force: o.Force, ShardBytes: shard})
	if err != nil {
		return nil, outputError{err}
	}
	return plan, nil
}
