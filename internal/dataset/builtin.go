package dataset

import "embed"

//go:embed text
var texts embed.FS

// BuiltinNames are the texts that Builtin knows; text/NOTICE says where they come from. "stories"
// are children's stories for models trained on such; "shakespeare" is the general default.
var BuiltinNames = []string{"shakespeare", "stories"}

// Builtin gives an embedded English text: a part to calibrate on and one held out for
// perplexity. Both are empty for a name that is not in BuiltinNames.
func Builtin(name string) (calibration, heldout string) {
	c, _ := texts.ReadFile("text/" + name + ".calibration.txt")
	h, _ := texts.ReadFile("text/" + name + ".heldout.txt")
	return string(c), string(h)
}
