package config

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestOptions(t *testing.T) {
	var got []string
	for _, o := range Options() {
		got = append(got, strings.Join([]string{o.Path, o.Env, o.Flag, o.Default}, " "))
	}
	f := func(want string) {
		t.Helper()
		if !slices.Contains(got, want) {
			t.Errorf("%q is not among\n%s", want, strings.Join(got, "\n"))
		}
	}
	f("listen SLUICE_LISTEN listen 127.0.0.1:8080")
	f("limits.max_body_bytes SLUICE_LIMITS_MAX_BODY_BYTES limits-max-body-bytes 64MiB")
	f("scheduler.budget SLUICE_SCHEDULER_BUDGET scheduler-budget 0s")
	f("record.file SLUICE_RECORD_FILE record ")
	f("record.payloads SLUICE_RECORD_PAYLOADS record-payloads false")
	f("prediction_log.keep.late SLUICE_PREDICTION_LOG_KEEP_LATE prediction-log-keep-late 10/s")
	f("onnxruntime.library SLUICE_ONNXRUNTIME onnxruntime-library ")
	f("model_defaults.tolerance.abs SLUICE_MODEL_DEFAULTS_TOLERANCE_ABS model-defaults-tolerance-abs 0.0001")
}

// TestOptionDefaults proves that what Options prints as a default is what Set reads.
func TestOptionDefaults(t *testing.T) {
	c := &Config{sources: map[string]string{}}
	for _, o := range Options() {
		if err := c.Set(o.Path, o.Default, "test"); err != nil {
			t.Error(err)
		}
	}
	if !sameSettings(c, Default()) {
		t.Errorf("got\n%s\nwant\n%s", c, Default())
	}
}

func TestPrecedence(t *testing.T) {
	c := mustParse(t, "models: from-file\nscheduler: {budget: 20ms, cpu_lanes: 2}\nlisten: 127.0.0.1:1")
	env := map[string]string{"SLUICE_SCHEDULER_BUDGET": "30ms", "SLUICE_ADMIN_HOSTS": "a.example, b.example", "SLUICE_LISTEN": "127.0.0.1:2", "SLUICE_ONNXRUNTIME": "/lib.so", "SLUICE_ADMIN": "", "SLUICE_PREDICTION_LOG_REDACT": "card=hash, name=drop", "SLUICE_PREDICTION_LOG_KEEP_WORST": "7/s"}
	err := c.ApplyEnv(func(name string) (string, bool) { text, ok := env[name]; return text, ok })
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Set("listen", "127.0.0.1:3", "--listen"); err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Models, want.Scheduler.CPULanes = "from-file", 2
	want.Scheduler.Budget, want.ONNXRuntime.Library, want.Admin = 30*time.Millisecond, "/lib.so", ""
	want.AdminHosts = []string{"a.example", "b.example"}
	want.PredictionLog.Redact, want.PredictionLog.Keep.Worst = map[string]string{"card": "hash", "name": "drop"}, 7
	want.Listen = "127.0.0.1:3"
	if !sameSettings(c, want) {
		t.Errorf("got\n%s\nwant\n%s", c, want)
	}
}

func TestBadText(t *testing.T) {
	env := map[string]string{"SLUICE_QUEUE_MAX_ROWS": "many", "SLUICE_DRAIN_DELAY": "soon", "SLUICE_PREDICTION_LOG_KEEP_LATE": "10", "SLUICE_PREDICTION_LOG_REDACT": "card"}
	err := Default().ApplyEnv(func(name string) (string, bool) { text, ok := env[name]; return text, ok })
	want := "SLUICE_QUEUE_MAX_ROWS: queue.max_rows: \"many\" is not a whole number\n" +
		"SLUICE_DRAIN_DELAY: drain.delay: \"soon\" is not a duration such as 250ms or 5s\n" +
		"SLUICE_PREDICTION_LOG_REDACT: prediction_log.redact: \"card\" is not NAME=VALUE\n" +
		"SLUICE_PREDICTION_LOG_KEEP_LATE: prediction_log.keep.late: \"10\" is not a rate: write a whole number and /s, such as 10/s"
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	err = Default().Set("queue.rows", "1", "--queue-rows")
	if want := "--queue-rows: there is no setting queue.rows"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
