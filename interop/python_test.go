package interop

import (
	"cmp"
	"os"
	"os/exec"
	"testing"
)

// pythonName is the Python that MOREAU_PYTHON names, else python3.
func pythonName() string { return cmp.Or(os.Getenv("MOREAU_PYTHON"), "python3") }

// needPython skips the test where that Python does not import these modules.
func needPython(t *testing.T, modules string) {
	t.Helper()
	if err := exec.Command(pythonName(), "-c", "import "+modules).Run(); err != nil {
		t.Skipf("SKIPPED: %s does not import %s; name one that does in MOREAU_PYTHON", pythonName(), modules)
	}
}

// python runs a script with its arguments.
func python(t *testing.T, args ...string) {
	t.Helper()
	pythonOf(t, pythonName(), args...)
}

func pythonOf(t *testing.T, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "HF_HUB_OFFLINE=1", "HF_HOME="+t.TempDir())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", args[0], err, out)
	}
}
