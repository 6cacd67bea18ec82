package models

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"sluice/internal/fault"
	"sluice/internal/tensor"
)

// actAsTrial is the trial process, when the test binary runs as one.
func actAsTrial(mode string) {
	switch mode {
	case "accept":
		if !strings.HasSuffix(os.Args[len(os.Args)-1], ModelFile) {
			os.Exit(1)
		}
		fmt.Println(TrialLoaded + `{"runs":[{"rows":2,"outputs":[[2,3]]}],"refused":[{"rows":3,"text":"no"}]}`)
		os.Exit(0)
	case "hang loaded":
		fmt.Print(TrialLoaded)
		select {}
	case "babble":
		fmt.Println("ready to go")
		os.Exit(0)
	case "refuse":
		fmt.Println("node Add has\nno input")
		os.Exit(TrialRefused)
	case "abort":
		syscall.Kill(os.Getpid(), syscall.SIGABRT) //nolint:errcheck // it does not return
		select {}
	case "panic":
		panic("cause " + strings.Repeat("long ", 4000))
	case "kill":
		syscall.Kill(os.Getpid(), syscall.SIGKILL) //nolint:errcheck // it does not return
		select {}
	default:
		select {} // hang
	}
}

func TestTrialRunner(t *testing.T) {
	f := func(mode, text, detail string) {
		t.Helper()
		t.Setenv("SLUICE_TEST_TRIAL", mode)
		runner := TrialRunner{Command: []string{os.Args[0], "-test.run=none"}, Timeout: 30 * time.Second}
		if strings.HasPrefix(mode, "hang") {
			runner.Timeout = 200 * time.Millisecond
		}
		graph := &Graph{Schema: tensor.Schema{Outputs: make([]tensor.Spec, 1)}}
		o, err := runner.Run(context.Background(), &Bundle{Dir: "/x", ModelName: ModelFile, graph: graph})
		if text == "" {
			if err != nil || !o.ran(2) || o.ran(3) || o.refused(3) == nil {
				t.Errorf("%s: %+v, %v", mode, o, err)
			}
			return
		}
		gotText, gotDetail := explain(err)
		if !fault.Is(err, fault.ModelLoadFailed) || gotText != text || !strings.Contains(gotDetail, detail) || len(gotDetail) > maxTrialOutput {
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
}

func TestTrialStops(t *testing.T) {
	t.Setenv("SLUICE_TEST_TRIAL", "hang")
	ctx, cancel := context.WithCancel(context.Background())
	stop := time.AfterFunc(20*time.Millisecond, cancel)
	defer stop.Stop()
	runner := TrialRunner{Command: []string{os.Args[0]}}
	if _, err := runner.Run(ctx, &Bundle{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestTrialGate(t *testing.T) {
	w := newWorld(t)
	b := w.put(t, "m/1", fakeFile{Factor: 1})
	opts := w.options()
	t.Setenv("SLUICE_TEST_TRIAL", "abort")
	opts.Trial = (&TrialRunner{Command: []string{os.Args[0]}}).Run
	report, err := Check(context.Background(), opts, b)
	if err != nil {
		t.Fatal(err)
	}
	if v := report.Refusal(); v == nil || v.Gate != "trial" || w.opened.Load() != 0 {
		t.Errorf("refusal %+v with %d sessions opened", v, w.opened.Load())
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
