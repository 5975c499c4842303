package transformer

import (
	"context"

	"moreau/internal/backend"
	"moreau/internal/checkpoint"
	"moreau/internal/model"
)

// Resident keeps every weight it was ever asked for, as float32: 4 bytes a parameter.
type Resident struct {
	from WeightSource
	kept map[string]keptWeight
}

type keptWeight struct {
	param model.Param
	b     backend.Buffer
}

// NewResident keeps what from gives.
func NewResident(from WeightSource) *Resident {
	return &Resident{from: from, kept: map[string]keptWeight{}}
}

// Weight implements WeightSource.
func (r *Resident) Weight(p model.Param) (backend.Buffer, error) {
	if k, ok := r.kept[p.Name]; ok {
		return k.b, nil
	}
	b, err := r.from.Weight(p)
	if err == nil {
		r.kept[p.Name] = keptWeight{p, b}
	}
	return b, err
}

// Release implements WeightSource; the weight stays.
func (r *Resident) Release(model.Param, backend.Buffer) {}

// Free gives every kept weight back to where it came from.
func (r *Resident) Free() {
	for _, k := range r.kept {
		r.from.Release(k.param, k.b)
	}
	r.kept = map[string]keptWeight{}
}

// Compact keeps every weight it was ever asked for in the type it is stored in, for
// generation: matrices as they are, vectors as float32. A tied head is the embedding.
type Compact struct {
	be   backend.Backend
	ck   checkpoint.Checkpoint
	kept map[string]backend.Buffer
}

// NewCompact serves the tensors of ck, which has Hugging Face names and layout.
func NewCompact(be backend.Backend, ck checkpoint.Checkpoint) *Compact {
	return &Compact{be: be, ck: ck, kept: map[string]backend.Buffer{}}
}

// Weight implements WeightSource; a matrix is from NewStored.
func (c *Compact) Weight(p model.Param) (backend.Buffer, error) {
	if b, ok := c.kept[p.Name]; ok {
		return b, nil
	}
	t, err := checkpoint.ReadInto(c.ck, p.Name, c.be.StoredBytes)
	if err != nil {
		return nil, err
	}
	if len(t.Shape) == 2 {
		c.kept[p.Name] = c.be.NewStored(t)
	} else {
		c.kept[p.Name] = c.be.New(p.Len())
		c.be.UploadStored(c.kept[p.Name], t)
	}
	return c.kept[p.Name], nil
}

// Load reads params before they are asked for.
func (c *Compact) Load(ctx context.Context, params []model.Param) error {
	for _, p := range params {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := c.Weight(p); err != nil {
			return err
		}
	}
	return nil
}

// Release implements WeightSource; the weight stays.
func (c *Compact) Release(model.Param, backend.Buffer) {}

// Free gives all memory back.
func (c *Compact) Free() {
	for _, b := range c.kept {
		c.be.Free(b)
	}
	c.kept = map[string]backend.Buffer{}
}
