// Package backend is the seam between the transformer and the machine: the ops
// of a decoder, forward and backward side by side, and of the envelope
// iteration, over opaque float32 buffers. internal/backend/cpu is the reference;
// a backend is one when it passes internal/backend/backendtest.
//
// Shape letters (docs/glossary.md): B sequences, T positions, N = B*T rows,
// C hidden size, H query heads, K KV heads, D head size, I input and O output
// features, V vocabulary. Everything is row-major.
//
// Forward ops overwrite their outputs. Backward ops add to their gradients (a
// caller that wants the bare gradient zeroes the buffer first), except where the
// op says "in place". A nil gradient buffer means: not wanted, do not compute.
// A shape that does not fit its buffers is a programmer's mistake and panics.
//
// Results depend on inputs and the kernels chosen, never on the number of threads.
//
// A backend may be asynchronous: an op may return before its work is done, and ops take
// effect in the order of the calls. What the host gives (ids, targets, factors, bytes to
// upload) may be changed as soon as the call returns; what it reads (Download, ReadSums)
// is waited for. An op that fails on the device (memory that ran out, a device that is
// lost) says nothing, and what follows it may hold anything: Sync tells. Whoever hands
// out results calls it before. New and NewSums may fail that way too.
package backend

import "moreau/internal/tensor"

// Buffer is memory of one backend, of float32 values unless it is from NewStored; nothing
// outside the backend looks inside.
type Buffer interface {
	// Len is the number of values.
	Len() int
	// Slice is a view of values [lo, hi).
	Slice(lo, hi int) Buffer
}

// Backend runs the ops. Calls are made from one goroutine at a time; a backend
// spreads each over its own threads.
type Backend interface {
	// Name says what runs, for manifests: "cpu/avx512".
	Name() string
	// Summing is how far a float32 result that is a sum of some hundred products of about
	// unit size may be off, by |got - want| / (1 + |want|). The conformance suite holds the
	// backend to it, and it to at most 1e-3.
	Summing() float64
	Memory
	Decoder
	Envelope
	Reduction
}

// Memory moves values between host and backend.
type Memory interface {
	// New allocates n values, all zero.
	New(n int) Buffer
	// Free gives a buffer from New or NewStored back (not a Slice); using it afterwards is a mistake.
	Free(b Buffer)
	// Trim gives up memory that is kept for reuse: other work follows.
	Trim()
	// Zero sets every value to 0.
	Zero(b Buffer)
	// Copy copies src to dst (same length).
	Copy(dst, src Buffer)
	// Upload fills dst: fill(part, lo) must write values [lo, lo+len(part)). It is
	// called for disjoint parts, possibly concurrently.
	Upload(dst Buffer, fill func(part []float32, lo int))
	// UploadStored fills dst with the values of t, whose type is Decodable. The bytes go over
	// as they are stored; the backend decodes them.
	UploadStored(dst Buffer, t tensor.Tensor)
	// NewStored keeps the matrix t[rows, cols], of a Decodable type, as it is stored. It serves
	// LinearForward as w and EmbeddingForward as table, where its values are those that
	// UploadStored gives, and no other op; a Slice of it is of whole rows. A backend whose Linear
	// ops round their inputs need not round those of few rows. The bytes of t are the backend's
	// from then on.
	NewStored(t tensor.Tensor) Buffer
	// StoredBytes is host memory for n bytes that NewStored is to have, of the kind that suits
	// the backend best.
	StoredBytes(n int) []byte
	// Download copies src to the host; len(dst) == src.Len().
	Download(dst []float32, src Buffer)
	// Sync waits for all ops and gives the first failure of those since the last Sync.
	Sync() error
}

// Decoder has the ops of a Llama-family decoder.
type Decoder interface {
	// EmbeddingForward: out[N,C] = table[ids[n], :].
	EmbeddingForward(out, table Buffer, ids []int32, C int)
	// EmbeddingBackward: dtable[ids[n], :] += dout[n, :].
	EmbeddingBackward(dtable, dout Buffer, ids []int32, C int)

	// LinearForward: out[N,O] = x[N,I] · w[O,I]ᵀ.
	LinearForward(out, x, w Buffer, N, I, O int)
	// LinearBackward: dx[N,I] += dout[N,O] · w[O,I];  dw[O,I] += dout[N,O]ᵀ · x[N,I].
	// dx or dw may be nil (w is then unused with dx nil, x with dw nil, and may be nil too).
	LinearBackward(dx, dw, dout, x, w Buffer, N, I, O int)

	// BiasForward: x[n,:] += bias[C] for every row of x[N,C], in place.
	BiasForward(x, bias Buffer, N, C int)
	// BiasBackward: dbias[C] += Σ_n dout[n,:] of dout[N,C].
	BiasBackward(dbias, dout Buffer, N, C int)

	// RMSNormForward: out[n,:] = x[n,:] · rstd[n] · w, rstd[n] = 1/sqrt(mean(x[n,:]²) + eps).
	RMSNormForward(out, rstd, x, w Buffer, N, C int, eps float32)
	// RMSNormBackward adds to dx[N,C] and dw[C]; either may be nil.
	RMSNormBackward(dx, dw, dout, x, w, rstd Buffer, N, C int)

	// RoPEForward turns the first R components of each head of x[B,T,H,D], in place,
	// rotate-half form: pair (i, i+R/2) by cos, sin[pos0+t, i], R/2 a position. Cosines and
	// sines may be multiplied by a factor, which the pairs then grow by.
	RoPEForward(x, cos, sin Buffer, B, T, H, D, R, pos0 int)
	// RoPEBackward takes the gradient back through the same, in place.
	RoPEBackward(dx, cos, sin Buffer, B, T, H, D, R, pos0 int)

	// AttentionForward: causal grouped-query attention, out[B,T,H,D]; lse[B,H,T]
	// receives the log-sum-exp of each row of scaled, capped scores, which the backward pass needs.
	AttentionForward(out, lse, q, k, v Buffer, s AttentionShape)
	// AttentionBackward adds to dq[B,T,H,D], dk, dv[B,S,K,D].
	AttentionBackward(dq, dk, dv, dout, out, lse, q, k, v Buffer, s AttentionShape)

	// SwiGLUForward: out = silu(gate) · up, element by element.
	SwiGLUForward(out, gate, up Buffer)
	// SwiGLUBackward adds to dgate and dup.
	SwiGLUBackward(dgate, dup, dout, gate, up Buffer)

	// GeGLUForward: out = gelu(gate) · up, element by element, with the tanh
	// approximation gelu(x) = x/2 · (1 + tanh(sqrt(2/π)·(x + 0.044715·x³))) (Hendrycks
	// and Gimpel, arXiv 1606.08415, section 2; Shazeer, arXiv 2002.05202).
	GeGLUForward(out, gate, up Buffer)
	// GeGLUBackward adds to dgate and dup.
	GeGLUBackward(dgate, dup, dout, gate, up Buffer)

	// SoftCapForward: x = cap · tanh(x/cap), in place; cap > 0.
	SoftCapForward(x Buffer, cap float32)
	// SoftCapBackward: dx *= 1 - (y/cap)², in place; y is what SoftCapForward made.
	SoftCapBackward(dx, y Buffer, cap float32)

	// CrossEntropyForward takes the logits[N,V] of the vocabulary entries from..from+V
	// into what rows[N,RowSums] know of each row; the first block has from = 0 and
	// begins anew. After the last, the loss of row n is its RowLSE less its RowPicked.
	// Rows with targets[n] < 0 (no target) are left alone.
	CrossEntropyForward(rows Sums, logits Buffer, targets []int32, N, from, V int)
	// CrossEntropyBackward replaces the logits of a block, in place, by
	// scale · (exp(logits - lse) - onehot(targets)), with the RowLSE of all blocks; rows
	// without a target become 0.
	CrossEntropyBackward(logits Buffer, rows Sums, targets []int32, N, from, V int, scale float32)

	// Divergence takes the logits[N,V] of the vocabulary entries from..from+V, and another model's
	// of the same, into what rows[N,DivergenceSums] know of each row; the first block has from = 0
	// and begins anew. After the last, the Kullback-Leibler divergence of row n, of the other
	// model's prediction from this one, KL(other || this) in nats, is its DivergenceMean less its
	// DivergenceOfLSE plus its DivergenceLSE. Rows with targets[n] < 0 are left alone.
	Divergence(rows Sums, logits, other Buffer, targets []int32, N, from, V int)
	// DivergenceBackward replaces the logits of a block, in place, by
	// scale · (softmax(logits) - softmax(other)), with the log-sum-exps of all blocks in rows; rows
	// without a target become 0.
	DivergenceBackward(logits, other Buffer, rows Sums, targets []int32, N, V int, scale float32)
}

// AttentionShape are the sizes of one attention: q[B,T,H,D], k and v[B,S,K,D].
// Query t stands at position S-T+t and sees keys 0..S-T+t; H is a multiple of K
// and query head h uses KV head h/(H/K). T < S continues a KV cache. With a Window,
// a query sees only the last Window of those keys.
type AttentionShape struct {
	B, T, S, H, K, D int
	Window           int     // 0: all keys
	Scale            float32 // of the scores, usually 1/sqrt(D)
	Cap              float32 // of the scaled scores, s = Cap · tanh(s/Cap); 0: none
}

// Envelope has the element-wise ops of the envelope iteration (internal/moreau).
type Envelope interface {
	// Normal fills dst with standard normal draws. Draw i depends on (seed, stream, i) only.
	Normal(dst Buffer, seed, stream uint64)
	// Perturb: dst = w + delta + std·|w|·z, or + std·z when absolute. delta may be nil (0).
	Perturb(dst, w, delta, z Buffer, std float32, absolute bool)
	// Axpby: y = a·x + b·y.
	Axpby(y Buffer, a float32, x Buffer, b float32)
	// AddSquares: y += a·x².
	AddSquares(y Buffer, a float32, x Buffer)
	// UnitScale multiplies every value of unit u by factors[u].
	UnitScale(x Buffer, factors []float32, u Units)
	// AdamW takes step s.Step, counted from 1, of w along the gradient g, with the moments m
	// and v, zero before the first (Loshchilov and Hutter, arXiv 1711.05101, algorithm 2, as
	// PyTorch has it, with the decay scaled by the learning rate):
	//
	//	m = b1·m + (1-b1)·g;  v = b2·v + (1-b2)·g²
	//	w = (1 - lr·decay)·w - lr · m/(1-b1^t) / (sqrt(v/(1-b2^t)) + eps)
	AdamW(w, m, v, g Buffer, s AdamWStep)
}

// AdamWStep are the settings of a step.
type AdamWStep struct {
	Step                         int
	LR, Beta1, Beta2, Eps, Decay float64
}
