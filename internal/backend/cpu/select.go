package cpu

import (
	"fmt"
	"slices"
	"strings"
)

// machine is what the choice of kernels depends on.
type machine struct {
	vendor string // as CPUID spells it
	family int
	has    map[string]bool         // kernel sets that it can run
	pairs  map[string]*pairKernels // those that it can run, by the kernel set they go with
}

// names are all kernel sets, whether or not this build has them.
var names = []string{"generic", "neon", "avx2", "avx512", "avx512+amx"}

// choices are tried in order; the first that the machine can run and whose vendor
// ("" any) and family (0 any) are the machine's is taken. It is a table and not a
// measurement, so that a run can be repeated. Pairs says that the set's kernels on
// pairs of bf16 are faster there than those on float32.
var choices = []choice{
	{"AuthenticAMD", 0x1A, "avx512", true}, // Zen 5: 512-bit units
	{"AuthenticAMD", 0x19, "avx512", true}, // Zen 4: 256-bit units, both sets as fast
	{"GenuineIntel", 0, "avx512+amx", false},
	{"GenuineIntel", 0, "avx512", false}, // VDPBF16PS has half the products of FMA
	{"", 0, "avx2", false},
	{"", 0, "neon", false},
	{"", 0, "generic", false},
}

type choice struct {
	vendor  string
	family  int
	kernels string
	pairs   bool
}

// fits says that m is of the choice's kind and can run its kernels.
func (c choice) fits(m machine) bool {
	return (c.vendor == "" || c.vendor == m.vendor) && (c.family == 0 || c.family == m.family) && m.has[c.kernels]
}

// choose is the kernel set that request names, or that of the table for "".
func choose(request string, m machine) (*kernels, error) {
	name := request
	if request == "" {
		name = pick(m)
	}
	if !slices.Contains(names, name) {
		return nil, fmt.Errorf("%s=%s names no kernel set; use one of %s, or leave it empty", Environment, name, strings.Join(names, ", "))
	}
	if !m.has[name] {
		return nil, fmt.Errorf("%s=%s: this machine and build runs %s only; leave it empty", Environment, name, strings.Join(m.sets(), ", "))
	}
	return kernelSet(name), nil
}

// pick is the name that the table gives.
func pick(m machine) string {
	for _, c := range choices {
		if c.fits(m) {
			return c.kernels
		}
	}
	return generic.name
}

// pairsFor are the kernels on bf16 that the table gives beside a kernel set; nil: none.
func pairsFor(set string, m machine) *pairKernels {
	i := slices.IndexFunc(choices, func(c choice) bool { return c.kernels == set && c.fits(m) })
	if i < 0 || !choices[i].pairs {
		return nil
	}
	return m.pairs[set]
}

// sets are the names of the kernel sets that m can run.
func (m machine) sets() []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !m.has[name] })
}

// kernelSet is the set of that name, which this build has.
func kernelSet(name string) *kernels {
	return kernelSets[slices.IndexFunc(kernelSets, func(k *kernels) bool { return k.name == name })]
}
