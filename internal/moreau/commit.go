package moreau

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"

	"moreau/internal/output"
)

// A kept scratch file is continued from as databases do it with shadow pages: the
// journal says which of the two places of each array counts, and until it says
// something new, those are not written to.

// begin empties a kept file and marks it anew, so that a journal of what it held
// before, or of a file in another folder, is not one of this.
func (s *scratch) begin() error {
	s.mark = rand.Text()
	if err := s.file.Truncate(0); err != nil {
		return &output.Error{Path: s.Path, Err: err}
	}
	if _, err := s.file.WriteAt([]byte(s.mark), 0); err != nil {
		return &output.Error{Path: s.Path, Err: err}
	}
	for _, r := range s.arrays {
		r.place = unwritten
	}
	return nil
}

// inOrder lists the arrays as the file has them.
func (s *scratch) inOrder() (list []*array) {
	for _, p := range s.moving {
		list = append(list, s.arrays[arrayOf{Delta, p.Name}], s.arrays[arrayOf{Mean, p.Name}])
	}
	return list
}

// adopt takes the places that a journal saved, if the file has the mark that it
// saved and holds them. If not, begin is to follow.
func (s *scratch) adopt(mark string, places []int) bool {
	marked := make([]byte, len(mark))
	info, err := s.file.Stat()
	if _, readErr := s.file.ReadAt(marked, 0); err != nil || readErr != nil || mark == "" || string(marked) != mark {
		return false
	}
	list := s.inOrder()
	if len(places) != len(list) {
		return false
	}
	for i, place := range places {
		if place < unwritten || place >= s.places() {
			return false
		}
		r := list[i]
		r.place = place
		if place != unwritten && s.offset(r)+r.size > info.Size() {
			return false
		}
	}
	s.mark, s.counts = mark, true
	return true
}

// flush waits until all is in the file and on the disk, and gives the places of the
// current values. Once they are saved, commit is to be called.
func (s *scratch) flush() (places []int, err error) {
	if err := s.settled(); err != nil {
		return nil, err
	}
	if err := s.file.Sync(); err != nil {
		return nil, &output.Error{Path: s.Path, Err: err}
	}
	for _, r := range s.inOrder() {
		places = append(places, r.place)
	}
	return places, s.present()
}

// commit protects the current places from being written to.
func (s *scratch) commit() {
	for _, r := range s.arrays {
		r.fresh = false
	}
	s.counts = true
}

// present checks that the file still has its name.
func (s *scratch) present() error {
	named, err := os.Stat(s.Path)
	if err == nil {
		var open fs.FileInfo
		if open, err = s.file.Stat(); err == nil && !os.SameFile(named, open) {
			err = fs.ErrNotExist
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = errors.New("the scratch file was removed while the run used it; start the command again, which begins anew")
	}
	if err != nil {
		return &output.Error{Path: s.Path, Err: err}
	}
	return nil
}
