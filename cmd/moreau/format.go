package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"moreau/internal/job"
)

// count writes a number with thousands separators: 6,738,415,616.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
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

// secondsRange writes an estimate: "40 s to 1 min".
func secondsRange(s job.Seconds) string {
	least, most := roughly(s.Least), roughly(s.Most)
	if least == most {
		return "about " + most
	}
	return least + " to " + most
}

// roughly writes a number of seconds with the precision of an estimate: two digits.
func roughly(s float64) string {
	for _, u := range []struct {
		name          string
		seconds, most float64
	}{{"s", 1, 59.5}, {"min", 60, 59.5}, {"h", 3600, math.Inf(1)}} {
		if v := s / u.seconds; v < u.most {
			return strings.TrimSuffix(strconv.FormatFloat(round(max(1, v)), 'f', 1, 64), ".0") + " " + u.name
		}
	}
	return ""
}

// round keeps two digits.
func round(v float64) float64 {
	scale := math.Pow(10, math.Floor(math.Log10(v))-1)
	return math.Round(v/scale) * scale
}

// table writes aligned columns; cells of a row are separated by tabs.
func table(w io.Writer, rows ...string) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.Join(rows, "\n"))
	t.Flush()
}
