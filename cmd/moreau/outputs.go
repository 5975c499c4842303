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

// outside refuses a folder to be written that holds a file of the run: with --force it
// would go with what the folder held before. Empty names are none.
func outside(folder string, files ...string) error {
	for _, file := range files {
		if file != "" && holds(folder, file) {
			return outputError{fmt.Errorf("%s lies in %s, which is written anew as a whole; use another folder", file, folder)}
		}
	}
	return nil
}

// holds says whether file is, or would be, anywhere in folder, through links too.
func holds(folder, file string) bool {
	rel, err := filepath.Rel(resolved(folder), resolved(file))
	return err == nil && rel != "." && filepath.IsLocal(rel)
}

// resolved is an absolute path without links, as far as it exists.
func resolved(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	if parent := filepath.Dir(path); parent != path {
		return filepath.Join(resolved(parent), filepath.Base(path))
	}
	return path
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
	if err := outside(o.Out, model); err != nil {
		return err
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
	options, err := o.export(threads)
	if err != nil {
		return nil, err
	}
	plan, err := export.NewPlan(e, o.Out, options)
	if err != nil {
		return nil, outputError{err}
	}
	return plan, nil
}

// sizeExport is the bytes of what planExport would plan, wherever they would fit.
func sizeExport(e export.Model, o *outOptions) (int64, error) {
	options, err := o.export(1)
	if err != nil {
		return 0, err
	}
	bytes, err := export.Size(e, o.Out, options)
	if err != nil {
		return 0, outputError{err}
	}
	return bytes, nil
}

func (o *outOptions) export(threads int) (export.Options, error) {
	shard, err := o.shardBytes()
	return export.Options{DType: o.dtype, Threads: threads, Force: o.Force, ShardBytes: shard}, err
}
