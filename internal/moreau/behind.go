package moreau

import "moreau/internal/output"

// Writes are made behind the computation: Close hands the encoded array to a queue,
// and a goroutine takes it from there to the disk.

// queued is how many arrays may wait to be written before Close waits.
const queued = 3

// write is an array on its way to the disk.
type write struct {
	to   *array
	at   int64
	data []byte
}

// enqueue hands w to the writer, after an older write of the same array.
func (s *scratch) enqueue(w write) error {
	s.mu.Lock()
	for s.err == nil && s.writing[w.to].to != nil {
		s.waiting.Wait()
	}
	err := s.err
	if err == nil {
		s.writing[w.to] = w
	}
	s.mu.Unlock()
	if err == nil {
		s.queue <- w
	}
	return err
}

// write makes the writes of the queue, one after the other.
func (s *scratch) write() {
	for w := range s.queue {
		err := s.failed()
		if err == nil {
			_, err = s.file.WriteAt(w.data, w.at)
		}
		s.mu.Lock()
		if err != nil && s.err == nil {
			s.err = &output.Error{Path: s.Path, Err: err}
		}
		delete(s.writing, w.to)
		s.waiting.Broadcast()
		s.mu.Unlock()
		s.memory.Put(w.data)
	}
}

// onItsWay says that values of r are still to be written.
func (s *scratch) onItsWay(r *array) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.writing[r]
	return ok
}

// failed is the first error of a write.
func (s *scratch) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// settled waits until no write is under way, and is the first error of one.
func (s *scratch) settled() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.writing) > 0 {
		s.waiting.Wait()
	}
	return s.err
}
