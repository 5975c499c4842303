package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"moreau/internal/job"
)

const cleanHelp = `List what interrupted or killed runs left in a folder, and remove it: unfinished
outputs, and state from which the same command would have continued. An older output
that was about to be replaced comes back where nothing took its place. Nothing else is
touched. Let no run write to DIR meanwhile.`

func newCleanCommand(g *globals) *cobra.Command {
	dryRun := false
	cmd := &cobra.Command{
		Use: "clean DIR", Short: "Remove what interrupted runs left in a folder", Long: cleanHelp,
		Example: "  moreau clean . --dry-run",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 || args[0] == "" {
				return job.Usage(fmt.Errorf("want one DIR, got %d arguments %q; see %s --help", len(args), args, cmd.CommandPath()))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return clean(g, args[0], dryRun, cmd.OutOrStdout()) },
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only list it")
	return cmd
}

func clean(g *globals, dir string, dryRun bool, stdout io.Writer) error {
	j, err := job.NewClean(dir)
	if err != nil {
		return err
	}
	left, err := j.Plan()
	if err != nil {
		return err
	}
	if !dryRun {
		if err := j.Execute(left); err != nil {
			return err
		}
	}
	if g.JSON {
		return printJSON(stdout, map[string]any{"removed": !dryRun, "files": left})
	}
	printLeftovers(left, dryRun, stdout)
	return nil
}

func printLeftovers(left []job.Leftover, dryRun bool, stdout io.Writer) {
	if len(left) == 0 {
		fmt.Fprintln(stdout, "nothing is left of any run")
		return
	}
	done := "removed"
	if dryRun {
		done = "left"
	}
	var rows []string
	for _, l := range left {
		how := done
		if l.InUse {
			how = "in use"
		}
		rows = append(rows, fmt.Sprintf("%s\t%s\t%s\t%s", how, l.Path, job.Size(l.Bytes), l.What))
	}
	table(stdout, rows...)
}
