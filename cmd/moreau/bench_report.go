package main

import (
	"fmt"
	"io"
	"strings"

	"moreau/internal/bench"
	"moreau/internal/job"
)

// printSpeeds is the report for people.
func printSpeeds(w io.Writer, s *job.BenchReport) {
	known := func(text string) string {
		if text == "" {
			return "unknown"
		}
		return text
	}
	threads := fmt.Sprintf("%d threads", s.Threads)
	if s.Threads == 0 {
		threads = "a thread each"
	}
	fmt.Fprintf(w, "machine  %s, %s\n", known(s.Machine.Model), s.Machine.Arch)
	fmt.Fprintf(w, "cores    %d, %s\n", s.Machine.Cores, threads)
	fmt.Fprintf(w, "flags    %s\n", known(strings.Join(s.Machine.Flags, " ")))
	fmt.Fprintf(w, "kernels  %s\n", s.Kernels)
	fmt.Fprintf(w, "peak     %.1f GFLOP/s (best product that stays in cache)\n", s.Peak)
	fmt.Fprintf(w, "step     %.2f s, %.1f GFLOP/s, %s: %s, %d x %d tokens, loss and all gradients\n\n",
		s.Step.Seconds, s.Step.GFLOPS, shareOf(s, s.Step.GFLOPS), s.Step.Like, s.Step.Rows, s.Step.SeqLen)

	rows := []string{"kernel set\top\tGFLOP/s\tof peak"}
	for _, k := range s.Sets {
		rows = append(rows, fmt.Sprintf("%s\t%s\t%.1f\t%s", k.Name, k.Op, k.GFLOPS, shareOf(s, k.GFLOPS)))
	}
	table(w, rows...)
	fmt.Fprintln(w)
	rows = []string{"geometry\top\tshape\tspeed\tof peak"}
	for _, o := range s.Ops {
		speed, share := fmt.Sprintf("%.3f %s", o.Speed, o.Unit), ""
		if o.Unit == bench.GFLOPS {
			speed, share = fmt.Sprintf("%.1f %s", o.Speed, o.Unit), "\t"+shareOf(s, o.Speed)
		}
		rows = append(rows, strings.Join([]string{o.Like, o.Name, o.Shape, speed}, "\t")+share)
	}
	table(w, rows...)
}

// shareOf is how much of the peak a speed in GFLOP/s is: "83 %".
func shareOf(s *job.BenchReport, gflops float64) string {
	return fmt.Sprintf("%.0f %%", 100*gflops/s.Peak)
}
