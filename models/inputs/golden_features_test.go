package inputs

import (
	"fmt"
	"strings"
	"testing"

	"sluice/features/spec"
	"sluice/internal/tensor"
	"sluice/models/bundle"
)

// filledModel takes shop, and x of a user, a shop and the request.
func filledModel(t testing.TB) *spec.Plan {
	t.Helper()
	s := &spec.Settings{
		Entities: map[string]string{"shop": "BYTES", "user": "INT64"},
		Groups: map[string]spec.Group{
			"u": {Store: "hot", Keys: spec.Keys{{Join: "uid", Entity: "user"}}}, "s": {Store: "hot", Keys: spec.Keys{{Join: "sid", Entity: "shop"}, {Join: "uid", Entity: "user"}}},
		},
		Inputs: map[string][]spec.Column{"x": {
			{Feature: "u:a", Default: spec.Default{"-1"}}, {Feature: "s:e", Width: 2}, {Request: "km"},
		}},
	}
	plan, faults := s.Compile(&tensor.Schema{
		Inputs:   []tensor.Spec{{Name: "shop", Type: tensor.Bytes, Shape: []int64{-1}}, {Name: "x", Type: tensor.FP32, Shape: []int64{-1, 4}}},
		Outputs:  []tensor.Spec{{Name: "y", Type: tensor.FP32, Shape: []int64{-1}}},
		MaxBatch: 4, MaxRows: 8,
	})
	if len(faults) > 0 || len(s.Check()) > 0 {
		t.Fatal(faults, s.Check())
	}
	return plan
}

func byIDText(inputs, features string) string {
	return fmt.Sprintf(`{"request":{"inputs":[%s]},"features":%s,"response":{"outputs":[{"name":"y","datatype":"FP32","shape":[2],"data":[0,1]}]}}`, inputs, features)
}

const (
	shops    = `{"name":"shop","datatype":"BYTES","shape":[2],"data":["b","c"]}`
	user     = `{"name":"user","datatype":"INT64","shape":[1],"data":[7]}`
	users    = `{"name":"user","datatype":"INT64","shape":[2],"data":[7,8]}`
	kms      = `{"name":"km","datatype":"FP32","shape":[2],"data":[0.5,1.5]}`
	storedOf = `{"u":[{"user":7,"a":3}],"s":[{"shop":"b","user":7,"e":[1,2]},{"shop":"c","user":7,"e":[4,5]},{"shop":"c","user":8,"e":[6,7]}]}`
)

// A golden row by ids is filled with the values that stand beside it.
func TestGoldenByID(t *testing.T) {
	plan := filledModel(t)
	f := func(inputs, features, want string) {
		t.Helper()
		all, err := DecodeGolden([]byte(byIDText(inputs, features)), plan.Session, plan)
		if err != nil {
			if got := err.Error(); got != bundle.GoldenFile+" line 1: "+want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			return
		}
		r := &all[0].Request
		var values []string
		for i := range len(r.Inputs[1].Data) / 4 {
			values = append(values, fmt.Sprint(tensor.FloatAt(tensor.FP32, r.Inputs[1].Data, i)))
		}
		got := fmt.Sprintf("%d rows of %s%s and %s", r.Rows, r.Inputs[0].Name, tensor.ShapeText(r.Inputs[0].Shape), strings.Join(values, " "))
		if got != want || len(r.Inputs) != 2 {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	f(shops+","+user+","+kms, storedOf, "2 rows of shop[2] and 3 1 2 0.5 3 4 5 1.5")
	f(shops+","+users+","+kms, strings.Replace(storedOf, `"shop":"b"`, `"shop":"c"`, 1), "features has no \"s:e\" for the shop and user of row 0, and it has no default")
	f(shops+","+users+","+kms, storedOf, "2 rows of shop[2] and 3 1 2 0.5 -1 6 7 1.5")
	one := strings.NewReplacer("[2]", "[1]", `["b","c"]`, `["c"]`).Replace(shops)
	f(one+","+users+","+kms, storedOf, "2 rows of shop[2] and 3 4 5 0.5 -1 6 7 1.5")
	f(shops+`,{"name":"x","datatype":"FP32","shape":[2,4],"data":[1,2,3,4,5,6,7,8]}`, "{}", "2 rows of shop[2] and 1 2 3 4 5 6 7 8")
	f(shops+","+kms, storedOf, `input "user" is missing`)
	f(shops+","+user, storedOf, `input "km" is missing`)
	f(shops+","+strings.NewReplacer("[2]", "[3]", "[7,8]", "[7,8,9]").Replace(users)+","+kms, storedOf, `input "user" has 3 rows and others have 2`)
	f(shops+","+user+","+kms+`,{"name":"u:a","datatype":"FP32","shape":[1],"data":[1]}`, storedOf, `input "u:a" stands in the place of a stored value: put that under features`)
	f(shops+","+user+","+kms, `{"v":[]}`, "features.v is no group of model.yaml")
	f(shops+","+user+","+kms, `{"u":[{"a":1}]}`, "features.u: row 0: entity \"user\": data is missing")
	f(shops+","+user+","+kms, `{"u":[{"user":7,"b":1}]}`, `features.u: row 0: model.yaml has no feature "b" of this group`)
	f(shops+","+user+","+kms, `{"s":[{"shop":"b","user":7,"e":[1]}]}`, `features.s: row 0: feature "e": it has 1 elements, and there must be 2`)
}

func FuzzGoldenByID(f *testing.F) {
	f.Add([]byte(byIDText(shops+","+user+","+kms, storedOf)))
	f.Add([]byte(byIDText(shops+","+users+","+kms, `{"u":[{"user":7,"a":null}],"s":[{"shop":"b","user":7,"e":[1,2]}]}`)))
	plan := filledModel(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := DecodeGolden(text, plan.Session, plan)
		if err != nil {
			if !strings.HasPrefix(err.Error(), bundle.GoldenFile) {
				t.Errorf("the error does not name the file: %v", err)
			}
			return
		}
		for i := range all {
			for r := range all[i].Request.Rows {
				if row, err := all[i].Request.Row(r); err != nil || len(row.Inputs) != 2 || len(row.Inputs[1].Data) != 16 {
					t.Errorf("row %d: %+v, %v", r, row, err)
				}
			}
		}
	})
}
