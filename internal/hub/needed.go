package hub

import (
	"path"
	"slices"
	"strings"
)

// wanted are the patterns of files that a model folder is made of: weights first and
// the configuration last, so that a folder that can be opened is complete.
var wanted = []string{
	"*.safetensors", "*.safetensors.index.json",
	"tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt",
	"chat_template.jinja", "chat_template.json", "additional_chat_templates/*", "generation_config.json",
	"LICENSE*", "NOTICE*", "USE_POLICY*", "README.md",
	"config.json",
}

// Folder are the files of r that make a Hugging Face model folder, in the order in
// which to fetch them; none if r holds no safetensors weights or no configuration.
func (r Revision) Folder() []File {
	var list []File
	for _, pattern := range wanted {
		for _, f := range r.Files {
			if ok, _ := path.Match(pattern, f.Path); ok {
				list = append(list, f)
			}
		}
	}
	weights := slices.ContainsFunc(list, func(f File) bool { return strings.HasSuffix(f.Path, ".safetensors") })
	if !weights || list[len(list)-1].Path != "config.json" {
		return nil
	}
	return list
}

// GGUF are the GGUF files of r.
func (r Revision) GGUF() []File {
	return slices.DeleteFunc(slices.Clone(r.Files), func(f File) bool { return !strings.HasSuffix(strings.ToLower(f.Path), ".gguf") })
}
