package lora

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"moreau/internal/checkpoint"
	"moreau/internal/model"
	"moreau/internal/output"
	"moreau/internal/tensor"
)

// The files of an adapter of PEFT (docs/formats/adapter.md), and how it names a matrix: between these.
const (
	configFile  = "adapter_config.json"
	weightsFile = "adapter_model.safetensors"
	prefix      = "base_model.model."
	suffixA     = ".lora_A.weight"
	suffixB     = ".lora_B.weight"
)

// ErrAdapter marks a folder that is no adapter, or not one of the model.
var ErrAdapter = errors.New("this adapter cannot be used")

// peftConfig is adapter_config.json: what says how an adapter is added.
type peftConfig struct {
	Type     string          `json:"peft_type"`
	Task     string          `json:"task_type"`
	Base     string          `json:"base_model_name_or_path"`
	Rank     int             `json:"r"`
	Alpha    float64         `json:"lora_alpha"`
	Stable   bool            `json:"use_rslora"`
	Dropout  float64         `json:"lora_dropout"`
	Bias     string          `json:"bias"`
	Targets  json.RawMessage `json:"target_modules"`
	DoRA     bool            `json:"use_dora"`
	FanInOut bool            `json:"fan_in_fan_out"`
	Alphas   map[string]any  `json:"alpha_pattern"`
	Saved    []string        `json:"modules_to_save"`
}

// Folders refuses models whose folders have other matrices than their parameters: fused ones, or rows of q and k in another order.
func Folders(c *model.Config) error {
	for _, s := range c.Stored() {
		if len(s.Params) > 1 {
			return fmt.Errorf("%w: folders of a %s hold several projections as one matrix (%s), an adapter of PEFT is of that", ErrAdapter, c.Family.Name, s.Name)
		}
	}
	if c.Family.PairsInFolders() {
		return fmt.Errorf("%w: folders of a %s have rows of q and k in another order", ErrAdapter, c.Family.Name)
	}
	return nil
}

// Write writes adapters, all of settings s, as a folder that PEFT loads on the folder of a model of configuration c.
func (s Settings) Write(dir string, force bool, c *model.Config, adapters map[string]Adapter) error {
	if err := Folders(c); err != nil {
		return err
	}
	tensors, targets := checkpoint.Memory{}, []string{}
	for _, p := range c.Params() {
		a, ok := adapters[p.Name]
		if !ok {
			continue
		}
		name := strings.TrimSuffix(p.Name, ".weight")
		tensors[prefix+name+suffixA] = tensor.FromFloat32(tensor.F32, []int{a.Rank, p.Axes[1].Size()}, a.A)
		tensors[prefix+name+suffixB] = tensor.FromFloat32(tensor.F32, []int{p.Axes[0].Size(), a.Rank}, a.B)
		if last := name[strings.LastIndex(name, ".")+1:]; !slices.Contains(targets, last) {
			targets = append(targets, last)
		}
	}
	modules, err := json.Marshal(targets)
	if err != nil {
		return err
	}
	config, err := json.MarshalIndent(peftConfig{Type: "LORA", Task: "CAUSAL_LM", Rank: s.Rank, Alpha: s.Alpha, Stable: s.Stable, Bias: "none", Targets: modules, Alphas: map[string]any{}}, "", "  ")
	if err != nil {
		return err
	}
	return output.Dir(dir, force, func(dir string) error {
		err := output.File(filepath.Join(dir, configFile), false, func(w io.Writer) error { _, err := w.Write(append(config, '\n')); return err })
		if err != nil {
			return err
		}
		return output.File(filepath.Join(dir, weightsFile), false, func(w io.Writer) error {
			return checkpoint.WriteSafetensors(w, tensors.Tensors(), tensors.Read, map[string]string{"format": "pt"})
		})
	})
}

// Read reads the adapter of PEFT in a folder, for a model of configuration c. Ranks may differ; what is more than
// matrices' updates of low rank is refused by name.
func Read(dir string, c *model.Config) (Merge, error) {
	data, err := os.ReadFile(filepath.Join(dir, configFile))
	if err != nil {
		return nil, err
	}
	var config peftConfig
	if err := json.Unmarshal(data, &config); err != nil {
		return nil, fmt.Errorf("%w: %s is not what PEFT writes: %v", ErrAdapter, configFile, err)
	}
	if err := config.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAdapter, err)
	}
	if err := Folders(c); err != nil {
		return nil, err
	}
	weights, err := checkpoint.OpenSafetensors(filepath.Join(dir, weightsFile))
	if err != nil {
		return nil, err
	}
	defer weights.Close()
	params := map[string]model.Param{}
	for _, p := range c.Params() {
		params[strings.TrimSuffix(p.Name, ".weight")] = p
	}
	all := Merge{}
	for _, info := range weights.Tensors() {
		module, isA := strings.CutSuffix(strings.TrimPrefix(info.Name, prefix), suffixA)
		p, known := params[module]
		switch {
		case strings.HasSuffix(info.Name, suffixB): // read with its A
		case !isA || !known || len(p.Axes) != 2:
			return nil, fmt.Errorf("%w: %s is no update of a projection of this model", ErrAdapter, info.Name)
		default:
			if all[p.Name], err = config.read(weights, strings.TrimSuffix(info.Name, suffixA), p); err != nil {
				return nil, err
			}
		}
	}
	if len(all) == 0 || 2*len(all) != len(weights.Tensors()) {
		return nil, fmt.Errorf("%w: %s has %d matrices A of projections of this model among %d tensors", ErrAdapter, weightsFile, len(all), len(weights.Tensors()))
	}
	return all, nil
}

// check refuses by name what is not plain LoRA.
func (c peftConfig) check() error {
	switch {
	case c.Type != "LORA":
		return fmt.Errorf("it is of type %q, not LORA", c.Type)
	case c.DoRA:
		return errors.New("it is a DoRA (use_dora), whose update is not of low rank")
	case c.FanInOut:
		return errors.New("it is of transposed matrices (fan_in_fan_out)")
	case len(c.Alphas) > 0:
		return errors.New("its matrices have factors of their own (alpha_pattern)")
	case len(c.Saved) > 0:
		return fmt.Errorf("it replaces whole modules (modules_to_save: %s)", strings.Join(c.Saved, ", "))
	case c.Bias != "none" && c.Bias != "":
		return fmt.Errorf("it changes biases (bias %q)", c.Bias)
	case !(c.Alpha > 0) || math.IsInf(c.Alpha, 0):
		return fmt.Errorf("lora_alpha is %g", c.Alpha)
	}
	return nil
}

// read is the adapter of p, whose tensors' names begin so.
func (c peftConfig) read(weights checkpoint.Checkpoint, name string, p model.Param) (Adapter, error) {
	a, err := weights.Read(name + suffixA)
	if err != nil {
		return Adapter{}, err
	}
	b, err := weights.Read(name + suffixB)
	if err != nil {
		return Adapter{}, err
	}
	O, I := p.Axes[0].Size(), p.Axes[1].Size()
	if len(a.Shape) != 2 || len(b.Shape) != 2 || a.Shape[0] < 1 || a.Shape[1] != I || b.Shape[0] != O || b.Shape[1] != a.Shape[0] {
		return Adapter{}, fmt.Errorf("%w: %s: A %v and B %v are no update of %d x %d; is it of this model, as it was pruned?", ErrAdapter, p.Name, a.Shape, b.Shape, O, I)
	}
	s := Settings{Rank: a.Shape[0], Alpha: c.Alpha, Stable: c.Stable}
	return Adapter{s.Rank, s.Scale(), a.Float32(), b.Float32()}, nil
}
