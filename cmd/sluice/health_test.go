package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sluice/config"
	"sluice/internal/ask"
	"sluice/test/rig"
)

// fakeReadiness answers as a gateway under a base path, on an address.
func fakeReadiness(t *testing.T, address, base string, status int, body string) (port string) {
	t.Helper()
	ln, err := net.Listen("tcp", address)
	if err != nil {
		t.Skipf("this machine has no %s: %v", address, err)
	}
	s := &httptest.Server{Listener: ln, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case base + "/v2/health/ready":
			if status == http.StatusFound {
				w.Header().Set("Location", "/sign-in")
			}
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		case base + "/v2/health/live":
			_, _ = w.Write([]byte(`{"live":true}`))
		case "/sign-in":
			_, _ = w.Write([]byte(`{"ready":true}`))
		default:
			http.NotFound(w, r)
		}
	})}}
	s.Start()
	t.Cleanup(s.Close)
	_, port, _ = net.SplitHostPort(ln.Addr().String())
	return port
}

// TestHealth asks over each family, and finds the address in each place where serve does.
func TestHealth(t *testing.T) {
	const missing = `{"error":"the server is not ready: required models are missing: 'eta' is not in the models folder","code":"MODEL_NOT_READY"}`
	f := func(name, serves, base string, status int, body string, variables []string, file string, args []string, exit int, want string) {
		t.Helper()
		port := fakeReadiness(t, serves, base, status, body)
		with := func(list []string) (out []string) {
			for _, s := range list {
				out = append(out, strings.ReplaceAll(s, "PORT", port))
			}
			return out
		}
		cmd := exec.Command(sluice, append([]string{"health"}, with(args)...)...)
		cmd.Env = append(os.Environ(), with(variables)...)
		if file != "" {
			path := filepath.Join(t.TempDir(), "sluice.yaml")
			if err := os.WriteFile(path, []byte(strings.ReplaceAll(file, "PORT", port)), 0o600); err != nil {
				t.Fatal(err)
			}
			for i := range cmd.Args {
				cmd.Args[i] = strings.ReplaceAll(cmd.Args[i], "FILE", path)
			}
			for i := range cmd.Env {
				cmd.Env[i] = strings.ReplaceAll(cmd.Env[i], "CONFIG=FILE", "CONFIG="+path)
			}
		}
		var stdout, stderr strings.Builder
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		err := cmd.Run()
		if cmd.ProcessState == nil {
			t.Fatal(err)
		}
		want = strings.ReplaceAll(want, "PORT", port)
		if got := stderr.String(); cmd.ProcessState.ExitCode() != exit || want == "" && got != "" || !strings.HasPrefix(got, want) || stdout.String() != "" {
			t.Errorf("%s: status %d, %q, %q on standard output; want %d, %q", name, cmd.ProcessState.ExitCode(), got, stdout.String(), exit, want)
		}
	}
	const ready = `{"live":true,"ready":true}`
	four, six := "127.0.0.1:0", "[::1]:0"
	f("a flag", four, "", 200, ready, nil, "", []string{"--listen", "127.0.0.1:PORT"}, 0, "")
	f("over IPv6", six, "", 200, ready, nil, "", []string{"--listen", "[::1]:PORT"}, 0, "")
	f("all of IPv4", four, "", 200, ready, nil, "", []string{"--listen", "0.0.0.0:PORT"}, 0, "")
	f("all of IPv6", six, "", 200, ready, nil, "", []string{"--listen", "[::]:PORT"}, 0, "")
	f("all of IPv6, and there is only IPv4", four, "", 200, ready, nil, "", []string{"--listen", "[::]:PORT"}, 0, "")
	f("all, and there is only IPv6", six, "", 200, ready, nil, "", []string{"--listen", ":PORT"}, 0, "")
	f("another server", four, "", 200, "<html>Welcome</html>", nil, "", []string{"--listen", ":PORT"}, 1,
		"sluice: http://127.0.0.1:PORT/v2/health/ready answered 200 and not that it is ready: is it a gateway? it said \"<html>Welcome</html>\"\n")
	f("a server that says no", four, "", 200, `{"ready":false}`, nil, "", []string{"--listen", ":PORT"}, 1, "sluice: http://127.0.0.1:PORT/v2/health/ready answered 200 and not that it is ready")
	f("a server that sends elsewhere", four, "", 302, "", nil, "", []string{"--listen", ":PORT"}, 1, "sluice: http://127.0.0.1:PORT/v2/health/ready answered 302: it gave no reason\n")
	f("all", four, "", 200, ready, nil, "", []string{"--listen", ":PORT"}, 0, "")
	f("variables", four, "/eu", 200, ready, []string{"SLUICE_LISTEN=127.0.0.1:PORT", "SLUICE_BASE_PATH=/eu"}, "", nil, 0, "")
	f("a file", four, "/eu", 200, ready, nil, "listen: 0.0.0.0:PORT\nbase_path: /eu\n", []string{"--config", "FILE"}, 0, "")
	f("a file that a variable names", four, "/eu", 200, ready, []string{"SLUICE_CONFIG=FILE"}, "listen: 0.0.0.0:PORT\nbase_path: /eu\n", nil, 0, "")
	f("a variable before the file", six, "", 200, ready, []string{"SLUICE_LISTEN=[::1]:PORT"}, "listen: 127.0.0.1:1\n", []string{"--config", "FILE"}, 0, "")
	f("the flags of serve", four, "/eu", 200, ready, nil, "", []string{"--models", "/models", "--admin", "", "--listen", "0.0.0.0:PORT", "--base-path", "/eu"}, 0, "")
	f("no proxy", four, "", 200, ready, []string{"http_proxy=http://127.0.0.1:1", "HTTP_PROXY=http://127.0.0.1:1"}, "", []string{"--listen", "localhost:PORT"}, 0, "")
	f("not ready", four, "", 503, missing, nil, "", []string{"--listen", "0.0.0.0:PORT"}, 1,
		"sluice: http://127.0.0.1:PORT/v2/health/ready answered 503: the server is not ready: required models are missing: 'eta' is not in the models folder\n")
	f("not ready and alive", four, "", 503, missing, nil, "", []string{"--live", "--listen", "0.0.0.0:PORT"}, 0, "")
	f("not ready over IPv6", six, "/eu", 503, missing, nil, "", []string{"--listen", "[::1]:PORT", "--base-path", "/eu"}, 1, "sluice: http://[::1]:PORT/eu/v2/health/ready answered 503: the server is not ready: ")
	f("the wrong base path", four, "/eu", 200, ready, nil, "", []string{"--listen", "127.0.0.1:PORT"}, 1, "sluice: http://127.0.0.1:PORT/v2/health/ready answered 404: is it the gateway's port, and is \"\" its base_path?\n")
	f("no reason", four, "", 503, "", nil, "", []string{"--listen", "127.0.0.1:PORT"}, 1, "sluice: http://127.0.0.1:PORT/v2/health/ready answered 503: it gave no reason\n")
	f("nobody there", four, "", 200, ready, nil, "", []string{"--listen", "127.0.0.1:1"}, 1, `sluice: cannot reach the gateway at http://127.0.0.1:1/v2/health/ready: connection refused; is it running, and does it listen there?`)
	f("port 0", four, "", 200, ready, []string{"SLUICE_LISTEN=[::]:0"}, "", nil, 1, "sluice: SLUICE_LISTEN: listen: [::]:0 has port 0")
	f("a file that is not there", four, "", 200, ready, []string{"SLUICE_CONFIG=/nowhere.yaml"}, "", nil, 1, "sluice: cannot read the settings file /nowhere.yaml, which SLUICE_CONFIG names: no such file")
}

// A server that takes the connection and never answers is not waited for.
func TestHealthOfAServerThatHangs(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	address := ln.Addr().String()
	want := "sluice: http://" + address + "/v2/health/ready gave no answer within 2s: something listens there, and it hangs or is overloaded\n"
	if out, status := command(t, "health", "--listen", address); status != 1 || out != want {
		t.Errorf("health ends with %d, %q, want %q", status, out, want)
	}
}

// A gateway that listens over IPv6 alone is found there.
func TestHealthOfAGatewayOverIPv6(t *testing.T) {
	t.Parallel()
	needLibrary(t)
	ln, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skipf("this machine has no IPv6: %v", err)
	}
	address := ln.Addr().String()
	ln.Close()
	dir := t.TempDir()
	copyBundle(t, "eta", dir, "1")
	g := spawn(t, rig.Options{}, "--listen", address, "--admin", "", "--models", dir, "--drain-delay", "0s", "--base-path", "/eu")
	g.Predict = address
	g.await("/eu/v2/health/ready")
	if out, status := command(t, "health", "--listen", address, "--base-path", "/eu"); status != 0 || out != "" {
		t.Errorf("health ends with %d: %s", status, out)
	}
	if out, status := command(t, "sample", "--listen", address, "--base-path", "/eu"); status != 0 || !strings.HasPrefix(out, `{"inputs":[{"name":"features"`) {
		t.Errorf("sample ends with %d: %s", status, out)
	}
}

// The image's health check and its server read the same variables, and neither is given an address
// that the other does not see.
func TestImageHealthCheck(t *testing.T) {
	text, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	file := strings.ReplaceAll(string(text), "\\\n", " ")
	for _, line := range []string{`CMD ["sluice", "health"]`, `ENTRYPOINT ["sluice"]`, "\nCMD [\"serve\"]"} {
		if !strings.Contains(file, line) {
			t.Errorf("the Dockerfile lacks %s", line)
		}
	}
	env := map[string]string{}
	for line := range strings.Lines(file) {
		if settings, ok := strings.CutPrefix(line, "ENV "); ok {
			for _, setting := range strings.Fields(settings) {
				name, value, _ := strings.Cut(setting, "=")
				env[name] = value
			}
		}
	}
	cfg := config.Default()
	err = cfg.ApplyEnv(func(name string) (string, bool) {
		value, set := env[name]
		return value, set
	})
	if err != nil || cfg.Models != "/models" || cfg.Admin != "127.0.0.1:8081" || cfg.ONNXRuntime.Library == "" {
		t.Errorf("models %s, admin %s, library %s: %v", cfg.Models, cfg.Admin, cfg.ONNXRuntime.Library, err)
	}
	if got, err := ask.Addresses(cfg.Listen); err != nil || cfg.Listen != "0.0.0.0:8080" || !slices.Equal(got, []string{"127.0.0.1:8080"}) {
		t.Errorf("serve listens on %s, health asks %s, %v", cfg.Listen, got, err)
	}
}
