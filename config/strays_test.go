package config

import (
	"slices"
	"testing"
)

func TestStrays(t *testing.T) {
	f := func(pair string, want ...Stray) {
		t.Helper()
		if got := Strays([]string{"PATH=/bin", pair, "SLUICEX=1"}, "SLUICE_DRILL_STRICT"); !slices.Equal(got, want) {
			t.Errorf("%s: got %+v, want %+v", pair, got, want)
		}
	}
	// Settings, and what the tools read.
	f("SLUICE_LISTEN=:80")
	f("SLUICE_ONNXRUNTIME=/lib.so")
	f("SLUICE_CONFIG=a.yaml")
	f("SLUICE_DRILL_STRICT=1")
	f("XSLUICE_LISTEN=1")

	// Slips.
	f("SLUICE_LISTN=:80", Stray{"SLUICE_LISTN", "SLUICE_LISTEN", true})
	f("SLUICE_LIMITS_MAX_BODY_BYTE=1", Stray{"SLUICE_LIMITS_MAX_BODY_BYTE", "SLUICE_LIMITS_MAX_BODY_BYTES", true})
	f("SLUICE_MODLES=m", Stray{"SLUICE_MODLES", "SLUICE_MODELS", true})
	f("SLUICE_SCHEDULER_BUGDET=1s", Stray{"SLUICE_SCHEDULER_BUGDET", "SLUICE_SCHEDULER_BUDGET", true})
	f("SLUICE_ONNX_RUNTIME=/lib.so", Stray{"SLUICE_ONNX_RUNTIME", "SLUICE_ONNXRUNTIME", true})
	f("SLUICE_CONFIGS=a.yaml", Stray{"SLUICE_CONFIGS", "SLUICE_CONFIG", true})

	f("sluice_listen=:80", Stray{"sluice_listen", "SLUICE_LISTEN", true})
	f("Sluice_Config=a.yaml", Stray{"Sluice_Config", "SLUICE_CONFIG", true})

	// Names of something else, or of a setting by a part of its path.
	f("SLUICE_IMAGE=sluice:1", Stray{"SLUICE_IMAGE", "", false})
	f("SLUICE_VERSION=3", Stray{"SLUICE_VERSION", "", false})
	f("SLUICE_BUDGET=50ms", Stray{"SLUICE_BUDGET", "SLUICE_LIMITS_MAX_BUDGET or SLUICE_SCHEDULER_BUDGET", false})
	f("SLUICE_MAX_HEADERS=9", Stray{"SLUICE_MAX_HEADERS", "SLUICE_LIMITS_MAX_HEADERS", false})
	f("sluice_image=sluice:1")
	f("SLUICE_=1", Stray{"SLUICE_", "", false})

	// What Kubernetes makes for the services sluice, sluice-canary and sluice-admin.
	f("SLUICE_SERVICE_HOST=10.96.0.7")
	f("SLUICE_SERVICE_HOST=fd00::7")
	f("SLUICE_SERVICE_PORT=8080")
	f("SLUICE_SERVICE_PORT_HTTP=8080")
	f("SLUICE_PORT=tcp://10.96.0.7:8080")
	f("SLUICE_PORT_8080_TCP=tcp://10.96.0.7:8080")
	f("SLUICE_PORT_8080_TCP_PROTO=tcp")
	f("SLUICE_PORT_8080_TCP_PORT=8080")
	f("SLUICE_PORT_8080_TCP_ADDR=10.96.0.7")
	f("SLUICE_CANARY_SERVICE_HOST=10.96.0.8")
	f("SLUICE_ADMIN_PORT=tcp://10.96.0.8:8081")
	f("SLUICE_ADMIN_SERVICE_PORT_METRICS=8081")

	// The same names with values that Kubernetes does not write.
	f("SLUICE_PORT=8080", Stray{"SLUICE_PORT", "", false})
	f("SLUICE_ADMIN_PORT=8081", Stray{"SLUICE_ADMIN_PORT", "SLUICE_ADMIN", false})
	f("SLUICE_SERVICE_HOST=localhost", Stray{"SLUICE_SERVICE_HOST", "", false})
}
