package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"moreau/internal/job"
	"moreau/internal/results"
)

const compareHelp = `Compare models by their results files, question by question.

The first model is compared with each of the others, on the questions and texts
that both were asked; moreau eval -o writes the files.`

func newCompareCommand(g *globals) *cobra.Command {
	var mean string
	cmd := &cobra.Command{
		Use: "compare A.json [B.json...]", Short: "Compare models by their results files", Long: compareHelp,
		Example: "  moreau compare dense.json pruned.json",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return job.Usage(fmt.Errorf("want results files; see %s --help", cmd.CommandPath()))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			all, err := job.Compare(args, mean)
			switch {
			case err != nil:
				return err
			case g.JSON:
				return printJSON(cmd.OutOrStdout(), all)
			}
			printDifferences(cmd.OutOrStdout(), all)
			return nil
		},
	}
	cmd.Flags().StringVar(&mean, "mean", results.Rules[0].Name, meanUsage())
	return cmd
}
