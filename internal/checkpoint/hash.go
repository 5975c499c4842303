package checkpoint

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// mostHashers bounds the tensors that Hash holds at a time.
const mostHashers = 4

// Hash identifies the weights of c, whatever file holds them: the SHA-256, in
// hexadecimal, of one line a tensor in the order of their names, "NAME DTYPE SHAPE
// SHA256", with the SHA-256 of the stored bytes. It reads everything, up to threads
// tensors at a time; progress, if not nil, is told the bytes done after each, by one
// goroutine at a time.
func Hash(ctx context.Context, c Checkpoint, threads int, progress func(done int64)) (string, error) {
	infos := c.Tensors()
	lines, errs := make([]string, len(infos)), make([]error, len(infos))
	var next atomic.Int64
	var telling sync.Mutex
	var done int64
	var hashers sync.WaitGroup
	for range max(1, min(threads, mostHashers)) {
		hashers.Go(func() {
			var memory []byte
			for i := next.Add(1) - 1; i < int64(len(infos)) && ctx.Err() == nil; i = next.Add(1) - 1 {
				lines[i], errs[i] = hashLine(c, infos[i].Name, &memory)
				if progress == nil {
					continue
				}
				size, _ := infos[i].DType.Bytes(infos[i].Shape)
				telling.Lock()
				done += int64(size)
				progress(done)
				telling.Unlock()
			}
		})
	}
	hashers.Wait()
	if err := cmp.Or(append([]error{ctx.Err()}, errs...)...); err != nil { // of several the first
		return "", err
	}
	sum := sha256.Sum256([]byte(strings.Join(lines, "")))
	return hex.EncodeToString(sum[:]), nil
}

// hashLine is the line of one tensor, which is read into memory where c can.
func hashLine(c Checkpoint, name string, memory *[]byte) (string, error) {
	t, err := ReadInto(c, name, func(n int) []byte {
		*memory = slices.Grow((*memory)[:0], n)[:n]
		return *memory
	})
	return fmt.Sprintf("%s %s %v %x\n", name, t.DType, t.Shape, sha256.Sum256(t.Data)), err
}
