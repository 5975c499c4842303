package transformer

import (
	"moreau/internal/backend"
	"moreau/internal/model"
)

// maskSink is the sink if it wants the mask gradient of d, else nil.
func (p *pass) maskSink(d model.Dim) MaskSink {
	if s, ok := p.sink.(MaskSink); ok && s.WantsMask(d) {
		return s
	}
	return nil
}

// maskGrad hands out the mask gradient of d, whose units have width columns each of
// x and its gradient dx [N, units*width]: the sum over tokens and columns of x·dx.
func (p *pass) maskGrad(d model.Dim, x, dx backend.Buffer, width int) error {
	sink := p.maskSink(d)
	if sink == nil {
		return nil
	}
	rows, cols := p.b.T, d.Units*width
	for i := range p.b.B {
		lo, hi := i*rows*cols, (i+1)*rows*cols
		sums := make([]float64, d.Units)
		p.be.UnitDots(sums, x.Slice(lo, hi), dx.Slice(lo, hi), backend.Units{Rows: rows, Cols: cols, Axis: 1, Width: width})
		if err := sink.Mask(d, i, sums); err != nil {
			return err
		}
	}
	return nil
}
