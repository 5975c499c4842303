package tokenizer

// EncodeBOS gives the ids of the text behind BOS. A text that begins with the tokenizer's BOS
// literally has it already.
func EncodeBOS(t Tokenizer, text string) []int {
	ids, bos := t.Encode(text), t.Vocab().BOS
	if len(ids) > 0 && ids[0] == bos {
		return ids
	}
	return append([]int{bos}, ids...)
}
