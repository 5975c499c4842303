package tensor

import (
	"math"
	"testing"
)

// halfValue is the definition of IEEE binary16 in float64 arithmetic.
func halfValue(h uint16) float64 {
	sign := 1 - 2*float64(h>>15)
	exp, frac := int(h>>10&31), float64(h&1023)
	switch {
	case exp == 31 && frac != 0:
		return math.NaN()
	case exp == 31:
		return math.Inf(int(sign))
	case exp == 0:
		return sign * math.Ldexp(frac, -24)
	}
	return sign * math.Ldexp(1024+frac, exp-25)
}

func TestF16Exhaustive(t *testing.T) {
	for i := range 1 << 16 {
		h := uint16(i)
		got, want := FromF16(h), halfValue(h)
		if math.IsNaN(want) {
			if got == got {
				t.Fatalf("%04x: got %v, want NaN", h, got)
			}
			if back := ToF16(got); !math.IsNaN(halfValue(back)) {
				t.Fatalf("%04x: NaN became %04x", h, back)
			}
			continue
		}
		if float64(got) != want || math.Signbit(float64(got)) != (h>>15 == 1) {
			t.Fatalf("%04x: got %v, want %v", h, got, want)
		}
		if back := ToF16(got); back != h {
			t.Fatalf("%04x: came back as %04x", h, back)
		}
	}
}

// TestF16Rounding takes the midpoint of every two neighbours, and the float32
// on both sides of it.
func TestF16Rounding(t *testing.T) {
	for h := uint16(0); h < 0x7BFF; h++ {
		mid := float32((halfValue(h) + halfValue(h+1)) / 2)
		even := h + h&1
		for _, c := range []struct {
			in   float32
			want uint16
		}{{mid, even}, {math.Nextafter32(mid, 0), h}, {math.Nextafter32(mid, 1e9), h + 1}} {
			if got := ToF16(c.in); got != c.want {
				t.Fatalf("ToF16(%v) = %04x, want %04x", c.in, got, c.want)
			}
			if got := ToF16(-c.in); got != c.want|0x8000 {
				t.Fatalf("ToF16(%v) = %04x, want %04x", -c.in, got, c.want|0x8000)
			}
		}
	}
	for in, want := range map[float32]uint16{65519.996: 0x7BFF, 65520: 0x7C00, 1e30: 0x7C00, float32(math.Inf(1)): 0x7C00, 1e-30: 0} {
		if got := ToF16(in); got != want {
			t.Errorf("ToF16(%v) = %04x, want %04x", in, got, want)
		}
	}
}

func TestBF16Rounding(t *testing.T) {
	for h := uint16(0); h < 0x7F80; h++ {
		lo := FromBF16(h)
		mid := math.Float32frombits(uint32(h)<<16 | 0x8000)
		even := h + h&1
		for _, c := range []struct {
			in   float32
			want uint16
		}{{lo, h}, {mid, even}, {math.Nextafter32(mid, 0), h}, {math.Float32frombits(uint32(h)<<16 | 0x8001), h + 1}} {
			if got := ToBF16(c.in); got != c.want {
				t.Fatalf("ToBF16(%v) = %04x, want %04x", c.in, got, c.want)
			}
		}
	}
	for _, bits := range []uint32{0x7F800001, 0x7FC00000, 0xFFFFFFFF} {
		if f := FromBF16(ToBF16(math.Float32frombits(bits))); f == f {
			t.Errorf("NaN %08x became %v", bits, f)
		}
	}
}
