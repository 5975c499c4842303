// Package imatrix is the importance of a model's columns for quantisation: the mean squares of what
// they multiply, in llama.cpp's files of them (docs/formats/imatrix.md).
package imatrix

import (
	"context"

	"moreau/internal/backend"
	"moreau/internal/checkpoint"
	"moreau/internal/model"
	"moreau/internal/transformer"
)

// Entry is what was seen of what a matrix [rows, len(Squares)] multiplies.
type Entry struct {
	Tensor  string // name in a GGUF file
	Tokens  int
	Squares []float64 // sums over them
}

// sites are where what the matrices of a layer multiply is seen.
var sites = map[model.Role]transformer.Site{
	model.Q: transformer.AttnIn, model.K: transformer.AttnIn, model.V: transformer.AttnIn, model.O: transformer.HeadsOut,
	model.Gate: transformer.MLPIn, model.Up: transformer.MLPIn, model.Down: transformer.Channels,
}

// Collect runs a model over all parts, layer by layer, and gives an entry for each of the tensors that
// is a matrix of a layer, in their order. done is called after each layer.
func Collect(ctx context.Context, be backend.Backend, cfg *model.Config, ck checkpoint.Checkpoint, tensors []model.Stored, parts []transformer.Batch, done func()) ([]Entry, error) {
	w := transformer.NewStreamed(be, ck)
	walk, err := transformer.New(be, cfg).Walk(ctx, parts, w)
	if err != nil {
		return nil, err
	}
	defer walk.Close()
	var entries []Entry
	for walk.Next() {
		tap := &squaresTap{be: be, seen: map[transformer.Site]*squares{}}
		err := walk.Run(ctx, w, tap)
		if err == nil {
			for _, t := range tensors {
				if site, ok := sites[t.Params[0].Role]; ok && t.Params[0].Layer == walk.Layer() {
					entries = append(entries, tap.entry(t.GGUF, site))
				}
			}
			err = finite(entries)
		}
		tap.free()
		if err != nil {
			return nil, err
		}
		done()
	}
	return entries, nil
}

// finite looks at the sums: one value that is not finite makes them so.
func finite(entries []Entry) error {
	for _, e := range entries {
		for _, v := range e.Squares {
			if err := transformer.Finite("what "+e.Tensor+" multiplies", v); err != nil {
				return err
			}
		}
	}
	return nil
}

// squares are sums over what was seen at a site.
type squares struct {
	tokens        int
	sums, squares backend.Sums
}

// squaresTap sums up what matrices of a layer multiply.
type squaresTap struct {
	be   backend.Backend
	seen map[transformer.Site]*squares
}

// Sees implements transformer.Tap.
func (t *squaresTap) Sees(_ int, at transformer.Site) transformer.Sight {
	for _, site := range sites {
		if at == site {
			return transformer.Forward
		}
	}
	return transformer.Unseen
}

// See implements transformer.Tap.
func (t *squaresTap) See(s transformer.Seen) error {
	sq := t.seen[s.Site]
	if sq == nil {
		sq = &squares{sums: t.be.NewSums(s.Width), squares: t.be.NewSums(s.Width)}
		t.seen[s.Site] = sq
	}
	for _, n := range s.Lengths {
		sq.tokens += n
	}
	t.be.ColumnMoments(sq.sums, sq.squares, s.X, s.Lengths, s.T, s.Width)
	return nil
}

func (t *squaresTap) entry(name string, at transformer.Site) Entry {
	sq := t.seen[at]
	e := Entry{name, sq.tokens, make([]float64, sq.squares.Len())}
	t.be.ReadSums(e.Squares, sq.squares)
	return e
}

func (t *squaresTap) free() {
	for _, sq := range t.seen {
		t.be.FreeSums(sq.sums)
		t.be.FreeSums(sq.squares)
	}
}
