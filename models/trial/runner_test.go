package trial

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice/internal/fault"
	"sluice/internal/tensor"
	"sluice/models/bundle"
)

// actAsTrial is the trial process, when the test binary runs as one.
func actAsTrial(mode string) {
	says := os.NewFile(Descriptor, "gateway")
	say := func(kind byte, text string) {
		if err := writeFrame(says, kind, []byte(text)); err != nil {
			os.Exit(1)
		}
	}
	in := bufio.NewReader(os.Stdin)
	line, err := in.ReadBytes('\n')
	var request trialRequest
	if err != nil || json.Unmarshal(line, &request) != nil || request.ModelName != bundle.ModelFile {
		os.Exit(1)
	}
	if at, reading := strings.CutPrefix(mode, "reading: "); reading {
		misbehave(at, say)
	}
	text, err := bundle.EncodeDescription(&bundle.Config{Nonfinite: bundle.NonfiniteLiteral, Unproven: bundle.UnprovenBatch, Fallback: bundle.FallbackBudget}, triedGraph())
	if err != nil {
		os.Exit(1)
	}
	say(frameDescribed, string(text))
	if _, err := in.ReadByte(); err != nil {
		os.Exit(0)
	}
	if mode == "accept" {
		fmt.Println("what a library writes to standard output is nobody's word")
		say(frameLoaded, "")
		say(frameObserved, `{"runs":[{"rows":2,"outputs":[[2,3]]}],"refused":[{"rows":3,"text":"no"}]}`)
		os.Exit(0)
	}
	if how, weighing := strings.CutPrefix(mode, "weighing: "); weighing {
		say(frameLoaded, "")
		say(frameObserved, `{"runs":[{"rows":2,"outputs":[[2,3]]}],"refused":[{"rows":3,"text":"no"}]}`)
		for _, text := range []string{`{"axes":1,"length":8,"unfinished":true}`, `{"axes":1,"length":8,"bytes":5}`, `{"axes":1,"length":16,"unfinished":true}`} {
			say(frameWeighed, text)
		}
		if how == "lie" {
			say(frameWeighed, `{"axes":1,"length":-16}`)
		}
		misbehave(how, say)
	}
	misbehave(mode, say)
}

func misbehave(mode string, say func(byte, string)) {
	switch mode {
	case "hang loaded":
		say(frameLoaded, "")
		select {}
	case "babble":
		say(frameObserved, "ready to go")
		os.Exit(0)
	case "wrong":
		say(frameWrong, "model.yaml line 1: \x1b[31mno\nmodel.yaml line 2: no")
	case "refuse":
		say(frameRefused, "node Add has\nno input")
		os.Exit(0)
	case "announce":
		os.NewFile(Descriptor, "gateway").Write([]byte{frameDescribed, 255, 255, 255, 255}) //nolint:errcheck // the test shows
	case "describe":
		say(frameDescribed, `{"Config":{"Nonfinite":"literal"},"Graph":{"Schema":{"Inputs":[]}}}`)
	case "half":
		os.NewFile(Descriptor, "gateway").Write([]byte{frameDescribed, 9, 0, 0, 0, '{'}) //nolint:errcheck // the test shows
		os.Exit(1)
	case "eat":
		fmt.Fprintln(os.Stderr, "fatal error: runtime: out of memory")
		os.Exit(2)
	case "abort":
		syscall.Kill(os.Getpid(), syscall.SIGABRT) //nolint:errcheck // it does not return
	case "panic":
		panic("cause " + strings.Repeat("long ", 4000))
	case "kill":
		syscall.Kill(os.Getpid(), syscall.SIGKILL) //nolint:errcheck // it does not return
	}
	time.Sleep(time.Hour) // hang
}

// tried is a bundle that is about to be tried.
func triedBundle() *bundle.Bundle {
	return &bundle.Bundle{Name: "m", Dir: "/x", ModelName: bundle.ModelFile}
}

// TestTrialWeighs holds that a trial process which ends while it weighs rows keeps no model from
// being served: what it has told counts.
func TestTrialWeighs(t *testing.T) {
	f := func(mode string, ok bool) {
		t.Helper()
		t.Setenv("SLUICE_TEST_TRIAL", "weighing: "+mode)
		runner := &Runner{Command: []string{os.Args[0], "-test.run=none"}, Timeout: 10 * time.Second}
		if mode == "hang" {
			runner.Timeout = time.Second
		}
		tried, err := runner.Begin(context.Background(), triedBundle(), &Options{})
		if err != nil {
			t.Fatal(err)
		}
		o, err := tried.Observe(context.Background())
		if !ok {
			if err == nil {
				t.Errorf("%s: %+v is believed", mode, o.Weighed)
			}
			return
		}
		want := []bundle.Weighing{{Axes: 1, Length: 8, Bytes: 5}, {Axes: 1, Length: 16, Unfinished: true}}
		if err != nil || !o.Ran(2) || !reflect.DeepEqual(o.Weighed, want) || o.Scale().Cap != 8 {
			t.Errorf("%s: %+v, %v", mode, o, err)
		}
	}
	f("kill", true)
	f("abort", true)
	f("panic", true)
	f("hang", true)
	f("refuse", true)
	f("lie", false)
}

func TestTrialRunner(t *testing.T) {
	f := func(mode, text, detail string) {
		t.Helper()
		t.Setenv("SLUICE_TEST_TRIAL", mode)
		runner := &Runner{Command: []string{os.Args[0], "-test.run=none"}, Timeout: 30 * time.Second}
		if strings.HasPrefix(mode, "hang") {
			runner.Timeout = 200 * time.Millisecond
		}
		tried, err := runner.Begin(context.Background(), triedBundle(), &Options{})
		var o *bundle.Observation
		if err == nil {
			if !reflect.DeepEqual(tried.Graph, triedGraph()) {
				t.Errorf("%s: described as %+v", mode, tried.Graph)
			}
			o, err = tried.Observe(context.Background())
		}
		if text == "" {
			if err != nil || !o.Ran(2) || o.Ran(3) || o.Complaint(3) == nil {
				t.Errorf("%s: %+v, %v", mode, o, err)
			}
			return
		}
		if err == nil {
			t.Errorf("%s is accepted", mode)
			return
		}
		gotText, gotDetail := fault.Explain(err)
		if gotText != text || !strings.Contains(gotDetail, detail) || len(gotDetail) > maxTrialOutput {
			t.Errorf("%s: %q and %q; want %q and %q", mode, gotText, gotDetail, text, detail)
		}
	}
	f("accept", "", "")
	f("babble", "the trial process cannot be understood", "invalid character")
	f("refuse", "ONNX Runtime refuses to load it; sluice check and the log have its words: mend the model, and export it again", "node Add has no input")
	f("panic", "loading it crashed the ONNX Runtime in a trial process (exit status 2): not served", "panic: cause long")
	f("abort", "loading it crashed the ONNX Runtime in a trial process (exit status 2): not served", "SIGABRT: abort")
	f("kill", "loading it crashed the ONNX Runtime in a trial process (signal: killed): not served", "it said nothing")
	f("hang loaded", "it loads, and running it took longer than 200ms in a trial process: not served", "killed")
	f("hang", "loading it took longer than 200ms in a trial process: not served", "killed")
	f("reading: wrong", "model.yaml line 1: ?[31mno\nmodel.yaml line 2: no", "")
	f("reading: kill", "reading its files crashed a trial process (signal: killed): not served", "it said nothing")
	f("reading: panic", "reading its files crashed a trial process (exit status 2): not served", "panic: cause long")
	f("reading: eat", "reading its files took more than 1024.0 MiB of memory in a trial process: not served", "out of memory")
	f("reading: half", "reading its files crashed a trial process (exit status 1): not served", "")
	f("reading: babble", "the trial process that read its files cannot be understood: not served", "it says")
	f("reading: announce", "the trial process that read its files cannot be understood: not served", "it begins with")
	f("reading: describe", "the trial process that read its files cannot be understood: not served", "0 inputs")
}

func TestTrialStops(t *testing.T) {
	t.Setenv("SLUICE_TEST_TRIAL", "hang")
	ctx, cancel := context.WithCancel(context.Background())
	stop := time.AfterFunc(100*time.Millisecond, cancel)
	defer stop.Stop()
	runner := Runner{Command: []string{os.Args[0]}}
	tried, err := runner.Begin(ctx, triedBundle(), &Options{})
	if err == nil {
		_, err = tried.Observe(ctx)
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

// A load that is stopped before its trial begins has no fault of its own.
func TestTrialStoppedBefore(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	runner := Runner{Command: []string{os.Args[0]}}
	if _, err := runner.Begin(ctx, triedBundle(), &Options{}); err == nil || err.Error() != "loading was stopped: context canceled" {
		t.Errorf("got %v", err)
	}
}

func TestWhatTheLibraryRefuses(t *testing.T) {
	f := func(said, want string) {
		t.Helper()
		if got := refusal(said); got != "ONNX Runtime refuses to load it"+want {
			t.Errorf("%s: %s", said, got)
		}
	}
	f("Opset 99 is under development and support for this is limited. Current official support for domain ai.onnx is till opset 26.",
		": it needs operator set 99, and this library has them up to 26; export it for that one, or use a newer library")
	f(`In Node, ("", Frobnicate, "", -1) : ("x": tensor(float),) -> ("y": tensor(float),) , Error No Op registered for Frobnicate with domain_version of 17`,
		": it needs the operator Frobnicate, which this library does not have: export it without, or use a newer library")
	f("Fatal error: com.acme:Turn(1) is not a registered function/op",
		": it needs the operator com.acme:Turn(1), which this library does not have: export it without, or use a newer library")
	f("No Op registered for <script> with domain_version of 17", "; sluice check and the log have its words: mend the model, and export it again")
	f("", "; sluice check and the log have its words: mend the model, and export it again")
}

// triedGraph is what the trial processes of the tests describe.
func triedGraph() *bundle.Graph {
	return &bundle.Graph{
		Schema: tensor.Schema{
			Inputs: []tensor.Spec{{Name: "x", Type: tensor.FP32, Shape: []int64{-1, 2}}}, Outputs: []tensor.Spec{{Name: "y", Type: tensor.FP32, Shape: []int64{-1, 3}}},
			MaxBatch: 4, MaxRows: 8,
		},
		InputAxes: [][]string{{"batch", ""}}, OutputAxes: [][]string{{"batch", ""}},
	}
}

func TestMain(m *testing.M) {
	if mode := os.Getenv("SLUICE_TEST_TRIAL"); mode != "" {
		actAsTrial(mode)
	}
	goleak.VerifyTestMain(m)
}

func TestTrialMemory(t *testing.T) {
	r := &Runner{}
	one, two := r.memory(&Options{AtOnce: 1}), r.memory(&Options{AtOnce: 2})
	if two < one/2-1 || two > one/2+1 {
		t.Errorf("one of two gets %d, one alone %d", two, one)
	}
	if least := r.memory(&Options{AtOnce: 2, Ceiling: 1}); least != leastMemory {
		t.Errorf("with nothing left it gets %d", least)
	}
	t.Setenv("SLUICE_TEST_TRIAL", "eat")
	runner := &Runner{Command: []string{os.Args[0], "-test.run=none"}}
	tried, err := runner.Begin(t.Context(), triedBundle(), &Options{})
	if err == nil {
		_, err = tried.Observe(t.Context())
	}
	if !errors.Is(err, ErrShort) || !strings.Contains(err.Error(), "out of memory") {
		t.Errorf("a process that runs out of memory is told as %v", err)
	}
}
