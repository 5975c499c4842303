package export

import "io"

// meter counts what goes through its writers and stops them when there is an error to stop with.
type meter struct {
	stop        func() error // that of a context
	done, total int64
	progress    func(done, total int64)
}

// through makes write report to the meter.
func (m *meter) through(write func(io.Writer) error) func(io.Writer) error {
	return func(w io.Writer) error { return write(metered{m, w}) }
}

type metered struct {
	*meter
	w io.Writer
}

// Write passes p on in pieces, so that a large tensor neither delays an
// interruption nor makes the progress jump.
func (m metered) Write(p []byte) (int, error) {
	const piece = 4 << 20
	written := 0
	for written < len(p) {
		if err := m.stop(); err != nil {
			return written, err
		}
		n, err := m.w.Write(p[written:min(written+piece, len(p))])
		written += n
		m.done += int64(n)
		if err != nil {
			return written, err
		}
		if m.progress != nil {
			m.progress(m.done, m.total)
		}
	}
	return written, nil
}
