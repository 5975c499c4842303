package model

import (
	"fmt"
	"math"
)

// Math is what a model computes beyond its sizes and the parameters that it has. A family
// fills it once, when the configuration is read; the zero values are a Llama's.
type Math struct {
	Activation Activation // of the MLP's gate
	NormOffset float32    // what norms add to their weights: 1 in Gemma

	EmbeddingScale float32 // what the embedding's rows are multiplied by; 0: nothing
	ResidualScale  float32 // what attention and MLP are multiplied by as they are added to the residual stream; 0: nothing
	LogitDivisor   float32 // what logits are divided by; 0: nothing

	ScoreScale float64 // what attention's scores are multiplied by; 0: 1/sqrt(head size)
	ScoreCap   float32 // soft cap of attention's scores, s = cap·tanh(s/cap); 0: none
	LogitCap   float32 // that of the logits

	Rope      Rope
	LocalRope Rope        // of the layers whose Positions are LocalRope
	RotaryDim int         // leading components of a head that turn; 0: all
	Growth    QueryGrowth // of queries with their position
}

// QueryGrowth multiplies the query at position p by 1 + Beta·ln(1 + floor(p/Original))
// (Ministral 3; transformers, modeling_ministral3.py). Beta 0: it does not.
type QueryGrowth struct{ Beta, Original float64 }

// At is the factor of the query at position p.
func (g QueryGrowth) At(p int) float64 {
	if g.Beta == 0 {
		return 1
	}
	return 1 + g.Beta*math.Log1p(math.Floor(float64(p)/g.Original))
}

// Activation is the function that an MLP's gate goes through.
type Activation int

const (
	SiLU Activation = iota
	GELU            // its approximation by tanh
)

// String is the function's name in config.json.
func (a Activation) String() string { return [...]string{"silu", "gelu_pytorch_tanh"}[a] }

// Positions says what q and k of a layer learn of their positions.
type Positions int

const (
	MainRope  Positions = iota // they turn as Math.Rope says
	LocalRope                  // as Math.LocalRope says
	NoRope                     // nothing
)

// AttentionScale is what scores are multiplied by: ScoreScale, or 1/sqrt(head size).
func (c *Config) AttentionScale() float32 {
	if c.ScoreScale > 0 {
		return float32(c.ScoreScale)
	}
	return c.scaleOfHeads()
}

func (c *Config) scaleOfHeads() float32 { return float32(rootScale(c.HeadDim)) }

// rootScale is the scale of scores that are divided by the root of n.
func rootScale(n int) float64 { return 1 / math.Sqrt(float64(n)) }

// turn says that so many leading components of a head turn.
func (c *Config) turn(n int) {
	if n != c.HeadDim {
		c.RotaryDim = n
	}
}

// Rotary is how many leading components of a head turn.
func (c *Config) Rotary() int {
	if c.RotaryDim > 0 {
		return c.RotaryDim
	}
	return c.HeadDim
}

// validateMath checks what Math says, so that nothing later computes with numbers out of range.
func (c *Config) validateMath() error {
	for _, x := range []struct {
		name string
		v    float64
	}{
		{"the scores' soft cap", float64(c.ScoreCap)}, {"the logits' soft cap", float64(c.LogitCap)}, {"the scale of scores", c.ScoreScale},
		{"the scale of the embedding", float64(c.EmbeddingScale)}, {"the scale of the residual stream", float64(c.ResidualScale)},
		{"the divisor of logits", float64(c.LogitDivisor)}, {"the growth of queries", c.Growth.Beta},
	} {
		if !(x.v >= 0 && x.v <= mostSize) {
			return fmt.Errorf("%s is %v, want more than 0, to %d", x.name, x.v, mostSize)
		}
	}
	switch {
	case c.Growth.Beta > 0 && !(c.Growth.Original >= 1 && c.Growth.Original <= mostSize):
		return fmt.Errorf("queries grow beyond a context of %v, want 1 to %d", c.Growth.Original, mostSize)
	case c.Growth.Beta > 0 && (c.Rotary() != c.HeadDim || c.HasPositions(NoRope)):
		return fmt.Errorf("queries grow as they turn, but not all of them turns")
	case c.RotaryDim < 0 || c.RotaryDim > c.HeadDim || c.RotaryDim%2 != 0:
		return fmt.Errorf("%d components of a head turn, want an even number up to its size %d", c.RotaryDim, c.HeadDim)
	}
	if s := c.Rope.Scaling; c.Family.longRope && s != nil && !s.LongRope() {
		return fmt.Errorf("rope scaling %q is not supported for %s, only %s is", s.Type, c.Family.Name, longrope)
	}
	if c.HasPositions(LocalRope) {
		if err := c.LocalRope.validate(c.Rotary()); err != nil {
			return err
		}
	}
	return c.Rope.validate(c.Rotary())
}
