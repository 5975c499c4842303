package model

import (
	"fmt"
	"slices"
)

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

// biased are the projections whose biases are QBias to DownBias.
var biased = []string{"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}

// Biased names the projections whose biases are in the set, in the order of a layer.
func (s Roles) Biased() []string {
	names := []string{}
	for i, name := range biased {
		if s.Has(QBias + Role(i)) {
			names = append(names, name)
		}
	}
	return names
}

// BiasesOf is the inverse of Biased.
func BiasesOf(projections []string) (s Roles, err error) {
	for _, name := range projections {
		i := slices.Index(biased, name)
		if i < 0 {
			return 0, fmt.Errorf("there is no bias of %q", name)
		}
		s |= RolesOf(QBias + Role(i))
	}
	return s, nil
}
