package export

import "moreau/internal/model"

// ernieBiases: use_bias stands for all.
func ernieBiases(c *model.Config) string {
	if b := c.Biases(); b != 0 && b != model.Biases {
		return "has all biases or none"
	}
	return ""
}

func ernieConfig(o object, c *model.Config, _ bool) { o["use_bias"] = c.Has(model.QBias) }
