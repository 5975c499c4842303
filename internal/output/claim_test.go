package output

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

// A path is claimed by one run at a time, and nothing is left of that.
func TestClaim(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	release, err := Claim(a, "", b)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Claim(a); err == nil {
		again()
		t.Skip("SKIPPED: this system has no locks")
	}
	for _, paths := range [][]string{{a}, {b + "/"}, {filepath.Join(dir, "c"), b}} {
		if _, err := Claim(paths...); !errors.Is(err, ErrBusy) || !errors.Is(err, ErrWrite) {
			t.Errorf("%q: %v, want ErrBusy", paths, err)
		}
	}
	only(t, dir, ".a.moreau-lock", ".b.moreau-lock")
	release()
	only(t, dir)
	if release, err = Claim(a); err != nil {
		t.Fatal(err)
	}
	release()
	if _, err := Claim(filepath.Join(dir, "no", "a")); !errors.Is(err, ErrWrite) {
		t.Errorf("no folder: %v", err)
	}
}

// A claim cleans up, also after a run whose lock file is still there.
func TestClaimCleans(t *testing.T) {
	dir := t.TempDir()
	a := filepath.Join(dir, "a")
	for _, name := range []string{temporary(a), filepath.Join(dir, ".a.moreau-lock")} {
		if err := os.WriteFile(name, nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	release, err := Claim(a)
	if err != nil {
		t.Fatal(err)
	}
	release()
	only(t, dir)
}

// Many at once: whoever has the claim is alone, though lock files come and go.
func TestClaimRace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	var holders, had atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 200 {
				release, err := Claim(path)
				if err != nil {
					continue
				}
				if n := holders.Add(1); n != 1 {
					t.Errorf("%d at once", n)
				}
				had.Add(1)
				holders.Add(-1)
				release()
			}
		})
	}
	all.Wait()
	if had.Load() == 0 {
		t.Error("nobody ever had it")
	}
	t.Log(fmt.Sprint(had.Load(), " of 1600"))
	only(t, dir)
}
