package config

import (
	"strings"
	"testing"
)

func TestRejectedFiles(t *testing.T) {
	refused := map[string]bool{}
	f := func(text, want string) {
		t.Helper()
		err := mustParse(t, text).Validate()
		if err == nil {
			t.Errorf("%q is accepted", text)
			return
		}
		if got := err.Error(); got != "sluice.yaml:1: "+want {
			t.Errorf("%q:\n got %s\nwant sluice.yaml:1: %s", text, got, want)
		}
		path, _, _ := strings.Cut(want, ":")
		refused[path] = true
	}
	f("listen: localhost", `listen: "localhost" must be host:port, such as 127.0.0.1:8080`)
	f("listen: ''", `listen: "" must be host:port, such as 127.0.0.1:8080`)
	f("listen: ':70000'", `listen: ":70000" must have a port from 0 to 65535, not "70000"`)
	f("listen: ':http'", `listen: ":http" must have a port from 0 to 65535, not "http"`)
	f("admin: 127.0.0.1:8080", "admin: 127.0.0.1:8080 must differ from listen")
	f("admin: 8081", `admin: "8081" must be host:port, such as 127.0.0.1:8080`)
	f("admin_hosts: [a.example, 'http://b.example']", `admin_hosts: "http://b.example" must be a host name, without scheme and port`)
	f("require: [a, b, a]", `require[2]: "a" must be a model's name, each once, or all`)
	f("require: ['']", `require[0]: "" must be a model's name, each once, or all`)
	f("require: [a, all]", `require: a,all must be all alone, or names of models`)
	f("admin_hosts: ['']", `admin_hosts: "" must be a host name, without scheme and port`)
	for _, admin := range []string{"0.0.0.0:8081", "':8081'", "'[::]:8081'", "192.0.2.1:8081", "gateway.example:8081"} {
		f("admin: "+admin, "admin: "+strings.Trim(admin, "'")+" can be reached by others, who could unload every model: set admin_token_file to a file with a token, or insist with admin_insecure")
	}
	f("{admin: '', admin_tokens_file: /x}", "admin_tokens_file: /x is of no use while admin is empty")
	f("{admin: '', admin_insecure: true}", "admin_insecure: true is of no use while admin is empty")
	f("metrics_listen: 9000", `metrics_listen: "9000" must be host:port, such as 127.0.0.1:8080`)
	f("metrics_listen: 127.0.0.1:8080", "metrics_listen: 127.0.0.1:8080 must differ from listen, 127.0.0.1:8080, in its port")
	f("metrics_listen: 0.0.0.0:8081", "metrics_listen: 0.0.0.0:8081 must differ from admin, 127.0.0.1:8081, in its port")
	f("{admin: '', admin_token_file: /run/token}", "admin_token_file: /run/token is of no use while admin is empty")
	f("base_path: models", `base_path: "models" must begin with a slash and not end with one`)
	f("base_path: /", `base_path: "/" must begin with a slash and not end with one`)
	f("models: ''", `models: "" must name a folder`)
	f("state: ./models/", `state: "./models/" must be another folder than models, whose bundles are only read`)
	f("log: {level: loud}", `log.level: "loud" must be one of debug, info, warn, error`)
	f("log: {format: xml}", `log.format: "xml" must be one of auto, json, console`)
	f("limits: {max_body_bytes: 10}", "limits.max_body_bytes: 10 must be from 1KiB to 1GiB")
	f("limits: {max_decompressed_bytes: 10}", "limits.max_decompressed_bytes: 10 must be from 1KiB to 1GiB")
	f("limits: {max_header_bytes: 2MiB}", "limits.max_header_bytes: 2MiB must be from 1KiB to 1MiB")
	f("limits: {max_headers: 0}", "limits.max_headers: 0 must be from 8 to 10000")
	f("limits: {max_uri_bytes: 10}", "limits.max_uri_bytes: 10 must be from 256 to 64KiB")
	f("limits: {max_uri_bytes: 16KiB}", "limits.max_uri_bytes: 16KiB must fit into limits.max_header_bytes, 8KiB")
	f("limits: {max_bodies_bytes: 0}", "limits.max_bodies_bytes: 0 must be from 1KiB to 1048576GiB\nsluice.yaml:1: limits.max_bodies_bytes: 0 must hold one body of limits.max_body_bytes, 64MiB")
	f("limits: {max_bodies_bytes: 1MiB}", "limits.max_bodies_bytes: 1MiB must hold one body of limits.max_body_bytes, 64MiB")
	f("limits: {memory: 1MiB}", "limits.memory: 1MiB must be 128MiB or more, or 0 for automatic")
	f("limits: {max_inputs_bytes: 0}", "limits.max_inputs_bytes: 0 must be from 1KiB to 1048576GiB")
	f("limits: {max_answers_bytes: 0}", "limits.max_answers_bytes: 0 must be from 1KiB to 1048576GiB")
	f("limits: {max_answer_bytes: 0}", "limits.max_answer_bytes: 0 must be from 1KiB to 2147483647")
	f("limits: {max_answer_bytes: 2GiB}", "limits.max_answer_bytes: 2GiB must be from 1KiB to 2147483647")
	f("limits: {max_budget: 2h}", "limits.max_budget: 2h0m0s must be from 1ms to 1h0m0s")
	f("limits: {max_connections: 0}", "limits.max_connections: 0 must be from 1 to 1048576")
	f("limits: {max_json_depth: 100000}", "limits.max_json_depth: 100000 must be from 8 to 1000")
	f("limits: {max_elements: 0}", "limits.max_elements: 0 must be from 1 to 2147483647")
	f("limits: {max_inputs: 0}", "limits.max_inputs: 0 must be from 1 to 4096")
	f("limits: {max_outputs: 0}", "limits.max_outputs: 0 must be from 1 to 4096")
	f("limits: {header_timeout: 0s}", "limits.header_timeout: 0s must be from 10ms to 1h0m0s")
	f("limits: {read_timeout: 2h}", "limits.read_timeout: 2h0m0s must be from 10ms to 1h0m0s")
	f("limits: {write_timeout: 0s}", "limits.write_timeout: 0s must be from 10ms to 1h0m0s")
	f("limits: {idle_timeout: -1s}", "limits.idle_timeout: -1s must be from 10ms to 24h0m0s")
	f("{copies: /srv/models/, models: /srv/models}", `copies: "/srv/models/" must be another folder than models, whose bundles are only read`)
	f("queue: {max_rows: 0}", "queue.max_rows: 0 must be from 1 to 1073741824")
	f("queue: {max_bytes: 2000000GiB}", "queue.max_bytes: 2000000GiB must be from 1KiB to 1048576GiB")
	f("queue: {max_bytes: 1MiB}", "queue.max_bytes: 1MiB must hold one request of limits.max_decompressed_bytes, 64MiB")
	f("scheduler: {budget: 10us}", "scheduler.budget: 10µs must be 1ms or more, or 0 for automatic")
	f("scheduler: {budget: 20m}", "scheduler.budget: 20m0s must not be longer than limits.max_budget, 10m0s")
	f("scheduler: {cpu_lanes: -1}", "scheduler.cpu_lanes: -1 must be from 0 to 1024")
	f("scheduler: {fallback_share: 1.5}", "scheduler.fallback_share: 1.5 must be from 0 to 1")
	f("scheduler: {hang_limit: 1ms}", "scheduler.hang_limit: 1ms must be from 100ms to 1h0m0s")
	f("drain: {delay: 1h}", "drain.delay: 1h0m0s must be from 0s to 10m0s")
	f("drain: {deadline: -1s}", "drain.deadline: -1s must be from 0s to 1h0m0s")
	f("access_log: {file: logs/}", `access_log.file: "logs/" must name a file, not a folder`)
	f("access_log: {sample: 1.5}", "access_log.sample: 1.5 must be from 0 to 1")
	f("access_log: {sample: NaN}", "access_log.sample: NaN must be from 0 to 1")
	f("access_log: {slow: 0}", "access_log.slow: 0 must be from 0.01 to 1")
	f("access_log: {max_per_second: -1}", "access_log.max_per_second: -1 must be from 0 to 1000000")
	f("record: {file: traces/}", `record.file: "traces/" must name a file, not a folder`)
	f("record: {max_bytes: 1KiB}", "record.max_bytes: 1KiB must be from 64KiB to 1048576GiB")
	f("record: {max_age: 0s}", "record.max_age: 0s must be from 1s to 720h0m0s")
	f("record: {payloads: true}", "record.payloads: true is of no use while record.file is empty")
	f("prediction_log: {dir: models/}", `prediction_log.dir: "models/" must be another folder than models, whose bundles are only read`)
	f("prediction_log: {sample: 1.5}", "prediction_log.sample: 1.5 must be from 0 to 1")
	f("prediction_log: {index: some}", `prediction_log.index: "some" must be one of chosen, all`)
	f("prediction_log: {index: all}", "prediction_log.index: all is of no use while prediction_log.dir is empty")
	for _, kind := range []string{"failed", "refused", "late", "degraded", "worst"} {
		f("prediction_log: {keep: {"+kind+": -1/s}}", "prediction_log.keep."+kind+": -1/s must be from 0/s to 1000000/s")
	}
	f("prediction_log: {redact: {card: mask}}", `prediction_log.redact: "card": mask must be the name of an input with drop or hash`)
	f("prediction_log: {redact: {name: drop, card: hash}}", "prediction_log.redact: card=hash,name=drop needs a key for its hashes: set prediction_log.hash_key")
	f("prediction_log: {redact: {name: drop}, hash_key: 'file:/run/key'}", "prediction_log.hash_key: file:/run/key is of no use while prediction_log.redact has no hash")
	f("prediction_log: {redact: {card: hash}, hash_key: secret}", `prediction_log.hash_key: "secret" must be file:PATH or env:NAME, never the key itself`)
	f("prediction_log: {redact: {card: hash}, hash_key: 'env:'}", `prediction_log.hash_key: "env:" must be file:PATH or env:NAME, never the key itself`)
	f("prediction_log: {row_key: item, redact: {item: drop}}", `prediction_log.row_key: "item" must not be redacted: prediction_log.redact has drop for it`)
	f("prediction_log: {max_bytes: 1MiB}", "prediction_log.max_bytes: 1MiB must be from 16MiB to 1048576GiB")
	f("shadow: {sample: -0.1}", "shadow.sample: -0.1 must be from 0 to 1")
	f("shadow: {again: 2}", "shadow.again: 2 must be from 0 to 1")
	f("shadow: {max_rows: 0}", "shadow.max_rows: 0 must be from 1 to 1048576")
	f("shadow: {max_bytes: 1KiB}", "shadow.max_bytes: 1KiB must be from 64KiB to 1GiB")
	f("shadow: {memory: 64MiB}", "shadow.memory: 64MiB must be from 128MiB to 1048576GiB")
	f("shadow: {in_flight: 65}", "shadow.in_flight: 65 must be from 1 to 64")
	f("shadow: {timeout: 1ms}", "shadow.timeout: 1ms must be from 10ms to 10m0s")
	f("shadow: {devices: [cpu, cpu]}", `shadow.devices: "cpu" is there twice`)
	f("shadow: {tax: {p99: 0s}}", "shadow.tax.p99: 0s must be from 1µs to 1m0s")
	f("shadow: {tax: {cpu: 0}}", "shadow.tax.cpu: 0 must be from 0.001 to 10")
	f("prediction_log: {max_age: 1s}", "prediction_log.max_age: 1s must be from 1m0s to 87600h0m0s")
	f("model_defaults: {max_batch: 0}", "model_defaults.max_batch: 0 must be from 1 to 4096")
	f("model_defaults: {max_rows: -1}", "model_defaults.max_rows: -1 must be from 0 to 1048576")
	f("model_defaults: {unproven: perhaps}", `model_defaults.unproven: "perhaps" must be one of batch, single`)
	f("scheduler: {prefer: dear}", `scheduler.prefer: "dear" must be one of order, cheapest-in-budget`)
	f("scheduler: {prices: prices/}", `scheduler.prices: "prices/" must name a file, not a folder`)
	f("model_defaults: {promote: always}", `model_defaults.promote: "always" must be one of newest, manual, plan`)
	f("model_defaults: {keep_versions: 0}", "model_defaults.keep_versions: 0 must be from 1 to 100")
	f("model_defaults: {warmup: 0s}", "model_defaults.warmup: 0s must be from 1ms to 10m0s")
	f("model_defaults: {tolerance: {abs: NaN}}", "model_defaults.tolerance.abs: NaN must be from 0 to 1e+06")
	f("model_defaults: {tolerance: {rel: 1.5}}", "model_defaults.tolerance.rel: 1.5 must be from 0 to 1")

	f("webhooks: {urls: ['ftp://h/x'], secret: 'env:A'}", `webhooks.urls[0]: "ftp://h/..." must be an address such as https://example.org/hook, without a user, or file:PATH or env:NAME`)
	f("webhooks: {urls: ['https://a:b@h/x'], secret: 'env:A'}", `webhooks.urls[0]: "https://h/..." must be an address such as https://example.org/hook, without a user, or file:PATH or env:NAME`)
	f("webhooks: {urls: ['https://h/x', 'https://h/x'], secret: 'env:A'}", `webhooks.urls[1]: "https://h/..." must be there once`)
	f("webhooks: {urls: ['https://h/x']}", `webhooks.urls: "https://h/..." needs a secret to sign with: set webhooks.secret`)
	f("webhooks: {urls: ['https://h/x'], secret: hush}", `webhooks.secret: what is there must be file:PATH or env:NAME, never the secret itself`)
	f("webhooks: {secret: 'env:A'}", "webhooks.secret: env:A is of no use while webhooks.urls is empty")
	f("webhooks: {timeout: 1ms}", "webhooks.timeout: 1ms must be from 100ms to 1m0s")
	f("webhooks: {attempts: 0}", "webhooks.attempts: 0 must be from 1 to 100")

	f("feature_stores: [{kind: redis, layout: native, addresses: ['h:1']}]", `feature_stores[0].name: "" must be given: models name the store by it`)
	f("feature_stores: [{name: a, kind: redis, project: p, addresses: ['h:1']}, {name: a, kind: redis, project: p, addresses: ['h:1']}]", `feature_stores[1].name: "a" is the name of feature_stores[0] too`)
	f("feature_stores: [{name: a, kind: rdis}]", `feature_stores[0].kind: "rdis" must be one of redis, postgres, embedded, feast-sqlite (did you mean redis?)`)
	f("feature_stores: [{name: a, kind: redis, layout: native, addresses: ['h:1', 'redis://u:hush@h:1']}]", `feature_stores[0].addresses: what is there must be host:port: user and password have settings of their own`)
	f("feature_stores: [{name: a, kind: redis, layout: native, addresses: [h]}]", `feature_stores[0].addresses: "h" must be host:port, such as 127.0.0.1:8080`)
	f("feature_stores: [{name: a, kind: redis, layout: native, addresses: ['h:1'], replicas: ['h:x']}]", `feature_stores[0].replicas: "h:x" must have a port from 0 to 65535, not "x"`)
	f("feature_stores: [{name: a, kind: postgres, addresses: ['h:1'], layout: hash, hash: {key: 'a:{b}'}}]", `feature_stores[0].layout: "hash" is of redis alone: it must be feast or native`)
	f("feature_stores: [{name: a, kind: redis, addresses: ['h:1']}]", `feature_stores[0].project: "" must be given: it is a part of the names under which Feast keeps rows; for rows of sluice features load set layout: native`)
	f("feature_stores: [{name: a, kind: redis}]", `feature_stores[0].addresses: none must say where redis listens, as host:port`)
	f("feature_stores: [{name: a, kind: embedded}]", `feature_stores[0].path: "" must say where the embedded store lies`)
	f("feature_stores: [{name: a, kind: embedded, path: x, addresses: ['h:1']}]", `feature_stores[0].addresses: h:1 is of no use for embedded, which lies on a disk: set path`)
	f("feature_stores: [{name: a, kind: postgres, path: x, addresses: ['h:1']}]", `feature_stores[0].path: x is of no use for postgres: leave it out`)
	f("feature_stores: [{name: a, kind: embedded, path: x, password: hush}]", `feature_stores[0].password: what is there must be file:PATH or env:NAME, never the password itself`)
	f("feature_stores: [{name: a, kind: embedded, path: x, entity_key: v1}]", `feature_stores[0].entity_key: "v1" must be one of v3, v2, redis_key_v2 (did you mean v3?)`)
	f("feature_stores: [{name: a, kind: redis, addresses: ['h:1'], layout: hash}]", `feature_stores[0].hash.key: "" must be given with layout hash, such as user:{user_id}, and with it alone`)
	f("feature_stores: [{name: a, kind: embedded, path: x, layout: feats}]", `feature_stores[0].layout: "feats" must be one of feast, native, hash (did you mean feast?)`)

	refused["feature_stores"] = true

	f("devices: [cpu, cpu]", `devices[1].name: "cpu" is the name of devices[0] too: list each device once`)
	refused["devices"] = true // and the rest in TestRejectedDevices

	for _, option := range Options() {
		// Any path may name a library; whether it is one shows when it is loaded. A switch is on or off.
		if !refused[option.Path] && option.Path != "onnxruntime.library" && option.Path != "model_defaults.fair_rows" && option.Path != "model_defaults.keep_previous" && option.Path != "shadow.tax.measure" {
			t.Errorf("no rejected file for %s", option.Path)
		}
	}
}

// An admin port that others reach is for those with a token, or for who insists; loopback is not.
func TestAdminBeyondLoopback(t *testing.T) {
	for _, text := range []string{
		"admin: '[::1]:8081'", "admin: localhost:8081", "admin: 127.0.0.2:8081", "admin: ''",
		"{admin: 0.0.0.0:8081, admin_token_file: /run/token}", "{admin: 0.0.0.0:8081, admin_insecure: true}",
	} {
		if err := mustParse(t, text).Validate(); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestValidateReportsEveryFault(t *testing.T) {
	c := mustParse(t, "log:\n  level: loud\nqueue:\n  max_rows: 0\n")
	if err := c.Set("scheduler.cpu_lanes", "-5", "--scheduler-cpu-lanes"); err != nil {
		t.Fatal(err)
	}
	c.Drain.Delay = -1 // set by code: no place to name
	want := `sluice.yaml:2: log.level: "loud" must be one of debug, info, warn, error
sluice.yaml:4: queue.max_rows: 0 must be from 1 to 1073741824
--scheduler-cpu-lanes: scheduler.cpu_lanes: -5 must be from 0 to 1024
drain.delay: -1ns must be from 0s to 10m0s`
	if err := c.Validate(); err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}
