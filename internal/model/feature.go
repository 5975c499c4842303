package model

// Feature is something that a model computes, or has in its files, otherwise than a Llama
// without RoPE scaling. Export compares a model's with those that a target holds.
type Feature int

const (
	LayerSizes Feature = iota
	OwnHead
	FusedTensors

	QKVBiases
	OBiases
	MLPBiases
	SomeBiases

	NoPreNorms
	PostNorms
	HeadNorms
	WideNorms

	GELUGates
	OffsetNorms
	ScaledEmbedding
	ScaledResidual
	DividedLogits
	ScaledScores
	CappedScores
	CappedLogits

	Windows
	MixedWindows
	LocalRopes
	NoRopes
	PartialRotary
	GrowingQueries

	LinearRope
	DynamicRope
	YarnRope
	YarnRamp
	Llama3Rope
	LongRopes
	FactorRope
)

// features is how each is called, and how it shows in a configuration.
var features = [...]struct {
	name string
	has  func(c *Config) bool
}{
	LayerSizes:   {"sizes in which layers differ", func(c *Config) bool { return !c.Uniform() }},
	OwnHead:      {"a head that is not the embedding", func(c *Config) bool { return !c.Tied }},
	FusedTensors: {"tensors of several projections", func(c *Config) bool { return c.Family.Fuses() }},

	QKVBiases:  {"biases of q, k and v", func(c *Config) bool { return c.hasAny(QBias, KBias, VBias) }},
	OBiases:    {"a bias of o", func(c *Config) bool { return c.Has(OBias) }},
	MLPBiases:  {"biases of the MLP", func(c *Config) bool { return c.hasAny(GateBias, UpBias, DownBias) }},
	SomeBiases: {"biases of some of q, k, v, or of gate, up, down", func(c *Config) bool { return c.hasSome(QBias, KBias, VBias) || c.hasSome(GateBias, UpBias, DownBias) }},

	NoPreNorms: {"no norms before attention and MLP", func(c *Config) bool { return !c.Has(AttnNorm) || !c.Has(MLPNorm) }},
	PostNorms:  {"norms of what attention and MLP add", func(c *Config) bool { return c.hasAny(PostAttnNorm, PostMLPNorm) }},
	HeadNorms:  {"norms of each head of q and k", func(c *Config) bool { return c.hasAny(QNorm, KNorm) && !c.WideNorms() }},
	WideNorms:  {"norms over all heads of q and k", (*Config).WideNorms},

	GELUGates:       {"a GELU gate", func(c *Config) bool { return c.Activation == GELU }},
	OffsetNorms:     {"norms that multiply by 1 + w", func(c *Config) bool { return c.NormOffset != 0 }},
	ScaledEmbedding: {"a factor of the embedding", func(c *Config) bool { return scaled(c.EmbeddingScale) }},
	ScaledResidual:  {"a factor of what is added to the residual stream", func(c *Config) bool { return scaled(c.ResidualScale) }},
	DividedLogits:   {"a divisor of logits", func(c *Config) bool { return scaled(c.LogitDivisor) }},
	ScaledScores:    {"a scale of scores that is not that of the head size", func(c *Config) bool { return c.AttentionScale() != c.scaleOfHeads() }},
	CappedScores:    {"a soft cap of scores", func(c *Config) bool { return c.ScoreCap > 0 }},
	CappedLogits:    {"a soft cap of logits", func(c *Config) bool { return c.LogitCap > 0 }},

	Windows:        {"a sliding window", func(c *Config) bool { return c.Window() > 0 }},
	MixedWindows:   {"sliding windows that differ from layer to layer", (*Config).mixedWindows},
	LocalRopes:     {"layers with a RoPE of their own", func(c *Config) bool { return c.HasPositions(LocalRope) }},
	NoRopes:        {"layers without positions", func(c *Config) bool { return c.HasPositions(NoRope) }},
	PartialRotary:  {"heads of which a part turns", func(c *Config) bool { return c.Rotary() != c.HeadDim }},
	GrowingQueries: {"queries that grow with their position", func(c *Config) bool { return c.Growth.Beta > 0 }},

	LinearRope:  {"linear RoPE scaling", ropeIs("linear")},
	DynamicRope: {"dynamic RoPE scaling", ropeIs("dynamic")},
	YarnRope:    {"YaRN", ropeIs("yarn")},
	YarnRamp:    {"YaRN with a ramp of its own", func(c *Config) bool { return ropeIs("yarn")(c) && !c.Rope.Scaling.plainYarn() }},
	Llama3Rope:  {"llama3 RoPE scaling", ropeIs("llama3")},
	LongRopes:   {"LongRoPE", ropeIs(longrope)},
	FactorRope:  {"RoPE factors that follow from no formula", ropeIs("factors")},
}

// String is what the feature is called in a refusal.
func (f Feature) String() string { return features[f].name }
