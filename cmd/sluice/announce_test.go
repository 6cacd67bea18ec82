package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"sluice/internal/oip/client"
	"sluice/internal/ptytest"
	"sluice/internal/tensor"
	"sluice/test/rig"
)

// TestServeAnnouncesOnATerminal: people are told what is served, and each command that is printed works.
func TestServeAnnouncesOnATerminal(t *testing.T) {
	t.Parallel()
	needLibrary(t)
	master, slave := ptytest.Open(t)
	g := spawn(t, rig.Options{Stdout: slave}, "--models", examples, "--scheduler-budget", "10s")
	var shown rig.Transcript
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(&shown, master)
	}()
	t.Cleanup(func() {
		g.stop()
		slave.Close()
		master.Close()
		<-read
	})
	eventually(t, "each model and a request are shown", func() bool {
		out := shown.String()
		return strings.Count(out, "ready: ") == 4 && strings.Contains(out, "metrics on "+g.admin+"/metrics")
	})
	_, rest, _ := strings.Cut(shown.String(), "  curl -s ")
	curl, _, _ := strings.Cut(rest, "\r\n\r\n")
	url, data, _ := strings.Cut(curl, " -d ")
	if status, body := post(t, url, strings.Trim(data, "'")); status != http.StatusOK || len(curl) > 320 {
		t.Errorf("%s: %d %s", curl, status, body)
	}
}

func post(t *testing.T, url, body string) (int, string) {
	t.Helper()
	response, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func TestSample(t *testing.T) {
	t.Parallel()
	g := startGateway(t, "--models", examples, "--scheduler-budget", "10s")
	listen := strings.TrimPrefix(g.predict, "http://")
	for _, model := range exampleModels {
		out, err := exec.Command(sluice, "sample", model, "--listen", listen).Output()
		if err != nil || !json.Valid(out) {
			t.Errorf("%s: %v\n%s", model, err, out)
			continue
		}
		if status, body := g.post(g.predict+"/v2/models/"+model+"/infer", string(out)); status != http.StatusOK {
			t.Errorf("%s: %d %s", model, status, body)
		}
	}
	f := func(want string, status int, args ...string) {
		t.Helper()
		out, code := command(t, append([]string{"sample"}, args...)...)
		if code != status || strings.TrimSpace(out) != want {
			t.Errorf("%v: status %d, output %q, want %d, %q", args, code, out, status, want)
		}
	}
	f(`sluice: the gateway serves no model "digit" (did you mean digits?): it has digits, encoder, eta, ranker`, 1, "digit", "--listen", listen)
	f("sluice: the gateway serves several models: name one of digits, encoder, eta, ranker", 2, "--listen", listen)
	f("sluice: --listen: listen: 127.0.0.1:0 has port 0, for which the server takes a free one that cannot be known here; give it a port, or name the one that it took with --listen", 1, "eta", "--listen", "127.0.0.1:0")
	f(`sluice: sluice sample takes one MODEL, not "a b"; --help says more`, 2, "a", "b")
	f("sluice: http://"+listen+"/eu/v2/repository/index answers with status 404: is it a gateway?", 1, "eta", "--listen", listen, "--base-path", "/eu")
}

func TestTryIt(t *testing.T) {
	f := func(want string, in ...tensor.Spec) {
		t.Helper()
		got := tryIt("http://localhost:9000/eu", "m", &tensor.Schema{Inputs: in})
		if got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
	f(`  curl -s http://localhost:9000/eu/v2/models/m/infer -d '
  {"inputs":[{"name":"x","datatype":"FP32","shape":[1,3],
    "data":[1,1,1]}]}'`,
		tensor.Spec{Name: "x", Type: tensor.FP32, Shape: []int64{-1, 3}})
	f(`  curl -s http://localhost:9000/eu/v2/models/m/infer -d '
  {"inputs":[{"name":"it'\''s","datatype":"BYTES","shape":[1],
    "data":["a"]},
   {"name":"b","datatype":"BOOL","shape":[1,1],
    "data":[true]}]}'`,
		tensor.Spec{Name: "it's", Type: tensor.Bytes, Shape: []int64{-1}}, tensor.Spec{Name: "b", Type: tensor.Bool, Shape: []int64{-1, -1}})
	large := tensor.Spec{Name: "image", Type: tensor.FP32, Shape: []int64{-1, 3, 224, 224}}
	want := fmt.Sprintf("  %s sample m --listen localhost:9000 --base-path /eu > request.json\n  curl -s http://localhost:9000/eu/v2/models/m/infer -d @request.json", os.Args[0])
	if got := tryIt("http://localhost:9000/eu", "m", &tensor.Schema{Inputs: []tensor.Spec{large}}); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := client.NoSample(&tensor.Schema{Inputs: []tensor.Spec{{Name: "h", Type: tensor.FP16}}}); got != `input "h" is FP16, which the protocol has no JSON for: send it as binary data, as tritonclient does` {
		t.Error(got)
	}
}

// What is printed goes through a shell as it is, brackets and quotes included.
func TestTryItIsForAShell(t *testing.T) {
	small := &tensor.Schema{Inputs: []tensor.Spec{{Name: "it's", Type: tensor.FP32, Shape: []int64{2}}}}
	large := &tensor.Schema{Inputs: []tensor.Spec{{Name: "x", Type: tensor.FP32, Shape: []int64{-1, 400}}}}
	const base = "http://[::1]:9000/a b"
	f := func(s *tensor.Schema, want ...string) {
		t.Helper()
		script := "curl() { printf '<%s>' \"$@\"; }\n" + strings.ReplaceAll(tryIt(base, "m", s), os.Args[0]+" sample", "curl sample")
		script = strings.ReplaceAll(script, " > request.json", "")
		out, err := exec.Command("bash", "-c", script).Output()
		if got := string(out); err != nil || got != "<"+strings.Join(want, "><")+">" {
			t.Errorf("%s gives\n%s, %v, want\n%q", script, got, err, want)
		}
	}
	const address = base + "/v2/models/m/infer"
	f(small, "-s", address, "-d", "\n  "+`{"inputs":[{"name":"it's","datatype":"FP32","shape":[2],`+"\n    "+`"data":[1,1]}]}`)
	f(large, "sample", "m", "--listen", "[::1]:9000", "--base-path", "/a b", "-s", address, "-d", "@request.json")
	for word, want := range map[string]string{"bin/sluice": "bin/sluice", "http://127.0.0.1:80/v2": "http://127.0.0.1:80/v2", "[::1]:80": "'[::1]:80'", "a b": "'a b'", "$x": "'$x'", "": "''"} {
		if got := inShell(word); got != want {
			t.Errorf("%q becomes %s, want %s", word, got, want)
		}
	}
}
