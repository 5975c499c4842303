package job

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"moreau/internal/backend"
	"moreau/internal/generate"
	"moreau/internal/load"
	"moreau/internal/transformer"
)

// SpeedOptions say what generation is timed on.
type SpeedOptions struct {
	Prompt int // tokens
	Tokens int // after the first one behind it
	Rounds int // each of all models, in turn
}

// Speed is how fast a model generates, in tokens a second, with weights as they are stored.
type Speed struct {
	Type       string `json:"type"` // of most weights
	Bytes      int64  `json:"weight_bytes"`
	Memory     int64  `json:"estimated_ram_bytes"` // of generating so, this model alone
	Prompt     int    `json:"prompt_tokens"`
	Tokens     int    `json:"new_tokens"`
	Reading    Rates  `json:"prompt"`     // until the first new token
	Generation Rates  `json:"generation"` // from there to the last
}

// Rates are those of all rounds.
type Rates struct {
	Rounds []float64 `json:"rounds"` // tokens a second
	Spread
	Ratio *Spread `json:"ratio,omitempty"` // to the first model's in the same round
}

// Spread sums up rounds.
type Spread struct {
	Median float64 `json:"median"`
	Least  float64 `json:"least"`
	Most   float64 `json:"most"`
}

// spreadOf needs at least one value.
func spreadOf(values []float64) Spread {
	s := slices.Sorted(slices.Values(values))
	n := len(s)
	return Spread{(s[(n-1)/2] + s[n/2]) / 2, s[0], s[n-1]}
}

func (o *SpeedOptions) check() error {
	if o == nil {
		return nil
	}
	return errors.Join(Within("prompt-tokens", o.Prompt, 1, MostRows), Within("new-tokens", o.Tokens, 1, MostRows), Within("rounds", o.Rounds, 1, MostRows))
}

// fits refuses a model whose context is too short.
func (o *SpeedOptions) fits(m *load.Model) error {
	if o != nil && o.Prompt+o.Tokens+1 > m.Config.MaxPositions {
		return Usage(fmt.Errorf("%s: --prompt-tokens %d and --new-tokens %d with one between: the model's context is %d; ask for fewer", m.Path, o.Prompt, o.Tokens, m.Config.MaxPositions))
	}
	return nil
}

// bytes are those of generating.
func (o SpeedOptions) bytes(m *load.Model) int64 {
	return transformer.GenerationBytes(m.Config, m.Weights, 1, o.Prompt, o.Tokens+1)
}

// ram is the resident memory of having all models ready at once.
func (o SpeedOptions) ram(subjects []*subject) (all int64) {
	for _, s := range subjects {
		all += resident(s.m.Config, o.bytes(s.m))
	}
	return all
}

// speeds times all models in turn, so that what else the machine does slows all of them.
func (j *Eval) speeds(ctx context.Context, progress Progress) ([]*Speed, error) {
	o := *j.o.Speed
	if n := len(j.subjects); n > 1 {
		progress.Note(fmt.Sprintf("%d models in memory at once, about %s", n, Size(o.ram(j.subjects))))
	}
	speeds, runners := make([]*Speed, len(j.subjects)), make([]*runner, len(j.subjects))
	for i, s := range j.subjects {
		bytes, types := stored(s.m)
		speeds[i] = &Speed{Type: mostly(types), Bytes: bytes, Memory: resident(s.m.Config, o.bytes(s.m)), Prompt: o.Prompt, Tokens: o.Tokens}
		runners[i] = newRunner(s.m, j.be, o)
		defer runners[i].w.Free()
		if err := runners[i].w.Load(ctx, s.m.Config.Params()); err != nil {
			return nil, Blame(s.m, err)
		}
	}
	progress.Begin(TimingGeneration, fmt.Sprintf("%d + %d tokens", o.Prompt, o.Tokens), int64(o.Rounds*len(runners)))
	for round := range o.Rounds {
		for i, r := range runners {
			prompt, rest, err := r.run(ctx)
			if err != nil {
				return nil, Blame(j.subjects[i].m, err)
			}
			speeds[i].Reading.add(o.Prompt, prompt)
			speeds[i].Generation.add(o.Tokens, rest)
			progress.At(int64(round*len(runners) + i + 1))
		}
	}
	progress.End(math.NaN())
	for _, s := range speeds {
		s.Reading.sumUp(speeds[0].Reading, s != speeds[0])
		s.Generation.sumUp(speeds[0].Generation, s != speeds[0])
	}
	return speeds, nil
}

// mostly is the type of most parameters.
func mostly(types map[string]int64) (most string) {
	for name, n := range types {
		if best := types[most]; n > best || n == best && name < most {
			most = name
		}
	}
	return most
}

// runner generates from the same ids again and again.
type runner struct {
	tr  *transformer.Transformer
	w   *transformer.Compact
	ids []int32
	n   int
}

func newRunner(m *load.Model, be backend.Backend, o SpeedOptions) *runner {
	return &runner{transformer.New(be, m.Config), transformer.NewCompact(be, m.Weights), someTokens(1, o.Prompt, m.Config.VocabSize)[0], o.Tokens + 1}
}

// run is how long it took until the first new token, and from there to the last.
func (r *runner) run(ctx context.Context) (prompt, rest time.Duration, err error) {
	start := time.Now()
	var first, last time.Time
	_, err = generate.Tokens(ctx, r.tr, r.w, r.ids, nil, generate.Options{Tokens: r.n}, func(int) bool {
		last = time.Now()
		if first.IsZero() {
			first = last
		}
		return true
	})
	return first.Sub(start), last.Sub(first), err
}

func (r *Rates) add(tokens int, took time.Duration) {
	r.Rounds = append(r.Rounds, float64(tokens)/max(took, time.Nanosecond).Seconds())
}

// sumUp gives the spread over the rounds and, of others, that of the ratios to the first.
func (r *Rates) sumUp(first Rates, other bool) {
	r.Spread = spreadOf(r.Rounds)
	if !other {
		return
	}
	var ratios []float64
	for i, rate := range r.Rounds {
		ratios = append(ratios, rate/first.Rounds[i])
	}
	s := spreadOf(ratios)
	r.Ratio = &s
}
