package model

// ByQueryHead is c with query heads as the units of attention, instead of KV groups:
// q's rows and o's columns run along them, k and v are not cut. Every KV group of a
// layer is to lose as many, so that the layer keeps one number of query heads per
// KV head, which is all that runtimes know.
func (c *Config) ByQueryHead() *Config {
	d := *c
	d.QueryHeads = true
	return &d
}

// Grouped reports whether some KV head is read by more than one query head.
func (c *Config) Grouped() bool {
	for _, l := range c.Layers {
		if l.Group() > 1 {
			return true
		}
	}
	return false
}

// AttentionKind is the kind of the units of attention.
func (c *Config) AttentionKind() Kind {
	if c.QueryHeads {
		return QueryHeads
	}
	return Heads
}

// Kinds lists the prunable kinds of c, in the order of every report.
func (c *Config) Kinds() []Kind {
	if c.QueryHeads {
		return []Kind{QueryHeads, MLP}
	}
	return Kinds
}
