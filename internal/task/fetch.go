package task

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// Datasets are those on the hub that tasks read, as they are called today.
func Datasets(tasks []*Task) (names []string) {
	for _, t := range tasks {
		if name := t.Data[0].Dataset; name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// OfDataset are those of the files of a data set that built-in tasks read; known says whether one
// reads that data set at all.
func OfDataset(dataset string, files []string) (wanted []string, known bool, err error) {
	for _, name := range slices.Concat(Papers, Texts) {
		t, err := Builtin(name)
		if err != nil {
			return nil, false, err
		}
		for _, d := range t.Data {
			if d.Dataset != dataset {
				continue
			}
			known = true
			for _, f := range d.among(files, t.Split) {
				if !slices.Contains(wanted, f) {
					wanted = append(wanted, f)
				}
			}
		}
	}
	return wanted, known, nil
}

// among are the files of a split among those of a data set.
func (d *Data) among(files []string, split string) (found []string) {
	for _, pattern := range d.patterns(split) {
		for _, f := range files {
			if ok, _ := path.Match(pattern, f); ok {
				found = append(found, f)
			}
		}
		if found != nil {
			return found
		}
	}
	return nil
}

// missing says what to fetch and where it goes.
func (t *Task) missing(dir string) error {
	if file := t.Data[0].File; file != "" {
		return fmt.Errorf("%w %s: there is no %s; put the file there: %w", ErrTask, t.Name, filepath.Join(dir, filepath.FromSlash(file)), fs.ErrNotExist)
	}
	for _, d := range t.Data {
		place := filepath.Join(dir, filepath.FromSlash(d.Dataset))
		if _, err := os.Stat(place); err == nil && d.Dataset != "" {
			return fmt.Errorf("%w %s: %s has no file of the split %q; %s: %w", ErrTask, t.Name, place, t.Split, t.fetch(dir), fs.ErrNotExist)
		}
	}
	return fmt.Errorf("%w %s: no records in %s; %s: %w", ErrTask, t.Name, dir, t.fetch(dir), fs.ErrNotExist)
}

// part is the end of a name that says how many files there are.
var part = regexp.MustCompile(`-of-(\d+)\.parquet$`)

// whole refuses a split of which files are missing, as where fetching it was interrupted.
func (t *Task) whole(d *Data, files []string, dir string) error {
	end := part.FindStringSubmatch(files[0])
	if d.Dataset == "" || end == nil {
		return nil
	}
	if n, err := strconv.Atoi(end[1]); err == nil && n != len(files) {
		return fmt.Errorf("%w %s: %s is one of %d files, of which %d are there; %s: %w", ErrTask, t.Name, files[0], n, len(files), t.fetch(dir), fs.ErrNotExist)
	}
	return nil
}

// fetch says which command fetches the records under today's name, and what it puts where.
func (t *Task) fetch(dir string) string {
	d := t.Data[max(0, slices.IndexFunc(t.Data, func(d Data) bool { return d.Dataset != "" }))]
	include := ""
	if _, known, _ := OfDataset(d.Dataset, nil); !known {
		include = fmt.Sprintf(" --include '%s/%s*'", cmp.Or(d.Config, "*"), t.Split)
	}
	usual := filepath.Join(dir, filepath.FromSlash(d.Dataset), cmp.Or(d.Config, "data"), t.Split+"-00000-of-00001.parquet")
	return fmt.Sprintf("fetch them: moreau pull --dataset %s%s -o %s (as a rule that is %s)", d.Dataset, include, dir, usual)
}
