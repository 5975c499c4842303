// Package fuzztest holds what the fuzz targets of all readers check.
package fuzztest

import (
	"runtime/metrics"
	"testing"
)

// slack is allocated whatever the input: buffers, errors, and what the test runner
// allocates meanwhile.
const slack = 1 << 20

// Allocates runs read on an input of size bytes and fails where it allocates, over
// all, more than multiple times as much, and slack.
func Allocates(t *testing.T, size, multiple int, read func()) {
	t.Helper()
	before := allocated()
	read()
	if n := allocated() - before; n > uint64(multiple*size+slack) {
		t.Errorf("%d bytes allocated for an input of %d, want at most %d times as many", n, size, multiple)
	}
}

// allocated is how many bytes have ever been allocated.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
