package config

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"sluice/internal/near"
)

// maxBody is the largest body that a limit may allow; the gateway counts it in 32 bits.
const maxBody = gibibyte

// maxAnswer is the largest answer that a limit may allow: clients read its lengths in 32 bits.
const maxAnswer = 2*gibibyte - 1

// pathCharacters are those that mean themselves in the path of a URL.
const pathCharacters = "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// Validate reports every fault, each with the setting's path, its value, the rule, and
// where it was set.
func (c *Config) Validate() error {
	v := validator{sources: c.sources}
	v.check(c)
	return errors.Join(v.faults...)
}

// check holds the settings against the rules.
func (v *validator) check(c *Config) {
	v.server(c)
	v.oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	v.oneOf("log.format", c.Log.Format, "auto", "json", "console")
	v.limits(&c.Limits)
	v.scheduling(c)
	between(v, "drain.delay", c.Drain.Delay, 0, 10*time.Minute)
	between(v, "drain.deadline", c.Drain.Deadline, 0, time.Hour)
	v.files(c)
	v.predictionLog(c)
	v.shadow(&c.Shadow)
	v.models(&c.ModelDefaults)
	v.webhooks(&c.Webhooks)
	v.devices(c.Devices)
	v.featureStores(c.FeatureStores)
}

// server checks the settings at the top.
func (v *validator) server(c *Config) {
	v.address("listen", c.Listen, false)
	v.address("admin", c.Admin, true)
	switch {
	case c.Admin == "" || strings.HasSuffix(c.Admin, ":0"):
	case c.Admin == c.Listen:
		v.fault("admin", c.Admin, "must differ from listen")
	case overlap(c.Admin, c.Listen):
		v.fault("admin", c.Admin, fmt.Sprintf("must differ from listen, %s, in its port", c.Listen))
	}
	if c.Admin != "" && c.AdminTokenFile == "" && c.AdminTokensFile == "" && !c.AdminInsecure && !onLoopback(c.Admin) {
		v.fault("admin", c.Admin, "can be reached by others, who could unload every model: set admin_token_file to a file with a token, or insist with admin_insecure")
	}
	if c.AdminInsecure && c.Admin == "" {
		v.fault("admin_insecure", c.AdminInsecure, "is of no use while admin is empty")
	}
	v.address("metrics_listen", c.MetricsListen, true)
	for _, other := range []struct{ name, address string }{{"listen", c.Listen}, {"admin", c.Admin}} {
		if m := c.MetricsListen; m != "" && !strings.HasSuffix(m, ":0") && (m == other.address || overlap(m, other.address)) {
			v.fault("metrics_listen", m, fmt.Sprintf("must differ from %s, %s, in its port", other.name, other.address))
		}
	}
	for _, host := range c.AdminHosts {
		if host == "" || strings.ContainsAny(host, "/:@, ") {
			v.fault("admin_hosts", strconv.Quote(host), "must be a host name, without scheme and port")
		}
	}
	if c.AdminTokenFile != "" && c.Admin == "" {
		v.fault("admin_token_file", c.AdminTokenFile, "is of no use while admin is empty")
	}
	if c.AdminTokensFile != "" && c.Admin == "" {
		v.fault("admin_tokens_file", c.AdminTokensFile, "is of no use while admin is empty")
	}
	if c.BasePath != "" && (c.BasePath[0] != '/' || strings.HasSuffix(c.BasePath, "/")) {
		v.fault("base_path", strconv.Quote(c.BasePath), "must begin with a slash and not end with one")
	} else if strings.Contains(c.BasePath, "//") || strings.Trim(c.BasePath, pathCharacters) != "" {
		v.fault("base_path", strconv.Quote(c.BasePath), "may have letters, digits, '-', '.', '_', '~' and single slashes")
	}
	if c.Models == "" {
		v.fault("models", `""`, "must name a folder")
	}
	for i, name := range c.Require {
		switch {
		case name == "" || slices.Contains(c.Require[:i], name):
			v.fault(fmt.Sprintf("require[%d]", i), strconv.Quote(name), "must be a model's name, each once, or all")
		case name == "all" && len(c.Require) > 1:
			v.fault("require", strings.Join(c.Require, ","), "must be all alone, or names of models")
		}
	}
	for _, own := range []struct{ path, folder string }{{"state", c.State}, {"copies", c.Copies}} {
		if own.folder != "" && filepath.Clean(own.folder) == filepath.Clean(c.Models) {
			v.fault(own.path, strconv.Quote(own.folder), "must be another folder than models, whose bundles are only read")
		}
	}
}

// scheduling checks what bounds a request's wait.
func (v *validator) scheduling(c *Config) {
	between(v, "queue.max_rows", c.Queue.MaxRows, 1, 1<<30)
	between(v, "queue.max_bytes", c.Queue.MaxBytes, kibibyte, 1<<50)
	if c.Queue.MaxBytes < c.Limits.MaxDecompressedBytes {
		v.fault("queue.max_bytes", c.Queue.MaxBytes, fmt.Sprintf("must hold one request of limits.max_decompressed_bytes, %s", c.Limits.MaxDecompressedBytes))
	}
	between(v, "scheduler.budget", c.Scheduler.Budget, 0, time.Hour)
	if 0 < c.Scheduler.Budget && c.Scheduler.Budget < time.Millisecond {
		v.fault("scheduler.budget", c.Scheduler.Budget, "must be 1ms or more, or 0 for automatic")
	}
	if c.Scheduler.Budget > c.Limits.MaxBudget && c.Scheduler.Budget <= time.Hour {
		v.fault("scheduler.budget", c.Scheduler.Budget, fmt.Sprintf("must not be longer than limits.max_budget, %s", c.Limits.MaxBudget))
	}
	between(v, "scheduler.cpu_lanes", c.Scheduler.CPULanes, 0, 1024)
	between(v, "scheduler.hang_limit", c.Scheduler.HangLimit, 100*time.Millisecond, time.Hour)
	between(v, "scheduler.fallback_share", c.Scheduler.FallbackShare, 0, 1)
	if strings.HasSuffix(c.Scheduler.Prices, "/") {
		v.fault("scheduler.prices", strconv.Quote(c.Scheduler.Prices), "must name a file, not a folder")
	}
	v.oneOf("scheduler.prefer", c.Scheduler.Prefer, "order", "cheapest-in-budget")
}

// files checks what the server writes beside its log.
func (v *validator) files(c *Config) {
	if strings.HasSuffix(c.AccessLog.File, "/") {
		v.fault("access_log.file", strconv.Quote(c.AccessLog.File), "must name a file, not a folder")
	}
	between(v, "access_log.sample", c.AccessLog.Sample, 0, 1)
	between(v, "access_log.slow", c.AccessLog.Slow, 0.01, 1)
	between(v, "access_log.max_per_second", c.AccessLog.MaxPerSecond, 0, 1_000_000)
	if strings.HasSuffix(c.Record.File, "/") {
		v.fault("record.file", strconv.Quote(c.Record.File), "must name a file, not a folder")
	}
	between(v, "record.max_bytes", c.Record.MaxBytes, 64*kibibyte, 1<<50)
	between(v, "record.max_age", c.Record.MaxAge, time.Second, 30*24*time.Hour)
	if c.Record.Payloads && c.Record.File == "" {
		v.fault("record.payloads", c.Record.Payloads, "is of no use while record.file is empty")
	}
}

func (v *validator) models(m *ModelDefaults) {
	between(v, "model_defaults.max_batch", m.MaxBatch, 1, 4096)
	between(v, "model_defaults.max_rows", m.MaxRows, 0, 1<<20)
	v.oneOf("model_defaults.unproven", m.Unproven, "batch", "single")
	v.oneOf("model_defaults.promote", m.Promote, "newest", "manual", "plan")
	between(v, "model_defaults.keep_versions", m.KeepVersions, 1, 100)
	between(v, "model_defaults.warmup", m.Warmup, time.Millisecond, 10*time.Minute)
	between(v, "model_defaults.tolerance.abs", m.Tolerance.Abs, 0, 1e6)
	between(v, "model_defaults.tolerance.rel", m.Tolerance.Rel, 0, 1)
}

// Fault is an error about a setting that shows only to the command: it has the setting's
// path, and the place where it or the section around it was set.
func (c *Config) Fault(path string, err error) error {
	if source := sourceOf(c.sources, path); source != "" {
		return fmt.Errorf("%s: %s: %w", source, path, err)
	}
	return fmt.Errorf("%s: %w", path, err)
}

// IsSet tells whether somebody has set a setting: the file, the environment or a flag.
func (c *Config) IsSet(path string) bool { return c.sources[path] != "" }

// sourceOf finds where a setting was set, or the closest section around it that is known.
func sourceOf(sources map[string]string, path string) string {
	for path != "" {
		if source := sources[path]; source != "" {
			return source
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return ""
}

// overlap tells whether one of two addresses is a port of all addresses, and the other the same port.
func overlap(a, b string) bool {
	hostA, portA, faultA := net.SplitHostPort(a)
	hostB, portB, faultB := net.SplitHostPort(b)
	every := func(host string) bool { return host == "" || host == "0.0.0.0" || host == "::" }
	return faultA == nil && faultB == nil && portA == portB && (every(hostA) || every(hostB))
}

// onLoopback reports whether an address is reached from this machine alone. What is no address is
// refused elsewhere.
func onLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err != nil || host == "localhost" || net.ParseIP(host).IsLoopback()
}

func (v *validator) limits(l *Limits) {
	between(v, "limits.max_body_bytes", l.MaxBodyBytes, kibibyte, maxBody)
	between(v, "limits.max_decompressed_bytes", l.MaxDecompressedBytes, kibibyte, maxBody)
	between(v, "limits.max_bodies_bytes", l.MaxBodiesBytes, kibibyte, 1<<50)
	if l.MaxBodiesBytes < l.MaxBodyBytes {
		v.fault("limits.max_bodies_bytes", l.MaxBodiesBytes, fmt.Sprintf("must hold one body of limits.max_body_bytes, %s", l.MaxBodyBytes))
	}
	between(v, "limits.memory", l.Memory, 0, 1<<50)
	if 0 < l.Memory && l.Memory < leastMemory {
		v.fault("limits.memory", l.Memory, fmt.Sprintf("must be %s or more, or 0 for automatic", leastMemory))
	}
	between(v, "limits.max_inputs_bytes", l.MaxInputsBytes, kibibyte, 1<<50)
	between(v, "limits.max_answers_bytes", l.MaxAnswersBytes, kibibyte, 1<<50)
	between(v, "limits.max_answer_bytes", l.MaxAnswerBytes, kibibyte, maxAnswer)
	between(v, "limits.max_header_bytes", l.MaxHeaderBytes, kibibyte, mebibyte)
	between(v, "limits.max_headers", l.MaxHeaders, 8, 10_000)
	between(v, "limits.max_uri_bytes", l.MaxURIBytes, 256, 64*kibibyte)
	if l.MaxURIBytes > l.MaxHeaderBytes {
		v.fault("limits.max_uri_bytes", l.MaxURIBytes, fmt.Sprintf("must fit into limits.max_header_bytes, %s", l.MaxHeaderBytes))
	}
	between(v, "limits.max_connections", l.MaxConnections, 1, 1<<20)
	between(v, "limits.max_json_depth", l.MaxJSONDepth, 8, 1000)
	between(v, "limits.max_elements", l.MaxElements, 1, 1<<31-1)
	between(v, "limits.max_inputs", l.MaxInputs, 1, 4096)
	between(v, "limits.max_outputs", l.MaxOutputs, 1, 4096)
	between(v, "limits.header_timeout", l.HeaderTimeout, 10*time.Millisecond, time.Hour)
	between(v, "limits.read_timeout", l.ReadTimeout, 10*time.Millisecond, time.Hour)
	between(v, "limits.write_timeout", l.WriteTimeout, 10*time.Millisecond, time.Hour)
	between(v, "limits.idle_timeout", l.IdleTimeout, 10*time.Millisecond, 24*time.Hour)
	between(v, "limits.max_budget", l.MaxBudget, time.Millisecond, time.Hour)
}

type validator struct {
	sources map[string]string
	faults  []error
	// rules are the values that each setting may have, in words, if they are asked for.
	rules map[string]string
}

// rules are the values that each setting and each of devices[0] and feature_stores[0] may have, in words.
func rules() map[string]string {
	c := Default()
	c.Devices = []Device{DefaultDevice("cuda:0")}
	c.Devices[0].Isolation = "process"
	c.FeatureStores = []FeatureStore{DefaultFeatureStore()}
	c.FeatureStores[0].Layout = "feast"
	v := validator{rules: map[string]string{}}
	v.check(c)
	return v.rules
}

func (v *validator) rule(path, text string) {
	if v.rules != nil {
		v.rules[path] = text
	}
}

func (v *validator) fault(path string, value any, rule string) {
	text := fmt.Sprintf("%s: %v %s", path, value, rule)
	if source := sourceOf(v.sources, path); source != "" {
		text = source + ": " + text
	}
	v.faults = append(v.faults, errors.New(text))
}

// between refuses NaN too: it is neither below nor above, so the test asks for inside.
func between[T int | Bytes | PerSecond | time.Duration | float64](v *validator, path string, value, low, high T) {
	if size, ok := any(high).(Bytes); ok && size >= 1<<50 {
		v.rule(path, plain(low)+" and more") // the bound is there for sums that must not overflow
	} else {
		v.rule(path, plain(low)+" to "+plain(high))
	}
	if low <= value && value <= high {
		return
	}
	v.fault(path, value, fmt.Sprintf("must be from %v to %v", low, high))
}

func (v *validator) oneOf(path, value string, allowed ...string) {
	v.rule(path, strings.Join(allowed, ", "))
	if !slices.Contains(allowed, value) {
		v.fault(path, strconv.Quote(value), "must be one of "+strings.Join(allowed, ", ")+near.Meant(value, allowed))
	}
}

func (v *validator) address(path, value string, optional bool) {
	if value == "" && optional {
		return
	}
	_, port, err := net.SplitHostPort(value)
	if err != nil {
		rule := "must be host:port, such as 127.0.0.1:8080"
		if strings.Count(value, ":") > 1 && !strings.ContainsAny(value, "[/") {
			rule += " or [::1]:8080"
		}
		v.fault(path, strconv.Quote(value), rule)
		return
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		v.fault(path, strconv.Quote(value), fmt.Sprintf("must have a port from 0 to 65535, not %q", port))
	}
}
