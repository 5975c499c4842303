package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// count writes a number with thousands separators: 6,738,415,616.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// size writes a number of bytes in binary units.
func size(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	v, u := float64(n), 0
	for v >= 1024 && u < len(units)-1 {
		v, u = v/1024, u+1
	}
	if u == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", v, units[u])
}

// percent writes how far b is from a: "-19.5 %".
func percent(a, b float64) string { return fmt.Sprintf("%+.1f %%", 100*(b-a)/a) }

func seconds(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Hour:
		return d.Round(time.Second).String()
	}
	return d.Round(time.Minute).String()
}

// table writes aligned columns; cells of a row are separated by tabs.
func table(w io.Writer, rows ...string) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.Join(rows, "\n"))
	t.Flush()
}

// parseShare reads "20%" or "0.2".
func parseShare(s string) (float64, error) {
	text, isPercent := strings.CutSuffix(strings.TrimSpace(s), "%")
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, usageError{fmt.Errorf("ratio %q: want a share such as 20%% or 0.2", s)}
	}
	if isPercent {
		v /= 100
	}
	if !(v > 0 && v < 1) {
		return 0, usageError{fmt.Errorf("ratio %q: want more than 0 and less than 100%%, a share such as 20%% or 0.2", s)}
	}
	return v, nil
}
