package main

import (
	"fmt"

	"moreau/internal/load"
)

// The units of attention that --attention-unit names.
const (
	kvGroup   = "kv-group"
	queryHead = "query-head"
)

const attentionUnitUsage = "what attention loses: kv-group, a KV head with its query heads; query-head, the weakest query heads of every KV group, as many of each"

// checkUnit refuses a unit that is none.
func (o *scoreOptions) checkUnit() error {
	if o.Unit != kvGroup && o.Unit != queryHead {
		return fmt.Errorf("--attention-unit %q: want %s or %s", o.Unit, kvGroup, queryHead)
	}
	return nil
}

// chooseUnit makes m a model that is scored and cut by the chosen unit.
func (o *scoreOptions) chooseUnit(m *load.Model) error {
	if o.Unit != queryHead {
		return nil
	}
	if !m.Config.Grouped() {
		return usageError{fmt.Errorf("--attention-unit %s: each KV head of %s has one query head, and one has to stay; leave the option out, which cuts heads with their k and v", queryHead, m.Path)}
	}
	m.Config = m.Config.ByQueryHead()
	return nil
}
