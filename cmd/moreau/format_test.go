package main

import (
	"testing"
	"time"

	"moreau/internal/job"
)

func TestFormats(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{count(0), "0"}, {count(999), "999"}, {count(1000), "1,000"}, {count(-1000), "-1,000"}, {count(-100), "-100"}, {count(-123456), "-123,456"}, {count(6738415616), "6,738,415,616"},
		{percent(100, 80.5), "-19.5 %"}, {percent(2, 3), "+50.0 %"},
		{seconds(1500 * time.Millisecond), "1.5 s"}, {seconds(90 * time.Second), "1m30s"}, {seconds(5400 * time.Second), "1h30m0s"},
		{seconds(9999 * time.Millisecond), "10.0 s"}, {seconds(10400 * time.Millisecond), "10s"}, {seconds(3599 * time.Second), "59m59s"}, {seconds(3690 * time.Second), "1h2m0s"},
		{secondsRange(job.Seconds{Least: 0.1, Most: 0.4}), "about 1 s"},
		{secondsRange(job.Seconds{Least: 41.4, Most: 60}), "41 s to 1 min"},
		{secondsRange(job.Seconds{Least: 59.6, Most: 66}), "1 min to 1.1 min"},
		{secondsRange(job.Seconds{Least: 114, Most: 174}), "1.9 min to 2.9 min"},
		{secondsRange(job.Seconds{Least: 3599, Most: 9000}), "1 h to 2.5 h"},
		{secondsRange(job.Seconds{Least: 40 * 3600, Most: 400 * 3600}), "40 h to 400 h"},
		{job.Size(1023), "1023 B"}, {job.Size(1536), "1.5 KiB"}, {job.Size(5 << 40), "5.0 TiB"}, {job.Size(5000 << 40), "5000.0 TiB"},
	} {
		if tt.got != tt.want {
			t.Errorf("%q, want %q", tt.got, tt.want)
		}
	}
}
