package interop

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// harnessJob is a line that harness.py reads.
type harnessJob struct {
	Model  string   `json:"model"`
	Data   string   `json:"data"`
	Tasks  []string `json:"tasks"`
	Limit  int      `json:"limit"`
	BOS    *bool    `json:"bos"`
	Batch  int      `json:"batch"`
	Remote bool     `json:"remote"`

	name string // of the test
	bos  string // --bos
}

// harnessTask is what harness.py says of a task.
type harnessTask struct {
	Acc           float64
	AccStderr     float64  `json:"acc_stderr"`
	AccNorm       *float64 `json:"acc_norm"`
	AccNormStderr float64  `json:"acc_norm_stderr"`
	Samples       []struct {
		Doc     int
		Answers [][2]any // log-likelihood, is_greedy
		Acc     float64
		AccNorm *float64 `json:"acc_norm"`
	}
}

// moreauTask is a task in a results file (docs/formats/results.md).
type moreauTask struct {
	Task     string
	Cut      int
	Acc      moreauMean
	AccNorm  moreauMean `json:"acc_norm"`
	Examples []struct {
		Answers []struct {
			LogLikelihood float64
			Greedy        bool `json:"is_greedy"`
		}
	}
}

type moreauMean struct {
	N             int
	Value, Stderr float64
}

var harnessTasks = []string{"boolq", "piqa", "hellaswag", "winogrande", "arc_easy", "arc_challenge", "openbookqa"}

// The real lm-evaluation-harness and moreau eval say the same of models that moreau pruned: every
// log-likelihood, which continuations are greedy, right answers, means and standard errors.
func TestHarness(t *testing.T) {
	needHarness(t)
	data := writeRecords(t)
	jobs := storiesJobs(t, data)
	jobs = append(jobs, llamaJobs(t, data)...)
	jobs = append(jobs, smolJobs(t)...)
	answers := runHarness(t, jobs)
	for i, job := range jobs {
		t.Run(job.name, func(t *testing.T) { compareHarness(t, job, answers[i]) })
	}
}

// needHarness skips the test where lm_eval is missing.
func needHarness(t *testing.T) {
	t.Helper()
	const find = "import importlib.util, sys; sys.exit(not all(map(importlib.util.find_spec, ['lm_eval', 'torch', 'transformers', 'datasets'])))"
	if err := exec.Command(harnessPython(), "-c", find).Run(); err != nil {
		t.Skipf("SKIPPED: %s has no lm_eval; install-harness.sh installs it for a Python with torch and transformers, which MOREAU_PYTHON names", harnessPython())
	}
}

// harnessPython is that of install-harness.sh, else any.
func harnessPython() string {
	if found, _ := filepath.Glob(".cache/harness-*/bin/python"); len(found) > 0 {
		return found[len(found)-1]
	}
	return pythonName()
}

// withBOS are the jobs of a model by the values of --bos that the harness has words for.
func withBOS(job harnessJob, values ...string) (jobs []harnessJob) {
	for _, bos := range values {
		j := job
		j.name, j.bos = job.name+"/bos "+bos, bos
		if bos != "auto" {
			always := bos == "always"
			j.BOS = &always
		}
		jobs = append(jobs, j)
	}
	return jobs
}

// storiesJobs are of the built-in model with layers that differ, whose tokenizer adds BOS.
func storiesJobs(t *testing.T, data string) []harnessJob {
	folder := filepath.Join(t.TempDir(), "stories")
	moreau(t, append(prune(stories, "--layer-ratio", "40%", "--layers", "1..3"), "--dtype", "f32", "-o", folder)...)
	return withBOS(harnessJob{name: "stories", Model: folder, Data: data, Tasks: harnessTasks, Limit: 5, Batch: 3, Remote: true}, "auto", "never")
}

// llamaJobs are of a random Llama with TinyLlama's tokenizer, which adds BOS, and a short context:
// that of most passages is cut.
func llamaJobs(t *testing.T, data string) []harnessJob {
	if _, err := os.Stat(tinyLlama); err != nil {
		t.Logf("SKIPPED: TinyLlama's tokenizer, which is absent: %v", err)
		return nil
	}
	folder := filepath.Join(t.TempDir(), "llama")
	moreau(t, append(prune(sourceFolder(t), "--layer-ratio", "50%", "--layers", "0..2"), "--dtype", "f32", "-o", folder)...)
	return withBOS(harnessJob{name: "llama", Model: folder, Data: data, Tasks: harnessTasks, Limit: 5, Batch: 4}, "auto", "never")
}

// smolJobs are of SmolLM2 and records of the shared data; with MOREAU_INTEROP=all of more.
func smolJobs(t *testing.T) []harnessJob {
	if testing.Short() {
		t.Log("SKIPPED: SmolLM2, since -short was given")
		return nil
	}
	if _, err := os.Stat(smol); err != nil {
		t.Logf("SKIPPED: SmolLM2, which is absent: %v", err)
		return nil
	}
	limit := 2
	if os.Getenv("MOREAU_INTEROP") == "all" {
		limit = 20
	}
	folder, data := filepath.Join(t.TempDir(), "smol"), t.TempDir()
	moreau(t, append(prune(smol, "--ratio", "10%"), "--dtype", "f32", "-o", folder)...)
	pythonOf(t, harnessPython(), "../bench/peers/records.py", "../../shared/data", data)
	return withBOS(harnessJob{name: "SmolLM2", Model: folder, Data: data, Tasks: harnessTasks, Limit: limit, Batch: 8, Remote: true}, "auto", "always")
}

// runHarness gives what harness.py says of each job.
func runHarness(t *testing.T, jobs []harnessJob) []map[string]harnessTask {
	t.Helper()
	var in, out, log bytes.Buffer
	for _, job := range jobs {
		if err := json.NewEncoder(&in).Encode(job); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(harnessPython(), "harness.py")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = &in, &out, &log
	if err := cmd.Run(); err != nil {
		t.Fatalf("harness.py: %v\n%s", err, log.Bytes())
	}
	replies := json.NewDecoder(&out)
	var versions map[string]string
	answers := make([]map[string]harnessTask, len(jobs))
	err := replies.Decode(&versions)
	for i := range jobs {
		if err == nil {
			err = replies.Decode(&answers[i])
		}
	}
	if err != nil {
		t.Fatalf("harness.py: %v\n%s", err, log.Bytes())
	}
	t.Log(versions)
	return answers
}

// logsDiff is the largest difference of two log-likelihoods that passes: the harness sums up in float32.
const logsDiff = 1e-3

func compareHarness(t *testing.T, job harnessJob, want map[string]harnessTask) {
	out := filepath.Join(t.TempDir(), "results.json")
	moreau(t, "eval", job.Model, "--tasks", strings.Join(job.Tasks, ","), "--data", job.Data, "--limit", fmt.Sprint(job.Limit), "--bos", job.bos, "-o", out)
	var file struct {
		Runs []struct{ Tasks []moreauTask }
	}
	if err := json.Unmarshal(readFile(t, out), &file); err != nil {
		t.Fatal(err)
	}
	var compared, cut, greedy int
	var off, most float64
	for _, got := range file.Runs[0].Tasks {
		w := want[got.Task]
		cut += got.Cut
		if len(got.Examples) != len(w.Samples) || len(got.Examples) == 0 {
			t.Fatalf("%s: %d examples, the harness has %d", got.Task, len(got.Examples), len(w.Samples))
		}
		for _, s := range w.Samples {
			e := got.Examples[s.Doc]
			if len(e.Answers) != len(s.Answers) {
				t.Fatalf("%s %d: %d choices, the harness has %d", got.Task, s.Doc, len(e.Answers), len(s.Answers))
			}
			for k, a := range e.Answers {
				log, isGreedy := s.Answers[k][0].(float64), s.Answers[k][1].(bool)
				diff := math.Abs(a.LogLikelihood - log)
				compared++
				off, most = max(off, diff), max(most, -log)
				if isGreedy {
					greedy++
				}
				if !(diff <= logsDiff) || a.Greedy != isGreedy {
					t.Errorf("%s %d, choice %d: %.6f, greedy %t, the harness has %.6f, %t", got.Task, s.Doc, k, a.LogLikelihood, a.Greedy, log, isGreedy)
				}
			}
		}
		compareMean(t, got.Task+", acc", got.Acc, w.Acc, w.AccStderr)
		if w.AccNorm != nil {
			compareMean(t, got.Task+", acc_norm", got.AccNorm, *w.AccNorm, w.AccNormStderr)
		}
	}
	if job.name == "stories/bos auto" && (greedy == 0 || cut == 0) {
		t.Error("nothing greedy or nothing cut: records that were have changed")
	}
	t.Logf("%d log-likelihoods down to -%.0f within %.2g, %d greedy; contexts of %d questions cut", compared, most, off, greedy, cut)
}

func compareMean(t *testing.T, what string, got moreauMean, value, stderr float64) {
	t.Helper()
	if math.Abs(got.Value-value) > 1e-12 || math.Abs(got.Stderr-stderr) > 1e-12 {
		t.Errorf("%s: %.4f ± %.4f, the harness has %.4f ± %.4f", what, got.Value, got.Stderr, value, stderr)
	}
}
