package tokenizer

// Field numbers of sentencepiece_model.proto.
const (
	modelPieces, modelTrainer, modelNormalizer = 1, 2, 3

	pieceText, pieceScore, pieceType = 1, 2, 3

	trainerModel, trainerUNK, trainerBOS, trainerEOS, trainerPAD = 3, 40, 41, 42, 43

	normalizerName, normalizerCharsmap, normalizerPrefix, normalizerExtra = 1, 2, 3, 4

	modelTypeUnigram, modelTypeBPE = 1, 2
)

// parseSentencePiece reads a SentencePiece tokenizer.model: its pieces are the vocabulary as it
// stands (piece types and token types have the same numbers).
func parseSentencePiece(data []byte) (*Vocab, error) {
	// The values of fields that the file leaves out, from the .proto.
	v := &Vocab{Model: "llama", Pre: "default", UNK: 0, BOS: 1, EOS: 2, PAD: -1, AddBOS: true, AddSpacePrefix: true, RemoveExtraSpaces: true}
	kind := modelTypeUnigram
	err := fields(data, func(x field) error {
		switch x.tag {
		case modelPieces:
			return v.piece(x.bytes)
		case modelTrainer:
			return v.trainer(x.bytes, &kind)
		case modelNormalizer:
			return v.normalizer(x.bytes)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(v.Tokens) > 0 && kind != modelTypeBPE {
		return nil, unsupported("SentencePiece model of type %d (known: %d, BPE)", kind, modelTypeBPE)
	}
	return v, v.validate()
}

func (v *Vocab) piece(data []byte) error {
	text, score, kind := "", float32(0), Normal
	err := fields(data, func(x field) error {
		switch x.tag {
		case pieceText:
			text = string(x.bytes)
		case pieceScore:
			score = x.float()
		case pieceType:
			kind = int32(x.int())
		}
		return nil
	})
	if err == nil && len(v.Tokens) >= maxTokens {
		err = corrupt("more than %d pieces", maxTokens)
	}
	v.add(text, score, kind)
	return err
}

func (v *Vocab) trainer(data []byte, kind *int) error {
	return fields(data, func(x field) error {
		switch x.tag {
		case trainerModel:
			*kind = x.int()
		case trainerUNK:
			v.UNK = max(x.int(), -1)
		case trainerBOS:
			v.BOS = max(x.int(), -1)
		case trainerEOS:
			v.EOS = max(x.int(), -1)
		case trainerPAD:
			v.PAD = max(x.int(), -1)
		}
		return nil
	})
}

func (v *Vocab) normalizer(data []byte) error {
	return fields(data, func(x field) error {
		switch x.tag {
		case normalizerCharsmap:
			if len(x.bytes) > 0 {
				return unsupported("SentencePiece normaliser with a character map (known: identity)")
			}
		case normalizerPrefix:
			v.AddSpacePrefix = x.number != 0
		case normalizerExtra:
			v.RemoveExtraSpaces = x.number != 0
		}
		return nil
	})
}
