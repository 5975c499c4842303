package main

import (
	"context"
	"errors"
	"io/fs"
	"regexp"
	"strings"
)

// message is the one line a person sees.
func message(ctx context.Context, err error) string {
	if ctx.Err() != nil {
		var left interrupted
		if errors.As(err, &left) {
			return "interrupted; " + left.what
		}
		return "interrupted; nothing half-written is left"
	}
	text := plain(err.Error())
	var path *fs.PathError
	if errors.As(err, &path) {
		text = strings.Replace(text, path.Error(), path.Path+": "+path.Err.Error(), 1) // without "stat" or "open"
	}
	text = strings.TrimSuffix(text, ": "+fs.ErrNotExist.Error()) // what is not there has been said
	if errors.Is(err, fs.ErrNotExist) && !strings.Contains(text, ";") {
		text += "; check the path"
	}
	return text
}

var (
	wrongType = regexp.MustCompile(`json: cannot unmarshal (.+?) into Go (?:struct field \w*\.(\S+)|value) of type (struct \{[^}]*\}|[^\s;,)]+)`)
	goNumbers = regexp.MustCompile(`strconv\.\w+: parsing "[^"]*": `)
	goPhrases = strings.NewReplacer("\n", "; ", "unexpected end of JSON input", "the JSON ends too early", "unexpected EOF", "it ends too early")
)

// plain says in a reader's words what Go's own packages say in theirs.
func plain(text string) string {
	text = wrongType.ReplaceAllStringFunc(text, func(s string) string {
		m := wrongType.FindStringSubmatch(s)
		field := m[2]
		if field != "" {
			field = " in " + field
		}
		return m[1] + field + ", want " + jsonKind(m[3])
	})
	return goPhrases.Replace(goNumbers.ReplaceAllString(text, ""))
}

// jsonKinds name Go types by how they begin.
var jsonKinds = []struct{ prefix, kind string }{
	{"int", "a whole number"}, {"uint", "a whole number of 0 or more"}, {"float", "a number"},
	{"string", "a string"}, {"bool", "true or false"}, {"[]", "a list"},
}

func jsonKind(goType string) string {
	for _, k := range jsonKinds {
		if strings.HasPrefix(goType, k.prefix) {
			return k.kind
		}
	}
	return "an object"
}
