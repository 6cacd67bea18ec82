package review

import (
	"sluice/internal/task"
	"sluice/models"
)

// Review looks at the versions of one registry.
type Review struct {
	registry *models.Registry
	replay   func(v *models.Version, t *task.Task) error
	// replaying and verifying hold a token while one of each goes on.
	replaying, verifying chan struct{}
}

// New makes a review. replay answers a request of no client on a version that is pinned, in the lowest class and in a batch
// of its own; it returns when the task has ended.
func New(r *models.Registry, replay func(v *models.Version, t *task.Task) error) *Review {
	return &Review{registry: r, replay: replay, replaying: make(chan struct{}, 1), verifying: make(chan struct{}, 1)}
}

// versions are those on record of a model, from old to new; all of them if version is empty, and else that one.
func (r *Review) versions(model, version string) ([]models.Status, error) {
	var found []models.Status
	for _, s := range r.registry.Index() {
		if s.Name == model && (version == "" || s.Version == version) {
			found = append(found, s)
		}
	}
	if len(found) == 0 {
		return nil, r.registry.OnRecord(model, version)
	}
	return found, nil
}
