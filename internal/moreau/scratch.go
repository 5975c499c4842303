package moreau

import (
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"moreau/internal/backend"
	"moreau/internal/model"
	"moreau/internal/output"
)

// scratch is a Store in a file: memory holds one array at a time.
type scratch struct {
	be      backend.Backend
	file    *os.File
	offsets map[arrayOf]int64
	host    []float32
}

// ScratchBytes is the size of a scratch file for the moving parameters.
func ScratchBytes(moving []model.Param) int64 {
	var n int64
	for _, p := range moving {
		n += 2 * 4 * int64(p.Len())
	}
	return n
}

// NewScratch keeps the arrays as float32 in a file without a name in folder
// dir, which vanishes with the process. Holes of the file read as zeros.
func NewScratch(be backend.Backend, dir string, moving []model.Param) (Store, error) {
	f, err := os.CreateTemp(dir, ".moreau-tmp-scratch-")
	if err != nil {
		return nil, &output.Error{Path: dir, Err: err}
	}
	if runtime.GOOS != "windows" { // which cannot remove an open file
		os.Remove(f.Name())
	}
	s := &scratch{be: be, file: f, offsets: map[arrayOf]int64{}}
	var at int64
	for _, p := range moving {
		for _, a := range []Array{Delta, Mean} {
			s.offsets[arrayOf{a, p.Name}] = at
			at += 4 * int64(p.Len())
		}
	}
	if err := f.Truncate(at); err != nil {
		s.Free()
		return nil, &output.Error{Path: dir, Err: err}
	}
	return s, nil
}

func (s *scratch) Open(a Array, p model.Param) (backend.Buffer, error) {
	host := s.values(p)
	if _, err := s.file.ReadAt(bytesOf(host), s.offsets[arrayOf{a, p.Name}]); err != nil {
		return nil, fmt.Errorf("scratch file %s: reading %s: %w", s.file.Name(), p.Name, err)
	}
	b := s.be.New(p.Len())
	s.be.Upload(b, func(part []float32, lo int) { copy(part, host[lo:]) })
	return b, nil
}

func (s *scratch) Close(a Array, p model.Param, b backend.Buffer, changed bool) error {
	defer s.be.Free(b)
	if !changed {
		return nil
	}
	host := s.values(p)
	s.be.Download(host, b)
	if _, err := s.file.WriteAt(bytesOf(host), s.offsets[arrayOf{a, p.Name}]); err != nil {
		return &output.Error{Path: s.file.Name(), Err: err}
	}
	return nil
}

func (s *scratch) Free() {
	s.file.Close()
	os.Remove(s.file.Name()) // done already but on windows
}

// values is host memory for one array of p, used again by the next call.
func (s *scratch) values(p model.Param) []float32 {
	if cap(s.host) < p.Len() {
		s.host = make([]float32, p.Len())
	}
	return s.host[:p.Len()]
}

// bytesOf is the memory of values, which only this process reads back.
func bytesOf(values []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(values))), 4*len(values))
}
