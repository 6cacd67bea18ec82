package watch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// maxMetrics bounds what is read of a target's metrics, in bytes. A server of a thousand
// models has about a tenth of it.
const maxMetrics = 16 << 20

// scrapeLimit is the longest that a target may take to tell its metrics.
const scrapeLimit = time.Second

// ErrUnknownServer is what metrics end in that are not of a server whose names are known.
var ErrUnknownServer = errors.New("the metrics are neither Sluice's nor Triton's")

// totals are what a target has counted since it started, and gauges as they stand.
type totals Rates

// scraper reads one target's metrics, over one kept connection.
type scraper struct {
	url    string
	client http.Client
}

func newScraper(url string) *scraper {
	return &scraper{url: url, client: http.Client{Timeout: scrapeLimit, Transport: &http.Transport{MaxIdleConns: 1}}}
}

func (s *scraper) close() { s.client.CloseIdleConnections() }

func (s *scraper) read(ctx context.Context) (totals, error) {
	t, err := s.fetch(ctx)
	if err != nil {
		return totals{}, fmt.Errorf("cannot read the metrics at %s: %w", s.url, err)
	}
	return t, nil
}

func (s *scraper) fetch(ctx context.Context) (totals, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return totals{}, err
	}
	r.Header.Set("Accept", "text/plain;version=0.0.4")
	answer, err := s.client.Do(r)
	if err != nil {
		var u *url.Error // it repeats the address
		if errors.As(err, &u) {
			err = u.Err
		}
		return totals{}, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxMetrics+1))
	switch {
	case err != nil:
		return totals{}, err
	case answer.StatusCode != http.StatusOK:
		return totals{}, fmt.Errorf("the answer's status is %d", answer.StatusCode)
	case len(text) > maxMetrics:
		return totals{}, fmt.Errorf("they are larger than %d bytes", maxMetrics)
	}
	return parseMetrics(text)
}

// parseMetrics adds up the series that are known, of all models and devices.
func parseMetrics(text []byte) (totals, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(known(text)))
	if err != nil {
		return totals{}, fmt.Errorf("they are malformed: %w", err)
	}
	switch {
	case families["sluice_build_info"] != nil:
		return ofSluice(families), nil
	case families["nv_inference_request_success"] != nil:
		return ofTriton(families), nil
	default:
		return totals{}, ErrUnknownServer
	}
}

// names are the series that are read.
var names = map[string]bool{
	"sluice_build_info": true, "sluice_requests_total": true, "sluice_http_refusals_total": true,
	"sluice_requests_routed_total": true, "sluice_batch_size_rows_sum": true, "sluice_batch_size_rows_count": true,
	"sluice_queue_depth_requests": true, "sluice_gpu_utilization_ratio": true, "sluice_gpu_memory_used_bytes": true,
	"nv_inference_request_success": true, "nv_inference_request_failure": true, "nv_inference_count": true,
	"nv_inference_exec_count": true, "nv_inference_pending_request_count": true, "nv_gpu_utilization": true,
	"nv_gpu_memory_used_bytes": true,
}

// known keeps the lines of those series and drops all others, with the comments. Most of what a
// server tells is of no use here, and parsing it each second would cost the tool more than all
// else that it watches. Without their types all series come out untyped.
func known(text []byte) []byte {
	kept := text[:0:0]
	for line := range bytes.Lines(text) {
		end := bytes.IndexAny(line, "{ \t\n")
		if end > 0 && names[string(line[:end])] {
			kept = append(kept, line...)
		}
	}
	if n := len(kept); n > 0 && kept[n-1] != '\n' {
		kept = append(kept, '\n')
	}
	return kept
}

// each visits the series of a name with the value of a label and its own; what is not a number is left out.
func each(families map[string]*dto.MetricFamily, name, label string, visit func(label string, v float64)) {
	for _, m := range families[name].GetMetric() {
		v := m.GetUntyped().GetValue()
		if math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		value := ""
		for _, pair := range m.GetLabel() {
			if pair.GetName() == label {
				value = pair.GetValue()
			}
		}
		visit(value, v)
	}
}

func sum(families map[string]*dto.MetricFamily, name string) (total float64) {
	each(families, name, "", func(_ string, v float64) { total += v })
	return total
}

// mean is over all series of a name: over the GPUs.
func mean(families map[string]*dto.MetricFamily, name string) float64 {
	n := len(families[name].GetMetric())
	if n == 0 {
		return 0
	}
	return sum(families, name) / float64(n)
}

// ofSluice reads Sluice's own names. Requests that never reached a model have been answered too.
func ofSluice(families map[string]*dto.MetricFamily) totals {
	t := totals{Source: "sluice", Devices: map[string]float64{}}
	count := func(outcome string, v float64) {
		t.Accepted += v
		switch outcome {
		case "client_closed": // nobody was left to answer
			return
		case "overloaded", "no_capacity", "draining", "model_not_ready", "budget_too_short": // 429, 503, and a 504 that says so
			t.Sheds += v
		}
		t.Answered += v
	}
	each(families, "sluice_requests_total", "outcome", count)
	each(families, "sluice_http_refusals_total", "outcome", count)
	each(families, "sluice_requests_routed_total", "reason", func(reason string, v float64) {
		if reason != "preferred" {
			t.Spills += v
		}
	})
	each(families, "sluice_batch_size_rows_sum", "device", func(device string, v float64) {
		t.Devices[device] += v
		t.Rows += v
	})
	t.Batches = sum(families, "sluice_batch_size_rows_count")
	t.Queue = sum(families, "sluice_queue_depth_requests")
	t.GPU = mean(families, "sluice_gpu_utilization_ratio")
	t.GPUMemory = int64(sum(families, "sluice_gpu_memory_used_bytes"))
	return t
}

// ofTriton reads the names that Triton gives.
func ofTriton(families map[string]*dto.MetricFamily) totals {
	t := totals{Source: "triton", Accepted: sum(families, "nv_inference_request_success")}
	t.Answered = t.Accepted
	each(families, "nv_inference_request_failure", "reason", func(reason string, v float64) {
		t.Accepted += v
		switch strings.ToUpper(reason) {
		case "CANCELED":
			return
		case "REJECTED":
			t.Sheds += v
		}
		t.Answered += v
	})
	t.Rows, t.Batches = sum(families, "nv_inference_count"), sum(families, "nv_inference_exec_count")
	t.Queue = sum(families, "nv_inference_pending_request_count")
	t.GPU, t.GPUMemory = mean(families, "nv_gpu_utilization"), int64(sum(families, "nv_gpu_memory_used_bytes"))
	return t
}
