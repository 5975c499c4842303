package job

import "strings"

// stopper holds back text that may be the beginning of a string that ends it.
type stopper struct {
	stops []string
	held  string
}

// add gives the text that can be said after another piece, and whether a stop string came:
// the first of them, which itself is not said, nor what follows.
func (s *stopper) add(piece string) (said string, stopped bool) {
	text := s.held + piece
	end := -1
	for _, stop := range s.stops {
		if at := strings.Index(text, stop); at >= 0 && (end < 0 || at < end) {
			end = at
		}
	}
	if end >= 0 {
		s.held = ""
		return text[:end], true
	}
	keep := 0
	for _, stop := range s.stops {
		keep = max(keep, begun(text, stop))
	}
	s.held = text[len(text)-keep:]
	return text[:len(text)-keep], false
}

// begun is how many bytes at the end of text are the beginning of stop.
func begun(text, stop string) int {
	for n := min(len(text), len(stop)-1); n > 0; n-- {
		if strings.HasSuffix(text, stop[:n]) {
			return n
		}
	}
	return 0
}
