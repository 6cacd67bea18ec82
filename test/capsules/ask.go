package main

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"sluice/internal/oip"
	"sluice/internal/oip/client"
	"sluice/internal/tensor"
)

// answer is what came of a request.
type answer struct {
	outputs []tensor.Tensor
	device  string
	batch   int // rows of the run
}

// asker asks a gateway, one connection for each that asks at once.
type asker struct {
	http *http.Client
	base string
}

func newAsker(address string) *asker {
	return &asker{&http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}, Timeout: time.Minute}, "http://" + address}
}

// clients ask at once.
const clients = 48

const (
	patient   = 30 * time.Second
	lengthKey = "Inference-Header-Content-Length"
)

// ask sends a capsule to its model, of a version unless that is empty. refused says that the gateway had no room within
// the budget.
func (a *asker) ask(c *capsule, version string, budget time.Duration) (out answer, refused bool, err error) {
	q := client.InferRequest{Inputs: c.inputs, Binary: true}
	for _, name := range c.model.outputs {
		q.Outputs = append(q.Outputs, client.WantedOutput{Name: name, Binary: true})
	}
	body, length, err := client.AppendInferRequest(nil, &q)
	if err != nil {
		return out, false, err
	}
	path := a.base + "/v2/models/" + c.model.name
	if version != "" {
		path += "/versions/" + version
	}
	request, err := http.NewRequest(http.MethodPost, path+"/infer", bytes.NewReader(body))
	if err != nil {
		return out, false, err
	}
	request.Header.Set("X-Request-Id", c.id)
	request.Header.Set("Sluice-Budget-Ms", strconv.FormatInt(budget.Milliseconds(), 10))
	request.Header.Set(lengthKey, strconv.Itoa(length))
	response, err := a.http.Do(request)
	if err != nil {
		return out, false, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return out, false, err
	}
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return out, true, nil
	default:
		return out, false, fmt.Errorf("%s: status %d: %s", c.id, response.StatusCode, client.ErrorText(text))
	}
	n, err := oip.ParseHeaderLength([]byte(response.Header.Get(lengthKey)), len(text))
	if err != nil {
		return out, false, err
	}
	var read client.Response
	if err := client.ReadResponse(text, n, &read); err != nil {
		return out, false, err
	}
	out.outputs = read.Outputs
	out.device, _, _ = strings.Cut(response.Header.Get("Sluice-Device"), ";")
	out.batch, err = strconv.Atoi(response.Header.Get("Sluice-Batch"))
	return out, false, err
}

// The tolerance that all models are served with.
const toleranceAbs, toleranceRel = 1e-4, 1e-3

// apart is how far an answer is from another, in tolerances: above 1 it is another answer. What has no tolerance, such
// as a label, is equal or infinitely far.
func apart(got, want answer) float64 {
	if len(got.outputs) != len(want.outputs) {
		return math.Inf(1)
	}
	most := 0.0
	for i := range want.outputs {
		g, w := &got.outputs[i], &want.outputs[i]
		switch {
		case g.Name != w.Name || g.Type != w.Type || len(g.Data) != len(w.Data) || !w.Type.Float() && !bytes.Equal(g.Data, w.Data):
			return math.Inf(1)
		case w.Type.Float():
			for k := range len(w.Data) / w.Type.Size() {
				want := tensor.FloatAt(w.Type, w.Data, k)
				d := math.Abs(tensor.FloatAt(g.Type, g.Data, k)-want) / (toleranceAbs + toleranceRel*math.Abs(want))
				if math.IsNaN(d) { // the models have no such answers
					return math.Inf(1)
				}
				most = max(most, d)
			}
		}
	}
	return most
}
