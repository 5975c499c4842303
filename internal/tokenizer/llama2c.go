package tokenizer

import (
	"bufio"
	"encoding/binary"
	"io"
	"math"
	"strings"
)

// FromLlama2C reads the tokenizer.bin of llama2.c, which has no count: vocabSize comes from the
// model. Its pieces have plain blanks and lines around <s> and </s>; both are undone.
func FromLlama2C(r io.Reader, vocabSize int) (*Vocab, error) {
	if vocabSize < 3 || vocabSize > maxTokens {
		return nil, corrupt("%d tokens, allowed 3..%d", vocabSize, maxTokens)
	}
	in := bufio.NewReader(r)
	var longest int32
	if err := binary.Read(in, binary.LittleEndian, &longest); err != nil {
		return nil, corrupt("header: %w", err)
	}
	v := &Vocab{Model: "llama", Pre: "default", UNK: 0, BOS: 1, EOS: 2, PAD: -1, AddBOS: true, AddSpacePrefix: true}
	for id := range vocabSize {
		text, score, err := llama2cPiece(in)
		if err != nil {
			return nil, corrupt("token %d: %w", id, err)
		}
		v.add(llama2cText(id, text), score, llama2cType(id, text))
	}
	return v, v.validate()
}

func llama2cPiece(in io.Reader) (string, float32, error) {
	var head [2]uint32
	if err := binary.Read(in, binary.LittleEndian, &head); err != nil {
		return "", 0, err
	}
	if head[1] > maxText {
		return "", 0, corrupt("%d bytes, at most %d allowed", head[1], maxText)
	}
	text := make([]byte, head[1])
	_, err := io.ReadFull(in, text)
	return string(text), math.Float32frombits(head[0]), err
}

func llama2cText(id int, text string) string {
	if id < 3 {
		return strings.TrimSpace(text)
	}
	return strings.ReplaceAll(text, " ", blank)
}

func llama2cType(id int, text string) int32 {
	if _, ok := byteOf(text); ok {
		return Byte
	}
	switch id {
	case 0:
		return Unknown
	case 1, 2:
		return Control
	}
	return Normal
}
