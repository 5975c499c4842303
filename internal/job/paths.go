package job

import (
	"fmt"
	"os"
	"path/filepath"
)

// distinct refuses outputs that would replace the model being read, or each
// other; empty ones are not written.
func distinct(model string, outs ...string) error {
	for i, out := range outs {
		if out == "" {
			continue
		}
		if samePath(out, model) {
			return Output(fmt.Errorf("%s is the model that is being read; write elsewhere", out))
		}
		for _, other := range outs[:i] {
			if other != "" && samePath(out, other) {
				return Usage(fmt.Errorf("%s is to be written twice; give each output its own name", out))
			}
		}
	}
	return nil
}

// spared refuses outputs that would replace another input of the run than the model; empty names are none.
func spared(inputs []string, outs ...string) error {
	for _, out := range outs {
		for _, in := range inputs {
			if out != "" && in != "" && samePath(out, in) {
				return Output(fmt.Errorf("%s is read by this run; write elsewhere", out))
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
			return Output(fmt.Errorf("%s lies in %s, which is written anew as a whole; use another folder", file, folder))
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
