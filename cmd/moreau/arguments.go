package main

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"moreau/internal/job"
)

// knownCommand refuses the first argument that names no command.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := ""
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = ", did you mean " + strings.Join(near, " or ") + "?"
	}
	return job.Usage(fmt.Errorf("there is no command %q%s; see moreau --help", args[0], hint))
}

// oneModel wants exactly one argument.
func oneModel(cmd *cobra.Command, args []string) error {
	if len(args) != 1 || args[0] == "" {
		return job.Usage(fmt.Errorf("want one MODEL, got %d arguments %q; see %s --help", len(args), args, cmd.CommandPath()))
	}
	return exclusive(cmd)
}

// noArguments wants none.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) != 0 {
		return job.Usage(fmt.Errorf("want no arguments, got %d; see %s --help", len(args), cmd.CommandPath()))
	}
	return exclusive(cmd)
}

// allSet is the part of cobra's message that names the flags.
var allSet = regexp.MustCompile(`\[([^\]]*)\] were all set`)

// exclusive checks flags that exclude each other, before cobra does in its own words.
func exclusive(cmd *cobra.Command) error {
	err := cmd.ValidateFlagGroups()
	if err == nil {
		return nil
	}
	if m := allSet.FindStringSubmatch(err.Error()); m != nil {
		err = fmt.Errorf("give only one of --%s; see %s --help", strings.ReplaceAll(m[1], " ", ", --"), cmd.CommandPath())
	}
	return job.Usage(err)
}
