package models

import (
	"context"
	"strings"
	"testing"

	"sluice/internal/fault"
)

// What shadows that fill their inputs themselves must have in common with the live version is what each request has. Their features may
// be others.
func TestPipelineShadow(t *testing.T) {
	const filled = "features:\n  entities: {id: INT64}\n  groups: {g: {store: s, keys: [id]}}\n  inputs: {x: [{feature: 'g:a', default: 0}, {feature: 'g:b', default: 0}]}\n"
	mode := ""
	rolledBubble(t, PromoteManual, func(r *rolled) {
		ctx, me := context.Background(), By{Who: "alice"}
		version := 1
		f := func(settings, want string) {
			t.Helper()
			version++
			name := string(rune('0' + version))
			r.put(r.t, "m/"+name, fakeFile{Factor: 1}, "model.yaml", settings)
			r.must(r.Load(ctx, "m"))
			err := r.Shadow(ctx, "m", name, true, me)
			if want == "" && err != nil || want != "" && (!fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), want)) {
				t.Errorf("%s%q: %v, want %q", mode, settings, err, want)
			}
		}
		others := strings.ReplaceAll(filled, "g:b", "g:c")
		f(filled, `input "x" comes filled instead of with each request`)
		r.must(r.Promote(ctx, "m", "2", me))
		f(others, `input "g:c" is new`) // its values could be sent in the place of stored ones
		f(others+"weight: 2\n", "with shadow: pipeline in the model's settings")
		r.says("shadow: pipeline\n")
		mode = "pipeline: "
		f(others, "")
		f("", "it fills no inputs (features), and shadow: pipeline")
		r.must(r.Promote(ctx, "m", "1", me))
		f(filled, "the live version fills no inputs (features), and shadow: pipeline")
		r.must(r.Promote(ctx, "m", "2", me))
		f(strings.ReplaceAll(filled, "{feature: 'g:b', default: 0}", "{request: km}"), `input "km" is new`)
		f(strings.ReplaceAll(strings.ReplaceAll(filled, "id: INT64", "who: INT64"), "[id]", "[who]"), `input "id" is gone`)
	})
}
