package export

import (
	"fmt"
	"io"

	"moreau/internal/checkpoint"
)

// defaultShard is the largest safetensors file, in bytes of data, as in
// transformers before 5.
const defaultShard = 5_000_000_000

// transformers 4 refuses a file that does not say so.
var ptFormat = map[string]string{"format": "pt"}

// shards is model.safetensors, or several files and their index where the data
// is larger than most bytes.
func shards(weights *cast, most int64) ([]File, error) {
	if most <= 0 {
		most = defaultShard
	}
	groups := shardsOf(weights.infos(), most)
	if len(groups) == 1 {
		f, err := shard("model.safetensors", groups[0], weights.Read)
		return []File{f}, err
	}
	var files []File
	where := map[string]string{}
	for i, infos := range groups {
		name := fmt.Sprintf("model-%05d-of-%05d.safetensors", i+1, len(groups))
		for _, info := range infos {
			where[info.Name] = name
		}
		f, err := shard(name, infos, weights.Read)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	index, err := indented(object{"metadata": object{"total_size": dataBytes(weights.infos(), 1)}, "weight_map": where})
	return append(files, contents("model.safetensors.index.json", index)), err
}

// shardsOf fills one shard after the other in storage order; a larger tensor has a
// shard of its own.
func shardsOf(infos []checkpoint.Info, most int64) [][]checkpoint.Info {
	var groups [][]checkpoint.Info
	var used int64
	for _, info := range infos {
		n := dataBytes([]checkpoint.Info{info}, 1)
		if len(groups) == 0 || used+n > most {
			groups, used = append(groups, nil), 0
		}
		last := len(groups) - 1
		groups[last], used = append(groups[last], info), used+n
	}
	return groups
}

func shard(name string, infos []checkpoint.Info, read checkpoint.ReadFunc) (File, error) {
	write := func(w io.Writer, read checkpoint.ReadFunc) error {
		return checkpoint.WriteSafetensors(w, infos, read, ptFormat)
	}
	header, err := headerBytes(write)
	return File{name, header + dataBytes(infos, 1), func(w io.Writer) error { return write(w, read) }}, err
}
