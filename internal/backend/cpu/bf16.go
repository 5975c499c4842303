package cpu

// halved rounds operands to bf16: for tiles where the set has them, to pairs where the
// table says that products of those are faster, else to float32 values that bf16 holds.
// All mean the same and differ in the order of their sums.
func halved(k *kernels, m machine) format {
	if k.tiles != nil {
		f := tiled(k.tiles)
		f.suffix, f.rounds = "+bf16", true
		return f
	}
	if p := pairsFor(k.name, m); p != nil {
		return paired(k, p)
	}
	return rounded(k)
}

// rounded is the format of float32 values that bf16 holds.
func rounded(k *kernels) format {
	f := ofKernels(k, 1, k.packRounded, k.gemm)
	f.suffix, f.rounds = "+rounded-bf16", true
	return f
}

// paired is the format of pairs.
func paired(k *kernels, p *pairKernels) format {
	f := ofKernels(k, 2, p.pack, p.gemmPairs)
	f.suffix, f.rounds = "+bf16", true
	return f
}

// packRounded is packPanel with values rounded.
func (k *kernels) packRounded(dst []float32, m matrix, rows, depth, width int) {
	k.packPanel(dst, m, rows, depth, width)
	k.round(dst[:width*depth], dst[:width*depth])
}

// pairsAtOnce is how many pairs of each row are packed before those of the next
// rows, so that their part of the panel stays in the first-level cache.
const pairsAtOnce = 128

// pack is packPanel with pairs: dst[j*width+i] holds m(i, 2j) and m(i, 2j+1), or 0
// past the end of an odd depth.
func (p *pairKernels) pack(dst []float32, m matrix, rows, depth, width int) {
	n, done := depth/2, 0
	switch {
	case m.rs == 1 && rows == width:
		p.pairRows(dst, width, m.data, m.cs, n)
		done = rows
	case m.cs == 1:
		done = rows &^ 3
		for j := 0; j < n; j += pairsAtOnce {
			for i := 0; i < done; i += 4 {
				p.pairs4(dst[j*width+i:], width, m.data[i*m.rs+2*j:], m.rs, min(pairsAtOnce, n-j))
			}
		}
	}
	for i := done; i < rows; i++ {
		for j := range n {
			dst[j*width+i] = pair(m.data[i*m.rs+2*j*m.cs], m.data[i*m.rs+(2*j+1)*m.cs])
		}
	}
	if depth%2 == 1 {
		for i := range rows {
			dst[n*width+i] = pair(m.data[i*m.rs+(depth-1)*m.cs], 0)
		}
	}
}
