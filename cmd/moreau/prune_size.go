package main

import (
	"errors"
	"fmt"
	"sort"

	"moreau/internal/importance"
	"moreau/internal/model"
	"moreau/internal/prune"
	"moreau/internal/tensor"
)

// cardRoom is kept for what the model card of a folder says more once results, and
// with global selection the sizes of layers, are known.
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
	if j.fitted > 0 && j.budget.Selection == prune.Local { // whose sizes do not depend on scores
		j.budget.Params = j.fitted
		return nil
	}
	dense, err := j.denseBytes()
	if err != nil {
		return err
	}
	if dense <= most {
		return usageError{fmt.Errorf("--size %s: the model fits as it is, %d bytes; use convert", j.Size, dense)}
	}
	if !isGGUF(j.Out) {
		most -= cardRoom
	}
	search := j.scan
	if j.budget.Selection == prune.Global {
		search = j.bisect
	}
	least, err := search(scores, most)
	if errors.Is(err, prune.ErrBudget) {
		return usageError{fmt.Errorf("--size %s cannot be reached%s; widen --layers, or write a smaller --dtype", j.Size, least)}
	}
	j.fitted = j.budget.Params
	return err
}

// scan goes from plan to plan, the largest that might fit first: the first that fits is
// the largest. Sizes do not fall with every cut, since rows that are not whole blocks
// any more take a wider type. Plans that cut all layers alike come first, then those
// between the one that fits and the one before it.
func (j *pruneJob) scan(scores importance.Scores, most int64) (least smallest, err error) {
	params := min(j.m.Config.ParamCount()-1, int64(float64(most)/j.leastBytes()))
	j.budget.Uniform = true
	before, err := j.firstFitting(scores, most, params, &least)
	if j.budget.Uniform = j.Uniform; err == nil && !j.Uniform {
		_, err = j.firstFitting(scores, most, before, &least)
	}
	return least, err
}

// firstFitting goes down from plans of so many parameters to the first that fits, and
// gives the number that it was asked for.
func (j *pruneJob) firstFitting(scores importance.Scores, most, params int64, least *smallest) (int64, error) {
	for {
		bytes, err := j.outputBytes(scores, params)
		if err != nil || bytes <= most {
			return params, err
		}
		least.add(bytes)
		params = j.cut.After.ParamCount() - 1
	}
}

// bisect takes sizes to fall with every cut: under global selection layers differ, so
// that no type fits more than a few of them better than those around it.
func (j *pruneJob) bisect(scores importance.Scores, most int64) (least smallest, err error) {
	all, step := j.m.Config.ParamCount(), j.m.Config.UnitParams(j.m.Config.Dim(0, model.MLP)) // about what the smallest cut takes
	cuts := sort.Search(int(all/step), func(n int) bool {
		bytes, err := j.outputBytes(scores, all-int64(n+1)*step)
		if err == nil {
			least.add(bytes)
		}
		return err != nil || bytes <= most
	})
	bytes, err := j.outputBytes(scores, max(1, all-int64(cuts+1)*step))
	if err == nil && bytes > most {
		err = prune.ErrBudget
	}
	return least, err
}

// smallest is the size of the smallest output tried, 0 for none.
type smallest int64

func (s *smallest) add(bytes int64) {
	if *s == 0 || bytes < int64(*s) {
		*s = smallest(bytes)
	}
}

func (s smallest) String() string {
	if s == 0 {
		return ""
	}
	return fmt.Sprintf(", %d bytes are left at least", int64(s))
}

// leastBytes is the least that a parameter takes in the output.
func (j *pruneJob) leastBytes() float64 {
	d := tensor.F16
	if j.dtype != nil {
		d = *j.dtype
	}
	return float64(d.BlockBytes()) / float64(d.BlockSize())
}

// outputBytes is the size of the output when so many parameters may stay.
func (j *pruneJob) outputBytes(scores importance.Scores, params int64) (int64, error) {
	j.budget.Params = params
	var err error
	if j.cut, err = prune.NewPlan(j.m.Config, scores, j.budget); err != nil {
		return 0, err
	}
	pruned, err := prune.Apply(j.cut, j.m.Weights)
	if err != nil {
		return 0, err
	}
	e, err := j.exported(pruned, nil, nil)
	if err != nil {
		return 0, err
	}
	return sizeExport(e, &j.outOptions)
}

// denseBytes is the size of the output, were nothing cut.
func (j *pruneJob) denseBytes() (int64, error) {
	e, err := exportModel(j.m, j.m.Config, j.m.Weights, j.Out)
	if err != nil {
		return 0, err
	}
	return sizeExport(e, &j.outOptions)
}

// bytes is the size of the output, were nothing cut and with the cut; of the weights
// at 16 bits where no output is asked for.
func (j *pruneJob) bytes() (before, after int64, err error) {
	if j.out == nil {
		return 2 * j.cut.Before.ParamCount(), 2 * j.cut.After.ParamCount(), nil
	}
	before, err = j.denseBytes()
	return before, j.out.Bytes, err
}
