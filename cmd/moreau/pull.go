package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"moreau/internal/job"
	"moreau/internal/task"
)

// pullOptions are the flags of pull.
type pullOptions struct {
	out     string
	dataset bool
	include []string
	dryRun  bool
}

func (o *pullOptions) AddFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&o.out, "out", "o", "", "folder that the model goes to, or that holds data sets: the --data of eval")
	f.BoolVar(&o.dataset, "dataset", false, "fetch a data set: of those that built-in tasks read, what these need, of others all .parquet, .jsonl and .json files; papers for the data sets of the seven tasks")
	f.StringArrayVar(&o.include, "include", nil, "files of the data set to fetch instead, repeatable: a pattern such as 'main/test*'")
	f.BoolVar(&o.dryRun, "dry-run", false, "list the files and stop")
}

const pullHelp = `pull fetches a model from huggingface.co, or from the hub that HF_ENDPOINT names:
weights in safetensors, configuration, tokenizer and license, or one .gguf file.
REV is a branch, a tag or a commit (default: main). HF_TOKEN is sent to that hub.

A transfer that breaks off goes on when the same command is given again. Files are
checked against the hashes that the hub states; config.json comes last, so a folder
that opens as a model is complete.

With --dataset it is a data set, whose files go to DIR/OWNER/NAME, where
moreau eval --data DIR finds them.`

func newPullCommand(g *globals) *cobra.Command {
	o := &pullOptions{}
	cmd := &cobra.Command{
		Use: "pull OWNER/NAME[@REV][:FILE.gguf] -o DIR", Short: "Fetch a model or a data set from a hub", Long: pullHelp,
		Example: "  moreau pull HuggingFaceTB/SmolLM2-135M -o smollm2\n  moreau pull OWNER/NAME@main:model-q8_0.gguf -o models\n  moreau pull --dataset allenai/openbookqa -o data",
		Args:    oneModel,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), g, args[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.AddFlags(cmd)
	return cmd
}

func (o *pullOptions) run(ctx context.Context, g *globals, name string, stdout, stderr io.Writer) error {
	if os.Getenv("HF_HUB_OFFLINE") == "1" {
		return job.Usage(fmt.Errorf("HF_HUB_OFFLINE=1 forbids to ask the hub; unset it to pull"))
	}
	if o.dataset && name == "papers" {
		return o.papers(ctx, g, stdout, stderr)
	}
	pulled, err := o.pull(ctx, g, name, stdout, stderr)
	if err == nil && g.JSON {
		return printJSON(stdout, pulled)
	}
	return err
}

// papers fetches the data sets of the seven tasks. One that fails does not keep the others from coming.
func (o *pullOptions) papers(ctx context.Context, g *globals, stdout, stderr io.Writer) error {
	tasks, err := task.Load([]string{"papers"})
	if err != nil {
		return err
	}
	all, failed := []job.Pulled{}, []error{}
	for _, dataset := range task.Datasets(tasks) {
		pulled, err := o.pull(ctx, g, dataset, stdout, stderr)
		switch {
		case ctx.Err() != nil:
			return err
		case err != nil:
			failed = append(failed, err)
		default:
			all = append(all, pulled)
		}
	}
	if g.JSON {
		if err := printJSON(stdout, all); err != nil {
			return err
		}
	}
	return errors.Join(failed...)
}

// pull fetches one model or data set, or finds what there is to fetch, and says so in words.
func (o *pullOptions) pull(ctx context.Context, g *globals, name string, stdout, stderr io.Writer) (job.Pulled, error) {
	j, err := job.NewPull(ctx, job.PullOptions{Name: name, Dataset: o.dataset, Include: o.include, Endpoint: os.Getenv("HF_ENDPOINT"), Token: os.Getenv("HF_TOKEN"), Out: o.out})
	if err != nil {
		return job.Pulled{}, err
	}
	plan := j.Plan()
	if o.dryRun {
		if !g.JSON {
			printFiles(plan, stdout)
		}
		return plan.Pulled, nil
	}
	r, err := j.Execute(ctx, plan, newConsole(stderr))
	switch {
	case ctx.Err() != nil:
		return r, interrupted{"the same command goes on from here"}
	case err == nil && !g.JSON:
		fmt.Fprintf(stdout, "%s: %s at %s, %d files, %s\n", plan.Out, r.Repo, r.Commit, len(r.Files), job.Size(r.Bytes))
	}
	return r, err
}

func printFiles(p job.PullPlan, stdout io.Writer) {
	rows := []string{fmt.Sprintf("%s\t%s", p.Repo, p.Commit)}
	for _, f := range p.Sizes {
		rows = append(rows, fmt.Sprintf("%s\t%s", f.Path, job.Size(f.Size)))
	}
	table(stdout, append(rows, "total\t"+job.Size(p.Bytes))...)
}
