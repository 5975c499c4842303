package hub

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
)

// manyFiles is how many files the answer about a revision may name without doubt that they are
// all; huggingface_hub trusts it as far.
const manyFiles = 50_000

// maxPages bounds a listing, which has a thousand files a page.
const maxPages = 1000

// entry is what is read of a line of /api/KIND/REPO/tree/COMMIT.
type entry struct {
	Type string `json:"type"`
	Path string `json:"path"`
	Size int64  `json:"size"`
	OID  string `json:"oid"`
	LFS  *struct {
		OID  string `json:"oid"`
		Size int64  `json:"size"`
	} `json:"lfs"`
}

var nextPage = regexp.MustCompile(`<([^>]*)>; *rel="next"`)

// tree lists all files of a revision, page after page. Of the address of a next page only the
// cursor is taken, so that the token goes to no other host.
func (c *Client) tree(ctx context.Context, r Revision) (files []File, err error) {
	cursor := ""
	for range maxPages {
		var page []entry
		address := fmt.Sprintf("%s/api/%s/%s/tree/%s?recursive=true", c.Endpoint, r.Kind, r.Repo, r.Commit)
		if cursor != "" {
			address += "&cursor=" + url.QueryEscape(cursor)
		}
		header, err := c.ask(ctx, r.Repo, address, &page)
		if err != nil {
			return nil, err
		}
		for _, e := range page {
			if e.Type != "file" {
				continue
			}
			f := File{Path: e.Path, Size: e.Size, Blob: e.OID}
			if e.LFS != nil { // the oid is that of a pointer
				f.Size, f.SHA256, f.Blob = e.LFS.Size, e.LFS.OID, ""
			}
			files = append(files, f)
		}
		next := nextPage.FindStringSubmatch(header.Get("Link"))
		if next == nil {
			return files, nil
		}
		link, err := url.Parse(next[1])
		if err != nil || link.Query().Get("cursor") == "" {
			return nil, fmt.Errorf("%s: %w: it names a next page of files without a cursor", r.Repo, ErrHub)
		}
		cursor = link.Query().Get("cursor")
	}
	return nil, fmt.Errorf("%s: %w: its list of files does not end", r.Repo, ErrHub)
}
