package moreau

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"sync"
	"unsafe"

	"moreau/internal/backend"
	"moreau/internal/backend/dry"
	"moreau/internal/model"
	"moreau/internal/output"
	"moreau/internal/tensor"
)

// unwritten is the place of an array that was never written: it is zero.
const unwritten = -1

// scratch is a Store in a file. Reads of announced arrays and all writes are made
// beside the computation.
type scratch struct {
	ScratchFile
	be     backend.Backend
	file   disk
	moving []model.Param
	stride int64
	arrays map[arrayOf]*array
	memory tensor.Recycler
	mark   string // tells this file from all others, and from what it held before
	counts bool   // a journal says what the file holds
	queue  chan write
	done   sync.WaitGroup // of the writer

	mu      sync.Mutex
	err     error      // the first of a write
	waiting *sync.Cond // for writes to end
	writing map[*array]write
}

// disk is what the store does with its file.
type disk interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Stat() (fs.FileInfo, error)
	Sync() error
	Truncate(size int64) error
}

// array is where one array stands in the file.
type array struct {
	at     int64 // of its first place
	size   int64
	place  int          // of the current values
	fresh  bool         // changed since the last commit
	coming chan arrival // being read ahead, else nil
}

type arrival struct {
	data []byte
	err  error
}

// NewScratch opens a scratch file for the moving parameters, all of whose arrays
// are zero until a journal says otherwise. On a backend that counts it makes none.
func NewScratch(be backend.Backend, f ScratchFile, moving []model.Param) (Store, error) {
	if d, ok := be.(*dry.Backend); ok {
		return newDryScratch(d, f, moving), nil
	}
	file, err := os.OpenFile(f.Path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, &output.Error{Path: f.Path, Err: err}
	}
	if err := output.Lock(file); err != nil {
		file.Close()
		return nil, &output.Error{Path: f.Path, Err: err}
	}
	s := &scratch{ScratchFile: f, be: be, file: file, moving: moving, arrays: map[arrayOf]*array{},
		queue: make(chan write, queued), writing: map[*array]write{}}
	s.waiting = sync.NewCond(&s.mu)
	if !f.Keep && runtime.GOOS != "windows" { // which cannot remove an open file
		os.Remove(f.Path)
	}
	s.stride = f.stride(moving)
	at := int64(markBytes)
	for _, a := range []Array{Delta, Mean} {
		for _, p := range moving {
			s.arrays[arrayOf{a, p.Name}] = &array{at: at, size: f.size(p), place: unwritten}
			at += f.size(p)
		}
		at += int64(f.places()-1) * s.stride
	}
	s.done.Go(s.write)
	return s, nil
}

// offset is where the current values of r stand, or will.
func (s *scratch) offset(r *array) int64 { return r.at + int64(r.place)*s.stride }

// Ahead implements Store.
func (s *scratch) Ahead(a Array, p model.Param) {
	r := s.arrays[arrayOf{a, p.Name}]
	if r.place == unwritten || r.coming != nil || s.onItsWay(r) {
		return
	}
	r.coming = make(chan arrival, 1)
	at, coming := s.offset(r), r.coming
	go func() {
		data := s.memory.Take(int(r.size))
		_, err := s.file.ReadAt(data, at)
		coming <- arrival{data, err}
	}()
}

// Open implements Store.
func (s *scratch) Open(a Array, p model.Param) (backend.Buffer, error) {
	r, b := s.arrays[arrayOf{a, p.Name}], s.be.New(p.Len())
	if r.place == unwritten {
		return b, s.failed()
	}
	if s.uploadWaiting(b, r) {
		return b, nil
	}
	s.Ahead(a, p)
	got := r.arrived()
	if got.err != nil {
		return nil, fmt.Errorf("scratch file %s: reading %s: %w", s.Path, p.Name, got.err)
	}
	s.upload(b, got.data)
	s.memory.Put(got.data)
	return b, nil
}

// uploadWaiting takes the values of r that are still to be written, if there are
// any; the lock keeps their memory from being used again.
func (s *scratch) uploadWaiting(b backend.Buffer, r *array) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	w, ok := s.writing[r]
	if ok {
		s.upload(b, w.data)
	}
	return ok
}

// arrived waits for what is being read ahead.
func (r *array) arrived() arrival {
	got := <-r.coming
	r.coming = nil
	return got
}

func (s *scratch) upload(b backend.Buffer, data []byte) {
	s.be.UploadStored(b, tensor.New(s.DType, []int{b.Len()}, data))
}

// Close implements Store.
func (s *scratch) Close(a Array, p model.Param, b backend.Buffer, changed bool) error {
	defer s.be.Free(b)
	if !changed {
		return nil
	}
	r := s.arrays[arrayOf{a, p.Name}]
	if r.coming != nil { // of the values before
		s.memory.Put(r.arrived().data)
	}
	if !r.fresh || r.place == unwritten {
		r.place, r.fresh = (r.place+1)%s.places(), true
	}
	w := write{to: r, at: s.offset(r), data: s.memory.Take(int(r.size))}
	s.download(w.data, b)
	return s.enqueue(w)
}

// download encodes the values of b over all threads.
func (s *scratch) download(data []byte, b backend.Buffer) {
	if s.DType == tensor.F32 {
		s.be.Download(floatsOf(data), b)
		return
	}
	host := make([]float32, b.Len())
	s.be.Download(host, b)
	const part = 1 << 16
	var wait sync.WaitGroup
	for lo := 0; lo < len(host); lo += part {
		values := host[lo:min(len(host), lo+part)]
		wait.Go(func() { copy(data[lo*s.DType.BlockBytes():], tensor.Encode(s.DType, values)) })
	}
	wait.Wait()
}

// Free implements Store. A file that a journal counts on stays until that is removed.
func (s *scratch) Free() {
	close(s.queue)
	s.done.Wait()
	for _, r := range s.arrays {
		if r.coming != nil {
			r.arrived()
		}
	}
	s.file.Close()
	if !s.counts {
		os.Remove(s.Path) // without Keep done already but on windows
	}
}

// bytesOf is the memory of values, which only this machine reads back.
func bytesOf(values []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(values))), 4*len(values))
}

// floatsOf is bytesOf the other way round; Go aligns memory of this size.
func floatsOf(data []byte) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(data))), len(data)/4)
}
