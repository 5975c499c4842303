package model

import "strings"

// Features is a set of them.
type Features uint64

// FeaturesOf is the set of these.
func FeaturesOf(list ...Feature) (s Features) {
	for _, f := range list {
		s |= 1 << f
	}
	return s
}

// Has says whether f is in the set.
func (s Features) Has(f Feature) bool { return s>>f&1 == 1 }

// List is the features of the set, in the order of the table.
func (s Features) List() []Feature {
	var list []Feature
	for f := range Feature(len(features)) {
		if s.Has(f) {
			list = append(list, f)
		}
	}
	return list
}

// String names them, by commas.
func (s Features) String() string {
	var names []string
	for _, f := range s.List() {
		names = append(names, f.String())
	}
	return strings.Join(names, ", ")
}

// AllFeatures is every feature there is.
func AllFeatures() Features { return 1<<len(features) - 1 }

// Features is what c computes otherwise than a Llama without RoPE scaling.
func (c *Config) Features() (s Features) {
	for f, row := range features {
		if row.has(c) {
			s |= 1 << f
		}
	}
	return s
}

// WideNorms says whether q and k have one RMSNorm over all of a layer's heads together.
func (c *Config) WideNorms() bool {
	for _, p := range c.LayerParams(0) {
		if p.Role == QNorm || p.Role == KNorm {
			return p.Axes[0].Dim.name != "head"
		}
	}
	return false
}

// HeadsCutAreMasked says whether a model without some heads computes what the whole one does
// with these heads' outputs at 0. It does not where a norm runs over all heads of q and k,
// since the mean of its squares is over those that are left.
func (c *Config) HeadsCutAreMasked() bool { return !c.WideNorms() }

// Positions says whether some layer has these.
func (c *Config) HasPositions(p Positions) bool {
	for _, l := range c.Layers {
		if l.Positions == p {
			return true
		}
	}
	return false
}

func (c *Config) mixedWindows() bool {
	for _, l := range c.Layers {
		if l.Window != c.Layers[0].Window {
			return true
		}
	}
	return false
}

func (c *Config) hasAny(roles ...Role) bool {
	for _, r := range roles {
		if c.Has(r) {
			return true
		}
	}
	return false
}

// hasSome says whether c has some of the roles, but not all.
func (c *Config) hasSome(roles ...Role) bool {
	for _, r := range roles {
		if !c.Has(r) {
			return c.hasAny(roles...)
		}
	}
	return false
}

// scaled says whether a factor, of which 0 says that there is none, changes anything.
func scaled(factor float32) bool { return factor != 0 && factor != 1 }

func ropeIs(kind string) func(*Config) bool {
	return func(c *Config) bool { return c.Rope.Scaling != nil && c.Rope.Scaling.Type == kind }
}
