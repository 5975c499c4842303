package main

import (
	"fmt"
	"strings"
	"testing"
)

// TestEncodeTile: the bytes that GNU as gives, but for offsets, which it makes as short as
// they allow.
func TestEncodeTile(t *testing.T) {
	for line, want := range map[string]string{
		"LDTILECFG (AX)":                 "c4 e2 78 49 00",
		"TILERELEASE":                    "c4 e2 78 49 c0",
		"TILEZERO T0":                    "c4 e2 7b 49 c0",
		"TILEZERO T7":                    "c4 e2 7b 49 f8",
		"TILELOADD 1024(R8)(R10*1), T5":  "c4 82 7b 4b ac 10 00 04 00 00",
		"TILELOADD 1024(R9)(BX*1), T6":   "c4 c2 7b 4b b4 19 00 04 00 00",
		"TILESTORED T3, 1024(DI)(DX*1)":  "c4 e2 7a 4b 9c 17 00 04 00 00",
		"TILESTORED T3, 1024(DI)(R12*1)": "c4 a2 7a 4b 9c 27 00 04 00 00",
		"TDPBF16PS T6, T4, T0":           "c4 e2 4a 5c c4",
		"TDPBF16PS T7, T5, T3":           "c4 e2 42 5c dd",
	} {
		var bytes []string
		for b := range strings.FieldsSeq(want) {
			bytes = append(bytes, fmt.Sprintf("BYTE $0x%s", b))
		}
		if got, _, _ := strings.Cut(encodeTile(line), " //"); got != strings.Join(bytes, "; ") {
			t.Errorf("%s is %s, want %s", line, got, want)
		}
	}
	if line := "VADDPS Z1, Z2, Z3"; encodeTile(line) != line {
		t.Errorf("%s became %s", line, encodeTile(line))
	}
}
