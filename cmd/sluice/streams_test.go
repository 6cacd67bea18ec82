package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/ptytest"
	"sluice/test/rig"
)

// Whoever reads the log may go, stop and come back: what is served, loaded and stopped does not
// notice. The pipes and the terminal are real.

// shortPipe holds one page, so that it is full soon.
func shortPipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	if _, err := unix.FcntlInt(w.Fd(), unix.F_SETPIPE_SZ, 4096); err != nil {
		t.Fatal(err)
	}
	return r, w
}

// works wants that everything that logs goes on: a request, an unload, a load, a SIGHUP, and what a
// terminal sends to a job in the background that writes to it.
func (g *running) works() {
	g.t.Helper()
	for _, signal := range []syscall.Signal{syscall.SIGHUP, syscall.SIGTTOU} {
		if err := g.Signal(signal); err != nil {
			g.t.Fatal(err)
		}
	}
	for _, verb := range []string{"unload", "load"} {
		if status, body := g.post(g.admin+"/v2/repository/models/eta/"+verb, ""); status != http.StatusOK {
			g.t.Fatalf("%s: %d %s", verb, status, body)
		}
	}
	g.infer("eta", golden(g.t, "eta")[0].Request)
}

// chatter makes the gateway log lines, of some 250 bytes each.
func (g *running) chatter(lines int) {
	g.t.Helper()
	for range lines {
		if status, body := g.post(g.admin+"/v2/repository/models/nobody-has-a-model-of-this-name/load", ""); status != http.StatusNotFound {
			g.t.Fatalf("%d %s", status, body)
		}
	}
}

var droppedLines = regexp.MustCompile(`(?m)^sluice_log_dropped_total (\d+)`)

// lost is how many lines of the log the gateway says are lost.
func (g *running) lost() int {
	g.t.Helper()
	_, text := g.get(g.admin + "/metrics")
	m := droppedLines.FindStringSubmatch(text)
	if m == nil {
		g.t.Fatalf("the metrics do not tell of the log:\n%s", text)
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

// ends wants that SIGTERM ends the gateway in order, within its drain delay and two seconds.
func (g *running) ends() {
	g.t.Helper()
	begin := time.Now()
	g.stop()
	if took := time.Since(begin); took > 100*time.Millisecond+2*time.Second {
		g.t.Errorf("it took %v to end", took)
	}
}

func TestLogReaderHasGone(t *testing.T) {
	r, w := shortPipe(t)
	g := launch(t, rig.Options{Stdout: w, Stderr: w}, "--models", onlyEta(t), "--access-log-file", "stderr", "--access-log-sample", "1")
	w.Close()
	go func() {
		_, _ = bufio.NewReader(r).ReadString('\n')
		r.Close()
	}()
	g.awaitReady()
	eventually(t, "lines are lost", func() bool { g.works(); return g.lost() > 0 })
	g.works()
	g.ends()
}

func TestLogReaderHasStopped(t *testing.T) {
	for _, access := range []string{"", "stderr"} {
		t.Run("access="+access, func(t *testing.T) {
			_, w := shortPipe(t)
			g := launch(t, rig.Options{Stdout: w, Stderr: w}, "--models", onlyEta(t), "--access-log-file", access, "--access-log-sample", "1")
			w.Close()
			g.awaitReady()
			g.chatter(50) // the pipe is full
			g.works()
			g.ends()
		})
	}
}

func TestLogReaderComesBack(t *testing.T) {
	r, w := shortPipe(t)
	g := launch(t, rig.Options{Stderr: w}, "--models", onlyEta(t))
	w.Close()
	g.awaitReady()
	eventually(t, "lines are lost", func() bool { g.chatter(2000); return g.lost() > 0 })
	g.works()
	lost, told := g.lost(), 0
	lines := bufio.NewScanner(r)
	for told < lost && lines.Scan() {
		var line struct {
			Msg   string
			Lines int
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatalf("%v in %s", err, lines.Bytes())
		}
		if strings.HasPrefix(line.Msg, "lines of the log were lost") {
			told += line.Lines
		}
	}
	if told != lost {
		t.Errorf("%d lines were lost, and the log tells of %d: %v", lost, told, lines.Err())
	}
	go func() { _, _ = io.Copy(io.Discard, r) }()
	g.works()
	if again := g.lost(); again != lost {
		t.Errorf("%d lines were lost to a reader who reads", again-lost)
	}
	g.ends()
}

// On a terminal control-S stops what is shown, and nothing else; control-Q brings it.
func TestTerminalIsStopped(t *testing.T) {
	master, slave := ptytest.Open(t)
	g := launch(t, rig.Options{Stdout: slave, Stderr: slave}, "--models", onlyEta(t))
	var shown rig.Transcript
	read := make(chan struct{})
	go func() { defer close(read); _, _ = io.Copy(&shown, master) }()
	t.Cleanup(func() { g.stop(); slave.Close(); master.Close(); <-read })
	if _, err := master.WriteString("\x13"); err != nil {
		t.Fatal(err)
	}
	g.awaitReady()
	g.works()
	g.works()
	before := shown.String()
	if _, err := master.WriteString("\x11"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "what was held back is shown", func() bool {
		text := strings.TrimPrefix(shown.String(), before)
		return strings.Contains(text, "metrics on http://") && strings.Contains(text, "model control")
	})
	if _, err := master.WriteString("\x13"); err != nil {
		t.Fatal(err)
	}
	g.works()
	g.ends()
}

// The text of a crash goes past the queue of the log, to a reader who reads; one who does not read
// does not keep the process from ending. SIGQUIT is the crash that anybody can ask for.
func TestCrashTextIsSaidAtOnce(t *testing.T) {
	t.Parallel()
	for _, reads := range []bool{true, false} {
		t.Run(fmt.Sprintf("reads=%v", reads), func(t *testing.T) {
			r, w := shortPipe(t)
			g := launch(t, rig.Options{Stderr: w}, "--models", onlyEta(t))
			w.Close()
			var said rig.Transcript
			read := make(chan struct{})
			if reads {
				go func() { defer close(read); _, _ = io.Copy(&said, r) }()
			}
			g.awaitReady()
			if !reads {
				g.chatter(50)
			}
			_ = g.Signal(syscall.SIGQUIT)
			if err := g.end(10 * time.Second); err == nil {
				t.Error("a crash ended the process with status 0")
			}
			if reads {
				if <-read; !strings.Contains(said.String(), "SIGQUIT: quit") {
					t.Errorf("the crash was not told:\n%s", said.String())
				}
			}
		})
	}
}
