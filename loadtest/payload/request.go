package payload

import (
	"strconv"
	"strings"
	"time"

	"sluice/internal/oip/client"
	"sluice/internal/tensor"
	"sluice/loadtest/engine"
)

const (
	userAgent  = "sluice-loadtest"
	typeJSON   = "application/json"
	typeBinary = "application/octet-stream"

	// IdentityLength is the length of a request's identity.
	IdentityLength = engine.IDLength
	// noIdentity stands in the prepared bytes until the engine writes a request's own.
	noIdentity = "0000000000000000"
)

// head is what all requests of a set have in common.
type head struct {
	target  Target
	path    string
	headers []string
	budget  time.Duration
}

// request puts a head in front of a body. jsonLen is the length of its JSON if binary data
// follows, and else 0.
func (h *head) request(body []byte, jsonLen int) []byte {
	contentType := typeJSON
	if jsonLen > 0 {
		contentType = typeBinary
	}
	b := make([]byte, 0, 300+len(body))
	b = append(b, "POST "+h.target.Base+h.path+" HTTP/1.1\r\nHost: "+h.target.Host+"\r\n"...)
	b = append(b, "User-Agent: "+userAgent+"\r\nContent-Type: "+contentType+"\r\n"...)
	if jsonLen > 0 {
		b = append(b, "Inference-Header-Content-Length: "+strconv.Itoa(jsonLen)+"\r\n"...)
	}
	b = append(b, "Content-Length: "+strconv.Itoa(len(body))+"\r\n"...)
	b = append(b, budgetField(h.budget)...)
	for _, line := range h.headers {
		b = append(append(b, line...), "\r\n"...)
	}
	return append(append(b, "\r\n"...), body...)
}

// budgetField is the line of the head that asks for a budget; "" without one.
func budgetField(budget time.Duration) string {
	if budget <= 0 {
		return ""
	}
	return "Sluice-Budget-Ms: " + strconv.FormatFloat(float64(budget.Microseconds())/1000, 'f', -1, 64) + "\r\n"
}

// ownHeaders are written by the tool, or would change what comes back in a way that it
// cannot read.
var ownHeaders = []string{"content-length", "transfer-encoding", "connection", "host", "content-type", "user-agent", "accept-encoding", "content-encoding", "expect", "inference-header-content-length"}

// checkHeaders refuses further headers that are none, or that the tool writes itself.
func checkHeaders(headers []string) error {
	for _, line := range headers {
		name, _, ok := strings.Cut(line, ":")
		if !ok || name == "" || strings.ContainsAny(name, " \t") || strings.ContainsAny(line, "\r\n\x00") {
			return usagef("header %q: give it as \"Name: value\"", line)
		}
		for _, own := range ownHeaders {
			if strings.EqualFold(name, own) {
				return usagef("header %q: the tool writes %s itself", line, name)
			}
		}
	}
	return nil
}

// inferRequest writes a row in the Open Inference Protocol.
func inferRequest(h *head, m *Model, o *Options, row *Row) (engine.Payload, error) {
	r := client.InferRequest{
		ID: noIdentity, Inputs: row.Inputs, Binary: o.Protocol == Binary,
		Outputs: wantedOutputs(m.Outputs, o.Protocol == Binary), Timeout: o.Timeout, Priority: o.Priority,
	}
	body, jsonLen, err := client.AppendInferRequest(nil, &r)
	if err != nil {
		return engine.Payload{}, err
	}
	b := h.request(body, jsonLen)
	return engine.Payload{Bytes: b, ID: len(b) - len(body) + client.IDOffset}, nil
}

// wantedOutputs names the outputs only where their form must be said: servers without
// binary tensors refuse what they do not know.
func wantedOutputs(specs []tensor.Spec, binary bool) []client.WantedOutput {
	var wanted []client.WantedOutput
	needed := binary
	for i := range specs {
		half := specs[i].Type == tensor.FP16 || specs[i].Type == tensor.BF16
		wanted = append(wanted, client.WantedOutput{Name: specs[i].Name, Binary: binary || half})
		needed = needed || half
	}
	if !needed {
		return nil
	}
	return wanted
}
