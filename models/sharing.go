package models

import (
	"fmt"
	"strings"

	"go.uber.org/zap"

	"sluice/models/bundle"
)

// sharing is what a version may not share any more, a bit each.
type sharing uint32

const (
	batchingOff sharing = 1 << iota // runs with rows of other requests
	paddingOff                      // a length with longer rows
)

// String is the beginning of a sentence.
func (s sharing) String() string {
	switch s {
	case batchingOff:
		return "batching is switched off"
	case paddingOff:
		return "padding is switched off"
	}
	return "batching and padding are switched off"
}

// remedy is what model.yaml should say.
func (s sharing) remedy() string {
	var all []string
	if s&batchingOff != 0 {
		all = append(all, "write max_batch: 0")
	}
	if s&paddingOff != 0 {
		all = append(all, "remove padding")
	}
	return strings.Join(all, " and ")
}

// remedy is what to do where nothing is remembered, and why that is so.
func (f *finding) remedy(why string) zap.Field {
	return zap.String("remedy", fmt.Sprintf("%s in %s of this version, or the next start finds it out anew: %s", f.off.remedy(), bundle.ConfigFile, why))
}
