package client

import (
	"encoding/json"
	"math/rand/v2"
	"testing"

	"sluice/internal/tensor"
)

// The rule of nesting in other words, over all small ways to nest six values.
func TestNestingAgainstTheRule(t *testing.T) {
	depthOf := func(v any) (deepest int) {
		var walk func(v any, depth int)
		walk = func(v any, depth int) {
			if list, ok := v.([]any); ok {
				deepest = max(deepest, depth+1)
				for _, w := range list {
					walk(w, depth+1)
				}
			}
		}
		walk(v, 0)
		return deepest
	}
	var fits func(v any, shape []int64) bool
	fits = func(v any, shape []int64) bool {
		list, ok := v.([]any)
		if !ok {
			return true
		}
		if int64(len(list)) != shape[0] {
			return false
		}
		for _, w := range list {
			if !fits(w, shape[1:]) {
				return false
			}
		}
		return true
	}
	rng, refused, taken := rand.New(rand.NewPCG(5, 6)), 0, 0
	for range 20_000 {
		next := 0
		var draw func(depth int) any
		draw = func(depth int) any {
			list := []any{}
			for range rng.IntN(4) {
				if depth < 4 && rng.IntN(3) > 0 {
					list = append(list, draw(depth+1))
				} else {
					next++
					list = append(list, next)
				}
			}
			return list
		}
		v := draw(1)
		shapes := [][]int64{{int64(next)}, {int64(next), 1}, {1, int64(next)}, {int64(next), 1, 1}}
		if list, ok := v.([]any); ok && len(list) > 0 && next%len(list) == 0 {
			shapes = append(shapes, []int64{int64(len(list)), int64(next / len(list))})
		}
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		for _, shape := range shapes {
			into := tensor.Tensor{Name: "x", Type: tensor.Int16, Shape: shape}
			err := ReadValues(text, &into)
			want := depthOf(v) != len(shape) || fits(v, shape)
			if (err == nil) != want {
				t.Fatalf("%s of %v: got %v, want it taken: %v", text, shape, err, want)
			}
			if err != nil {
				refused++
				continue
			}
			taken++
			for i := range next {
				if got := int(into.Data[2*i]); got != i+1 {
					t.Fatalf("%s of %v: value %d is %d", text, shape, i, got)
				}
			}
		}
	}
	if refused < 1000 || taken < 1000 {
		t.Errorf("%d were refused and %d taken: the test compares nothing", refused, taken)
	}
}
