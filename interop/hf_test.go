package interop

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// hfJob and hfReply are the lines that hf_model.py reads and writes.
type hfJob struct {
	Model    string `json:"model"`
	Out      string `json:"out"`
	Remote   bool   `json:"remote"`
	Thorough bool   `json:"thorough"`
}

type hfReply struct {
	Class, DType, Error string
	Tokens              [][]int
	Card                map[string]any // metadata of README.md
	logits              []float32      // of hfRows, in float32
}

// hfRows are the token ids whose logits are asked for.
var hfRows = tokens(3, 24)

// hfProcess is a running hf_model.py; it ends when this process does.
type hfProcess struct {
	*exec.Cmd
	jobs     *json.Encoder
	replies  *json.Decoder
	versions map[string]string
	log      bytes.Buffer // stderr; to be read after Wait
}

var errNoPython = errors.New("needs a Python that imports torch, transformers, peft and safetensors; name one in MOREAU_PYTHON")

// startHF starts hf_model.py once for all tests.
var startHF = sync.OnceValues(func() (*hfProcess, error) {
	p := &hfProcess{Cmd: exec.Command(pythonName(), "hf_model.py")}
	p.Stderr = &p.log
	in, errIn := p.StdinPipe()
	out, errOut := p.StdoutPipe()
	if err := errors.Join(errIn, errOut, p.Start()); errors.Is(err, exec.ErrNotFound) {
		return nil, errNoPython
	} else if err != nil {
		return nil, err
	}
	p.jobs, p.replies = json.NewEncoder(in), json.NewDecoder(out)
	errJobs := p.jobs.Encode(map[string]any{"ids": hfRows, "texts": texts})
	if err := errors.Join(errJobs, p.replies.Decode(&p.versions)); err != nil {
		p.Wait()
		if bytes.Contains(p.log.Bytes(), []byte("ModuleNotFoundError")) {
			return nil, errNoPython
		}
		return nil, fmt.Errorf("hf_model.py: %w\n%s", err, p.log.Bytes())
	}
	return p, nil
})

// needHF is hf_model.py, or a reason to skip.
func needHF(t *testing.T) *hfProcess {
	t.Helper()
	p, err := startHF()
	if errors.Is(err, errNoPython) {
		t.Skip("SKIPPED: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Log(p.versions)
	return p
}

// check has transformers load and check a folder.
func (p *hfProcess) check(t *testing.T, folder string, remote, thorough bool) hfReply {
	t.Helper()
	var r hfReply
	out := filepath.Join(t.TempDir(), "logits.safetensors")
	err := p.jobs.Encode(hfJob{folder, out, remote, thorough})
	if err == nil {
		err = p.replies.Decode(&r)
	}
	if err != nil {
		t.Fatalf("hf_model.py: %v, %v\n%s", err, p.Wait(), p.log.Bytes())
	}
	if r.Error != "" {
		t.Fatal(r.Error)
	}
	r.logits = readLogits(t, out)
	return r
}
