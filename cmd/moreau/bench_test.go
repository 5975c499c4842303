package main

import (
	"strings"
	"testing"

	"moreau/internal/job"
)

func TestBench(t *testing.T) {
	small := []string{"bench", "--like", stories, "--rows", "1", "--seq-len", "16"}
	s := parsed[job.BenchReport](t, must(t, append(small, "--json")...).stdout)
	if s.Machine.Cores < 1 || s.Peak <= 0 || !strings.HasPrefix(s.Kernels, "cpu/") {
		t.Errorf("machine %+v, peak %g, kernels %s", s.Machine, s.Peak, s.Kernels)
	}
	if s.Step.Seconds <= 0 || s.Step.GFLOPS <= 0 || s.Step.Runs != 3 || s.Step.SeqLen != 16 {
		t.Errorf("step %+v", s.Step)
	}
	if len(s.Sets) == 0 || s.Sets[0].Name != "cpu/generic" || len(s.Ops) < 20 {
		t.Errorf("%d kernel sets, %d ops", len(s.Sets), len(s.Ops))
	}
	for _, o := range s.Ops {
		if o.Speed <= 0 || o.Like != stories {
			t.Errorf("%+v", o)
		}
	}
	var text strings.Builder
	printSpeeds(&text, &s)
	for _, want := range []string{"machine  ", "peak ", "of peak", "linear/dw", "ns/value"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, text.String())
		}
	}
}

func TestBenchRefused(t *testing.T) {
	refused(t, exitUsage, []string{"--rows 0"}, "bench", "--rows", "0")
	refused(t, exitUsage, []string{"--seq-len 1"}, "bench", "--seq-len", "1")
	refused(t, exitUsage, []string{"--like gpt-5", "known are"}, "bench", "--like", "tinyllama,gpt-5")
	refused(t, exitUsage, []string{"no geometry"}, "bench", "--like", "")
	refused(t, exitUsage, []string{"no arguments"}, "bench", "x")
}
