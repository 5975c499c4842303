// Llamaspeed times llama.cpp on a GGUF file: a prompt and a continuation of it, of token ids
// that do not matter.
//
// usage: go run ./llamaspeed LIBRARIES MODEL.gguf THREADS PROMPT TOKENS
//
// LIBRARIES is the folder of libllama.so (install-llamacpp.sh). It prints tokens/s of the prompt and of the
// continuation, and the CPU seconds of both.
package main

import (
	"fmt"
	"log"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/hybridgroup/yzma/pkg/llama"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 6 {
		log.Fatal("usage: llamaspeed LIBRARIES MODEL.gguf THREADS PROMPT TOKENS")
	}
	if err := run(os.Args[1], os.Args[2], number(3), number(4), number(5)); err != nil {
		log.Fatal(err)
	}
}

func number(i int) int {
	n, err := strconv.Atoi(os.Args[i])
	if err != nil || n < 1 {
		log.Fatalf("%q: want a number of at least 1", os.Args[i])
	}
	return n
}

func run(libraries, path string, threads, prompt, tokens int) error {
	ctx, err := open(libraries, path, threads, prompt+tokens)
	if err != nil {
		return err
	}
	defer llama.Free(ctx)
	if err := decode(ctx, 0, 8); err != nil { // first use of the weights
		return err
	}
	clear, err := llama.GetMemory(ctx)
	if err != nil {
		return err
	}
	if err := llama.MemoryClear(clear, true); err != nil {
		return err
	}
	read, cpuRead, err := timed(func() error { return decode(ctx, 0, prompt) })
	if err != nil {
		return err
	}
	written, cpuWritten, err := timed(func() error {
		for i := range tokens {
			if err := decode(ctx, prompt+i, 1); err != nil {
				return err
			}
		}
		return nil
	})
	fmt.Printf("prompt %.2f generation %.2f cpu %.3f %.3f\n", float64(prompt)/read, float64(tokens)/written, cpuRead, cpuWritten)
	return err
}

// open loads the library and the model, with room for so many tokens.
func open(libraries, path string, threads, tokens int) (llama.Context, error) {
	if err := llama.Load(libraries); err != nil {
		return 0, err
	}
	llama.LogSet(llama.LogSilent())
	llama.BackendInit()
	if err := llama.GGMLBackendLoadAllFromPath(libraries); err != nil {
		return 0, err
	}
	model, err := llama.ModelLoadFromFile(path, llama.ModelDefaultParams())
	if err != nil || model == 0 {
		return 0, fmt.Errorf("llama.cpp does not load %s: %v", path, err)
	}
	params := llama.ContextDefaultParams()
	params.NCtx, params.NBatch, params.NUbatch = uint32(tokens), uint32(tokens), 512
	params.NThreads, params.NThreadsBatch = int32(threads), int32(threads)
	return llama.InitFromModel(model, params)
}

// decode runs n tokens from that position on; the last one has logits.
func decode(ctx llama.Context, from, n int) error {
	batch := llama.BatchInit(int32(n), 0, 1)
	defer llama.BatchFree(batch)
	for i := range n {
		if err := batch.Add(llama.Token(100+(from+i)*7%200), llama.Pos(from+i), []llama.SeqId{0}, i == n-1); err != nil {
			return err
		}
	}
	if code, err := llama.Decode(ctx, batch); err != nil || code != 0 {
		return fmt.Errorf("llama_decode: %d, %v", code, err)
	}
	_, err := llama.GetLogitsIth(ctx, -1, 1)
	return err
}

// timed is the wall and the CPU time of f in seconds.
func timed(f func() error) (wall, cpu float64, err error) {
	start, before := time.Now(), cpuSeconds()
	err = f()
	return time.Since(start).Seconds(), cpuSeconds() - before, err
}

func cpuSeconds() float64 {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	seconds := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	return seconds(u.Utime) + seconds(u.Stime)
}
