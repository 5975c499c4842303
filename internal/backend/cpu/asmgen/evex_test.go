package main

import (
	"strings"
	"testing"
)

// TestEncode: the bytes that GNU as gives.
func TestEncode(t *testing.T) {
	for line, want := range map[string]string{
		"VDPBF16PS Z24, Z26, Z0":       "LONG $0x402e9262; WORD $0xc052",
		"VDPBF16PS Z25, Z27, Z23":      "LONG $0x40268262; WORD $0xf952",
		"VDPBF16PS Z9, Z6, Z13":        "LONG $0x484e5262; WORD $0xe952",
		"VCVTNE2PS2BF16 Z2, Z3, Z2":    "LONG $0x4867f262; WORD $0xd272",
		"VCVTNE2PS2BF16 Z20, Z11, Z31": "LONG $0x48272262; WORD $0xfc72",
		"VADDPS Z1, Z2, Z3":            "VADDPS Z1, Z2, Z3",
	} {
		if got, _, _ := strings.Cut(encode(line), " //"); got != want {
			t.Errorf("%s is %s, want %s", line, got, want)
		}
	}
}
