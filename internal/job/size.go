package job

import (
	"errors"
	"fmt"
	"os"
	"sort"

	"moreau/internal/importance"
	"moreau/internal/model"
	"moreau/internal/prune"
	"moreau/internal/tensor"
)

// CardRoom is the bytes kept for what the model card of a folder says more once results, and
// with global selection the sizes of layers, are known.
const CardRoom = 8 << 10

// fit is the plan of the most parameters whose output is within the bound of bytes. The
// size of an output is known exactly from a plan.
func (j *Prune) fit(scores importance.Scores) (*prune.Plan, error) {
	most := j.o.Budget.Size
	if j.o.Out.Path == "" {
		return nil, Usage(fmt.Errorf("--size depends on the output: give -o OUT"))
	}
	dense, _, err := j.denseBytes(j.o.Out)
	if err != nil {
		return nil, err
	}
	if dense <= most {
		return nil, Usage(fmt.Errorf("--size %d: the model fits as it is, %d bytes; use convert", most, dense))
	}
	if !isGGUF(j.o.Out.Path) {
		most -= CardRoom
	}
	if len(j.drop) > 0 {
		p := uncut(j.rest.Config)
		bytes, err := j.outputBytes(p)
		if err != nil || bytes <= most {
			return p, err
		}
	}
	s := &search{j: j, scores: scores, most: most}
	find := s.scan
	if j.budget.Selection != prune.Local {
		find = s.bisect
	}
	p, err := find()
	if errors.Is(err, prune.ErrBudget) {
		return nil, Usage(fmt.Errorf("--size %d cannot be reached%s; widen --layers, or write a smaller --dtype", j.o.Budget.Size, s.smallest()))
	}
	return p, err
}

// search tries numbers of parameters.
type search struct {
	j      *Prune
	scores importance.Scores
	most   int64 // bytes of the output
	least  int64 // that a plan tried took, 0: none was
}

// scan goes from plan to plan, the largest that might fit first: the first that fits is
// the largest. Sizes do not fall with every cut, since rows that are not whole blocks
// any more take a wider type. Plans that cut all layers alike come first, then those
// between the one that fits and the one before it.
func (s *search) scan() (*prune.Plan, error) {
	b := s.j.budget
	uniform := b.Uniform
	b.Uniform, b.Params = true, min(s.j.rest.Config.ParamCount()-1, int64(float64(s.most)/s.leastBytes()))
	p, err := s.firstFitting(b)
	if err != nil || uniform {
		return p, err
	}
	b = p.Budget
	b.Uniform = false
	return s.firstFitting(b)
}

// firstFitting goes down from a budget of parameters to the first plan that fits.
func (s *search) firstFitting(b prune.Budget) (*prune.Plan, error) {
	for {
		p, bytes, err := s.try(b)
		if err != nil || bytes <= s.most {
			return p, err
		}
		b.Params = p.After.ParamCount() - 1
	}
}

// bisect takes sizes to fall with every cut: under global selection layers differ, so
// that no type fits more than a few of them better than those around it.
func (s *search) bisect() (*prune.Plan, error) {
	cfg, b := s.j.rest.Config, s.j.budget
	all, step := cfg.ParamCount(), cfg.UnitParams(cfg.Dim(0, model.MLP)) // about what the smallest cut takes
	cuts := sort.Search(int(all/step), func(n int) bool {
		b.Params = all - int64(n+1)*step
		_, bytes, err := s.try(b)
		return err != nil || bytes <= s.most
	})
	b.Params = max(1, all-int64(cuts+1)*step)
	p, bytes, err := s.try(b)
	if err == nil && bytes > s.most {
		err = prune.ErrBudget
	}
	return p, err
}

// try is the plan of a budget, and the bytes of its output.
func (s *search) try(b prune.Budget) (*prune.Plan, int64, error) {
	p, err := prune.NewPlan(s.j.rest.Config, s.scores, b)
	if err != nil {
		return nil, 0, err
	}
	bytes, err := s.j.outputBytes(p)
	if err == nil && (s.least == 0 || bytes < s.least) {
		s.least = bytes
	}
	return p, bytes, err
}

func (s *search) smallest() string {
	if s.least == 0 {
		return ""
	}
	return fmt.Sprintf(", %d bytes are left at least", s.least)
}

// leastBytes is the least that a parameter takes in the output.
func (s *search) leastBytes() float64 {
	if d := s.j.o.Out.DType; d != nil {
		return perValue(*d)
	}
	least := perValue(tensor.F16)
	if isGGUF(s.j.o.Out.Path) {
		for _, info := range s.j.m.Weights.Tensors() {
			least = min(least, perValue(info.DType))
		}
	}
	return least
}

// perValue is the bytes of a value.
func perValue(d tensor.DType) float64 { return float64(d.BlockBytes()) / float64(d.BlockSize()) }

// outputBytes is the size of the output of a plan.
func (j *Prune) outputBytes(p *prune.Plan) (int64, error) {
	r := PruneReport{Plan: PrunePlan{Model: j.m.Path, Scores: j.scoresFrom(), Manifest: j.manifest}, Source: j.source}
	if err := r.Plan.does(j.m.Config, j.stages(p), p); err != nil {
		return 0, err
	}
	e, err := j.exported(&r)
	if err != nil {
		return 0, err
	}
	e.Card = j.card(r)
	all, _, err := j.o.Out.sizes(e)
	return all, err
}

// denseBytes is the size of the output, were nothing cut: of all files, and of those that
// hold weights.
func (j *Prune) denseBytes(out OutOptions) (all, weights int64, err error) {
	e, err := exported(j.m, whole(j.m), out.Path)
	if err != nil {
		return 0, 0, err
	}
	return out.sizes(e)
}

// sourceBytes is the size of the files that hold the model's weights, or where none are
// there, what it would be in out.
func (j *Prune) sourceBytes(out OutOptions) (bytes int64, err error) {
	files := weightFiles(j.m)
	for _, name := range files {
		info, err := os.Stat(name)
		if err != nil {
			return 0, Input(err)
		}
		bytes += info.Size()
	}
	if len(files) == 0 {
		_, bytes, err = j.denseBytes(out)
	}
	return bytes, err
}
