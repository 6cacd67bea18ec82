package telemetry

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"sluice/internal/fault"
)

var (
	byModel   = []string{"model", "version"}
	byDevice  = []string{"model", "version", "device"}
	byOutcome = []string{"model", "version", "outcome"}
)

// descriptions are all that the collector may send.
var descriptions []*prometheus.Desc

// describe makes the description of a series, once, as the program starts.
func describe(name, help string, labels ...string) *prometheus.Desc {
	d := prometheus.NewDesc(name, help, labels, nil)
	descriptions = append(descriptions, d)
	return d
}

var (
	descBuild = describe("sluice_build_info", "The running server; always 1.", "version")

	descRequests = describe("sluice_requests_total", "Requests that reached a model, by outcome: ok, late (answered after the deadline), or the code of the fault.", byOutcome...)
	descSplit    = describe("sluice_split_requests_total", "Requests for which the version was chosen while the model had a canary, by whether they had a unit: known or none.", "model", "version", "unit")
	descRows     = describe("sluice_rows_total", "Rows of answered requests.", byModel...)
	descRequest  = describe("sluice_request_duration_seconds", "From arrival to the written answer, of answered requests.", byModel...)
	descDecode   = describe("sluice_decode_duration_seconds", "Decoding a request's body.", byModel...)
	descQueue    = describe("sluice_queue_duration_seconds", "From submission to the closing of the batch.", byModel...)
	descEncode   = describe("sluice_encode_duration_seconds", "Encoding an answer.", byModel...)
	descDrops    = describe("sluice_queue_refusals_total", "Requests that the scheduler refused or gave up, by reason.", byOutcome...)

	descQueueRequests = describe("sluice_queue_depth_requests", "Requests that wait for a batch.", byModel...)
	descQueueRows     = describe("sluice_queue_depth_rows", "Rows that wait for a batch.", byModel...)
	descQueueBytes    = describe("sluice_queue_depth_bytes", "Bytes of tensors that wait for a batch.", byModel...)
	descQueueOldest   = describe("sluice_queue_oldest_age_seconds", "How long the longest-waiting request has waited.", byModel...)

	descBatchRows   = describe("sluice_batch_size_rows", "Rows of a batch, without padding.", byDevice...)
	descBatchRun    = describe("sluice_run_duration_seconds", "Running the session on a batch.", byDevice...)
	descBatchRatio  = describe("sluice_prediction_error_ratio", "A batch's measured time over its predicted time; 1 is a perfect prediction.", byDevice...)
	descBatchBound  = describe("sluice_prediction_bound_ratio", "A batch's measured time over the bound that deadlines are held against; it should seldom be above 1.", byDevice...)
	descDeviceRows  = describe("sluice_device_rows_total", "Rows that have run on a device, without padding.", byDevice...)
	descDeviceSpent = describe("sluice_device_busy_seconds_total", "How long a device has run batches, those that failed too; batches that run at the same time count each.", byDevice...)
	descBatchFailed = describe("sluice_run_failures_total", "Batches that failed.", byDevice...)

	descResponses = describe("sluice_http_responses_total", "Answers of the predict port, by status.", "code")
	descRefusals  = describe("sluice_http_refusals_total", "Requests that were refused before they reached a model, by the fault's code.", "outcome")
	descOverruns  = describe("sluice_http_overruns_total", "Answers that were ready before their deadlines and written after them.")
	descOpen      = describe("sluice_http_connections", "Open connections of the predict port.")
	descOpened    = describe("sluice_http_connections_total", "Connections that the predict port has accepted.")
)

// collector reads the handles at a scrape.
type collector struct{ metrics *Metrics }

func (c collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range descriptions {
		ch <- d
	}
}

func (c collector) Collect(ch chan<- prometheus.Metric) {
	gauge(ch, descBuild, 1, c.metrics.version)
	c.http(ch)
	c.metrics.collectGPUs(ch)
	c.metrics.collectDevices(ch)
	c.metrics.collectRecording(ch)
	c.metrics.collectVersions(ch)
	c.metrics.collectWebhooks(ch)
	c.metrics.collectPredictionLog(ch)
	c.metrics.collectAccessLog(ch)
	c.metrics.collectLog(ch)
	c.metrics.collectShadows(ch)
	c.metrics.collectMemory(ch)
	c.metrics.collectFeatures(ch)
	for _, m := range c.metrics.models() {
		queue := m.queueState()
		c.model(ch, m, queue)
		m.collectRouting(ch)
		m.collectCompared(ch)
		m.collectFeatures(ch)
		for _, d := range m.devices() {
			c.device(ch, d)
		}
		collectNV(ch, m, queue)
	}
}

func (c collector) http(ch chan<- prometheus.Metric) {
	h := &c.metrics.HTTP
	for status := range statusCells {
		// A status that never occurred has no series, save the one that always will.
		if n := h.cells.sum(status); n > 0 || status == http.StatusOK {
			counter(ch, descResponses, float64(n), strconv.Itoa(status))
		}
	}
	for _, kind := range fault.Kinds() {
		if n := h.cells.sum(statusCells + int(kind)); n > 0 {
			counter(ch, descRefusals, float64(n), outcome(kind))
		}
	}
	gauge(ch, descOpen, float64(h.open.Load()))
	counter(ch, descOpened, float64(h.opened.Load()))
	counter(ch, descOverruns, float64(h.overruns.Load()))
}

func (c collector) model(ch chan<- prometheus.Metric, m *Model, queue QueueState) {
	counter(ch, descRequests, float64(m.cells.sum(cellInTime)), m.name, m.version, "ok")
	counter(ch, descRequests, float64(m.cells.sum(cellLate)), m.name, m.version, "late")
	for _, kind := range fault.Kinds() {
		if n := m.faults(kind); n > 0 {
			counter(ch, descRequests, float64(n), m.name, m.version, outcome(kind))
		}
	}
	for reason, name := range dropNames {
		counter(ch, descDrops, float64(m.cells.sum(cellDrops+reason)), m.name, m.version, name)
	}
	counter(ch, descSplit, float64(m.cells.sum(cellUnit)), m.name, m.version, "known")
	counter(ch, descSplit, float64(m.cells.sum(cellNoUnit)), m.name, m.version, "none")
	counter(ch, descRows, float64(m.cells.sum(cellRows)), m.name, m.version)
	c.histogram(ch, descRequest, m.cells.read(durations, cellRequest), m.name, m.version)
	c.histogram(ch, descDecode, m.cells.read(durations, cellDecode), m.name, m.version)
	c.histogram(ch, descQueue, m.cells.read(durations, cellQueue), m.name, m.version)
	c.histogram(ch, descEncode, m.cells.read(durations, cellEncode), m.name, m.version)
	gauge(ch, descQueueRequests, float64(queue.Requests), m.name, m.version)
	gauge(ch, descQueueRows, float64(queue.Rows), m.name, m.version)
	gauge(ch, descQueueBytes, float64(queue.Bytes), m.name, m.version)
	gauge(ch, descQueueOldest, queue.Oldest.Seconds(), m.name, m.version)
}

func (c collector) device(ch chan<- prometheus.Metric, d *Device) {
	labels := []string{d.model.name, d.model.version, d.name}
	c.histogram(ch, descBatchRows, d.cells.read(batchRows, cellBatchRows), labels...)
	c.histogram(ch, descBatchRun, d.cells.read(durations, cellBatchRun), labels...)
	c.histogram(ch, descBatchRatio, d.cells.read(ratios, cellBatchRatio), labels...)
	c.histogram(ch, descBatchBound, d.cells.read(ratios, cellBatchBound), labels...)
	counter(ch, descDeviceRows, float64(d.rows()), labels...)
	counter(ch, descDeviceSpent, d.busy().Seconds(), labels...)
	counter(ch, descBatchFailed, float64(d.cells.sum(cellBatchFailed)), labels...)
}

func (m *Model) queueState() QueueState {
	if state := m.queue.Load(); state != nil {
		return (*state)()
	}
	return QueueState{}
}

// outcome is a fault's code as a label value.
func outcome(kind fault.Kind) string { return strings.ToLower(kind.Code()) }

func counter(ch chan<- prometheus.Metric, desc *prometheus.Desc, v float64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, v, labels...)
}

func gauge(ch chan<- prometheus.Metric, desc *prometheus.Desc, v float64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, v, labels...)
}
