package checkpoint

import (
	"bytes"
	"encoding/binary"
	"path/filepath"
	"testing"

	"moreau/internal/fuzztest"
)

// parseMultiple is how many times the size of a file its parsing may allocate.
const parseMultiple = 64

func FuzzSafetensors(f *testing.F) {
	fuzztest.Corpus(f)
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
	fuzztest.Corpus(f)
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

func FuzzIndex(f *testing.F) {
	fuzztest.Corpus(f)
	f.Add([]byte(`{"metadata": {"total_size": 8}, "weight_map": {"x": "model-00001-of-00002.safetensors", "y": "model-00002-of-00002.safetensors"}}`))
	f.Add([]byte(`{"weight_map":{"x":"../s1.safetensors"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var weights map[string]string
		var err error
		fuzztest.Allocates(t, len(data), parseMultiple, func() { weights, err = parseIndex(data, "fuzz") })
		if err != nil {
			wantCorrupt(t, err, "fuzz")
		}
		for _, file := range weights {
			if !filepath.IsLocal(file) || filepath.Base(file) != file {
				t.Errorf("shard %q is outside of the folder", file)
			}
		}
	})
}
