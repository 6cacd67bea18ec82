package serve

import (
	"context"
	"encoding/binary"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"sluice/compare"
	"sluice/compare/sequence"
	"sluice/config"
	"sluice/internal/longtest"
	"sluice/internal/tensor"
	"sluice/models"
	"sluice/shadow"
)

// planted are faults of a candidate's answers. Each changes a copy of them.
var planted = map[string]func(now, before []tensor.Tensor) bool{
	"none": func(_, _ []tensor.Tensor) bool { return true },
	"a swapped class": func(now, _ []tensor.Tensor) bool { // and what stands for a class elsewhere: the places of a row's values
		for i := range now {
			for row := range rowsOf(&now[i]) {
				swap(row, now[i].Type.Size())
			}
		}
		return true
	},
	"a NaN row": func(now, _ []tensor.Tensor) bool {
		for i := range now {
			if now[i].Type == tensor.FP32 {
				for row := range rowsOf(&now[i]) {
					binary.LittleEndian.PutUint32(row, math.Float32bits(float32(math.NaN())))
					break
				}
			}
		}
		return true
	},
	"a broken rank": func(now, _ []tensor.Tensor) bool { // the rows in the reverse order
		for i := range now {
			rows := slices.Collect(rowsOf(&now[i]))
			first, last := slices.Clone(rows[0]), rows[len(rows)-1]
			copy(rows[0], last)
			copy(last, first)
		}
		return true
	},
	"an answer of another request": func(now, before []tensor.Tensor) bool {
		for i := range now {
			if before == nil {
				return false
			}
			copy(now[i].Data, before[i].Data)
		}
		return true
	},
}

func rowsOf(t *tensor.Tensor) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		size := len(t.Data) / int(t.Shape[0])
		for from := 0; from < len(t.Data); from += size {
			if !yield(t.Data[from : from+size]) {
				return
			}
		}
	}
}

// swap changes the first two values of a row; a row of one value has its lowest bits changed.
func swap(row []byte, size int) {
	if len(row) < 2*size {
		if size == 8 {
			row[0] ^= 1 // a label
		} else {
			row[size-2] ^= 0x40 // a score
		}
		return
	}
	first := slices.Clone(row[:size])
	copy(row, row[size:2*size])
	copy(row[size:], first)
}

// spoiled compares each pair once with each planted fault.
type spoiled struct {
	mu      sync.Mutex
	studies map[string]*compare.Study
	before  []tensor.Tensor
}

func copied(all []tensor.Tensor) []tensor.Tensor {
	kept := slices.Clone(all)
	for i := range kept {
		kept[i].Data = slices.Clone(kept[i].Data)
	}
	return kept
}

func (s *spoiled) Add(p *shadow.Pair) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, spoil := range planted {
		pair := *p
		if pair.Candidate = copied(p.Candidate); spoil(pair.Candidate, s.before) {
			if err := s.studies[name].Add((*compare.Sample)(&pair)); err != nil {
				return err
			}
		}
	}
	s.before = copied(p.Candidate)
	return nil
}

func (s *spoiled) Hungry() bool                         { return false }
func (s *spoiled) Save() (_, _ []byte, err error)       { return []byte("{}"), nil, nil }
func (s *spoiled) Judged() []shadow.Judged              { return nil }
func (s *spoiled) Report(*shadow.Coverage) (any, error) { return nil, nil }

// drawn are requests of three rows to some of the example models.
var drawn = map[string]func(r *rand.Rand) string{
	"ranker": func(r *rand.Rand) string {
		return body(input("user_id", "INT64", r, 500, 3), input("store_id", "INT64", r, 500, 3), input("dense", "FP32", r, 3, 3, 16))
	},
	"digits": func(r *rand.Rand) string { return body(input("image", "FP32", r, 16, 3, 1, 8, 8)) },
	"encoder": func(r *rand.Rand) string {
		return body(input("tokens", "INT64", r, 150, 3, 6), `{"name":"mask","datatype":"INT64","shape":[3,6],"data":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}`)
	},
}

// Each fault that a candidate's answers may have is found on live traffic, in each of the example models, and none in answers that
// have none.
func TestPlantedFaultsAreFound(t *testing.T) {
	needLibrary(t)
	longtest.Skip(t)
	s, studies := spoiledServer(t, slices.Sorted(maps.Keys(drawn)))
	for name, draw := range drawn {
		shadowed(t, s, name, draw, 400, func() string { return unfound(studies[name]) })
	}
}

// shadowed makes version 2 a shadow, and asks until nothing is missing or so many requests were sent.
func shadowed(t *testing.T, s *Server, name string, draw func(*rand.Rand) string, most int, missing func() string) {
	t.Helper()
	if err := s.registry.Shadow(t.Context(), name, "2", true, models.By{}); err != nil {
		t.Fatal(err)
	}
	until(t, name+" is up", func() bool {
		all := s.mirror.Reports(name)
		if len(all) == 1 && all[0].State == shadow.Halted {
			t.Fatalf("%s is stopped: %s", name, all[0].Reason)
		}
		return len(all) == 1 && all[0].State == shadow.Up
	})
	random := rand.New(rand.NewPCG(1, 2))
	left := "all"
	for sent := 0; left != "" && sent < most; sent += 20 {
		for range 20 {
			post(t, s, name, draw(random))
		}
		until(t, name+" is compared", func() bool { return s.mirror.Reports(name)[0].Coverage.Waiting == 0 })
		left = missing()
	}
	if left != "" {
		t.Errorf("%s: after %d requests: %s", name, most, left)
	}
	if r := s.mirror.Reports(name)[0]; r.Coverage.Seen != r.Coverage.Compared+r.Coverage.Dropped["busy"] || r.Restarts != 0 {
		t.Errorf("%s: %+v", name, r)
	}
	if err := s.registry.Shadow(t.Context(), name, "2", false, models.By{}); err != nil {
		t.Fatal(err)
	}
}

// unfound names the faults that are not shown, and a fault that is shown where there is none.
func unfound(s *spoiled) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var left []string
	for name, study := range s.studies {
		if verdict := study.Verdict(); (verdict == sequence.Fail) != (name != "none") {
			left = append(left, name+": "+string(verdict))
		}
	}
	return strings.Join(left, ", ")
}

// spoiledServer serves some examples, whose comparisons meet the planted faults.
func spoiledServer(t *testing.T, names []string) (*Server, map[string]*spoiled) {
	t.Helper()
	studies := map[string]*spoiled{}
	mine := slices.Clone(steps)
	at := slices.IndexFunc(mine, func(s step) bool { return s.name == "shadow" })
	mine[at].do = func(s *Server, _ context.Context) error {
		o := s.shadowOptions()
		begin := o.NewStudy
		o.NewStudy = func(of *shadow.Subject, _, _ []byte) (shadow.Study, error) {
			all := &spoiled{studies: map[string]*compare.Study{}}
			for name := range planted {
				one, err := begin(of, nil, nil)
				if err != nil {
					return nil, err
				}
				all.studies[name] = one.(study).Study
			}
			studies[of.Model] = all
			return all, nil
		}
		s.startShadow(o)
		return nil
	}
	s := examplesServer(t, mirroring(t, twice(t, names, "", ""), 0), mine)
	return s, studies
}

// twice is a folder with two versions of some examples, the same but for lines that their settings end with.
func twice(t *testing.T, names []string, first, second string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range names {
		for version, line := range map[string]string{"1": first, "2": second} {
			from, to := filepath.Join("../examples/models", name, "1"), filepath.Join(dir, name, version)
			if err := os.CopyFS(to, os.DirFS(from)); err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(filepath.Join(to, "model.yaml"))
			if err == nil {
				err = os.WriteFile(filepath.Join(to, "model.yaml"), append(text, line+"# version "+version+"\n"...), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

// examplesServer serves a folder of models with all requests mirrored; version 1 is live.
func examplesServer(t *testing.T, cfg *config.Config, steps []step) *Server {
	t.Helper()
	s, err := open(t.Context(), Options{Config: cfg}, steps)
	if err != nil {
		t.Fatal(err)
	}
	running(t, s)
	all, err := os.ReadDir(cfg.Models)
	if err != nil {
		t.Fatal(err)
	}
	for _, model := range all {
		if err := s.registry.Promote(t.Context(), model.Name(), "1", models.By{}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}
