package main

import (
	"errors"
	"fmt"
	"sort"

	"moreau/internal/export"
	"moreau/internal/importance"
	"moreau/internal/model"
	"moreau/internal/prune"
)

// cardRoom is kept for what the model card says more once results, and with
// global selection the sizes of layers, are known.
const cardRoom = 8 << 10

// fitSize sets the budget's number of parameters to the most whose output is within
// --size. The size of an output is known exactly from a plan.
func (j *pruneJob) fitSize(scores importance.Scores) error {
	most, err := parseBytes("size", j.Size)
	if err != nil {
		return err
	}
	if j.Out == "" {
		return usageError{fmt.Errorf("--size depends on the output: give -o OUT")}
	}
	all := j.m.Config.ParamCount()
	step := j.m.Config.UnitParams(j.m.Config.Dim(0, model.MLP)) // about what the smallest cut takes
	var failed error
	cuts := sort.Search(int(all/step), func(n int) bool {
		j.budget.Params = all - int64(n+1)*step
		bytes, err := j.outputBytes(scores)
		failed = err
		return err != nil || bytes+cardRoom <= most
	})
	j.budget.Params = all - int64(cuts+1)*step
	bytes, err := j.outputBytes(scores)
	switch {
	case cuts == 0 && err == nil:
		return usageError{fmt.Errorf("--size %s: the model fits as it is, %s after the smallest cut; use convert", j.Size, size(bytes))}
	case errors.Is(err, prune.ErrBudget) || cuts == int(all/step):
		return usageError{fmt.Errorf("--size %s cannot be reached: %w", j.Size, errors.Join(failed, err))}
	case err != nil:
		return err
	case bytes+cardRoom > most:
		return usageError{fmt.Errorf("--size %s cannot be reached in these layers; widen --layers, or write a smaller --dtype", j.Size)}
	}
	return nil
}

// outputBytes is the size of the output under the budget.
func (j *pruneJob) outputBytes(scores importance.Scores) (int64, error) {
	var err error
	if j.cut, err = prune.NewPlan(j.m.Config, scores, j.budget); err != nil {
		return 0, err
	}
	if err := j.planOutput(); err != nil {
		return 0, err
	}
	return j.out.Bytes, nil
}

// bytes is the size of the output, were nothing cut and with the cut; of the weights
// at 16 bits where no output is asked for.
func (j *pruneJob) bytes() (before, after int64, err error) {
	if j.out == nil {
		return 2 * j.cut.Before.ParamCount(), 2 * j.cut.After.ParamCount(), nil
	}
	dense, err := exportModel(j.m, j.cut.Before, j.m.Weights, j.Out)
	if err != nil {
		return 0, 0, err
	}
	before, err = export.Size(dense, j.Out, export.Options{DType: j.dtype, Threads: j.Threads})
	return before, j.out.Bytes, err
}
