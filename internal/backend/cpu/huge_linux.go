package cpu

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// advise asks for huge pages behind large memory: first use and strided access
// then cost a fraction. It is advice, and nothing depends on its success.
func advise(data []float32) {
	const large = 1 << 20
	if 4*len(data) < large {
		return
	}
	page := os.Getpagesize()
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(data))), 4*len(data))
	skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(data)))) & (page - 1)
	_ = unix.Madvise(bytes[skip:(len(bytes)-skip)/page*page+skip], unix.MADV_HUGEPAGE)
}
