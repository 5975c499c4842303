package synth

import (
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"moreau/internal/model"
)

// configs holds one config.json a known geometry, named NAME.json, with the sizes
// and ids that its publisher's config.json has.
//
//go:embed configs/*.json
var configs embed.FS

// Names lists the known geometries.
func Names() []string {
	entries, err := configs.ReadDir("configs")
	if err != nil {
		panic("synth: " + err.Error()) // it is embedded
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = strings.TrimSuffix(e.Name(), ".json")
	}
	return names
}

// Known reports whether name is one of Names.
func Known(name string) bool { return slices.Contains(Names(), name) }

// Geometry is a known geometry, and the config.json it stands in.
func Geometry(name string) (*model.Config, map[string]json.RawMessage, error) {
	data, err := configs.ReadFile("configs/" + name + ".json")
	if err != nil {
		return nil, nil, fmt.Errorf("geometry %q is not known, known are %s", name, strings.Join(Names(), ", "))
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, nil, err
	}
	cfg, err := model.FromHF(data)
	return cfg, raw, err
}
