package shadow

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/goleak"
)

// TestMain is also the process of a candidate: what it is told to do stands in its environment.
func TestMain(m *testing.M) {
	if orders := os.Getenv("SHADOW_TEST_CANDIDATE"); orders != "" {
		candidateProcess(orders, os.Getenv("SHADOW_TEST_SOCKET"))
		return
	}
	goleak.VerifyTestMain(m)
}

// candidateProcess answers what it is asked, as a gateway does, and misbehaves as ordered once it is asked.
func candidateProcess(orders, socket string) {
	ln, err := net.Listen("unix", socket)
	if err != nil {
		panic(err)
	}
	digest := "d2"
	if orders == "other files" {
		digest = "d3"
	}
	loaded := []Loaded{{Model: "m", Side: Side{"1", "d1"}}, {Model: "m", Side: Side{"2", digest}}, {Model: "n", Side: Side{"1", "n1"}}}
	if orders == "refused" {
		loaded[1].Reason = "golden: its rows are wrong"
	}
	greeting := Greeting{Versions: loaded}
	if orders == "unsplit" {
		greeting.NoSplit = "it has more columns"
	}
	text, _ := json.Marshal(greeting)
	if orders == "mute" {
		text = []byte("hello")
	}
	fmt.Printf("%s\n", text)
	_ = fasthttp.Serve(ln, func(ctx *fasthttp.RequestCtx) {
		switch orders {
		case "hang":
			select {}
		case "crash":
			fmt.Fprintln(os.Stderr, "a driver gave up")
			os.Exit(3)
		case "bomb":
			var all [][]byte
			for {
				block := make([]byte, 16<<20)
				for i := 0; i < len(block); i += 4096 {
					block[i] = 1
				}
				all = append(all, block)
				time.Sleep(time.Millisecond)
				_ = all
			}
		case "fail":
			ctx.Error(`{"error":"no"}`, 500)
			return
		case "garbage":
			ctx.Response.Header.Set("Sluice-Model", "m;version=2;digest=d2")
			ctx.SetBodyString("{")
			return
		}
		answer(ctx)
	})
}

// answer gives the inputs back as the output.
func answer(ctx *fasthttp.RequestCtx) {
	path := strings.Split(string(ctx.Path()), "/")
	digest := "d" + path[5]
	if path[3] == "n" {
		digest = "n" + path[5]
	}
	ctx.Response.Header.Set("Sluice-Model", path[3]+";version="+path[5]+";digest="+digest)
	ctx.Response.Header.Set("Server-Timing", "decode;dur=0.01, queue;dur=0.02, run;dur=1.5, encode;dur=0.1")
	var length int
	if _, err := fmt.Sscan(string(ctx.Request.Header.Peek(lengthHeader)), &length); err != nil {
		panic(err)
	}
	var asked struct {
		Inputs []struct{ Shape []int64 }
	}
	if err := json.Unmarshal(ctx.PostBody()[:length], &asked); err != nil {
		panic(err)
	}
	data := ctx.PostBody()[length:]
	parameters := ""
	if string(ctx.Request.Header.Peek("Sluice-Explain")) == "features" {
		late := 0
		if os.Getenv("SHADOW_TEST_CANDIDATE") == "late" {
			time.Sleep(400 * time.Millisecond)
			late = 1
		}
		ctx.Response.Header.Set("Sluice-Features", fmt.Sprintf("filled=3,cached=1,default=5,stale=2,late=%d", late))
		parameters = `"parameters":{"degraded":true,"features.x.g:a":"present*3,missing","features.x.g:c":"timeout*4","features.x.q":"request*4"},`
	}
	head := fmt.Sprintf(`{"model_name":"m",`+parameters+`"outputs":[{"name":"y","datatype":"FP32","shape":[%d,4],"parameters":{"binary_data_size":%d}}]}`, asked.Inputs[0].Shape[0], len(data))
	ctx.Response.Header.Set(lengthHeader, fmt.Sprint(len(head)))
	ctx.SetBody(append([]byte(head), data...))
}

// command starts this binary as a candidate.
func command(orders string) func(*Subject, string) (*exec.Cmd, error) {
	return func(_ *Subject, socket string) (*exec.Cmd, error) {
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), "SHADOW_TEST_CANDIDATE="+orders, "SHADOW_TEST_SOCKET="+socket)
		return cmd, nil
	}
}
