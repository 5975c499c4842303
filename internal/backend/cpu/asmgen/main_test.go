package main

import (
	"os"
	"testing"
)

// TestGenerated: the files in the package are what the program writes.
func TestGenerated(t *testing.T) {
	for name, want := range files() {
		got, err := os.ReadFile("../" + name)
		if err != nil || string(got) != string(want) {
			t.Errorf("%s is not what go generate writes (%v)", name, err)
		}
	}
}
