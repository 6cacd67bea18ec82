package review

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"sluice/internal/fault"
	"sluice/models"
	"sluice/models/bundle"
)

// Outcome is what became of the files of a version since they were proven.
type Outcome string

// The outcomes. A version that was never read, or whose files were refused before their digest was known, is Unproven.
const (
	Unchanged Outcome = "ok"
	Changed   Outcome = "changed"
	Unproven  Outcome = "unproven"
)

// Files is what the files of one version are now. Its JSON form is public.
type Files struct {
	Model   string  `json:"model"`
	Version string  `json:"version"`
	State   string  `json:"state"`
	Role    string  `json:"role,omitempty"`
	Outcome Outcome `json:"outcome"`
	// Served is set for a version that is loaded: it goes on with what was proven, whatever its files are now.
	Served bool `json:"served"`
	// Proven is the digest of what was read when the version was loaded, OnDisk that of its files now; empty if it is not known.
	Proven string `json:"proven,omitempty"`
	OnDisk string `json:"on_disk,omitempty"`
	// Pinned is set if its model.yaml has the digests of its files, and Golden if it has golden rows now.
	Pinned bool `json:"pinned"`
	Golden bool `json:"golden"`
	// Differences says, a sentence each, what has changed, or why nothing is known.
	Differences []string `json:"differences"`
}

// Verify reads the files again of a version, or of all on record of a model if version is empty, from old to new. One call
// may do so at a time; a fault of another one's is Conflict, and others are ModelNotFound and VersionNotFound.
func (r *Review) Verify(ctx context.Context, model, version string) ([]Files, error) {
	select {
	case r.verifying <- struct{}{}:
		defer func() { <-r.verifying }()
	default:
		return nil, fault.New(fault.Conflict, "another verification is reading files, and one does at a time: come again when it has ended")
	}
	versions, err := r.versions(model, version)
	if err != nil {
		return nil, err
	}
	all := make([]Files, 0, len(versions))
	for i := range versions {
		f := reread(ctx, &versions[i])
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("the verification was stopped: %w", err)
		}
		all = append(all, f)
	}
	return all, nil
}

// reread compares the files of a version with what was proven.
func reread(ctx context.Context, s *models.Status) Files {
	f := Files{
		Model: s.Name, Version: s.Version, State: s.State.String(), Role: string(s.Role), Outcome: Unproven, Proven: s.Digest,
		Served: s.State == models.Ready || s.State == models.Draining, Differences: []string{},
	}
	say := func(text string) { f.Outcome, f.Differences = Changed, append(f.Differences, text) }
	if f.Proven == "" {
		f.Differences = append(f.Differences, cmp.Or(s.Reason, "its files have not been read"))
		return f
	}
	b := s.Report.Bundle
	now, digest, pins, err := b.Reread(ctx)
	if err != nil {
		say(fault.Sentence(err))
		return f
	}
	f.Outcome, f.OnDisk, f.Pinned = Unchanged, digest, len(b.Config.SHA256) > 0
	f.Golden = slices.ContainsFunc(now, func(file bundle.File) bool { return file.Name == bundle.GoldenFile })
	var changed Diff
	changed.files(b.Files, now)
	for _, c := range changed.Files {
		switch {
		case c.From == nil:
			say(c.Name + " is new")
		case c.To == nil:
			say(c.Name + " is gone")
		default:
			say(c.Name + " has other bytes")
		}
	}
	if pins != "" {
		say(pins)
	}
	return f
}
