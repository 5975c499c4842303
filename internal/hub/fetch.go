package hub

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"moreau/internal/output"
)

// stall is how long a transfer may stand still.
const stall = time.Minute

// Fetch brings a file of a revision to its place in dir. An interrupted transfer
// leaves PATH.part, from which the next one goes on; the file has its name only when
// it is complete and its hash right. Progress is told the bytes that are there.
func (c *Client) Fetch(ctx context.Context, r Revision, f File, dir string, progress func(done int64)) error {
	path := filepath.Join(dir, filepath.FromSlash(f.Path))
	if ok, err := f.is(path); err != nil || ok {
		progress(f.Size)
		return output.Failed(path, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return output.Failed(path, err)
	}
	part := path + ".part"
	for whole := false; ; whole = true {
		if err := c.complete(ctx, r, f, part, progress); err != nil {
			return err
		}
		ok, err := f.is(part)
		if err != nil {
			return output.Failed(part, err)
		}
		if ok {
			return output.Failed(path, os.Rename(part, path))
		}
		if err := os.Remove(part); err != nil {
			return output.Failed(part, err)
		}
		if whole { // a part of before may have been another file's; a fresh one is not
			return fmt.Errorf("%s: %w: what arrives has another hash than %s states", f.Path, ErrHub, r.Repo)
		}
	}
}

// complete transfers what is missing of part.
func (c *Client) complete(ctx context.Context, r Revision, f File, part string, progress func(done int64)) error {
	out, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return output.Failed(part, err)
	}
	defer out.Close()
	done, err := out.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if done > f.Size {
		done = 0
	}
	err = c.try(ctx, r.Repo+"/"+f.Path, func() error {
		before := done
		err := c.transfer(ctx, r, f, out, &done, progress)
		if err != nil && done > before {
			return &moved{err}
		}
		return err
	})
	if err != nil {
		return err
	}
	return output.Failed(part, out.Truncate(f.Size))
}

// transfer writes the bytes from done on to out and counts them.
func (c *Client) transfer(ctx context.Context, r Revision, f File, out *os.File, done *int64, progress func(int64)) error {
	progress(*done)
	if *done == f.Size {
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	answer, err := c.get(ctx, c.address(r, f), *done)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	switch {
	case answer.StatusCode == http.StatusOK: // the server knows no ranges, or all is asked for
		*done = 0
	case answer.StatusCode == http.StatusPartialContent && strings.HasPrefix(answer.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", *done)):
	case answer.StatusCode == http.StatusPartialContent || answer.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		*done = 0
		return &broken{errors.New("the hub does not go on from here")}
	default:
		return refusal(answer, r.Repo+"/"+f.Path)
	}
	watch := time.AfterFunc(stall, func() { cancel(errors.New("the transfer stands still")) })
	defer watch.Stop()
	buffer := make([]byte, 1<<18)
	for {
		n, err := answer.Body.Read(buffer)
		watch.Reset(stall)
		if *done+int64(n) > f.Size {
			return fmt.Errorf("%s: %w: more arrives than the %d bytes that %s states", f.Path, ErrHub, f.Size, r.Repo)
		}
		if _, err := out.WriteAt(buffer[:n], *done); err != nil {
			return output.Failed(out.Name(), err)
		}
		*done += int64(n)
		progress(*done)
		switch {
		case *done == f.Size:
			return nil
		case err == io.EOF:
			return &broken{errors.New("the transfer ended too early")}
		case err != nil:
			return &broken{err}
		}
	}
}

func (c *Client) address(r Revision, f File) string {
	var parts []string
	for p := range strings.SplitSeq(f.Path, "/") {
		parts = append(parts, url.PathEscape(p))
	}
	host := c.Endpoint
	if r.Kind == Datasets {
		host += "/datasets"
	}
	return fmt.Sprintf("%s/%s/resolve/%s/%s", host, r.Repo, r.Commit, strings.Join(parts, "/"))
}

// is says whether the file at path is f: its size, and its hash if that is known.
func (f File) is(path string) (bool, error) {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || info.Size() != f.Size {
		return false, err
	}
	h, want := f.hash()
	if h == nil {
		return true, nil
	}
	if _, err := io.Copy(h, file); err != nil {
		return false, err
	}
	return strings.EqualFold(hex.EncodeToString(h.Sum(nil)), want), nil
}

// hash is what the hub states a hash of f with, and that hash; nil if it states none.
func (f File) hash() (hash.Hash, string) {
	switch {
	case f.SHA256 != "":
		return sha256.New(), f.SHA256
	case f.Blob != "":
		h := sha1.New()
		fmt.Fprintf(h, "blob %d\x00", f.Size)
		return h, f.Blob
	}
	return nil, ""
}
