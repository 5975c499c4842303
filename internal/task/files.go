package task

import (
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"moreau/internal/dataset"
)

// layouts are where data sets on the hub keep the files of a split.
var layouts = []string{"CONFIG/SPLIT-*.parquet", "CONFIG/SPLIT/*.parquet", "CONFIG/SPLIT.parquet", "CONFIG/SPLIT.jsonl", "CONFIG/SPLIT.json"}

// bareLayouts are those of data sets that have no configurations besides.
var bareLayouts = []string{"SPLIT-*.parquet", "SPLIT.parquet", "SPLIT.jsonl", "SPLIT.json"}

// splitNames are what files call splits otherwise.
var splitNames = map[string][]string{"validation": {"valid", "val", "dev"}}

// files are those of d in dir, none if it is not there.
func (d *Data) files(dir, split string) (files []string) {
	if d.File == "" {
		return d.hubFiles(dir, split)
	}
	for _, name := range append([]string{d.File}, d.besides()...) {
		files = append(files, filepath.Join(dir, filepath.FromSlash(name)))
	}
	if info, err := os.Stat(files[0]); err != nil || info.IsDir() {
		return nil
	}
	return files
}

// hubFiles are the files of a data set's split by the first layout that fits.
func (d *Data) hubFiles(dir, split string) (files []string) {
	for _, pattern := range d.patterns(split) {
		found, _ := fs.Glob(os.DirFS(dir), d.Dataset+"/"+pattern)
		for _, f := range found {
			files = append(files, filepath.Join(dir, filepath.FromSlash(f)))
		}
		if files != nil {
			return files
		}
	}
	return nil
}

// patterns are the names that a split's files may have in a data set, the first that fits counts.
func (d *Data) patterns(split string) (all []string) {
	where := layouts
	if d.Config == "" {
		where = slices.Concat(layouts, bareLayouts)
	}
	for _, layout := range where {
		for _, name := range append([]string{split}, splitNames[split]...) {
			all = append(all, strings.NewReplacer("CONFIG", cmp.Or(d.Config, "*"), "SPLIT", name).Replace(layout))
		}
	}
	return all
}

// besides are the files of single fields, by the fields' names.
func (d *Data) besides() (files []string) {
	for _, field := range slices.Sorted(maps.Keys(d.Beside)) {
		files = append(files, d.Beside[field])
	}
	return files
}

// records are those of the files that files gave.
func (d *Data) records(files []string) (all []dataset.Record, err error) {
	own := files[:len(files)-len(d.Beside)]
	for _, f := range own {
		records, err := d.read(f)
		if err != nil {
			return nil, err
		}
		all = append(all, records...)
	}
	for i, field := range slices.Sorted(maps.Keys(d.Beside)) {
		if err := join(all, field, files[len(own)+i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (d *Data) read(path string) ([]dataset.Record, error) {
	if d.Lines == nil {
		return dataset.ReadRecords(path)
	}
	lines, err := readLines(path)
	switch {
	case err != nil:
		return nil, err
	case len(lines) == 0 || len(lines)%len(d.Lines) != 0:
		return nil, fmt.Errorf("%s: %d lines, want %d a record; download it again", path, len(lines), len(d.Lines))
	}
	var records []dataset.Record
	for group := range slices.Chunk(lines, len(d.Lines)) {
		r := dataset.Record{}
		for i, field := range d.Lines {
			r[field] = group[i]
		}
		records = append(records, r)
	}
	return records, nil
}

// join gives each record a field from a file that has a line for each.
func join(records []dataset.Record, field, path string) error {
	lines, err := readLines(path)
	switch {
	case err != nil:
		return err
	case len(lines) != len(records):
		return fmt.Errorf("%s: %d lines for %d records; download both again", path, len(lines), len(records))
	}
	for i, line := range lines {
		records[i][field] = line
	}
	return nil
}

func readLines(path string) ([]string, error) {
	data, err := os.ReadFile(path)
	if err != nil || len(data) == 0 {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n"), nil
}
