// Package importance scores the prunable units of a model. The methods stand in one
// table. Those of weights and gradients give each scalar a salience and share its
// reduction over the coupled units; those of masks and of statistics (wanda-sp, flap, energy) sum over activations instead.
package importance

import (
	"context"
	"fmt"
	"strings"

	"moreau/internal/backend"
	"moreau/internal/model"
	"moreau/internal/moreau"
	"moreau/internal/transformer"
)

// Scores holds one number per unit of each scored dimension; higher is more important.
type Scores map[model.Dim][]float64

// Needs says what a method computes from, for plans and estimates.
type Needs struct {
	Calibration bool // rows of tokens
	Gradients   transformer.Gradients
	Envelope    bool // the settings in Options.Moreau
	State       bool // delta and its mean, for each moving parameter
	EveryParam  bool // all parameters move, not only the scored projections
	Whole       bool // nothing of units: it scores layers as a whole
	TwoRows     bool // of one row all scores are 0
	Branches    bool // a model without each layer runs beside the whole one, from that layer on
}

// Moving lists the parameters that the envelope iteration perturbs and moves.
func (n Needs) Moving(cfg *model.Config, layers model.Range) []model.Param {
	if n.EveryParam {
		return cfg.Params()
	}
	return matrices(cfg, layers, model.Param.Projection)
}

// PassCount is the number of forward and backward passes over the calibration
// rows of a step.
func (n Needs) PassCount(o Options) int {
	switch {
	case n.Envelope:
		return o.Moreau.Steps
	case n.Calibration:
		return 1
	}
	return 0
}

// LayerRuns is how often a run reports a layer: forward, and backward where there are gradients.
func (n Needs) LayerRuns(cfg *model.Config, o Options) int {
	runs := n.PassCount(o) * len(cfg.Layers)
	if n.Gradients != transformer.NoGradients {
		runs *= 2
	}
	return runs
}

// Method is one way to score.
type Method struct {
	Name  string
	Doc   string
	Needs Needs

	adjust func(o *Options) // what distinguishes it within its family
	run    func(r *Run, ctx context.Context) (Scores, error)
}

// Methods is every method, in the order of help texts.
var Methods = []Method{
	{Name: "random", Doc: "uniform random scores, the floor to compare with", run: (*Run).random},
	{Name: "l1", Doc: "sum of |w|", run: (*Run).weightsOnly, adjust: func(o *Options) { o.salience = l1 }},
	{Name: "l2", Doc: "sum of w²", run: (*Run).weightsOnly, adjust: func(o *Options) { o.salience = l2 }},
	{Name: "taylor", Doc: "first-order Taylor term |w·g| of the loss (LLM-Pruner); --salience picks its form", run: (*Run).taylor,
		Needs: Needs{Calibration: true, Gradients: transformer.LayerWeights}},
	{Name: "mask", Doc: "|gradient| for a mask on the unit, a sequence at a time; needs no gradients of weights, so it is fast", run: (*Run).mask,
		Needs: Needs{Calibration: true, Gradients: transformer.UnitGradients}, adjust: func(o *Options) { o.mask = maskGradient }},
	{Name: "mask-fisher", Doc: "squared gradient for a mask on the unit, a sequence at a time: the mask's Fisher information (Kwon et al.)", run: (*Run).mask,
		Needs: Needs{Calibration: true, Gradients: transformer.UnitGradients}, adjust: func(o *Options) { o.mask = maskFisher }},
	{Name: "mask-fisher-token", Doc: "the same of masks at single tokens (SCAR)", run: (*Run).mask,
		Needs: Needs{Calibration: true, Gradients: transformer.UnitGradients}, adjust: func(o *Options) { o.mask = maskFisherToken }},
	{Name: "wanda-sp", Doc: "mean |w| · norm of the activations, of columns of o and down; forward only", run: (*Run).statistics,
		Needs: Needs{Calibration: true}, adjust: func(o *Options) { o.statistic = wandaSP }},
	{Name: "flap", Doc: "variance of the activations · w², of columns of o and down (FLAP's WIFV); forward only", run: (*Run).statistics,
		Needs: Needs{Calibration: true}, adjust: func(o *Options) { o.statistic = wifv }},
	{Name: "flap-compat", Doc: "what the published FLAP code computes, standardised for --allocate threshold; forward only", run: (*Run).statistics,
		Needs: Needs{Calibration: true, TwoRows: true}, adjust: func(o *Options) { o.statistic = flapCompat }},
	{Name: "energy", Doc: "mean square of the activations · w², of columns of o and down; forward only (default)", run: (*Run).statistics,
		Needs: Needs{Calibration: true}, adjust: func(o *Options) { o.statistic = energy }},
	{Name: "block-influence", Doc: "of whole layers: 1 - cosine of the residual stream before and behind (ShortGPT); forward only", run: (*Run).influence,
		Needs: Needs{Calibration: true, Whole: true}},
	{Name: "divergence", Doc: "of whole layers: KL of the predictions of the model without the layer; forward only", run: (*Run).divergence,
		Needs: Needs{Calibration: true, Whole: true, Branches: true}},
	{Name: "smoothgrad", Doc: "|w·g| with g the mean gradient at noisy weights", run: (*Run).envelope,
		Needs: envelopeNeeds, adjust: func(o *Options) { o.Moreau.Still, o.Moreau.Threshold = true, moreau.None }},
	{Name: "moreau", Doc: "|w·d| with d the gradient of the loss's Moreau envelope", run: (*Run).envelope,
		Needs: envelopeNeeds, adjust: func(o *Options) { o.Moreau.Threshold = moreau.None }},
	{Name: "moreau-gs", Doc: "moreau with a group soft threshold on each coupled unit", run: (*Run).envelope,
		Needs: envelopeNeeds, adjust: func(o *Options) { o.Moreau.Threshold = moreau.CoupledUnits }},
	{Name: "moreau-compat", Doc: "what the published MoreauPruner code computes, defects included", run: (*Run).envelope,
		Needs: compatNeeds, adjust: func(o *Options) { o.Moreau.Threshold, o.Moreau.Rho = moreau.Rows, 0 }},
}

var (
	envelopeNeeds = Needs{Calibration: true, Gradients: transformer.LayerWeights, Envelope: true, State: true}
	compatNeeds   = Needs{Calibration: true, Gradients: transformer.LayerWeights, Envelope: true, State: true, EveryParam: true}
)

// MethodNames lists the names of Methods.
func MethodNames() []string {
	names := make([]string, len(Methods))
	for i, m := range Methods {
		names[i] = m.Name
	}
	return names
}

// FindMethod looks a method up by name.
func FindMethod(name string) (Method, error) {
	for _, m := range Methods {
		if m.Name == name {
			return m, nil
		}
	}
	return Method{}, fmt.Errorf("method %q is not known, known are %s", name, strings.Join(MethodNames(), ", "))
}

// Options of a scoring run.
type Options struct {
	Salience string         // element1, vector, element2 or mix
	Layers   model.Range    // whose dimensions are scored
	Moreau   moreau.Options // of the envelope methods; the method sets Threshold and Still
	Seed     uint64

	salience  salience
	statistic statistic
	mask      maskForm
}

// Run is one scoring run: where the weights come from and which rows they see.
type Run struct {
	Backend  backend.Backend
	Config   *model.Config
	Weights  transformer.WeightSource
	Batch    func(step int) (transformer.Batch, error) // calibration rows of a step
	Options  Options
	Progress func(done, passes int, loss float64) // after each pass, may be nil
	OnLayer  func()                               // after each layer of a pass, may be nil
	Keep     int64                                // bytes of activations to keep, see transformer.KeepBytes
	Scratch  *moreau.ScratchFile                  // for the state of the envelope methods; nil: memory
	Journal  *moreau.Journal                      // of the envelope methods; nil: none

	needs Needs
	tr    *transformer.Transformer
}

// Check refuses options that do not go with the method.
func (m Method) Check(o Options) error {
	s, err := findSalience(o.Salience)
	if err == nil && s.squares && m.Name != "taylor" {
		err = fmt.Errorf("salience %q needs gradients of single sequences: it goes with method taylor only", o.Salience)
	}
	if err == nil && m.Needs.Calibration && m.Needs.Gradients < transformer.LayerWeights && o.Salience != "element1" {
		err = fmt.Errorf("salience %q is a form of w·g: method %s has no gradients of weights", o.Salience, m.Name)
	}
	return err
}

// Score runs a method.
func (m Method) Score(ctx context.Context, r Run) (Scores, error) {
	if err := m.Check(r.Options); err != nil {
		return nil, err
	}
	r.Options.salience = saliences[r.Options.Salience]
	if m.adjust != nil {
		m.adjust(&r.Options)
	}
	r.needs = m.Needs
	r.tr = transformer.New(r.Backend, r.Config)
	r.tr.OnLayer, r.tr.KeepBytes = r.OnLayer, r.Keep
	return m.run(&r, ctx)
}

// scored lists the projections that belong to scored dimensions.
func (r *Run) scored() []model.Param {
	return matrices(r.Config, r.Options.Layers, model.Param.Prunable)
}

// matrices lists the parameters of these layers that are of a sort.
func matrices(cfg *model.Config, layers model.Range, is func(model.Param) bool) []model.Param {
	var ps []model.Param
	for _, p := range cfg.Params() {
		if layers.Has(p.Layer) && is(p) {
			ps = append(ps, p)
		}
	}
	return ps
}

func (r *Run) progress(done, passes int, loss float64) {
	if r.Progress != nil {
		r.Progress(done, passes, loss)
	}
}
