// Package hub fetches models and data sets from a Hugging Face-compatible hub: what a
// revision holds, and file after file, continued where a transfer broke off and checked
// against the hashes that the hub states.
package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"time"
	"unicode"
)

// DefaultEndpoint is used unless HF_ENDPOINT names another hub.
const DefaultEndpoint = "https://huggingface.co"

// ErrHub is in the chain of errors that the hub, or the way to it, is to blame for.
var ErrHub = errors.New("hub")

// Client talks to one hub.
type Client struct {
	Endpoint string // without a slash at the end
	Token    string // goes to the endpoint's host by the endpoint's scheme and nowhere else; "": none

	// Pause waits before try number n of a request, from 1 on; asked is what the hub
	// asked for, or 0.
	Pause func(ctx context.Context, n int, asked time.Duration) error
}

// Kind is what a repository is of: the hub names models and data sets apart.
type Kind string

// The kinds, as they stand in addresses.
const (
	Models   Kind = "models"
	Datasets Kind = "datasets"
)

// Revision is one state of a repository.
type Revision struct {
	Kind   Kind
	Repo   string // OWNER/NAME
	Commit string
	Files  []File
}

// File is one file of a revision.
type File struct {
	Path   string // relative, with slashes
	Size   int64  // in bytes
	SHA256 string // of the content, in hex; "" if the hub states none
	Blob   string // git's SHA-1 of the content, in hex; "" likewise
}

// maxBytes is the largest file that is fetched, some hundred times the largest known.
const maxBytes = 1 << 44

// commitID is what the hub may name one: it becomes part of addresses and of model cards.
var commitID = regexp.MustCompile(`^\w{1,64}$`)

// NewClient is a client of the hub at endpoint.
func NewClient(endpoint, token string) *Client {
	return &Client{Endpoint: strings.TrimRight(endpoint, "/"), Token: token, Pause: pause}
}

// info is what is read of the answer of /api/KIND/REPO/revision/REV.
type info struct {
	SHA      string `json:"sha"`
	Siblings []struct {
		Name string `json:"rfilename"`
		Size int64  `json:"size"`
		Blob string `json:"blobId"`
		LFS  *struct {
			SHA256 string `json:"sha256"`
			Size   int64  `json:"size"`
		} `json:"lfs"`
	} `json:"siblings"`
}

func (i info) files() (files []File) {
	for _, s := range i.Siblings {
		f := File{Path: s.Name, Size: s.Size, Blob: s.Blob}
		if s.LFS != nil { // the blob is that of a pointer
			f.Size, f.SHA256, f.Blob = s.LFS.Size, s.LFS.SHA256, ""
		}
		files = append(files, f)
	}
	return files
}

// Resolve finds the commit and the files of a revision: a branch, a tag or a commit.
func (c *Client) Resolve(ctx context.Context, kind Kind, repo, revision string) (Revision, error) {
	what := repo + "@" + revision
	var found info
	if _, err := c.ask(ctx, what, fmt.Sprintf("%s/api/%s/%s/revision/%s?blobs=true", c.Endpoint, kind, repo, url.PathEscape(revision)), &found); err != nil {
		return Revision{}, err
	}
	rev := Revision{Kind: kind, Repo: repo, Commit: found.SHA, Files: found.files()}
	if !commitID.MatchString(rev.Commit) {
		return rev, fmt.Errorf("%s: %w: the answer names no commit; is %s a model hub?", what, ErrHub, c.Endpoint)
	}
	if len(rev.Files) >= manyFiles {
		var err error
		if rev.Files, err = c.tree(ctx, rev); err != nil {
			return rev, err
		}
	}
	for _, f := range rev.Files {
		if strings.ContainsFunc(f.Path, unicode.IsControl) {
			return rev, fmt.Errorf("%s: %w: it lists the file %q, whose name holds control characters", what, ErrHub, f.Path)
		}
		if !filepath.IsLocal(filepath.FromSlash(f.Path)) || strings.ContainsAny(f.Path, "\\:") {
			return rev, fmt.Errorf("%s: %w: it lists the file %q, which would lie outside the folder", what, ErrHub, f.Path)
		}
		if f.Size < 0 || f.Size > maxBytes {
			return rev, fmt.Errorf("%s: %w: it states %d bytes for %s, at most %d are fetched", what, ErrHub, f.Size, f.Path, int64(maxBytes))
		}
	}
	return rev, nil
}

// ask reads a JSON answer, and gives its header.
func (c *Client) ask(ctx context.Context, what, address string, into any) (header http.Header, err error) {
	err = c.try(ctx, what, func() error {
		ctx, cancel := context.WithTimeout(ctx, stall) // an answer that never ends
		defer cancel()
		r, err := c.get(ctx, address, 0)
		if err != nil {
			return err
		}
		defer r.Body.Close()
		if r.StatusCode != http.StatusOK {
			return refusal(r, what)
		}
		switch err := json.NewDecoder(io.LimitReader(r.Body, 64<<20)).Decode(into); {
		case err != nil && foreign(err):
			return fmt.Errorf("%s: %w: the answer is not what a model hub says; is %s one?", what, ErrHub, c.Endpoint)
		case err != nil:
			return &broken{err}
		}
		header = r.Header
		return nil
	})
	return header, err
}

// get asks for the bytes of an address from one on.
func (c *Client) get(ctx context.Context, address string, from int64) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", "moreau")
	request.Header.Set("Accept-Encoding", "identity") // ranges and hashes are of the content itself
	if c.Token != "" {
		request.Header.Set("Authorization", "Bearer "+c.Token)
	}
	if from > 0 {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", from))
	}
	client := http.Client{Transport: transport, CheckRedirect: redirected}
	r, err := client.Do(request)
	switch refused, ok := errors.AsType[*url.Error](err); {
	case errors.Is(err, errRedirect):
		return nil, fmt.Errorf("%s: %w: %w", request.URL.Host, ErrHub, refused.Err)
	case ok: // which repeats method and address
		return nil, &broken{refused.Err}
	case err != nil:
		return nil, &broken{err}
	}
	return r, nil
}

// foreign says that a whole answer is no JSON, or other JSON than asked for, which no other try mends.
func foreign(err error) bool {
	_, syntax := errors.AsType[*json.SyntaxError](err)
	_, kind := errors.AsType[*json.UnmarshalTypeError](err)
	return syntax || kind
}

// errRedirect is in the error about a redirect that is not followed.
var errRedirect = errors.New("it redirects")

// redirected keeps the token from other hosts, and from one that is no longer asked in secret.
func redirected(to *http.Request, via []*http.Request) error {
	if to.URL.Scheme != "http" && to.URL.Scheme != "https" {
		return fmt.Errorf("%w to an address of %s, which is no web address", errRedirect, to.URL.Scheme)
	}
	if to.URL.Host != via[0].URL.Host || to.URL.Scheme != via[0].URL.Scheme {
		to.Header.Del("Authorization")
	}
	if len(via) >= 10 {
		return fmt.Errorf("%w without end", errRedirect)
	}
	return nil
}

var transport = func() http.RoundTripper {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ResponseHeaderTimeout = time.Minute
	return t
}()
