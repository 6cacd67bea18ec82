package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sluice/gateway/http/admin"
	"sluice/internal/onnxgen"
	"sluice/webhook"
)

// tried is a model whose versions become live by a plan of seconds.
type tried struct {
	*running
	t     *testing.T
	dir   string
	args  []string
	users int
}

const secondsPlan = `
promote: plan
rollout:
  skip_shadow: true
  score: 0.05
  cool_down: 1ms
  steps: [{share: 0.3, time: 300ms, units: 110}, {share: 0.6, time: 300ms, units: 110}, {share: 1, time: 300ms, units: 110}]
`

// shadowPlan begins in the shadow, where nothing but failures counts: some dozens of units show that.
const shadowPlan = `
promote: plan
criteria: [{figure: errors, at_most: 20%}]
rollout:
  shadow_units: 200
  steps: [{share: 1, time: 300ms, units: 110}]
`

func newTried(t *testing.T, plan string, args ...string) *tried {
	r := &tried{t: t, dir: t.TempDir()}
	r.put("1", 1, 64)
	if err := os.WriteFile(filepath.Join(r.dir, "m", "model.yaml"), []byte(plan), 0o600); err != nil {
		t.Fatal(err)
	}
	r.args = append([]string{"--models", r.dir, "--state", filepath.Join(t.TempDir(), "state"), "--scheduler-budget", "10s", "--model-defaults-warmup", "20ms"}, args...)
	r.running = startGateway(t, r.args...)
	return r
}

// notANumber is the seed of a version that answers NaN.
const notANumber = 3

// put writes a version: of the same seed and another maxBatch it has the same answers, and other files.
func (r *tried) put(version string, seed uint64, maxBatch int) {
	r.t.Helper()
	hidden := r.t.TempDir()
	if err := (onnxgen.MLP{Layers: []int{2, 4, 1}, Seed: seed}).Write(hidden, version); err != nil {
		r.t.Fatal(err)
	}
	whole := filepath.Join(hidden, version)
	if seed == notANumber {
		path := filepath.Join(whole, "model.onnx")
		file, err := os.ReadFile(path)
		if err != nil {
			r.t.Fatal(err)
		}
		at := bytes.LastIndex(file, []byte{0x4a, 4}) + 2 // the raw data of the last tensor that is one number
		copy(file[at:], []byte{0, 0, 0xc0, 0x7f})
		if err := os.WriteFile(path, file, 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(whole, "model.yaml"), fmt.Appendf(nil, "max_batch: %d\n", maxBatch), 0o600); err != nil {
		r.t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(r.dir, "m", "."+version), os.DirFS(whole)); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(r.dir, "m", "."+version), filepath.Join(r.dir, "m", version)); err != nil {
		r.t.Fatal(err)
	}
}

// ask sends requests of new users.
func (r *tried) ask(n int) {
	r.t.Helper()
	for range n {
		r.users++
		q, err := http.NewRequest(http.MethodPost, r.predict+"/v2/models/m/infer", strings.NewReader(`{"inputs":[{"name":"input","datatype":"FP32","shape":[1,2],"data":[0.5,-1]}]}`))
		if err != nil {
			r.t.Fatal(err)
		}
		q.Header.Set("Sluice-Unit", fmt.Sprint("user-", r.users))
		a, err := http.DefaultClient.Do(q)
		if status, text := read(a, err); status != http.StatusOK {
			r.t.Fatalf("%d, %s", status, text)
		}
	}
}

func (r *tried) plan() (p admin.Plan) {
	r.t.Helper()
	_, text := r.get(r.admin + "/v2/repository/models/m/plan")
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		r.t.Fatal(err)
	}
	return p
}

// until asks until the plan is where it should be.
func (r *tried) until(phase string, step int) {
	r.t.Helper()
	eventually(r.t, fmt.Sprint(phase, " ", step), func() bool {
		p := r.plan()
		if p.Phase == phase && p.Step == step {
			return true
		}
		r.ask(20)
		return false
	})
}

// steps are what plans did, from old to new.
func (r *tried) steps() (all []string) {
	r.t.Helper()
	_, text := r.get(r.admin + "/v2/repository/history?model=m")
	var lines []admin.Change
	if err := json.Unmarshal([]byte(text), &lines); err != nil {
		r.t.Fatal(err)
	}
	slices.Reverse(lines)
	for _, c := range lines {
		if c.Who == "plan" {
			all = append(all, fmt.Sprint(c.Action, " ", c.Share, " of ", c.Version))
		}
	}
	return all
}

// kill ends the gateway as the kernel does, and starts another one.
func (r *tried) kill() {
	r.t.Helper()
	before := r.plan()
	r.over = true
	if err := r.Signal(syscall.SIGKILL); err != nil {
		r.t.Fatal(err)
	}
	<-r.Done()
	r.running = startGateway(r.t, r.args...)
	if p := r.plan(); p.Phase != before.Phase || p.Step != before.Step || p.Version != before.Version {
		r.t.Errorf("after SIGKILL the plan is %+v, and was %+v", p, before)
	}
	for end := time.Now().Add(30 * time.Second); !r.plan().Runs && time.Now().Before(end); { // until the lease of the one before has expired
		time.Sleep(100 * time.Millisecond)
	}
}

// A version with a fault goes back by itself, the next one with a fault waits for a person, and a good one becomes live. Whoever is killed in between, in every phase, goes on
// or stands: no step is skipped or comes twice. Others hear of each, at least once.
func TestPlanSurvivesKills(t *testing.T) {
	t.Parallel()
	heard := newEars(t)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(earSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := newTried(t, secondsPlan, "--webhooks-urls", heard.URL, "--webhooks-secret", "file:"+secret)
	r.put("2", 2, 64) // answers otherwise
	r.until("canary", 1)
	r.kill()
	r.until("returned", 1)
	r.kill()
	r.put("3", notANumber, 64) // and nobody has looked since
	eventually(t, "version 3 begins", func() bool { return r.plan().Version == "3" })
	if p := r.plan(); !p.Again {
		t.Errorf("the way back is forgotten: %+v", p)
	}
	r.until("look", 1)
	if p := r.plan(); !strings.Contains(p.Why, "a NaN or an infinity") {
		t.Errorf("version 3 stands for another reason: %+v", p)
	}
	r.kill()
	if out, status := command(t, "models", "reject", "m", "3", "--admin", r.Admin); status != 0 {
		t.Error(out)
	}
	r.put("4", 1, 32)
	eventually(t, "version 4 begins", func() bool { return r.plan().Version == "4" })
	r.until("canary", 2)
	r.kill()
	r.until("canary", 3)
	r.until("", 0)
	want := []string{
		"canary 0.3 of 2", "rollback 0 of 1", "canary 0.3 of 3", "stop 0 of 3",
		"canary 0.3 of 4", "canary 0.6 of 4", "canary 1 of 4", "promote 0 of 4",
	}
	if got := r.steps(); !slices.Equal(got, want) {
		t.Errorf("plans did %q, want %q", got, want)
	}
	eventually(t, "others hear of it", func() bool { return slices.Equal(heard.steps(), want) })
	out, status := command(t, "models", "score", "m", "--admin", r.Admin, "--least", "3")
	if status != 0 || !strings.Contains(out, "canary              passed") || !strings.Contains(out, "way back            passed") {
		t.Errorf("%d, %s", status, out)
	}
}

// A plan goes on in the shadow after a SIGKILL there, with a new process of the candidate, and after one right after the promotion
// nothing begins again.
func TestPlanSurvivesKillsInTheShadow(t *testing.T) {
	t.Parallel()
	r := newTried(t, shadowPlan, "--shadow-sample", "1", "--shadow-again", "0", "--shadow-tax-measure=false", "--shadow-timeout", "1m")
	r.put("2", 1, 32)
	eventually(t, "requests are compared", func() bool {
		r.ask(5)
		return r.plan().Shadow > 0
	})
	r.kill()
	r.until("canary", 1)
	r.until("", 0)
	r.kill()
	r.ask(20)
	want := []string{"begin shadow 0 of 2", "canary 1 of 2", "promote 0 of 2"}
	if got := r.steps(); !slices.Equal(got, want) {
		t.Errorf("the plan did %q, want %q", got, want)
	}
	if out, status := command(t, "models", "score", "m", "--admin", r.Admin, "--least", "3"); status != 0 || !strings.Contains(out, "shadow              passed") {
		t.Errorf("%d, %s", status, out)
	}
}

const earSecret = "thirty-two bytes of a secret ..."

// ears is who is told of changes.
type ears struct {
	*httptest.Server
	mu    sync.Mutex
	told  []string
	known map[string]bool
}

func newEars(t *testing.T) *ears {
	e := &ears{known: map[string]bool{}}
	e.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		id := q.Header.Get("Webhook-Id")
		if q.Header.Get("Webhook-Signature") != "v1,"+webhook.Sign([]byte(earSecret), id, q.Header.Get("Webhook-Timestamp"), body) {
			t.Errorf("the signature is not that of %s", body)
		}
		var c webhook.Event
		if err := json.Unmarshal(body, &c); err != nil {
			t.Errorf("%s: %v", body, err)
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		if !e.known[id] && c.Who == "plan" {
			e.told = append(e.told, fmt.Sprint(c.Action, " ", c.Share, " of ", c.Version))
		}
		e.known[id] = true
	}))
	t.Cleanup(e.Close)
	return e
}

func (e *ears) steps() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.told)
}
