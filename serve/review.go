package serve

import (
	"context"
	"fmt"

	"sluice/internal/task"
	"sluice/models"
	"sluice/models/review"
)

// reviewer is what the admin port sees of package review.
type reviewer struct{ *review.Review }

func newReviewer(r *models.Registry) reviewer { return reviewer{review.New(r, replay)} }

// Diff is review.Diff as a document.
func (r reviewer) Diff(ctx context.Context, model, from, to string) (any, error) {
	return r.Review.Diff(ctx, model, from, to)
}

// Verify is review.Files of each version, as a document.
func (r reviewer) Verify(ctx context.Context, model, version string) (any, error) {
	return r.Review.Verify(ctx, model, version)
}

// Score is review.Score, as a document.
func (r reviewer) Score(ctx context.Context, model, version string) (any, error) {
	return r.Review.Score(ctx, model, version)
}

// replayed marks the keys of tasks that replay: no client's has both of these bits.
const replayed = 3 << 62

// replay answers a golden request on a version. It shares no batch with a client's request, so that a row which fails
// fails alone.
func replay(v *models.Version, t *task.Task) error {
	m, ok := v.Served.(*served)
	if !ok {
		return fmt.Errorf("version %s is not in service", v.Version)
	}
	if err := m.prepare(t); err != nil {
		return err
	}
	t.ShapeKey = replayed | m.alone.Add(1)
	return m.queue.Predict(t)
}
