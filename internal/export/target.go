package export

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"moreau/internal/model"
)

// target is a class of transformers, our own code over one, or an architecture of
// llama.cpp: what of a model it holds. There is none that takes the rest.
type target struct {
	name   string                       // as plans print it
	own    string                       // model_type or general.architecture, by which a family knows its own target
	code   bool                         // our own code, which comes after all others
	always model.Features               // what every model of it has
	holds  model.Features               // what a model of it may have
	fits   func(c *model.Config) string // what else it wants that c does not do, "" where c does; nil: nothing
}

func (t *target) base() *target { return t }

// isOwn says whether t is what files of c's family are.
func (t *target) isOwn(c *model.Config) bool {
	return slices.Contains(c.Family.ModelTypes, t.own) || slices.Contains(c.Family.GGUFArchs, t.own)
}

// lacking is how many reasons keep c, which has features f, from being written as t,
// and the reasons.
func (t *target) lacking(c *model.Config, f model.Features) (int, string) {
	var why []string
	n := 0
	for _, x := range []struct {
		format string
		miss   model.Features
	}{{"has no place for %s", f &^ (t.always | t.holds)}, {"always has %s, this model does not", t.always &^ f}} {
		if x.miss != 0 {
			n += len(x.miss.List())
			why = append(why, fmt.Sprintf(x.format, x.miss))
		}
	}
	if t.fits != nil {
		if wants := t.fits(c); wants != "" {
			n++
			why = append(why, wants)
		}
	}
	return n, t.name + " " + strings.Join(why, "; it ")
}

// ownOr asks models of other families for one of these features at least, and where there are
// none wants no other family: what a class could hold without them is another's, which runtimes know longer.
func ownOr(family string, f model.Features) func(c *model.Config) string {
	return func(c *model.Config) string {
		switch {
		case c.Family.Name == family || c.Features()&f != 0:
			return ""
		case f == 0:
			return "is for models of its own family"
		}
		return fmt.Sprintf("is for models with %s", f)
	}
}

// choose is the target that c is written as: that of its family if it holds c, else the
// first of the list that does. Where none does, why is what the nearest lacks.
func choose[T interface{ base() *target }](list []T, c *model.Config) (best T, why string) {
	var own, others []T
	for _, t := range list {
		if t.base().isOwn(c) && !t.base().code {
			own = append(own, t)
		} else {
			others = append(others, t)
		}
	}
	least, f := -1, c.Features()
	for _, t := range append(own, others...) {
		n, lacks := t.base().lacking(c, f)
		if n == 0 {
			return t, ""
		}
		if least < 0 || n < least {
			least, why = n, lacks
		}
	}
	return best, why
}

// anyHolds says whether some target of the list has a place for all of f.
func anyHolds[T interface{ base() *target }](list []T, f model.Features) bool {
	return slices.ContainsFunc(list, func(t T) bool { return f&^(t.base().always|t.base().holds) == 0 })
}

// refusal is the error of a container that none of whose targets holds c, for this reason.
// alike is how to cut so that one holds what is left, other the container that holds it as it is,
// "" where there is none.
func refusal(why, alike, other string) error {
	var remedies []string
	if alike != "" {
		remedies = append(remedies, alike)
	}
	if other != "" {
		remedies = append(remedies, "write "+other)
	}
	if len(remedies) == 0 {
		return fmt.Errorf("%s; no other container holds it either", why)
	}
	return fmt.Errorf("%s; %s", why, strings.Join(remedies, " or "))
}

// Biases is what biases a model of configuration c has to have, for those of roles to be among them and a GGUF file or a
// Hugging Face folder to hold it: as few as will do, since flags of config.json stand for several at once. An error says
// why none will.
func Biases(c *model.Config, roles model.Roles, gguf bool) (model.Roles, error) {
	attention, mlp := model.RolesOf(model.QBias, model.KBias, model.VBias, model.OBias), model.RolesOf(model.GateBias, model.UpBias, model.DownBias)
	whole := roles
	for _, s := range []model.Roles{attention, mlp} {
		if roles&s != 0 {
			whole |= s
		}
	}
	var err error
	for _, s := range []model.Roles{roles, whole, model.Biases} {
		with, e := c.WithBiases(s)
		if e == nil && gguf {
			_, e = ggufFor(with)
		} else if e == nil {
			_, e = hfFor(with)
		}
		if e == nil {
			return s, nil
		}
		err = cmp.Or(err, e)
	}
	return 0, err
}
