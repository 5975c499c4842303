package job

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// apart refuses outputs that would replace what the run reads, files and folders of models, or each
// other; also a folder to be written that holds a file of the run: with --force that would go with
// what the folder held before. Empty names are none.
func apart(inputs, outs []string) error {
	inputs, outs = named(inputs), named(outs)
	for i, out := range outs {
		for _, other := range outs[:i] {
			if samePath(out, other) {
				return Usage(fmt.Errorf("%s is to be written twice; give each output its own name", out))
			}
		}
		for _, in := range inputs {
			switch {
			case samePath(out, in):
				return Output(fmt.Errorf("%s is read by this run; write elsewhere", out))
			case isFileOf(in, out):
				return Output(fmt.Errorf("%s is a file of %s, which is read by this run; write elsewhere", out, in))
			}
		}
		for _, file := range append(slices.Clone(outs), inputs...) {
			if holds(out, file) {
				return Output(fmt.Errorf("%s lies in %s, which is written anew as a whole; use another folder", file, out))
			}
		}
	}
	return nil
}

func named(paths []string) []string {
	return slices.DeleteFunc(slices.Clone(paths), func(path string) bool { return path == "" })
}

// isFileOf says whether file is there and directly in folder, through links too.
func isFileOf(folder, file string) bool {
	info, err := os.Stat(file)
	if err != nil || info.IsDir() {
		return false
	}
	entries, _ := os.ReadDir(folder) // a file has none
	return slices.ContainsFunc(entries, func(e os.DirEntry) bool { return samePath(filepath.Join(folder, e.Name()), file) })
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
