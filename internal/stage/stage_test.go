package stage

import (
	"context"
	"errors"
	"slices"
	"testing"

	"moreau/internal/model"
)

// grow is a stage that adds a layer of so many channels, and takes memory and time.
type grow struct {
	channels int
	bytes    int64
	flops    float64
	err      error
	ran      *[]int
}

func (g grow) Estimate(c *model.Config) (Estimate, error) {
	return Estimate{c.WithLayers(append(slices.Clone(c.Layers), model.Layer{Intermediate: g.channels})), g.bytes, g.flops}, g.err
}

func (g grow) Run(_ context.Context, m Model) (Model, error) {
	*g.ran = append(*g.ran, g.channels)
	e, err := g.Estimate(m.Config)
	m.Config = e.After
	return m, err
}

// Stages run in order, each on what the one before gave; memory is that of the greediest,
// work that of all.
func TestSequence(t *testing.T) {
	var ran []int
	s := Sequence{grow{1, 5, 100, nil, &ran}, Sequence{grow{2, 9, 10, nil, &ran}}, grow{3, 7, 1, nil, &ran}}
	e, err := s.Estimate(&model.Config{})
	if err != nil || e.Bytes != 9 || e.FLOPs != 111 || len(e.After.Layers) != 3 || len(ran) != 0 {
		t.Errorf("estimated %+v (%v), ran %v", e, err, ran)
	}
	m, err := s.Run(t.Context(), Model{Config: &model.Config{}})
	if err != nil || !slices.Equal(m.Config.Layers, e.After.Layers) || !slices.Equal(ran, []int{1, 2, 3}) {
		t.Errorf("ran %v: %v (%v)", ran, m.Config.Layers, err)
	}
	same, err := Sequence{}.Run(t.Context(), m)
	if e, _ := (Sequence{}).Estimate(m.Config); err != nil || same.Config != m.Config || e.After != m.Config {
		t.Error("no stages change the model", err)
	}
}

// What fails, or is stopped, is the last.
func TestSequenceStops(t *testing.T) {
	var ran []int
	s := Sequence{grow{1, 0, 0, nil, &ran}, grow{2, 0, 0, errors.New("no"), &ran}, grow{3, 0, 0, nil, &ran}}
	if _, err := s.Estimate(&model.Config{}); err == nil {
		t.Error("a stage that does not fit: no error")
	}
	if _, err := s.Run(t.Context(), Model{Config: &model.Config{}}); err == nil || !slices.Equal(ran, []int{1, 2}) {
		t.Errorf("ran %v (%v)", ran, err)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	ran = nil
	if _, err := s.Run(stopped, Model{Config: &model.Config{}}); !errors.Is(err, context.Canceled) || ran != nil {
		t.Errorf("stopped: ran %v (%v)", ran, err)
	}
}
