package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// tries is how often a request is made before giving up; one that brought
// something new does not count.
const tries = 5

// broken is an error that another try may mend.
type broken struct{ error }

// Error says in plain words what Go's packages say in theirs.
func (b *broken) Error() string {
	text := b.error.Error()
	switch {
	case errors.Is(b.error, io.EOF) || errors.Is(b.error, io.ErrUnexpectedEOF):
		return "the answer breaks off"
	case strings.Contains(text, "malformed"):
		return "the answer is no HTTP"
	}
	return text
}

func (b *broken) Unwrap() error { return b.error }

// busy is a refusal that the hub takes back after a while.
type busy struct {
	status string
	after  time.Duration // 0: not said
}

func (b *busy) Error() string { return "the hub answers " + b.status }

// moved is an error after some progress.
type moved struct{ error }

func (m *moved) Unwrap() error { return m.error }

// try runs f until it succeeds, fails for good or has failed too often.
func (c *Client) try(ctx context.Context, what string, f func() error) error {
	for n := 1; ; n++ {
		err := f()
		var mend *broken
		var refused *busy
		var progress *moved
		if errors.As(err, &progress) {
			n = 1
		}
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case !errors.As(err, &mend) && !errors.As(err, &refused):
			return err
		case n >= tries:
			return fmt.Errorf("%s: %w: %v, %d times; the same command goes on from here later", what, ErrHub, err, tries)
		}
		var asked time.Duration
		if refused != nil {
			asked = refused.after
		}
		if err := c.Pause(ctx, n, asked); err != nil {
			return err
		}
	}
}

// pause waits before try n+1.
func pause(ctx context.Context, n int, asked time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(wait(n, asked)):
		return nil
	}
}

// wait is a second after the first try, then two, four ..., or what the hub asked for if that
// is more, up to five minutes.
func wait(n int, asked time.Duration) time.Duration {
	return min(max(asked, time.Second<<(n-1)), 5*time.Minute)
}

// refusal is the error of an answer that is none of the wanted ones.
func refusal(r *http.Response, what string) error {
	said := r.Header.Get("X-Error-Message")
	if said != "" {
		said = " (" + said + ")"
	}
	switch {
	case r.StatusCode == http.StatusTooManyRequests || r.StatusCode >= 500:
		seconds, _ := strconv.Atoi(r.Header.Get("Retry-After"))
		return &busy{r.Status, time.Duration(seconds) * time.Second}
	case r.StatusCode == http.StatusUnauthorized || r.StatusCode == http.StatusForbidden:
		return fmt.Errorf("%s: %w: access denied%s; check the name, accept the license on its page, and set HF_TOKEN to a token that may read it", what, ErrHub, said)
	case r.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%s: %w: there is no such repository, revision or file%s; check the name, and set HF_TOKEN if it is private", what, ErrHub, said)
	}
	return fmt.Errorf("%s: %w: unexpected answer %s%s", what, ErrHub, r.Status, said)
}
