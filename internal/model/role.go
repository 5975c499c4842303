package model

// Role names what a parameter does in the decoder.
type Role int

const (
	Embedding Role = iota
	AttnNorm
	Q
	K
	V
	O
	MLPNorm
	Gate
	Up
	Down
	FinalNorm
	Head

	QNorm // RMSNorm of each query head, over the head size; or of all together
	KNorm
	QBias
	KBias
	VBias
	OBias
	GateBias
	UpBias
	DownBias

	PostAttnNorm // RMSNorm of what attention adds to the residual stream
	PostMLPNorm  // of what the MLP adds
)

// Norm says whether the parameter is the weight of an RMSNorm.
func (r Role) Norm() bool { return norms.Has(r) }

var norms = RolesOf(AttnNorm, MLPNorm, FinalNorm, QNorm, KNorm, PostAttnNorm, PostMLPNorm)

// Roles is a set of roles.
type Roles uint64

// Biases are the roles of all biases.
var Biases = RolesOf(QBias, KBias, VBias, OBias, GateBias, UpBias, DownBias)

// RolesOf is the set of these.
func RolesOf(roles ...Role) (s Roles) {
	for _, r := range roles {
		s |= 1 << r
	}
	return s
}

// Has says whether r is in the set.
func (s Roles) Has(r Role) bool { return s>>r&1 == 1 }
