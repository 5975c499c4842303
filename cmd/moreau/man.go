package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"moreau/internal/job"
)

// newManCommand writes the manual pages of a release.
func newManCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: "man DIR", Short: "Write manual pages into a folder", Hidden: true, Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			for _, c := range append(root.Commands(), root) {
				if c.Hidden {
					continue
				}
				var page strings.Builder
				manPage(c, &page)
				name := strings.ReplaceAll(c.CommandPath(), " ", "-") + ".1"
				if err := os.WriteFile(filepath.Join(args[0], name), []byte(page.String()), 0o666); err != nil {
					return job.Output(err)
				}
			}
			return nil
		},
	}
}

// manPage writes the help of a command as man(7) reads it.
func manPage(c *cobra.Command, w io.Writer) {
	name := strings.ReplaceAll(c.CommandPath(), " ", "-")
	text := c.Long
	if text == "" {
		text = c.Short
	}
	fmt.Fprintf(w, ".TH %s 1 \"\" \"moreau %s\"\n.SH NAME\n%s \\- %s\n", strings.ToUpper(name), version, name, roff(c.Short))
	c.InitDefaultHelpFlag()
	for _, s := range []struct{ title, text string }{{"DESCRIPTION", text}, {"USAGE", c.UsageString()}} {
		fmt.Fprintf(w, ".SH %s\n.nf\n%s\n.fi\n", s.title, roff(s.text))
	}
}

// roff escapes what man(7) would read as commands.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
