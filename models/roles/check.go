package roles

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"sluice/models/bundle"
)

// The most that one model, and one text, may have. The file as a whole is bounded by the scan of YAML.
const (
	maxShadows   = 16
	maxRejected  = 256
	maxTextBytes = 600
	maxWordBytes = 128
)

// check holds a state against the rules, and names the first breach.
func (s *State) check() error {
	if err := s.Holder.check(); err != nil {
		return err
	}
	for _, name := range s.names() {
		if err := bundle.CheckName("model", name); err != nil {
			return err
		}
		if err := errors.Join(s.Models[name].check(), s.Models[name].checkOthers(name)); err != nil {
			return fmt.Errorf("model %s: %w", name, err)
		}
	}
	return nil
}

func (h Holder) check() error {
	if err := checkWord("holder's id", h.ID); err != nil {
		return err
	}
	return checkWord("holder's admin address", h.Admin)
}

func (m Model) check() error {
	if err := errors.Join(checkRef("live", m.Live), checkRef("previous", m.Previous)); err != nil {
		return err
	}
	if c := m.Canary; c != nil {
		if err := checkRef("canary", &c.Ref); err != nil {
			return err
		}
		if !(c.Share > 0 && c.Share <= 1) {
			return fmt.Errorf("the canary's share is %v; it must be above 0 and at most 1", c.Share)
		}
	}
	if m.Passed != "" {
		if err := bundle.CheckName("version", m.Passed); err != nil {
			return fmt.Errorf("passed: %w", err)
		}
	}
	return errors.Join(checkRefs("shadow", m.Shadow, maxShadows), checkRefs("rejected", m.Rejected, maxRejected), m.Plan.check())
}

func checkRef(role string, r *Ref) error {
	if r == nil {
		return nil
	}
	if err := bundle.CheckName("version", r.Version); err != nil {
		return fmt.Errorf("%s: %w", role, err)
	}
	if !bundle.IsDigest(r.Digest) {
		return fmt.Errorf("%s: the digest %.80q must be 64 hexadecimal digits", role, r.Digest)
	}
	return nil
}

func checkRefs(role string, refs []Ref, most int) error {
	if len(refs) > most {
		return fmt.Errorf("%s has %d versions; the limit is %d: take some out", role, len(refs), most)
	}
	seen := make(map[Ref]bool, len(refs))
	for _, r := range refs {
		if err := checkRef(role, &r); err != nil {
			return err
		}
		if seen[r] {
			return fmt.Errorf("%s names version %s twice", role, r.Version)
		}
		seen[r] = true
	}
	return nil
}

// checkOthers holds the shadows of other models against the rules. A model's own versions have a list of their own.
func (m Model) checkOthers(name string) error {
	if len(m.Others) > maxShadows {
		return fmt.Errorf("others has %d versions; the limit is %d: take some out", len(m.Others), maxShadows)
	}
	seen := make(map[string]bool, len(m.Others))
	for _, o := range m.Others {
		if err := errors.Join(bundle.CheckName("model", o.Model), checkRef("others", &o.Ref)); err != nil {
			return err
		}
		if o.Model == name {
			return fmt.Errorf("others names version %s, which is of the model itself", o.Name())
		}
		if seen[o.Name()] {
			return fmt.Errorf("others names version %s twice", o.Name())
		}
		seen[o.Name()] = true
	}
	return nil
}

// prepare makes an entry fit to be written: texts for people are bounded, and what is compared is checked.
func (e Entry) prepare() (Entry, error) {
	e.Who, e.Action, e.From = tidy(e.Who, maxWordBytes), tidy(e.Action, maxWordBytes), tidy(e.From, maxWordBytes)
	e.Reason = tidy(e.Reason, maxTextBytes)
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	e.Time = e.Time.UTC().Truncate(time.Millisecond)
	return e, e.check()
}

// check holds an entry against the rules, as it was read or before it is written.
func (e Entry) check() error {
	switch {
	case e.Action == "":
		return errors.New("the entry has no action")
	case e.Time.Year() < 1 || e.Time.Year() > 9999:
		return fmt.Errorf("the entry's year is %d; it must have four digits", e.Time.Year())
	case !(e.Share >= 0 && e.Share <= 1):
		return fmt.Errorf("the entry's share is %v; it must be between 0 and 1", e.Share)
	case e.Digest != "" && !bundle.IsDigest(e.Digest):
		return fmt.Errorf("the entry's digest %.80q must be 64 hexadecimal digits", e.Digest)
	}
	if e.Model != "" {
		if err := bundle.CheckName("model", e.Model); err != nil {
			return err
		}
	}
	if e.Version != "" || e.Of != "" {
		if err := bundle.CheckName("version", e.Version); err != nil {
			return err
		}
	}
	if e.Of != "" {
		if err := bundle.CheckName("model", e.Of); err != nil {
			return err
		}
	}
	for _, text := range []string{e.Who, e.Action, e.From} {
		if text != tidy(text, maxWordBytes) {
			return fmt.Errorf("the entry has the text %.40q, which is too long or not for people", text)
		}
	}
	if e.Reason != tidy(e.Reason, maxTextBytes) {
		return fmt.Errorf("the entry's reason %.40q is too long or not for people", e.Reason)
	}
	return checkWord("key", e.Key)
}

// checkWord refuses what is no short text of printable ASCII without blanks.
func checkWord(what, text string) error {
	if len(text) > maxWordBytes {
		return fmt.Errorf("the %s %.16q... has %d bytes; the limit is %d", what, text, len(text), maxWordBytes)
	}
	if i := strings.IndexFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }); i >= 0 {
		return fmt.Errorf("the %s %.40q has a byte at %d that is not printable ASCII", what, text, i)
	}
	return nil
}

// tidy is a text on one line, of characters that can be shown, with so many bytes at most.
func tidy(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(text, "?"))
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "")
	}
	return text
}
