// Command soak shows that a running gateway does not grow: resident memory after a
// million mixed requests against after the first hundred thousand, and over two
// hundred load and unload cycles of a model. It starts bin/sluice on free loopback
// ports, stops it by its process id, prints what it saw, and exits 1 if a bound is
// passed.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"
)

var (
	binary    = flag.String("sluice", "bin/sluice", "the gateway's binary")
	dir       = flag.String("models", "examples/models", "folder of bundles, with golden.jsonl files")
	first     = flag.Int64("first", 100_000, "requests before the first reading")
	total     = flag.Int64("total", 1_000_000, "requests before the second reading")
	cycles    = flag.Int("cycles", 200, "load and unload cycles")
	clients   = flag.Int("clients", 32, "connections")
	maxGrowth = flag.Float64("growth", 0.10, "largest growth allowed, as a share")
)

func main() {
	flag.Parse()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

func run() error {
	gateway, err := startGateway()
	if err != nil {
		return err
	}
	defer gateway.stop()
	bodies, err := loadBodies()
	if err != nil {
		return err
	}
	if err := gateway.load(bodies, *first); err != nil {
		return err
	}
	early := gateway.rss()
	if err := gateway.load(bodies, *total-*first); err != nil {
		return err
	}
	late := gateway.rss()
	if err := verdict(fmt.Sprintf("requests %d -> %d", *first, *total), early, late); err != nil {
		return err
	}
	return gateway.reload(bodies)
}

func verdict(what string, before, after int64) error {
	growth := float64(after-before) / float64(before)
	fmt.Printf("%-28s RSS %6.1f MiB -> %6.1f MiB  (%+.1f %%)\n", what, mib(before), mib(after), 100*growth)
	if growth > *maxGrowth {
		return fmt.Errorf("%s: memory grew by %.1f %%, more than %.0f %%", what, 100*growth, 100**maxGrowth)
	}
	return nil
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

// body is one request and the status that it must get.
type body struct {
	url    string
	json   []byte
	status int
}

// loadBodies takes the golden requests of every model, and one bad request for each.
func loadBodies() ([]body, error) {
	var bodies []body
	entries, err := os.ReadDir(*dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		golden, err := os.ReadFile(*dir + "/" + e.Name() + "/1/golden.jsonl")
		if err != nil {
			return nil, err
		}
		url := "/v2/models/" + e.Name() + "/infer"
		for line := range strings.Lines(string(golden)) {
			var row struct {
				Request json.RawMessage `json:"request"`
			}
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				return nil, fmt.Errorf("%s: %w", e.Name(), err)
			}
			bodies = append(bodies, body{url, row.Request, fasthttp.StatusOK})
		}
		bodies = append(bodies, body{url, []byte(`{"inputs":[{"name":"nobody"`), fasthttp.StatusBadRequest})
	}
	return bodies, nil
}

type gateway struct {
	cmd            *exec.Cmd
	predict, admin string
	client         *fasthttp.Client
}

func startGateway() (*gateway, error) {
	g := &gateway{predict: freeAddress(), admin: freeAddress(), client: &fasthttp.Client{MaxConnsPerHost: 4 * *clients}}
	g.cmd = exec.Command(*binary, "serve", "--models", *dir, "--listen", g.predict, "--admin", g.admin, "--log-level", "warn")
	g.cmd.Stderr = os.Stderr
	if err := g.cmd.Start(); err != nil {
		return nil, err
	}
	for begin := time.Now(); time.Since(begin) < 30*time.Second; time.Sleep(50 * time.Millisecond) {
		if status, _, err := g.client.Get(nil, "http://"+g.predict+"/v2/health/ready"); err == nil && status == fasthttp.StatusOK {
			return g, nil
		}
	}
	g.stop()
	return nil, fmt.Errorf("the gateway was not ready within 30 s")
}

func freeAddress() string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

func (g *gateway) stop() {
	_ = g.cmd.Process.Signal(syscall.SIGTERM)
	_ = g.cmd.Wait()
}

// rss is the resident memory of the gateway's process.
func (g *gateway) rss() int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", g.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kib << 10
		}
	}
	return 0
}

// load sends n requests and wants each answered as it must be; a shed request counts as answered.
func (g *gateway) load(bodies []body, n int64) error {
	var next, shed atomic.Int64
	var wg sync.WaitGroup
	failed := make(chan error, *clients)
	for range *clients {
		wg.Go(func() {
			for {
				i := next.Add(1)
				if i > n {
					return
				}
				b := bodies[int(i)%len(bodies)]
				status, err := g.post("http://"+g.predict+b.url, b.json)
				switch {
				case err != nil:
					failed <- err
					return
				case status == fasthttp.StatusTooManyRequests || status == fasthttp.StatusGatewayTimeout:
					shed.Add(1)
				case status != b.status:
					failed <- fmt.Errorf("%s answered %d, want %d", b.url, status, b.status)
					return
				}
			}
		})
	}
	wg.Wait()
	select {
	case err := <-failed:
		return err
	default:
	}
	fmt.Printf("%d requests, %d of them shed\n", n, shed.Load())
	return nil
}

func (g *gateway) post(url string, body []byte) (int, error) {
	req, res := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(req)
	defer fasthttp.ReleaseResponse(res)
	req.Header.SetMethod(fasthttp.MethodPost)
	req.SetRequestURI(url)
	req.SetBodyRaw(body)
	err := g.client.DoTimeout(req, res, 30*time.Second)
	return res.StatusCode(), err
}

// reload loads and unloads a model; the second half of the cycles must not grow beyond the
// plateau that the first half reached.
func (g *gateway) reload(bodies []body) error {
	name := strings.Split(bodies[0].url, "/")[3]
	var plateau int64
	for i := range *cycles {
		for _, step := range []string{"unload", "load"} {
			status, err := g.post("http://"+g.admin+"/v2/repository/models/"+name+"/"+step, nil)
			if err = answered(status, err); err != nil {
				return fmt.Errorf("cycle %d: %s: %w", i, step, err)
			}
		}
		if err := answered(g.post("http://"+g.predict+bodies[0].url, bodies[0].json)); err != nil {
			return fmt.Errorf("cycle %d: %s after loading: %w", i, name, err)
		}
		if i < *cycles/2 {
			plateau = max(plateau, g.rss())
		}
	}
	return verdict(fmt.Sprintf("load cycles %d -> %d", *cycles/2, *cycles), plateau, g.rss())
}

// answered wants a request to have gone well.
func answered(status int, err error) error {
	if err == nil && status != fasthttp.StatusOK {
		return fmt.Errorf("status %d", status)
	}
	return err
}
