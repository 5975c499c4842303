// Command moreau makes large language models smaller by structured pruning: it
// scores attention heads and MLP channels by the gradient of the loss's Moreau
// envelope, cuts the least important, and writes models that other programs load.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"syscall"

	"github.com/spf13/cobra"

	"moreau/internal/output"
)

// remembering keeps the first error of a writer: most prints look at none.
type remembering struct {
	io.Writer
	err error
}

func (r *remembering) Write(p []byte) (int, error) {
	n, err := r.Writer.Write(p)
	if r.err == nil {
		r.err = err
	}
	return n, err
}

// ending are the signals that ask the program to clean up and end, but for those that whoever
// started it had ignored (nohup).
func ending() []os.Signal {
	all := []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT}
	return slices.DeleteFunc(all, signal.Ignored)
}

// report tells a person of an error, and under --json the program that reads the result.
func report(stdout, stderr io.Writer, cmd *cobra.Command, message string, code int) {
	fmt.Fprintln(stderr, "moreau:", message)
	if f := cmd.Flags().Lookup("json"); f != nil && f.Value.String() == "true" {
		printJSON(stdout, map[string]any{"error": message, "exit_code": code})
	}
}

func main() {
	// The heap is a few large arrays: collecting often costs little and keeps the
	// resident set near what is in use.
	debug.SetGCPercent(10)
	ctx, stop := signal.NotifyContext(context.Background(), ending()...)
	defer stop()
	context.AfterFunc(ctx, stop) // a second one ends the program at once
	cmd := newRootCommand()
	stdout := &remembering{Writer: os.Stdout}
	cmd.SetOut(plainWriter{stdout})
	called, err := cmd.ExecuteContextC(ctx)
	if err == nil && stdout.err != nil {
		err = &output.Error{Path: "standard output", Err: stdout.err}
	}
	if err != nil {
		report(os.Stdout, os.Stderr, called, message(ctx, called, err), exitCode(ctx, err))
	}
	os.Exit(exitCode(ctx, err))
}
