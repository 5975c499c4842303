package job

import (
	"context"
	"fmt"
	"math"
	"runtime"

	"moreau/internal/checkpoint"
	"moreau/internal/load"
)

// shownHash is the bytes from which hashing weights takes long enough to be told.
const shownHash = 1 << 30

// hashModel is checkpoint.Hash of m; threads 0 is one a core.
func hashModel(ctx context.Context, m *load.Model, threads int, progress Progress) (string, error) {
	if threads == 0 {
		threads = runtime.NumCPU()
	}
	total := weightBytes(m)
	if total < shownHash {
		return checkpoint.Hash(ctx, m.Weights, threads, nil)
	}
	progress.Begin(Hashing, modelName(m.Path), total)
	sum, err := checkpoint.Hash(ctx, m.Weights, threads, func(done int64) { progress.At(min(done, total)) })
	if err == nil {
		progress.End(math.NaN())
	}
	return sum, err
}

// weigh is the hash of the weights where a file of this run says it or is to say it; scores
// or a plan of other weights are refused.
func (j *Prune) weigh(ctx context.Context, progress Progress) (string, error) {
	file, said := j.o.Scores, j.manifest.Weights
	if j.again != nil {
		file, said = j.o.Plan, j.again.Weights
	}
	if file != "" && said == "" {
		progress.Note(file + ": it does not say of which weights it is; it is taken for this model's")
	}
	if said == "" && j.o.SaveScores == "" && j.o.SavePlan == "" {
		return "", nil
	}
	sum, err := hashModel(ctx, j.m, j.o.Out.Threads, progress)
	if err != nil || said == "" || said == sum {
		return sum, err
	}
	if !j.o.AnyWeights {
		return sum, Input(fmt.Errorf("%s: it is of other weights than %s (SHA-256 %.12s, these have %.12s); make it anew for this model, or take it with --force-scores", file, j.m.Path, said, sum))
	}
	progress.Note(file + ": it is of other weights, and taken as you ask")
	return sum, nil
}
