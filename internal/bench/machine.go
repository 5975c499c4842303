package bench

import (
	"os"
	"runtime"
	"slices"
	"strings"
)

// Machine is what the speed of a CPU depends on, as far as it is known.
type Machine struct {
	Arch  string   `json:"arch"`  // GOOS/GOARCH
	Model string   `json:"model"` // "" where the system does not say
	Cores int      `json:"cores"` // that this process may use
	Flags []string `json:"flags"` // of telling, those that are there
}

// telling are the CPU flags that matter for products of matrices, by Linux' names.
var telling = []string{
	"fma", "avx2", "avx512f", "avx512bw", "avx512_bf16", "avx512_vnni", "amx_tile", "amx_bf16", // x86
	"asimd", "sve", "bf16", "i8mm", // ARM
}

// ThisMachine describes the machine that runs.
func ThisMachine() Machine {
	info, _ := os.ReadFile("/proc/cpuinfo") // Linux alone has it
	m := Machine{Arch: runtime.GOOS + "/" + runtime.GOARCH, Cores: runtime.NumCPU()}
	m.Model, m.Flags = parse(string(info))
	return m
}

// parse reads the first CPU of /proc/cpuinfo: its model, with the numbers that tell
// generations apart, and its telling flags.
func parse(info string) (name string, flags []string) {
	fields := map[string]string{}
	for line := range strings.Lines(info) {
		key, value, _ := strings.Cut(line, ":")
		key = strings.TrimSpace(key)
		if _, ok := fields[key]; !ok {
			fields[key] = strings.TrimSpace(value)
		}
	}
	name = fields["model name"]
	if name != "" && fields["cpu family"] != "" {
		name += " (" + fields["vendor_id"] + ", family " + fields["cpu family"] + ", model " + fields["model"] + ")"
	}
	has := strings.Fields(fields["flags"] + " " + fields["Features"])
	return name, slices.DeleteFunc(slices.Clone(telling), func(f string) bool { return !slices.Contains(has, f) })
}
