package main

import (
	"context"
	"errors"
	"time"

	"github.com/redis/rueidis"

	"sluice/features"
	"sluice/features/store"
	"sluice/internal/clock"
)

// bareRead asks by the bare client, and looks at each reply for an error alone.
func bareRead(c rueidis.Client, commands func(rueidis.Builder, []rueidis.Completed) []rueidis.Completed) func() error {
	var to []rueidis.Completed
	return func() error {
		to = commands(c.B(), to[:0])
		for _, reply := range c.DoMulti(context.Background(), to...) {
			if err := reply.Error(); err != nil {
				return err
			}
		}
		return nil
	}
}

var errIncomplete = errors.New("a value is missing")

// readerRead asks the reader of the store, as the engine does.
func readerRead(r store.Reader, g *store.Group, keys []store.Key) func() error {
	var rows store.Rows
	read := r.(store.Lingerer).ReadOn
	return func() error {
		rows.Reset(g, len(keys))
		err := read(context.Background(), r.Generation(), keys, &rows)
		if err == nil && rows.States(len(keys) - 1)[readColumns-1] != store.Present {
			return errIncomplete
		}
		return err
	}
}

// bell is rung when a fetch has ended.
type bell chan struct{}

func (b bell) Fetched() { b <- struct{}{} }

func engineRead(e *features.Engine, g *features.Group, keys []store.Key) func() error {
	rung := make(bell, 1)
	return func() error {
		f := e.Fetch()
		defer f.Release()
		for _, k := range keys {
			f.Add(g, k)
		}
		if !f.Start(clock.Now().Add(time.Second), rung) {
			<-rung
		}
		if row := f.Row(len(keys) - 1); row.Status != features.Present || row.States[readColumns-1] != store.Present {
			return errIncomplete
		}
		return nil
	}
}

// seen waits until a reader sees the rows.
func seen(r store.Reader, keys []store.Key, g *store.Group) (err error) {
	read := readerRead(r, g, keys)
	for begun := time.Now(); time.Since(begun) < upWithin; time.Sleep(10 * time.Millisecond) {
		if err = read(); err == nil {
			return nil
		}
	}
	return err
}
