package export

import "moreau/internal/model"

// seedOssConfig: attention_bias stands for q, k and v alone.
func seedOssConfig(o object, c *model.Config, _ bool) {
	o["attention_bias"], o["attention_out_bias"] = c.Has(model.QBias), c.Has(model.OBias)
}
