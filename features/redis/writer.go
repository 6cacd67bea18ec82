package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"sluice/features/native"
	"sluice/features/store"
)

// Writer writes generations of a view of the native layout. features/load says what its methods promise.
//
// Beside the rows, the pointer and the schemas, whose names features/native has, there is for each generation the hash
// VIEW:load:GENERATION with its source and the number of committed rows. Rows are written first and counted then, so a row
// that is counted is there; one that is not counted is written again and gives the same.
type Writer struct {
	store      *Store
	view       string
	generation uint64 // of the load, 0 before Begin
	now        func() time.Time
}

// NewWriter makes a writer with connections of its own. It does no I/O.
func NewWriter(o Options, view string) (*Writer, error) {
	if err := native.CheckName(view); err != nil {
		return nil, err
	}
	o.Layout, o.ReadReplicas, o.Replicas = Native, false, nil // a replica may not have what was just written
	s, err := newStore(o, false)
	if err != nil {
		return nil, err
	}
	return &Writer{store: s, view: view, now: time.Now}, nil
}

// Close ends the connections.
func (w *Writer) Close() error { return w.store.Close() }

func (w *Writer) client(ctx context.Context) (rueidis.Client, error) {
	n, err := w.store.narrow.wait(ctx)
	if err != nil {
		return nil, err
	}
	return *n.client.Load(), nil
}

func (w *Writer) standingName(generation uint64) string {
	return w.view + standingPart + strconv.FormatUint(generation, 10)
}

// standing reads how far the load of a generation is, and of which source; the source is "" if nobody knows.
func (w *Writer) standing(ctx context.Context, c rueidis.Client, generation uint64) (source string, rows int64, err error) {
	values, err := c.Do(ctx, c.B().Hmget().Key(w.standingName(generation)).Field("source", "rows").Build()).AsStrSlice()
	if err != nil || len(values) != 2 || values[1] == "" {
		return "", 0, err
	}
	rows, err = strconv.ParseInt(values[1], 10, 64)
	return values[0], rows, err
}

// pointer reads the pointer, and its text, which swap compares.
func (w *Writer) pointer(ctx context.Context, c rueidis.Client) (p native.Pointer, text string, err error) {
	reply := c.Do(ctx, c.B().Get().Key(native.PointerName(w.view)).Build())
	if p, err = pointerOf(reply); err != nil {
		return p, "", fmt.Errorf("cannot read the generations of view %q: %w", w.view, err)
	}
	text, _ = reply.ToString() // without a pointer: none
	return p, text, nil
}

func (w *Writer) swap(ctx context.Context, c rueidis.Client, text string, p native.Pointer) (swapped bool, err error) {
	n, err := swapScript.Exec(ctx, c, []string{native.PointerName(w.view)}, []string{text, p.String()}).ToInt64()
	return n == 1, err
}

// change replaces the pointer by what becomes makes of it, which may be asked again where another writer was faster.
func (w *Writer) change(ctx context.Context, c rueidis.Client, become func(native.Pointer) (native.Pointer, error)) error {
	for {
		p, text, err := w.pointer(ctx, c)
		if err != nil {
			return err
		}
		next, err := become(p)
		if err != nil {
			return err
		}
		if swapped, err := w.swap(ctx, c, text, next); err != nil || swapped {
			return err
		}
	}
}

// keep keeps the record of a schema.
func (w *Writer) keep(ctx context.Context, c rueidis.Client, schema *native.Schema) error {
	name := native.SchemaName(w.view, schema.Hash())
	return c.Do(ctx, c.B().Set().Key(name).Value(rueidis.BinaryString(schema.Record())).Build()).Error()
}

// Begin resumes the load of a source, or begins a generation for it.
func (w *Writer) Begin(ctx context.Context, source string, schema *native.Schema) (store.Standing, error) {
	if source == "" {
		return store.Standing{}, errors.New("a load has a source")
	}
	c, err := w.client(ctx)
	if err != nil {
		return store.Standing{}, err
	}
	if err := w.keep(ctx, c, schema); err != nil {
		return store.Standing{}, err
	}
	standing, p, err := w.begun(ctx, c, source)
	if err != nil {
		return store.Standing{}, err
	}
	w.generation = standing.Generation
	return standing, w.sweep(ctx, c, p)
}

// begun finds the source's load, or makes one.
func (w *Writer) begun(ctx context.Context, c rueidis.Client, source string) (store.Standing, native.Pointer, error) {
	for {
		p, text, err := w.pointer(ctx, c)
		if err != nil {
			return store.Standing{}, p, err
		}
		for _, generation := range []uint64{p.Visible, p.Loading} {
			of, rows, err := w.standing(ctx, c, generation)
			if err != nil || of == source {
				return store.Standing{Generation: generation, Rows: rows, Visible: generation == p.Visible}, p, err
			}
		}
		next := p.Begun()
		switch {
		case p.Loading != 0:
			next.Loading++ // who loaded the other source may still write
		case text == "": // it is the first load, or the pointer was evicted and rows that it led to were not
			newest, err := w.newest(ctx, c)
			if err != nil {
				return store.Standing{}, p, err
			}
			next.Loading = newest + 1
		}
		if w.now().Unix()-p.Flipped >= native.KeepSeconds {
			next.Previous = 0
		}
		swapped, err := w.swap(ctx, c, text, next)
		if err == nil && !swapped {
			continue
		}
		if err == nil {
			key := w.standingName(next.Loading)
			err = c.Do(ctx, c.B().Hset().Key(key).FieldValue().FieldValue("source", source).FieldValue("rows", "0").Build()).Error()
		}
		return store.Standing{Generation: next.Loading}, next, err
	}
}

// ErrOther is the error of a load that is not alone, errGone that of one of which the store has forgotten how far it is.
var (
	ErrOther = errors.New("another load of the view is under way: begin again")
	errGone  = errors.New("the store has lost what the load had written: it must not evict keys (maxmemory-policy noeviction)")
)

// Write adds rows to the loading generation, and counts them.
func (w *Writer) Write(ctx context.Context, from int64, rows []store.Record) error {
	c, err := w.client(ctx)
	if err != nil {
		return err
	}
	p, text, err := w.pointer(ctx, c)
	if err != nil {
		return err
	}
	source, counted, err := w.standing(ctx, c, w.generation)
	if err != nil {
		return err
	}
	switch {
	case w.generation == 0 || text != "" && p.Loading != w.generation:
		return ErrOther
	case text == "" || source == "":
		return errGone
	case counted != from:
		return ErrOther
	}
	if err := w.put(ctx, c, w.generation, rows, sourceWins); err != nil {
		return err
	}
	n, err := countScript.Exec(ctx, c, []string{w.standingName(w.generation)},
		[]string{strconv.FormatInt(from, 10), strconv.FormatInt(from+int64(len(rows)), 10)}).ToInt64()
	if err == nil && n == 0 {
		return ErrOther
	}
	return err
}

// Read reads rows of the loading generation back.
func (w *Writer) Read(ctx context.Context, keys [][]byte, each func(i int, value []byte)) error {
	c, err := w.client(ctx)
	if err != nil {
		return err
	}
	prefix := native.AppendRowPrefix(nil, w.view, w.generation)
	for from := 0; from < len(keys); from += pipeline {
		chunk := keys[from:min(from+pipeline, len(keys))]
		commands := make([]rueidis.Completed, len(chunk))
		for i, key := range chunk {
			commands[i] = c.B().Get().Key(string(prefix) + string(key)).Build()
		}
		for i, reply := range c.DoMulti(ctx, commands...) {
			value, err := reply.AsBytes()
			if rueidis.IsRedisNil(err) {
				continue
			}
			if err != nil {
				return err
			}
			each(from+i, value)
		}
	}
	return nil
}

// Flip makes the loading generation visible.
func (w *Writer) Flip(ctx context.Context) error {
	c, err := w.client(ctx)
	if err != nil {
		return err
	}
	return w.change(ctx, c, func(p native.Pointer) (native.Pointer, error) {
		switch {
		case w.generation != 0 && p.Visible == w.generation:
			return p, nil // it was done before
		case w.generation != 0 && p == native.Pointer{}:
			return p, errGone
		case w.generation == 0 || p.Loading != w.generation:
			return p, ErrOther
		}
		return p.Flip(w.now().Unix()), nil
	})
}

// Rollback makes the previous generation visible again.
func (w *Writer) Rollback(ctx context.Context) error {
	c, err := w.client(ctx)
	if err != nil {
		return err
	}
	return w.change(ctx, c, func(p native.Pointer) (native.Pointer, error) {
		back, ok := p.Back(w.now().Unix())
		if !ok {
			return p, fmt.Errorf("view %q has no previous generation", w.view)
		}
		return back, nil
	})
}

// Upsert writes rows to the visible and to the loading generation. It looks again afterwards: a load that has begun meanwhile, or
// was flipped, gets them, too.
func (w *Writer) Upsert(ctx context.Context, schema *native.Schema, rows []store.Record) error {
	c, err := w.client(ctx)
	if err != nil {
		return err
	}
	if err := w.keep(ctx, c, schema); err != nil {
		return err
	}
	for written := map[uint64]bool{0: true}; ; {
		p, _, err := w.pointer(ctx, c)
		if err != nil {
			return err
		}
		if p.Visible == 0 && p.Loading == 0 {
			return fmt.Errorf("view %q has no generation: load one first", w.view)
		}
		if written[p.Visible] && written[p.Loading] {
			return nil
		}
		for _, generation := range []uint64{p.Visible, p.Loading} {
			if written[generation] {
				continue
			}
			if err := w.put(ctx, c, generation, rows, storedWins); err != nil {
				return err
			}
			written[generation] = true
		}
	}
}
