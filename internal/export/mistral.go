package export

import (
	"slices"

	"moreau/internal/model"
)

func mistralConfig(o object, c *model.Config, _ bool) { windowConfig(o, c, "mistral") }

// windowConfig writes sliding_window: null where queries see all keys, since
// MistralConfig's default is 4096, but for a source's of the type that is no shorter than the context.
func windowConfig(o object, c *model.Config, modelType string) {
	if n := c.Window(); n > 0 {
		o["sliding_window"] = n
	} else if _, ok := o["sliding_window"]; !ok || !slices.Contains(c.Family.ModelTypes, modelType) {
		o["sliding_window"] = nil
	}
}
