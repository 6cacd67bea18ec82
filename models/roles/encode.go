package roles

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// generation is what one file holds.
type generation struct {
	state *State
	entry Entry
}

// schema is the oldest format that has all of a generation. A program that does not know something of it must not act by the rest: without
// plans it would take a version live that has one, and without other models it would end their shadows with its next change.
func (g generation) schema() int {
	schema := schemaFirst
	if g.entry.Of != "" {
		schema = schemaOthers
	}
	for _, m := range g.state.Models {
		if m.Plan != nil {
			schema = max(schema, schemaPlan)
		}
		if len(m.Others) > 0 {
			schema = schemaOthers
		}
	}
	return schema
}

// digestKey begins the first line of a file.
const digestKey = "# sha256: "

// encode writes a generation as a file's text. It reads the text again: what cannot be read back, such as one
// that is beyond a limit of the reader, is refused here and not found out by the next start.
func encode(g generation) ([]byte, error) {
	if err := errors.Join(g.state.check(), g.entry.check()); err != nil {
		return nil, err
	}
	var w writer
	w.state(g.state)
	w.entry(g.entry)
	sum := sha256.Sum256(w.Bytes())
	text := append([]byte(digestKey+hex.EncodeToString(sum[:])+"\n"), w.Bytes()...)
	back, err := decode(text)
	if err != nil {
		return nil, fmt.Errorf("the roles cannot be written so that they can be read: %w", err)
	}
	if !same(back, g) {
		return nil, errors.New("BUG: the roles are read otherwise than they are written")
	}
	return text, nil
}

// same compares what files can tell apart: an empty list is none.
func same(a, b generation) bool {
	if !a.entry.Time.Equal(b.entry.Time) {
		return false
	}
	a.entry.Time, b.entry.Time = time.Time{}, time.Time{}
	return a.entry == b.entry && reflect.DeepEqual(a.state.plain(), b.state.plain())
}

// plain is a copy without empty lists and maps.
func (s *State) plain() *State {
	c := s.Clone()
	for name, m := range c.Models {
		m.Shadow, m.Others, m.Rejected = append([]Ref(nil), m.Shadow...), append([]Named(nil), m.Others...), append([]Ref(nil), m.Rejected...)
		c.Models[name] = m
	}
	return c
}

// writer writes YAML in blocks. Its texts are all in quotation marks, so that none is taken for a number.
type writer struct{ bytes.Buffer }

func (w *writer) line(format string, args ...any) { fmt.Fprintf(&w.Buffer, format+"\n", args...) }

func (w *writer) state(s *State) {
	w.line("schema: %d", s.Schema)
	w.line("generation: %d", s.Generation)
	w.line("holder:")
	w.line("  id: %s", quote(s.Holder.ID))
	w.line("  admin: %s", quote(s.Holder.Admin))
	if len(s.Models) == 0 {
		w.line("models: {}")
		return
	}
	w.line("models:")
	for _, name := range s.names() {
		w.model(name, s.Models[name])
	}
}

func (w *writer) model(name string, m Model) {
	w.line("  %s:", quote(name))
	w.line("    hold: %t", m.Hold)
	if m.Live != nil {
		w.line("    live: %s", quote(m.Live.String()))
	}
	if m.Previous != nil {
		w.line("    previous: %s", quote(m.Previous.String()))
	}
	if m.Canary != nil {
		w.line("    canary: %s", quote(m.Canary.String()))
		w.line("    share: %s", quote(number(m.Canary.Share)))
	}
	if m.Passed != "" {
		w.line("    passed: %s", quote(m.Passed))
	}
	list(w, "shadow", m.Shadow)
	list(w, "others", m.Others)
	list(w, "rejected", m.Rejected)
	w.plan(m.Plan)
}

func list[T fmt.Stringer](w *writer, key string, all []T) {
	if len(all) == 0 {
		return
	}
	w.line("    %s:", key)
	for _, one := range all {
		w.line("      - %s", quote(one.String()))
	}
}

func (w *writer) entry(e Entry) {
	w.line("entry:")
	w.line("  time: %s", quote(e.Time.Format(time.RFC3339Nano)))
	for _, f := range []struct{ key, text string }{
		{"who", e.Who},
		{"action", e.Action},
		{"model", e.Model},
		{"of", e.Of},
		{"version", e.Version},
		{"digest", e.Digest},
		{"from", e.From},
		{"reason", e.Reason},
		{"key", e.Key},
	} {
		if f.text != "" {
			w.line("  %s: %s", f.key, quote(f.text))
		}
	}
	if e.Share != 0 {
		w.line("  share: %s", quote(number(e.Share)))
	}
}

func number(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

// quoted are the characters that end a text, and those that the scan before the parser counts in texts too.
var quoted = strings.NewReplacer(`\`, `\\`, `"`, `\"`, `*`, `\x2a`, `&`, `\x26`)

// quote is a printable text as YAML.
func quote(text string) string { return `"` + quoted.Replace(text) + `"` }
