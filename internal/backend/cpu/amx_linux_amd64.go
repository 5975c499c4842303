//go:build !noasm

package cpu

import (
	"sync"

	"golang.org/x/sys/unix"
)

// tilesAllowed asks Linux, once, for the use of AMX tiles: until it allows that to a
// process, their instructions fault.
var tilesAllowed = sync.OnceValue(func() bool {
	const requestPermission, tileData = 0x1023, 18
	_, _, errno := unix.RawSyscall(unix.SYS_ARCH_PRCTL, requestPermission, tileData, 0)
	return errno == 0
})
