package serve

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"sluice/models"
	"sluice/shadow"
)

// A version of another model, of the same number as the live one, is loaded beside it in the candidate's process, asked, and compared.
func TestShadowOfAnotherModel(t *testing.T) {
	needLibrary(t)
	dir := t.TempDir()
	for _, name := range []string{"digits", "small"} {
		if err := os.CopyFS(filepath.Join(dir, name, "1"), os.DirFS("../examples/models/digits/1")); err != nil {
			t.Fatal(err)
		}
	}
	s, err := New(t.Context(), Options{Config: mirroring(t, dir, 1)})
	if err != nil {
		t.Fatal(err)
	}
	running(t, s)
	if err := s.registry.Shadow(t.Context(), "digits", "small:1", true, models.By{}); err != nil {
		t.Fatal(err)
	}
	until(t, "small:1 is up", func() bool {
		all := s.mirror.Reports("digits")
		if len(all) == 1 && all[0].State == shadow.Halted {
			t.Fatal(all[0].Reason)
		}
		return len(all) == 1 && all[0].State == shadow.Up
	})
	random := rand.New(rand.NewPCG(1, 2))
	const requests = 5
	for range requests {
		post(t, s, "digits", body(input("image", "FP32", random, 16, 3, 1, 8, 8)))
	}
	until(t, "all are compared", func() bool { c := s.mirror.Reports("digits")[0].Coverage; return c.Seen == requests && c.Waiting == 0 })

	reports, err := shadowControl{s}.Reports("digits")
	if err != nil {
		t.Fatal(err)
	}
	var got []struct {
		Primary, Candidate struct{ Name, Version string }
		Coverage           struct{ Compared, Again int64 }
	}
	text, err := json.Marshal(reports)
	if err == nil {
		err = json.Unmarshal(text, &got)
	}
	if err != nil || len(got) != 1 || got[0].Primary.Name != "digits" || got[0].Candidate.Name != "small" || got[0].Candidate.Version != "1" || got[0].Coverage.Compared < requests-1 || got[0].Coverage.Again != got[0].Coverage.Compared {
		t.Errorf("%v: %s", err, text)
	}
	if m := s.shadowStates(); len(m) != 1 || m[0].Model != "digits" || m[0].Version != "small:1" {
		t.Errorf("the metrics have %+v", m)
	}
	if units, judged, _ := (shadows{s}).Evidence("digits", "1"); units != 0 || judged != nil {
		t.Errorf("a plan of the model's own version takes %d units and %v for it", units, judged)
	}
	for _, v := range (roleControl{registry: s.registry}).Versions() {
		if v.Role != "live" || v.Model == "digits" && len(v.ShadowedBy) != 1 || v.Model == "small" && len(v.ShadowOf) != 1 {
			t.Errorf("the list has %+v", v)
		}
	}
	if all, err := (roleControl{registry: s.registry}).History("digits", 1); err != nil || len(all) != 1 || all[0].Version != "small:1" {
		t.Errorf("the history has %+v, %v", all, err)
	}
}
