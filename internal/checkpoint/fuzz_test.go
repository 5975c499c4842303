package checkpoint

import (
	"bytes"
	"encoding/binary"
	"testing"

	"moreau/internal/fuzztest"
)

// parseMultiple is how many times the size of a file its parsing may allocate.
const parseMultiple = 64

func FuzzSafetensors(f *testing.F) {
	f.Add(stFile(`{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8))
	f.Add(stFile(`{"__metadata__":{"format":"pt"},"x":{"dtype":"BF16","shape":[2,0],"data_offsets":[0,0]}}  `, 0))
	f.Add(stFile(`{"x":{"dtype":"U8","shape":[1],"data_offsets":[1,2]},"y":{"dtype":"I8","shape":[1],"data_offsets":[0,1]}}`, 2))
	f.Fuzz(func(t *testing.T, data []byte) {
		var list []span
		var err error
		fuzztest.Allocates(t, len(data), parseMultiple, func() {
			list, _, err = parseSafetensors(&source{bytes.NewReader(data), "fuzz"}, int64(len(data)))
		})
		if err != nil {
			wantCorrupt(t, err, "fuzz")
			return
		}
		for _, s := range list {
			if _, err := s.read(fresh); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func FuzzGGUF(f *testing.F) {
	f.Add(sampleGGUF(f))
	f.Add(append(padding(raw(uint32(3), uint64(1), uint64(0), "x", uint32(1), uint64(4), uint32(0), uint64(0))), make([]byte, 16)...))
	f.Add(raw(uint32(2), uint64(0), uint64(1), "k", uint32(9), uint32(8), uint64(1), "v"))
	f.Add(binary.LittleEndian.AppendUint64(raw(uint32(3), uint64(1), uint64(0), "x", uint32(0), uint32(24)), 0))
	f.Fuzz(func(t *testing.T, data []byte) {
		var g *GGUF
		var err error
		fuzztest.Allocates(t, len(data), parseMultiple, func() { g, err = parseGGUF(data) })
		if err != nil {
			wantCorrupt(t, err, "m.gguf")
			return
		}
		for _, info := range g.Tensors() {
			if _, err := g.Read(info.Name); err != nil {
				t.Fatal(err)
			}
		}
	})
}
