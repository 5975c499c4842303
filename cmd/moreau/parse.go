package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"moreau/internal/job"
)

// byteUnits are what sizes end in, the longer suffixes first.
var byteUnits = []struct {
	suffix string
	bytes  float64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1}, {"", 1}}

// bytesFlag is the bytes that a flag says, 0 for "".
func bytesFlag(flag, s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	return parseBytes(flag, s)
}

// parseBytes reads "16GiB", "500MB" or a plain number of bytes.
func parseBytes(flag, s string) (int64, error) {
	for _, u := range byteUnits {
		number, ok := strings.CutSuffix(strings.TrimSpace(s), u.suffix)
		if !ok {
			continue
		}
		if v, err := strconv.ParseFloat(strings.TrimSpace(number), 64); err == nil && v*u.bytes >= 1 && v < 1e6*(1<<40)/u.bytes {
			return int64(v * u.bytes), nil
		}
		break
	}
	return 0, job.Usage(fmt.Errorf("--%s %q: want a size such as 16GiB", flag, s))
}

// countUnits are what numbers of parameters end in.
var countUnits = map[byte]float64{'B': 1e9, 'b': 1e9, 'M': 1e6, 'm': 1e6, 'k': 1e3, 'K': 1e3}

// parseCount reads "5.4B", "120M", "900k" or a plain number; "" is 0.
func parseCount(flag, s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	number, factor := s, 1.0
	if f, ok := countUnits[s[len(s)-1]]; ok {
		number, factor = s[:len(s)-1], f
	}
	v, err := strconv.ParseFloat(strings.ReplaceAll(number, ",", ""), 64)
	if err != nil || !(v*factor >= 1 && v*factor < 1e15) {
		return 0, job.Usage(fmt.Errorf("--%s %q: want a number such as 5.4B, 120M, 100k or 5,422,977,024", flag, s))
	}
	return int64(math.Round(v * factor)), nil
}

// parseShare reads "20%" or "0.2"; "" is 0.
func parseShare(s string) (float64, error) {
	if s == "" {
		return 0, nil
	}
	text, isPercent := strings.CutSuffix(strings.TrimSpace(s), "%")
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, job.Usage(fmt.Errorf("ratio %q: want a share such as 20%% or 0.2", s))
	}
	if isPercent {
		v /= 100
	}
	if !(v > 0 && v < 1) {
		return 0, job.Usage(fmt.Errorf("ratio %q: want more than 0 and less than 100%%, a share such as 20%% or 0.2", s))
	}
	return v, nil
}
