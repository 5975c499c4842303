package job

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"moreau/internal/hub"
	"moreau/internal/task"
)

// recordFiles are the kinds of files that records are read from.
var recordFiles = []string{".parquet", ".jsonl", ".json"}

// besideRecords are the patterns of files that come with a data set's records.
var besideRecords = []string{"README.md", "LICENSE*", "NOTICE*"}

// chooseRecords picks what to fetch of a data set: what the patterns say, or what built-in tasks
// read of it, or else all records; and what it says about itself.
func chooseRecords(r hub.Revision, include []string) ([]hub.File, error) {
	var names []string
	for _, f := range r.Files {
		names = append(names, f.Path)
	}
	wanted, known, err := task.OfDataset(r.Repo, names)
	switch {
	case err != nil:
		return nil, err
	case include != nil:
		wanted = included(names, include)
	case !known:
		wanted = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !slices.Contains(recordFiles, path.Ext(name)) })
	}
	if len(wanted) == 0 {
		return nil, Input(fmt.Errorf("%s has none of the files that are wanted; it has %s; say which by --include PATTERN, or try %s@refs/convert/parquet, where the hub keeps Parquet files that it made itself",
			r.Repo, some(names), r.Repo))
	}
	var files []hub.File
	for _, f := range r.Files {
		if slices.Contains(wanted, f.Path) || slices.ContainsFunc(besideRecords, func(p string) bool { ok, _ := path.Match(p, f.Path); return ok }) {
			files = append(files, f)
		}
	}
	return files, nil
}

// included are the names that one of the patterns is of: * is anything, slashes too, as in the
// hub's own tools, and ? one character.
func included(names, patterns []string) (all []string) {
	for _, name := range names {
		if slices.ContainsFunc(patterns, func(p string) bool {
			p = strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(p))
			return regexp.MustCompile("^(?s:" + p + ")$").MatchString(name)
		}) {
			all = append(all, name)
		}
	}
	return all
}

// some are a few of many names, in words.
func some(names []string) string {
	if len(names) > 10 {
		return strings.Join(names[:10], ", ") + fmt.Sprintf(" and %d more", len(names)-10)
	}
	return strings.Join(names, ", ")
}
