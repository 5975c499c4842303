//go:build !noasm && !linux

package cpu

// tilesAllowed is false where nobody has tried them.
func tilesAllowed() bool { return false }
