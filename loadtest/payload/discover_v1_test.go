package payload

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"sluice/internal/tensor"
)

// tensorflow is a server that speaks V1 alone, in the words of TensorFlow Serving.
var tensorflow = routes{
	"GET /v1/models/half":          `{"model_version_status":[{"version":"2","state":"AVAILABLE","status":{"error_code":"OK","error_message":""}},{"version":"1","state":"END"}]}`,
	"GET /v1/models/half/metadata": `{"model_spec":{"name":"half","signature_name":"","version":"2"},"metadata":{"signature_def":{"signature_def":{"serving_default":{"inputs":{"x":{"dtype":"DT_FLOAT","tensor_shape":{"dim":[{"size":"-1","name":""},{"size":"3","name":""}],"unknown_rank":false},"name":"x:0"},"a":{"dtype":"DT_STRING","tensor_shape":{"dim":[],"unknown_rank":false},"name":"a:0"}},"outputs":{"y":{"dtype":"DT_INT64","tensor_shape":{"dim":[{"size":"-1","name":""}],"unknown_rank":false},"name":"y:0"}},"method_name":"tensorflow/serving/predict"}}}}}`,
}

func TestDiscoverV1(t *testing.T) {
	f := func(name string, server routes, model, want string) {
		t.Helper()
		m, err := DiscoverV1(context.Background(), serve(t, server), model, "")
		got := ""
		var usage *UsageError
		var notReady *NotReadyError
		switch {
		case errors.As(err, &usage):
			got = "usage: " + err.Error()
		case errors.As(err, &notReady):
			got = "not ready: " + err.Error()
		default:
			got = fmt.Sprint(m.Name, m.Versions, specs(m.Inputs), specs(m.Outputs))
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q in it", name, got, want)
		}
	}
	odd := func(from, to string) routes {
		const path = "GET /v1/models/half/metadata"
		return tensorflow.with(routes{path: strings.Replace(tensorflow[path], from, to, 1)})
	}
	f("TensorFlow Serving", tensorflow, "half", "half[2] [a BYTES [] x FP32 [-1 3]] [y INT64 [-1]]")
	f("both protocols", sluice, "", "eta[1 2] [features FP32 [-1 12]]")
	f("no name", tensorflow, "", "usage: target http://127.0.0.1:")
	f("wrong model", tensorflow, "nope", `not ready: target has no model "nope" that is ready: status 404, Not Found`)
	f("loading", tensorflow.with(routes{"GET /v1/models/half": `{"model_version_status":[{"version":"2","state":"LOADING"}]}`}), "half", `not ready: model "half" is not ready: no version of it is AVAILABLE`)
	f("no metadata", tensorflow.with(routes{"GET /v1/models/half/metadata": "404"}), "half", `not ready: target does not describe model "half": status 404`)
	f("no signature", odd("serving_default", "other"), "half", "has no signature serving_default")
	f("type", odd("DT_FLOAT", "DT_QINT8"), "half", `"x" is DT_QINT8`)
	f("rank", odd(`"unknown_rank":false`, `"unknown_rank":true`), "half", `"x" is DT_FLOAT, or its rank is not known`)
	f("no JSON", tensorflow.with(routes{"GET /v1/models/half/metadata": "<html>"}), "half", "not ready: cannot read the metadata")
}

// specs names inputs or outputs with their types and shapes.
func specs(all []tensor.Spec) (texts []string) {
	for _, s := range all {
		texts = append(texts, fmt.Sprint(s.Name, " ", s.Type, " ", s.Shape))
	}
	return texts
}
