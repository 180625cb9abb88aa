package output

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/itchyny/gojq"
)

// Format says how JSON documents are written.
type Format struct {
	Filter   *Filter // jq program that each document goes through; nil: none
	Raw      bool    // strings that come out of the filter are written without quotes
	Slurp    bool    // the filter gets one list of all documents
	Form     string  // yaml, csv or table; jsonl: lists as JSON Lines; else JSON
	Indent   bool    // indented, in place of one line per document
	Array    bool    // all documents in one list
	Colour   bool    // coloured
	Terminal bool    // text is escaped for a terminal
}

// Filter is a compiled jq program. Its environment is empty: $ENV and env hold
// nothing. Differences to jq: objects come out with sorted keys; numbers keep
// their digits unless they are calculated with.
type Filter struct{ code *gojq.Code }

// Compile compiles a jq program.
func Compile(program string) (*Filter, error) {
	query, err := gojq.Parse(program)
	if err != nil {
		return nil, fmt.Errorf("the jq filter cannot be parsed: %w", err)
	}
	code, err := gojq.Compile(query, gojq.WithEnvironLoader(func() []string { return nil }))
	if err != nil {
		return nil, fmt.Errorf("the jq filter cannot be compiled: %w", err)
	}
	return &Filter{code: code}, nil
}

// Write writes the documents of docs to w, each as soon as it is complete; rows
// of CSV and tables, whose columns are known last, at the end. When something
// breaks, the list of Array stays open, so that nobody takes it for complete.
func (f Format) Write(ctx context.Context, w io.Writer, docs *Docs) error {
	out := &sink{Format: f, w: w, form: f.form(w)}
	var err error
	switch {
	case f.Filter == nil:
		err = out.plain(docs)
	case f.Slurp:
		err = out.slurp(ctx, docs)
	default:
		err = out.each(ctx, docs)
	}
	if err != nil {
		return err
	}
	return out.form.close()
}

// sink is where documents go through the filter.
type sink struct {
	Format
	w    io.Writer
	form form
}

func (s *sink) plain(docs *Docs) error {
	for {
		doc, err := docs.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if s.Form == "jsonl" && len(doc) > 0 && doc[0] == '[' {
			err = s.elements(doc)
		} else {
			err = s.form.put(doc)
		}
		if err != nil {
			return err
		}
	}
}

// elements writes a list as JSON Lines.
func (s *sink) elements(doc []byte) error {
	var list []json.RawMessage
	if err := json.Unmarshal(doc, &list); err != nil {
		return &SyntaxError{err}
	}
	for _, e := range list {
		if err := s.form.put(e); err != nil {
			return err
		}
	}
	return nil
}

func (s *sink) each(ctx context.Context, docs *Docs) error {
	for {
		v, err := next(docs)
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = s.run(ctx, v)
		}
		if err != nil {
			return err
		}
	}
}

func (s *sink) slurp(ctx context.Context, docs *Docs) error {
	all := []any{}
	for {
		v, err := next(docs)
		if err == io.EOF {
			return s.run(ctx, all)
		}
		if err != nil {
			return err
		}
		all = append(all, v)
	}
}

func next(docs *Docs) (any, error) {
	doc, err := docs.Next()
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, &SyntaxError{err}
	}
	return v, nil
}

// run sends one value through the filter.
func (s *sink) run(ctx context.Context, v any) error {
	results := s.Filter.code.RunWithContext(ctx, v)
	for {
		r, ok := results.Next()
		if !ok {
			return nil
		}
		if err, ok := r.(error); ok {
			if halt, ok := err.(*gojq.HaltError); ok && halt.Value() == nil {
				return nil
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return &SyntaxError{fmt.Errorf("the jq filter does not fit the body: %s", clip(err.Error()))}
		}
		if text, ok := r.(string); ok && s.Raw {
			if err := writeLine(s.w, []byte(text), s.Terminal); err != nil {
				return err
			}
			continue
		}
		data, err := gojq.Marshal(r)
		if err != nil {
			return fmt.Errorf("the result of the jq filter has no JSON: %w", err)
		}
		if err := s.form.put(data); err != nil {
			return err
		}
	}
}

// clip bounds what a filter says, which may hold the whole body.
func clip(s string) string {
	const most = 300
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
