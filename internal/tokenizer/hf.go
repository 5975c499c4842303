package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// maxFile limits tokenizer files, in bytes; the largest known (Gemma 3's tokenizer.json) has 33 MB.
const maxFile = 256 << 20

// FromHF reads the tokenizer of a Hugging Face folder: tokenizer.json, else tokenizer.model
// (SentencePiece or tiktoken), with the special ids, BOS/EOS switches and chat template of
// tokenizer_config.json, special_tokens_map.json, config.json, chat_template.jinja or chat_template.json, and
// the ends of turns of generation_config.json. Errors name the file.
func FromHF(dir string) (*Vocab, error) {
	v, err := vocabOf(dir)
	if err != nil {
		return nil, err
	}
	if err := v.readAdded(dir); err != nil {
		return nil, err
	}
	if err := v.readConfigs(dir); err != nil {
		return nil, err
	}
	if err := v.validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return v, nil
}

func vocabOf(dir string) (*Vocab, error) {
	readers := []struct {
		file string
		read func([]byte) (*Vocab, error)
	}{
		{"tokenizer.json", parseJSON},
		{"tokenizer.model", parseModel},
	}
	for _, r := range readers {
		path := filepath.Join(dir, r.file)
		data, err := readFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		v, err := r.read(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return v, nil
	}
	return nil, fmt.Errorf("%s: %w: neither tokenizer.json nor tokenizer.model here; copy one from the model's original folder", dir, ErrNone)
}

// parseModel reads a tokenizer.model: SentencePiece's protobuf, or the tiktoken list of Llama 3.
func parseModel(data []byte) (*Vocab, error) {
	if looksTiktoken(data) {
		return parseTiktoken(data)
	}
	return parseSentencePiece(data)
}

func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() && !info.IsDir() { // a pipe or device would block or never end
		return nil, fmt.Errorf("%s: %w", path, corrupt("this is no regular file"))
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%s: %w", path, corrupt("%d bytes, at most %d allowed", info.Size(), maxFile))
	}
	return os.ReadFile(path)
}

// readConfigs takes what the configuration files say, earlier files before later ones and all of
// them before the vocabulary file.
func (v *Vocab) readConfigs(dir string) error {
	fallback := *v
	for _, s := range v.specialIDs() {
		*s.id = -1
	}
	for _, file := range []string{"tokenizer_config.json", "special_tokens_map.json", "config.json"} {
		config, err := readObject(filepath.Join(dir, file))
		if err != nil {
			return err
		}
		v.apply(config)
	}
	for i, s := range fallback.specialIDs() {
		if to := v.specialIDs()[i].id; *to < 0 {
			*to = *s.id
		}
	}
	for _, file := range []string{"generation_config.json", "config.json"} {
		config, err := readObject(filepath.Join(dir, file))
		if err != nil {
			return err
		}
		v.readEnds(config)
	}
	return v.readTemplates(dir)
}

// readObject reads a JSON object; a file that is not there is an empty one.
func readObject(path string) (map[string]json.RawMessage, error) {
	data, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var o map[string]json.RawMessage
	if err := json.Unmarshal(data, &o); err != nil {
		return nil, fmt.Errorf("%s: %w", path, corrupt("%w", err))
	}
	return o, nil
}

// apply takes the values of one configuration file; those of another type than expected (null,
// a list of end tokens) say nothing.
func (v *Vocab) apply(config map[string]json.RawMessage) {
	for _, s := range v.specialIDs() {
		if text, ok := tokenText(config[s.name+"_token"]); ok && *s.id < 0 {
			*s.id = v.id(text)
		}
		if id, ok := value[int](config[s.name+"_token_id"]); ok && *s.id < 0 && id >= 0 && id < len(v.Tokens) {
			*s.id = id
		}
	}
	if add, ok := value[bool](config["add_bos_token"]); ok {
		v.AddBOS = add
	}
	if add, ok := value[bool](config["add_eos_token"]); ok {
		v.AddEOS = add
	}
	v.templates(config["chat_template"])
}

// value reads a JSON value of one type; false for null, another type or nothing.
func value[T any](raw json.RawMessage) (T, bool) {
	var p *T
	if json.Unmarshal(raw, &p) != nil || p == nil {
		var none T
		return none, false
	}
	return *p, true
}

// tokenText reads "<s>" or {"content": "<s>", ...}.
func tokenText(raw json.RawMessage) (string, bool) {
	if text, ok := value[string](raw); ok {
		return text, true
	}
	token, ok := value[hfAdded](raw)
	return token.Content, ok
}
