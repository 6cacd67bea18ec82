package models

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// RequireAll in Options.Require stands for every model that is there.
const RequireAll = "all"

const (
	maxNamed  = 8   // models that an answer about readiness names
	maxReason = 240 // bytes of what it says of one
)

// Ready is nil if requests should be sent here. Otherwise it says in a sentence, which may be
// shown to clients, what is missing and why: the models that were there at the start have not all
// been loaded or refused, a model of Options.Require has no ready version, or no model has one. A
// refused model that nobody requires blocks no other, whenever it came.
func (r *Registry) Ready() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.mu.closed:
		return errors.New("the models are being unloaded")
	case !r.mu.started:
		return errors.New("models are loading: the models folder has not been read yet")
	}
	var loading []string
	ready := false
	for name, m := range r.mu.models {
		if m.first {
			loading = append(loading, quoted(name))
		}
		ready = ready || m.isReady()
	}
	if len(loading) > 0 {
		return fmt.Errorf("models are loading: %s", several(loading, ", "))
	}
	if missing := r.requiredLocked(); len(missing) > 0 {
		return fmt.Errorf("required models are missing: %s", several(missing, "; "))
	}
	if !ready {
		return errors.New(r.noneLocked())
	}
	return nil
}

// requiredLocked says of each required model without a ready version why it has none.
func (r *Registry) requiredLocked() (missing []string) {
	names := slices.Clone(r.opts.Require)
	if slices.Contains(names, RequireAll) {
		names = nil
		for name, m := range r.mu.models {
			if !m.unloaded { // that is what somebody asked for
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if m := r.mu.models[name]; m == nil {
			missing = append(missing, r.absentLocked(name))
		} else if !m.isReady() {
			missing = append(missing, m.why(name))
		}
	}
	return missing
}

// absentLocked says that a model is not there, or what is in its place.
func (r *Registry) absentLocked(name string) string {
	misplaced := r.misplacedLocked(func(text string) bool {
		rest, its := strings.CutPrefix(text, name)
		return its && rest != "" && strings.ContainsRune("/: ", rune(rest[0]))
	})
	if len(misplaced) > 0 {
		return quoted(name) + " has no version, since " + several(misplaced, "; ")
	}
	return quoted(name) + " is not in the models folder: add it, or take it out of require"
}

// misplacedLocked lists what looks like a model and is none. Clients are told no paths, nor of
// folders that may just be filled.
func (r *Registry) misplacedLocked(concerns func(text string) bool) (texts []string) {
	for text, c := range r.mu.faults {
		if c.logged && concerns(text) && !strings.Contains(text, r.opts.Dir) {
			texts = append(texts, shortened(text))
		}
	}
	return texts
}

// noneLocked says why no model is served.
func (r *Registry) noneLocked() string {
	if len(r.mu.models) == 0 {
		if misplaced := r.misplacedLocked(func(string) bool { return true }); len(misplaced) > 0 {
			return "there is no model: " + several(misplaced, "; ")
		}
		return "there is no model: the models folder holds none, neither <name>/<version>/model.onnx nor <name>.onnx"
	}
	var all []string
	for _, name := range slices.Sorted(maps.Keys(r.mu.models)) {
		all = append(all, r.mu.models[name].why(name))
	}
	return "no model can be served: " + several(all, "; ")
}

// why says what keeps a model from having a ready version.
func (m *model) why(name string) string {
	if m.unloaded {
		return quoted(name) + " was unloaded on request"
	}
	for _, e := range m.entries {
		switch e.state {
		case Loading, Discovered:
			return fmt.Sprintf("%s version %s is loading", quoted(name), e.bundle.Version)
		case Ready:
			return fmt.Sprintf("%s version %s is ready and not live: promote it, or put the files of the live one there", quoted(name), e.bundle.Version)
		case Failed:
			return fmt.Sprintf("%s version %s is refused, %s", quoted(name), e.bundle.Version, shortened(e.reason))
		}
	}
	return quoted(name) + " has no version"
}

// refusedLocked says of each model whose newest version is refused why, and what serves instead, and of each whose own
// settings are refused what serves on without them.
func (r *Registry) refusedLocked() (all []string) {
	for _, name := range slices.Sorted(maps.Keys(r.mu.models)) {
		m := r.mu.models[name]
		if i := slices.IndexFunc(m.entries, func(e *entry) bool { return e.state == Ready && e.declined() }); i >= 0 {
			e := m.entries[i]
			all = append(all, fmt.Sprintf("model %s version %s is served as it was loaded, since the model's settings are refused: %s", name, e.bundle.Version, shortened(e.refusal)))
		}
		if m.unloaded || len(m.entries) == 0 || m.entries[0].state != Failed {
			continue
		}
		text := fmt.Sprintf("model %s version %s is refused: %s", name, m.entries[0].bundle.Version, shortened(m.entries[0].reason))
		for _, e := range m.entries {
			if e.state == Ready {
				text += fmt.Sprintf("; version %s serves", e.bundle.Version)
				break
			}
		}
		all = append(all, text)
	}
	if more := len(all) - maxNamed; more > 0 {
		all = append(all[:maxNamed], fmt.Sprintf("and %d more models are refused", more))
	}
	return all
}

func quoted(name string) string { return "'" + name + "'" }

// several joins sentences, of which only the first are shown.
func several(all []string, between string) string {
	slices.Sort(all)
	if more := len(all) - maxNamed; more > 0 {
		all = append(all[:maxNamed:maxNamed], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(all, between)
}

// shortened bounds a reason.
func shortened(reason string) string {
	if len(reason) <= maxReason {
		return reason
	}
	return strings.ToValidUTF8(reason[:maxReason], "") + "…"
}
