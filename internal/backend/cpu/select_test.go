package cpu

import (
	"strings"
	"testing"
)

func runs(sets ...string) map[string]bool {
	has := map[string]bool{"generic": true}
	for _, s := range sets {
		has[s] = true
	}
	return has
}

func TestChoices(t *testing.T) {
	all := runs("avx2", "avx512")
	for _, c := range []struct {
		m    machine
		want string
	}{
		{machine{vendor: "AuthenticAMD", family: 0x1A, has: all}, "avx512"},
		{machine{vendor: "AuthenticAMD", family: 0x19, has: all}, "avx512"},
		{machine{vendor: "AuthenticAMD", family: 0x19, has: runs("avx2")}, "avx2"}, // Zen 3
		{machine{vendor: "AuthenticAMD", family: 0x17, has: runs("avx2")}, "avx2"},
		{machine{vendor: "GenuineIntel", family: 6, has: all}, "avx512"},
		{machine{vendor: "GenuineIntel", family: 6, has: runs("avx2", "avx512", "avx512+amx")}, "avx512+amx"},
		{machine{vendor: "GenuineIntel", family: 6, has: runs("avx2")}, "avx2"},
		{machine{vendor: "SomethingNew", family: 1, has: all}, "avx2"},
		{machine{vendor: "GenuineIntel", family: 6, has: runs()}, "generic"},
		{machine{has: runs("neon")}, "neon"}, // arm64
	} {
		if got := pick(c.m); got != c.want {
			t.Errorf("%+v runs %s, want %s", c.m, got, c.want)
		}
	}
}

// TestPairChoices: kernels on bf16 where they are faster and can run.
func TestPairChoices(t *testing.T) {
	all, fast := runs("avx2", "avx512"), new(pairKernels)
	both := map[string]*pairKernels{"generic": new(pairKernels), "avx512": fast}
	for _, c := range []struct {
		set  string
		m    machine
		want *pairKernels
	}{
		{"avx512", machine{vendor: "AuthenticAMD", family: 0x1A, has: all, pairs: both}, fast},
		{"avx512", machine{vendor: "AuthenticAMD", family: 0x19, has: all, pairs: both}, fast},
		{"avx2", machine{vendor: "AuthenticAMD", family: 0x19, has: all, pairs: both}, nil},
		{"generic", machine{vendor: "AuthenticAMD", family: 0x19, has: all, pairs: both}, nil},
		{"avx512", machine{vendor: "AuthenticAMD", family: 0x19, has: all}, nil},
		{"avx512", machine{vendor: "GenuineIntel", family: 6, has: all, pairs: both}, nil},
		{"avx512", machine{vendor: "SomethingNew", family: 1, has: all, pairs: both}, nil},
	} {
		if got := pairsFor(c.set, c.m); got != c.want {
			t.Errorf("%s on %+v: kernels on bf16 %p, want %p", c.set, c.m, got, c.want)
		}
	}
}

func TestForced(t *testing.T) {
	for _, c := range []struct {
		request string
		m       machine
		problem string
	}{
		{"generic", machine{has: runs()}, ""},
		{"avx2", machine{has: runs()}, "runs generic only"},
		{"avx512", machine{has: runs("avx2")}, "runs generic, avx2 only"},
		{"avx512+amx", machine{has: runs("avx2", "avx512")}, "runs generic, avx2, avx512 only"},
		{"sse", machine{has: runs("avx2")}, "no kernel set"},
	} {
		k, err := choose(c.request, c.m)
		switch {
		case c.problem == "" && (err != nil || k.name != c.request):
			t.Errorf("%s: %v, %v", c.request, k, err)
		case c.problem != "" && (err == nil || !strings.Contains(err.Error(), c.problem)):
			t.Errorf("%s: error %v, want one with %q", c.request, err, c.problem)
		}
	}
}

func TestNew(t *testing.T) {
	for _, name := range detect().sets() {
		t.Setenv(Environment, name)
		b, err := New(2)
		if err != nil || b.Name() != "cpu/"+name || len(b.workers) != 2 {
			t.Errorf("New under %s: %v, %v", name, b, err)
		}
	}
	t.Setenv(Environment, "mmx")
	if _, err := New(0); err == nil {
		t.Error("New under mmx: no error")
	}
}
