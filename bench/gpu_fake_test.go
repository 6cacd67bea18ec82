package main

import (
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice/test/rig"
)

// The test's own binary stands for the gateway, its worker and the measuring children, as
// its first argument says. The load tester is the real one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		children := map[string]func([]string) error{
			"serve": fakeServe, "worker": fakeWorker, "devices": fakeDevices, "check": fakeCheck, "--version": fakeVersion,
			"raw": fakeRaw, "loadtest": realLoadtest,
		}
		if run := children[os.Args[1]]; run != nil {
			if err := run(os.Args[2:]); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			os.Exit(0)
		}
	}
	dir, err := os.MkdirTemp("", "sluice-bench-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	built = sync.OnceValues(func() (string, error) { return rig.Build(dir) })
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// built is the path of the gateway's real binary, which is built at the first use at the latest.
var built func() (string, error)

const realBinary = "SLUICE_TEST_BINARY"

// withLoadtest lets the test's children be the load tester.
func withLoadtest(t *testing.T) {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(realBinary, path)
}

func realLoadtest(args []string) error {
	path := os.Getenv(realBinary)
	return syscall.Exec(path, append([]string{path, "loadtest"}, args...), os.Environ())
}

// fakeFault is what goes wrong, from the test.
const fakeFault = "SLUICE_TEST_FAULT"

func fault() string { return os.Getenv(fakeFault) }

func fakeVersion([]string) error {
	_, err := fmt.Println("sluice version v0-test")
	return err
}

func fakeDevices([]string) error {
	usable := fault() != "unusable"
	_, err := fmt.Printf(`{"library":"/x","version":"1.26.0","nvidia_driver":"580.1","devices":[{"device":"cuda:0","gpu":"Chip 9","usable":%v,"missing":["libcudnn.so.9"]},{"device":"cpu","usable":true}]}`, usable)
	return err
}

func fakeCheck([]string) error {
	parity := `{"gate":"parity","outcome":"passed","text":"they agree"}`
	if fault() == "unbatched" {
		parity = `{"gate":"invariance","outcome":"changed","text":"served unbatched"}`
	}
	state, reason, status := "placed", "", error(nil)
	if fault() == "parity" {
		state, reason, status = "left_out", "answers differ by 3", fmt.Errorf("1 of 1 models cannot be served")
	}
	fmt.Printf(`{"name":"net","version":"1","gates":[{"gate":"golden","outcome":"passed","text":"8 requests"},%s],"devices":[`+
		`{"device":"cuda:0","state":"placed","curve":[{"rows":1,"p50_ns":1000000,"p95_ns":1000000},{"rows":4,"p50_ns":2000000,"p95_ns":2000000}]},`+
		`{"device":"cpu","state":%q,"reason":%q}]}`+"\n", parity, state, reason)
	return status
}

func fakeRaw([]string) error {
	if fault() == "raw" {
		return fmt.Errorf("no session")
	}
	s := sweep{Version: "1.26.0", Points: []rawPoint{{Rows: 1, P50: 1000, P95: 1100}, {Rows: 4, P50: 2000, P95: 2200}}, Turns: &turns{Rows: 4, P50: 3300, Apart: 3000}}
	return json.NewEncoder(os.Stdout).Encode(s)
}

func fakeWorker([]string) error {
	time.Sleep(30 * time.Second) // it is killed before, unless it is to be an orphan
	return nil
}

// fakeServe answers from cuda:0 while its worker lives, and else from the CPU. A worker
// that has died is started again a moment later.
func fakeServe(args []string) error {
	flags := flag.NewFlagSet("serve", flag.ExitOnError)
	listen := flags.String("listen", "", "")
	admin := flags.String("admin", "", "")
	flags.String("config", "", "")
	flags.String("models", "", "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var up atomic.Bool
	rows := &atomic.Int64{}
	died := make(chan struct{}, 1)
	start := func() *exec.Cmd {
		cmd := exec.Command(os.Args[0], "worker", "--device", "cuda:0")
		if fault() != "orphan" {
			cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		}
		if cmd.Start() != nil {
			os.Exit(3)
		}
		up.Store(true)
		go func() {
			_ = cmd.Wait() // it is killed
			up.Store(false)
			died <- struct{}{}
		}()
		return cmd
	}
	worker := start()
	go func() { _ = http.ListenAndServe(*listen, fakeInfer(&up, rows)) }()
	go func() { _ = http.ListenAndServe(*admin, fakeMetrics(rows)) }()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	for {
		select {
		case <-stop:
			if fault() != "orphan" {
				_ = worker.Process.Kill()
			}
			return nil
		case <-died:
			if fault() == "gone" {
				continue
			}
			time.Sleep(300 * time.Millisecond)
			worker = start()
		}
	}
}

// fakeInfer knows one model, of four numbers to their sum.
func fakeInfer(up *atomic.Bool, rows *atomic.Int64) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v2/models/net", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"name":"net","versions":["1"],"inputs":[{"name":"input","datatype":"FP32","shape":[-1,4]}],"outputs":[{"name":"sum","datatype":"FP32","shape":[-1,1]}]}`)
	})
	mux.HandleFunc("GET /", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /v2/models/net/infer", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		id, sum := fakeRun(body)
		if err != nil || id == nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		rows.Add(1)
		device := "cuda:0"
		if !up.Load() {
			device = "cpu;reason=down"
			if fault() == "wrong" {
				sum++
			}
		}
		w.Header().Set("Sluice-Device", device)
		if !up.Load() && fault() == "silent" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		fmt.Fprintf(w, `{"model_name":"net","model_version":"1","id":%q,"outputs":[{"name":"sum","datatype":"FP32","shape":[1,1],"data":[%g]}]}`, id, sum)
	})
	return mux
}

var identity = regexp.MustCompile(`"id":"([^"]*)"`)

// fakeRun reads a request's identity, and adds up the numbers behind its JSON; nil if it has none.
func fakeRun(body []byte) (id []byte, sum float32) {
	found := identity.FindSubmatch(body)
	if found == nil || len(body) < 16 {
		return nil, 0
	}
	for data := body[len(body)-16:]; len(data) > 0; data = data[4:] {
		sum += math.Float32frombits(binary.LittleEndian.Uint32(data))
	}
	return found[1], sum
}

func fakeMetrics(rows *atomic.Int64) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		var b strings.Builder
		fmt.Fprintf(&b, "# HELP x y\nsluice_batch_size_rows_sum{device=\"cuda:0\",model=\"net\",version=\"1\"} %d\n", rows.Load())
		b.WriteString("sluice_gpu_utilization_ratio{gpu_uuid=\"GPU-1\"} 0.75\nnv_gpu_power_usage{gpu_uuid=\"GPU-1\"} 321.5\n")
		_, _ = w.Write([]byte(b.String()))
	})
}
