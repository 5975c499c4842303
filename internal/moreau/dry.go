package moreau

import (
	"moreau/internal/backend"
	"moreau/internal/backend/dry"
	"moreau/internal/model"
)

// dryScratch takes the memory of a scratch file's store, and no disk.
type dryScratch struct{ be *dry.Backend }

func newDryScratch(be *dry.Backend, f ScratchFile, moving []model.Param) Store {
	be.Hold(f.hostBytes(moving))
	return dryScratch{be}
}

func (d dryScratch) Open(_ Array, p model.Param) (backend.Buffer, error) {
	return d.be.New(p.Len()), nil
}

func (d dryScratch) Close(_ Array, _ model.Param, b backend.Buffer, _ bool) error {
	d.be.Free(b)
	return nil
}

func (dryScratch) Ahead(Array, model.Param) {}

func (dryScratch) Free() {}
