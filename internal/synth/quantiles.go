package synth

import (
	"encoding/binary"
	"hash/fnv"
	"math"
	"sync"

	"moreau/internal/tensor"
)

// quantiles are the 65536 quantiles of a normal distribution in the middle of equal
// shares, encoded as stored. A normal draw is a look-up by 16 random bits, which is
// as fast as a disk writes; the largest is 4.3 deviations.
type quantiles struct {
	encoded []byte
	width   int // bytes a value, 2 or 4
}

func newQuantiles(d tensor.DType, deviation float64) quantiles {
	values := make([]float32, 1<<16)
	for i := range values {
		share := (float64(i) + 0.5) / float64(len(values))
		values[i] = float32(deviation * math.Sqrt2 * math.Erfinv(2*share-1))
	}
	return quantiles{tensor.Encode(d, values), d.BlockBytes()}
}

// chunk is how many values one thread makes at a time.
const chunk = 1 << 16

// fill makes len(data)/width draws; draw i depends on key and i alone.
func (q quantiles) fill(data []byte, key uint64, threads int) {
	size := chunk * q.width
	jobs := make(chan int)
	var workers sync.WaitGroup
	for range threads {
		workers.Go(func() {
			for lo := range jobs {
				q.fillChunk(data[lo:min(lo+size, len(data))], key+uint64(lo/q.width))
			}
		})
	}
	for lo := 0; lo < len(data); lo += size {
		jobs <- lo
	}
	close(jobs)
	workers.Wait()
}

// fillChunk makes four draws of each random number; counter is that of the first draw.
func (q quantiles) fillChunk(data []byte, counter uint64) {
	var four [8]byte // random bits of four draws
	for i := 0; len(data) > 0; i += 4 {
		binary.LittleEndian.PutUint64(four[:], splitMix(counter+uint64(i)))
		for j := 0; j < len(four) && len(data) > 0; j += 2 {
			at := int(binary.LittleEndian.Uint16(four[j:])) * q.width
			copy(data[:q.width], q.encoded[at:])
			data = data[q.width:]
		}
	}
}

// splitMix is number n of the SplitMix64 generator (Steele, Lea and Flood, OOPSLA 2014).
func splitMix(n uint64) uint64 {
	z := (n + 1) * 0x9E3779B97F4A7C15
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

// key places each tensor of each seed somewhere else in the generator's sequence.
func key(seed uint64, name string) uint64 {
	h := fnv.New64a()
	h.Write(binary.LittleEndian.AppendUint64([]byte(name), seed))
	return splitMix(h.Sum64())
}
