package main

import (
	"fmt"
	"slices"
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
	return nil
}

// someModels wants one argument or more.
func someModels(cmd *cobra.Command, args []string) error {
	if len(args) == 0 || slices.Contains(args, "") {
		return job.Usage(fmt.Errorf("want a MODEL or several, got %d arguments %q; see %s --help", len(args), args, cmd.CommandPath()))
	}
	return nil
}

// noArguments wants none.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) != 0 {
		return job.Usage(fmt.Errorf("want no arguments, got %d; see %s --help", len(args), cmd.CommandPath()))
	}
	return nil
}

// onlyOne refuses a command line with more than one of the flags.
func onlyOne(cmd *cobra.Command, flags ...string) {
	beforeRun(cmd, func(cmd *cobra.Command) error {
		given := slices.DeleteFunc(slices.Sorted(slices.Values(flags)), func(name string) bool { return !cmd.Flags().Changed(name) })
		if len(given) < 2 {
			return nil
		}
		return job.Usage(fmt.Errorf("give only one of --%s; see %s --help", strings.Join(given, ", --"), cmd.CommandPath()))
	})
}

// beforeRun adds a check of the flags to those that a command makes before it runs.
func beforeRun(cmd *cobra.Command, check func(cmd *cobra.Command) error) {
	before := cmd.PreRunE
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		if before != nil {
			if err := before(cmd, args); err != nil {
				return err
			}
		}
		return check(cmd)
	}
}

// modelAndAdapter wants these two.
func modelAndAdapter(cmd *cobra.Command, args []string) error {
	if len(args) != 2 || args[0] == "" || args[1] == "" {
		return job.Usage(fmt.Errorf("want MODEL and ADAPTER, got %d arguments %q; see %s --help", len(args), args, cmd.CommandPath()))
	}
	return nil
}
