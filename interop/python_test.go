package interop

import (
	"cmp"
	"os"
	"os/exec"
	"testing"
)

// pythonName is the Python that MOREAU_PYTHON names, else python3.
func pythonName() string { return cmp.Or(os.Getenv("MOREAU_PYTHON"), "python3") }

// python is that Python if it imports these modules.
func python(t *testing.T, modules string) string {
	t.Helper()
	if err := exec.Command(pythonName(), "-c", "import "+modules).Run(); err != nil {
		t.Skipf("SKIPPED: %s does not import %s; name one that does in MOREAU_PYTHON", pythonName(), modules)
	}
	return pythonName()
}

// run runs a script.
func run(t *testing.T, py string, args []string) ([]byte, error) {
	t.Helper()
	cmd := exec.Command(py, args...)
	cmd.Env = append(os.Environ(), "HF_HUB_OFFLINE=1", "HF_HOME="+t.TempDir())
	return cmd.Output()
}

func stderr(err error) string {
	if exit, ok := err.(*exec.ExitError); ok {
		return string(exit.Stderr)
	}
	return ""
}
