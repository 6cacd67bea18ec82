package serve

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"sluice/config"
)

// mirroring are settings by which every request is mirrored, and the primary asked again for a share.
func mirroring(t *testing.T, dir string, again float64) *config.Config {
	t.Helper()
	cfg, err := Settings("", "", func(c *config.Config) error {
		c.Models, c.Listen, c.Admin, c.State = dir, "127.0.0.1:0", "", NoState
		c.ModelDefaults.Promote, c.ModelDefaults.KeepVersions, c.ModelDefaults.Warmup = "manual", 2, time.Millisecond
		c.Shadow.Sample, c.Shadow.Again, c.Shadow.Tax.Measure = 1, again, false
		c.Shadow.Memory = 8 << 30 // the race detector takes a multiple
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// running has a server run until the test ends. Its models are loaded when it returns.
func running(t *testing.T, s *Server) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- s.Run(ctx, func() { close(ready) }) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	<-ready
}

func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for begun := time.Now(); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Since(begun) > 5*time.Minute { // what waits is of the lowest priority
			t.Fatalf("%s: not so within five minutes", what)
		}
	}
}

func body(inputs ...string) string { return `{"inputs":[` + strings.Join(inputs, ",") + `]}` }

// input draws values below a bound.
func input(name, datatype string, r *rand.Rand, below int, shape ...int) string {
	n := 1
	for _, d := range shape {
		n *= d
	}
	data := make([]float64, n)
	for i := range data {
		if data[i] = 1 + float64(r.IntN(below-1)); datatype == "FP32" {
			data[i] = math.Round(1000*r.Float64()*float64(below)) / 1000
		}
	}
	values, _ := json.Marshal(data)
	dims, _ := json.Marshal(shape)
	return fmt.Sprintf(`{"name":%q,"datatype":%q,"shape":%s,"data":%s}`, name, datatype, dims, values)
}

func post(t *testing.T, s *Server, model, text string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, "http://"+s.Addr().String()+"/v2/models/"+model+"/infer", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Sluice-Budget-Ms", "60000") // beside other work
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", model, res.Status)
	}
}
