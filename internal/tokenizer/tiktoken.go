package tokenizer

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"strconv"
)

// looksTiktoken tells the text format from SentencePiece's binary one.
func looksTiktoken(data []byte) bool {
	line, _, _ := bytes.Cut(data[:min(len(data), 1000)], []byte("\n"))
	_, _, err := tiktokenLine(line)
	return err == nil
}

// parseTiktoken reads the tokenizer.model of the original Llama 3 release: a base64 token and its
// rank on each line. The special tokens, which only the program knows, follow as in Llama 3.1.
func parseTiktoken(data []byte) (*Vocab, error) {
	v := &Vocab{Model: "gpt2", Pre: "llama-bpe", UNK: -1, PAD: -1, AddBOS: true}
	v.preDefaults()
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		token, rank, err := tiktokenLine(lines.Bytes())
		if err != nil || rank != len(v.Tokens) {
			return nil, corrupt("line %d is not a base64 token and the rank %d", len(v.Tokens)+1, len(v.Tokens))
		}
		if rank >= maxTokens {
			return nil, corrupt("more than %d tokens", maxTokens)
		}
		v.add(toByteLevel(string(token)), 0, Normal)
	}
	if err := lines.Err(); err != nil {
		return nil, corrupt("line %d: %w", len(v.Tokens)+1, err)
	}
	var err error
	if v.Merges, err = v.splits(func(id int) float32 { return -float32(id) }); err != nil {
		return nil, err
	}
	v.BOS, v.EOS = len(v.Tokens), len(v.Tokens)+1
	for _, t := range llama3Specials() {
		v.add(t, 0, Control)
	}
	return v, v.validate()
}

func tiktokenLine(line []byte) (token []byte, rank int, err error) {
	text, number, _ := bytes.Cut(bytes.TrimSpace(line), []byte(" "))
	if rank, err = strconv.Atoi(string(number)); err != nil {
		return nil, 0, err
	}
	token, err = base64.StdEncoding.DecodeString(string(text))
	return token, rank, err
}

// llama3Specials are ids 128000..128255 of Llama 3.1; Llama 3.0 calls the unused ones otherwise.
func llama3Specials() []string {
	named := map[int]string{
		0: "<|begin_of_text|>", 1: "<|end_of_text|>", 4: "<|finetune_right_pad_id|>", 6: "<|start_header_id|>",
		7: "<|end_header_id|>", 8: "<|eom_id|>", 9: "<|eot_id|>", 10: "<|python_tag|>",
	}
	var all []string
	reserved := 0
	for i := range 256 {
		name, ok := named[i]
		if !ok {
			name = fmt.Sprintf("<|reserved_special_token_%d|>", reserved)
			reserved++
		}
		all = append(all, name)
	}
	return all
}
