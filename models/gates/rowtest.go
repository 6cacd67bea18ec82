package gates

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sluice/internal/agree"
	"sluice/internal/cost"
	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/models/inputs"
)

// maxTestRows is how many different rows of one source are compared; larger batches repeat them.
const maxTestRows = 64

// rowTest is what comparing rows alone and together came to.
type rowTest struct {
	// shown is set if rows that differ gave answers that differ, and the same alone as together.
	shown bool
	text  string
	// failure says what speaks against batching; onlyAlone that it is a batch that does not run.
	failure   string
	onlyAlone bool
	// unsteady says that the failure is a row that is answered differently each time.
	unsteady bool
	worst    agree.Worst
}

// test compares golden rows, and made-up ones: golden rows are few and alike, made-up ones may
// not be of the kind that the model was trained for.
func (p *devicePass) test(ctx context.Context) (*rowTest, error) {
	t := &rowTest{}
	start := p.stopwatch()
	var texts []string
	p.rows, p.source = nil, ""
	for _, source := range []func(context.Context, lap) (*soloRun, string, error){p.goldenRun, p.madeUpRun} {
		solo, why, err := source(ctx, start)
		var unsteady *unsteadyError
		if errors.As(err, &unsteady) {
			t.failure, t.unsteady = unsteady.Error(), true
			return t, nil
		}
		if err != nil {
			return nil, err
		}
		if solo == nil {
			if why != "" {
				texts = append(texts, why)
			}
			continue
		}
		text, err := p.compareBatches(ctx, solo, start, t)
		release(solo.tasks)
		if err != nil || t.failure != "" {
			return t, err
		}
		texts = append(texts, text)
		if len(p.rows) == 0 {
			p.rows, p.source = solo.rows, solo.source
		}
	}
	t.text = strings.Join(texts, "; ")
	return t, nil
}

// compareBatches runs the rows in batches of every size and adds what it finds to t. The
// sentence says what agreed.
func (p *devicePass) compareBatches(ctx context.Context, solo *soloRun, start lap, t *rowTest) (string, error) {
	if why := p.alike(solo); why != "" {
		// Whatever the batch does to such rows, nobody could see it.
		return why, nil
	}
	sizes, skipped := testSizes(inputs.MostRows(solo.rows, p.bundle.Schema), solo.per, p.opts.GateLimit)
	done := 0
	near := map[int]string{}
	for i, size := range sizes {
		if i >= 2 && p.expired(start, p.opts.GateLimit) {
			break
		}
		if err := p.compareBatch(ctx, solo, size, near, t); err != nil || t.failure != "" {
			return "", err
		}
		done++
	}
	t.shown = true
	text := fmt.Sprintf("%d %s agree alone and in %d sizes of batch up to %d, %s", len(solo.rows), solo.source, done, sizes[0], t.worst.String())
	for _, what := range near {
		text += fmt.Sprintf("; one row is near a tie, %s", what)
	}
	if left := len(sizes) - done + skipped; left > 0 {
		text += fmt.Sprintf("; %d more sizes were left out because of the limit of %v", left, p.opts.GateLimit)
	}
	return text, nil
}

// alike says why rows show nothing: they, or their answers, do not differ.
func (p *devicePass) alike(solo *soloRun) string {
	if !inputs.Vary(solo.rows, p.bundle.Schema) {
		return fmt.Sprintf("%s have an input that does not differ", solo.source)
	}
	for _, t := range solo.tasks[1:] {
		for o := range t.Outputs {
			if a, b := &solo.tasks[0].Outputs[o], &t.Outputs[o]; !slices.Equal(a.Shape, b.Shape) || !bytes.Equal(a.Data, b.Data) {
				return ""
			}
		}
	}
	return fmt.Sprintf("all answers to %s are alike", solo.source)
}

// compareBatch runs one batch size. Rows begin at another place for each size, so that a row is
// met in several positions. near collects rows whose labels alone differ: float order flips a
// label near a tie, so that takes two rows to mean something.
func (p *devicePass) compareBatch(ctx context.Context, solo *soloRun, size int, near map[int]string, t *rowTest) error {
	batch := make([]inputs.Request, size)
	for i := range batch {
		batch[i] = solo.rows[(size+i)%len(solo.rows)]
	}
	tasks, err := p.together(ctx, 0, batch)
	if lost, _ := task.DeviceFailed(err); lost {
		return err
	}
	if err != nil {
		t.failure, t.onlyAlone = fmt.Sprintf("a batch of %d rows fails where each row alone runs: %s", size, fault.Sentence(err)), true
		return ctx.Err()
	}
	defer release(tasks)
	for i, got := range tasks {
		k := (size + i) % len(solo.rows)
		found := agree.Answers(got.Outputs, solo.tasks[k].Outputs, true, k, p.bundle.Config.Tolerance)
		worst := &found.Scores
		if found.Labels.Failed() && !found.Scores.Failed() {
			if near[k] = found.Labels.Values(); len(near) > 1 {
				worst = &found.Labels
			}
		}
		if worst.Failed() {
			t.failure = fmt.Sprintf("rows change with their batch of %d, %s", size, worst.String())
			return nil
		}
		t.worst.Join(*worst)
	}
	return nil
}

// testSizes has the largest batch that a slow model can run in time first, then 2, so
// that it is proven where it matters, then the rest. skipped counts those above.
func testSizes(maxBatch int, perRow, limit time.Duration) (sizes []int, skipped int) {
	largest := 2
	for _, size := range cost.Sizes(maxBatch) {
		switch {
		case size <= 2:
		case time.Duration(size)*perRow > limit:
			skipped++
		default:
			largest = size
		}
	}
	sizes = []int{largest}
	for _, size := range cost.Sizes(largest) {
		if size > 1 && size < largest {
			sizes = append(sizes, size)
		}
	}
	return sizes, skipped
}
