package checkpoint

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// ErrCorrupt is what errors.Is finds in every error about the contents of a
// file: malformed, truncated, or of a kind that is not supported. Errors of the
// operating system stay what they are (fs.ErrNotExist).
var ErrCorrupt = errors.New("corrupt model file")

// again is the advice where nothing but another copy of the file helps.
const again = "the file is damaged: download it again"

// corrupt is an error of one line that is ErrCorrupt.
type corrupt string

func (c corrupt) Error() string        { return string(c) }
func (c corrupt) Is(target error) bool { return target == ErrCorrupt }

// corruptf says what is wrong with a file, within a limit: names in a hostile
// file can be very long.
func corruptf(file, format string, args ...any) error {
	return corrupt(fmt.Sprintf("%s: %.1000s", file, fmt.Sprintf(format, args...)))
}

// readAt fills buf; a file that ends too early is corrupt.
func readAt(r io.ReaderAt, buf []byte, at int64, file, what string) error {
	n, err := r.ReadAt(buf, at)
	if n == len(buf) {
		return nil
	}
	if errors.Is(err, io.EOF) {
		return corruptf(file, "%s ends after %d of %d bytes; the file is truncated: download it again", what, n, len(buf))
	}
	return fmt.Errorf("%s: %s: %w", file, what, err)
}

// openRegular opens a plain file and gives its size; a pipe or device would
// block or never end.
func openRegular(path string) (*os.File, int64, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, 0, err
	}
	if !st.Mode().IsRegular() {
		return nil, 0, corruptf(path, "this is not a regular file: give a model file")
	}
	f, err := os.Open(path)
	return f, st.Size(), err
}
