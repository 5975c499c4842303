package export

import (
	"math"

	"moreau/internal/model"
)

// rope writes the pair that transformers 4 reads and 5 converts, beside
// rope_parameters, of which 4 knows nothing, where the source has them.
func rope(o object, c *model.Config, arch hfArch) {
	o["rope_theta"], o["rope_scaling"] = float(c.Rope.Theta), nil
	s := c.Rope.Scaling
	switch {
	case s == nil:
		return
	case s.LongRope():
		o["rope_scaling"] = longRope(c, arch)
		return
	}
	scaling := object{"rope_type": s.Type, "factor": float(s.Factor)}
	switch s.Type {
	case "linear", "dynamic":
		scaling["type"] = s.Type // the name before transformers 4.43
	case "llama3":
		scaling["low_freq_factor"], scaling["high_freq_factor"] = float(s.LowFreq), float(s.HighFreq)
		scaling["original_max_position_embeddings"] = int(math.Round(s.OriginalPosition))
	case "yarn":
		yarn(scaling, s)
	}
	o["rope_scaling"] = scaling
}

// yarn writes what the source says; transformers has defaults for the rest.
func yarn(scaling object, s *model.RopeScaling) {
	scaling["original_max_position_embeddings"] = int(math.Round(s.OriginalPosition))
	for key, value := range map[string]float64{"mscale": s.MScale, "mscale_all_dim": s.MScaleAllDim, "beta_fast": s.BetaFast, "beta_slow": s.BetaSlow} {
		if value != 0 {
			scaling[key] = float(value)
		}
	}
	if s.AttentionFactor != nil {
		scaling["attention_factor"] = float(*s.AttentionFactor)
	}
	if s.NoTruncate {
		scaling["truncate"] = false
	}
}
