package models

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sluice/internal/clock"
	"sluice/internal/cost"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// maxProofRows is how many different rows of one source are compared; larger batches repeat them.
const maxProofRows = 64

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
	worst    difference
}

// test compares golden rows, and made-up ones: golden rows are few and alike, made-up ones may
// not be of the kind that the model was trained for.
func (p *proof) test(ctx context.Context) (*rowTest, error) {
	t := &rowTest{}
	start := p.watch()
	var texts []string
	p.rows, p.source = nil, ""
	for _, source := range []func(context.Context, stopwatch) (*soloRun, string, error){p.goldenRun, p.madeUpRun} {
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
		solo.release()
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

// soloRun is rows that may share a batch, each with its answer alone.
type soloRun struct {
	rows   []sample
	tasks  []*task.Task
	source string
	per    time.Duration // of a row
}

func (s *soloRun) release() { release(s.tasks) }

// goldenRun runs the golden rows.
func (p *proof) goldenRun(ctx context.Context, start stopwatch) (*soloRun, string, error) {
	if len(p.golden) == 0 {
		return nil, "", nil
	}
	rows, err := p.goldenRows()
	if err != nil {
		return nil, "", err
	}
	return p.runSolo(ctx, start, rows, "golden rows")
}

// madeUpRun runs made-up rows of the first kind that the model takes.
func (p *proof) madeUpRun(ctx context.Context, start stopwatch) (*soloRun, string, error) {
	why := ""
	for _, profile := range profiles() {
		made := newSynthesis(p.bundle.Schema, p.bundle.graph.Hints, profile)
		solo, refused, err := p.runSolo(ctx, start, made.samples(min(maxProofRows, max(p.bundle.Schema.MaxBatch, 8))), "made-up rows")
		if solo != nil || err != nil {
			return solo, "", err
		}
		if why == "" {
			why = "the model takes no made-up row (" + refused + ")"
		}
		if p.expired(start, p.opts.GateLimit) {
			break
		}
	}
	return nil, why, nil
}

// runSolo runs rows alone, and unpadded, until the time is up; two at least. A row that the model
// refuses is left out; if the first few are, all are. The first two rows run twice: a model that
// answers differently each time cannot be compared.
func (p *proof) runSolo(ctx context.Context, start stopwatch, rows []sample, source string) (s *soloRun, refused string, err error) {
	s = &soloRun{source: source}
	began := p.watch()
	for i := range rows {
		if len(s.rows) >= 2 && p.expired(start, p.opts.GateLimit/2) || len(s.rows) == 0 && i >= 4 {
			break
		}
		t, err := p.runAlone(ctx, &rows[i], true)
		if err == nil && len(s.rows) < 2 {
			err = p.repeats(ctx, &rows[i], t)
		}
		var unsteady *unsteadyError
		lost, _ := task.DeviceFailed(err)
		switch {
		case lost, errors.As(err, &unsteady):
			s.release()
			return nil, "", err
		case ctx.Err() != nil:
			s.release()
			return nil, "", fmt.Errorf("loading was stopped: %w", ctx.Err())
		case err != nil:
			if refused == "" {
				refused = shapes(rows[i].inputs) + ": " + sentence(err)
			}
			continue
		}
		s.rows, s.tasks = append(s.rows, rows[i]), append(s.tasks, t)
	}
	if len(s.rows) == 0 {
		return nil, refused, nil
	}
	s.per = clock.Now().Sub(began.began) / time.Duration(len(s.rows))
	return s, "", nil
}

// unsteadyError is a model that answers one row in two ways.
type unsteadyError struct{ text string }

func (e *unsteadyError) Error() string { return "the model is not deterministic: " + e.text }

// repeats runs a row that has an answer once more.
func (p *proof) repeats(ctx context.Context, s *sample, first *task.Task) error {
	again, err := p.runAlone(ctx, s, true)
	if err != nil {
		first.Release()
		return err
	}
	defer again.Release()
	var d difference
	for o := range again.Outputs {
		d.add(&again.Outputs[o], &first.Outputs[o], true, 0, p.bundle.Config.Tolerance)
	}
	if d.failed() {
		first.Release()
		return &unsteadyError{d.String()}
	}
	return nil
}

// compareBatches runs the rows in batches of every size and adds what it finds to t. The
// sentence says what agreed.
func (p *proof) compareBatches(ctx context.Context, solo *soloRun, start stopwatch, t *rowTest) (string, error) {
	if why := p.alike(solo); why != "" {
		// Whatever the batch does to such rows, nobody could see it.
		return why, nil
	}
	sizes, skipped := proofSizes(p.bundle.Schema.MaxBatch, solo.per, p.opts.GateLimit)
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
func (p *proof) alike(solo *soloRun) string {
	if !vary(solo.rows, p.bundle.Schema) {
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
func (p *proof) compareBatch(ctx context.Context, solo *soloRun, size int, near map[int]string, t *rowTest) error {
	batch := make([]sample, size)
	for i := range batch {
		batch[i] = solo.rows[(size+i)%len(solo.rows)]
	}
	tasks, err := p.together(ctx, 0, batch)
	if lost, _ := task.DeviceFailed(err); lost {
		return err
	}
	if err != nil {
		t.failure, t.onlyAlone = fmt.Sprintf("a batch of %d rows fails where each row alone runs: %s", size, sentence(err)), true
		return ctx.Err()
	}
	defer release(tasks)
	for i, got := range tasks {
		k := (size + i) % len(solo.rows)
		numbers, labels := compareRow(got.Outputs, solo.tasks[k].Outputs, k, p.bundle.Config.Tolerance)
		if labels.failed() && !numbers.failed() {
			if near[k] = labels.text; len(near) > 1 {
				numbers = labels
			}
		}
		if numbers.failed() {
			t.failure = fmt.Sprintf("rows change with their batch of %d, %s", size, numbers.String())
			return nil
		}
		t.worst.raise(numbers)
	}
	return nil
}

// compareRow compares one row's answer with what it should be: in numbers that have a tolerance
// and whatever is of another shape, and in labels, which are equal or not.
func compareRow(got, want []tensor.Tensor, row int, tol Tolerance) (numbers, labels difference) {
	for o := range got {
		d := &labels
		if want[o].Type.Float() || !slices.Equal(got[o].Shape, want[o].Shape) {
			d = &numbers
		}
		d.add(&got[o], &want[o], true, row, tol)
	}
	return numbers, labels
}

// goldenRows cuts the golden requests into rows, keeps those that may share a batch,
// and adds them scaled, because trained data is often all of one size.
func (p *proof) goldenRows() ([]sample, error) {
	var rows []sample
	for i := range p.golden {
		for r := range p.golden[i].request.rows {
			row, err := p.golden[i].request.row(r)
			if err != nil {
				return nil, fmt.Errorf("%s line %d: %w", GoldenFile, p.golden[i].line, err)
			}
			rows = append(rows, row)
		}
	}
	rows = largestGroup(rows, p.bundle.Schema, false)
	rows = slices.Clone(rows[:min(len(rows), maxProofRows)])
	if n := len(rows); rows[0].hasFloats() {
		for i := 0; i < n && len(rows) < maxProofRows; i++ {
			rows = append(rows, rows[i].scaled(10))
		}
	}
	return rows, nil
}

// soleRequest is what warms a model whose runs hold one request, and what is compared between
// devices: the first golden one, or one made up that the model takes.
func (p *proof) soleRequest(ctx context.Context) ([]sample, string) {
	if len(p.golden) > 0 {
		first := p.golden[0].request
		if p.bundle.Schema.Batchable() {
			if row, err := first.row(0); err == nil {
				first = row
			}
		}
		return []sample{first}, "golden rows"
	}
	for _, profile := range profiles() {
		made := newSynthesis(p.bundle.Schema, p.bundle.graph.Hints, profile).sample(0)
		if t, err := p.alone(ctx, &made); err == nil {
			t.Release()
			return []sample{made}, "made-up rows"
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, ""
}

// proofSizes has the largest batch that a slow model can run in time first, then 2, so
// that it is proven where it matters, then the rest. skipped counts those above.
func proofSizes(maxBatch int, perRow, limit time.Duration) (sizes []int, skipped int) {
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

// sentence is an error's text that may be shown.
func sentence(err error) string {
	text, _ := explain(err)
	return text
}
