package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"reflect"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// message is the one line a person sees of the error of cmd, of bounded length.
func message(ctx context.Context, cmd *cobra.Command, err error) string {
	return visible(short(line(ctx, cmd, err)))
}

func line(ctx context.Context, cmd *cobra.Command, err error) string {
	if ctx.Err() != nil {
		var left interrupted
		switch {
		case errors.As(err, &left):
			return "interrupted; " + left.what
		case writes(cmd):
			return "interrupted; nothing half-written is left"
		}
		return "interrupted"
	}
	text := err.Error()
	each(err, func(part error) {
		if words := plain(part); words != "" {
			text = strings.Replace(text, part.Error(), words, 1)
		}
	})
	text = strings.ReplaceAll(text, "\n", "; ")                  // of joined errors
	text = strings.TrimSuffix(text, ": "+fs.ErrNotExist.Error()) // what is not there has been said
	if errors.Is(err, fs.ErrNotExist) && !strings.Contains(text, ";") {
		text += "; check the path"
	}
	return text
}

// writes says whether a command was to write anything.
func writes(cmd *cobra.Command) bool {
	out, dry := cmd.Flags().Lookup("out"), cmd.Flags().Lookup("dry-run")
	return out != nil && out.Value.String() != "" && (dry == nil || dry.Value.String() != "true")
}

// each calls do for err and all that it wraps, the outermost first.
func each(err error, do func(error)) {
	do(err)
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			each(inner, do)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			each(inner, do)
		}
	}
}

// jsonEnds is what encoding/json says of a text that breaks off.
var jsonEnds = json.Unmarshal(nil, new(any)).Error()

// plain says in a reader's words what Go's own packages say in theirs, "" where theirs will do.
func plain(err error) string {
	switch e := err.(type) {
	case *fs.PathError:
		return e.Path + ": " + e.Err.Error() // without "stat" or "open"
	case *strconv.NumError:
		return e.Err.Error()
	case *json.UnmarshalTypeError:
		field := ""
		if e.Field != "" {
			field = " in " + e.Field
		}
		return e.Value + field + ", want " + jsonKind(e.Type)
	case *json.SyntaxError:
		if e.Error() == jsonEnds {
			return "the JSON ends too early"
		}
	}
	if err == io.ErrUnexpectedEOF {
		return "it ends too early"
	}
	return ""
}

// jsonKinds say what JSON a Go type is read from; all others are objects.
var jsonKinds = map[reflect.Kind]string{
	reflect.Int: "a whole number", reflect.Int8: "a whole number", reflect.Int16: "a whole number", reflect.Int32: "a whole number", reflect.Int64: "a whole number",
	reflect.Uint: "a whole number of 0 or more", reflect.Uint8: "a whole number of 0 or more", reflect.Uint16: "a whole number of 0 or more",
	reflect.Uint32: "a whole number of 0 or more", reflect.Uint64: "a whole number of 0 or more",
	reflect.Float32: "a number", reflect.Float64: "a number", reflect.String: "a string", reflect.Bool: "true or false",
	reflect.Slice: "a list", reflect.Array: "a list",
}

func jsonKind(t reflect.Type) string {
	if kind, ok := jsonKinds[t.Kind()]; ok {
		return kind
	}
	return "an object"
}
