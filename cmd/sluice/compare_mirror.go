package main

import (
	"context"
	"strings"
	"time"

	"sluice/compare"
	"sluice/compare/criteria"
	"sluice/loadtest"
	"sluice/predlog/replay"
)

// mirrorOptions are what a target that is a gateway tells of its model; nil if it tells nothing.
func mirrorOptions(ctx context.Context, t *loadtest.Target) *compare.Options {
	base := t.URL
	if !strings.Contains(base, "://") {
		base = "http://" + base
	}
	client := replay.NewClient(strings.TrimSuffix(base, "/"), 1)
	defer client.Close()
	limited, stop := context.WithTimeout(ctx, 5*time.Second)
	defer stop()
	about, err := client.Describe(limited, replay.Model{Name: t.Model, Version: t.Version})
	if err != nil {
		return nil
	}
	o := &compare.Options{Schema: about.Schema}
	set, err := criteria.Decode(about.Notes[criteria.Note], o.Schema)
	if err != nil {
		return nil
	}
	o.Outputs, o.Criteria, o.Segments = set.Outputs, set.Criteria, set.Segments
	if o.Tolerance, err = about.Tolerance(); err != nil {
		return nil
	}
	return o
}
