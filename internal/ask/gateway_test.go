package ask

import (
	"strings"
	"testing"
)

func TestDialAddresses(t *testing.T) {
	f := func(listen, want, fault string) {
		t.Helper()
		got, err := Addresses(listen)
		if strings.Join(got, " ") != want || (err == nil) != (fault == "") || err != nil && !strings.Contains(err.Error(), fault) {
			t.Errorf("%s: %q, %v; want %q, %q", listen, got, err, want, fault)
		}
	}
	f("127.0.0.1:8080", "127.0.0.1:8080", "")
	f("[::1]:21262", "[::1]:21262", "")
	f(":8080", "127.0.0.1:8080 [::1]:8080", "")
	f("0.0.0.0:8080", "127.0.0.1:8080", "")
	f("[::]:8080", "[::1]:8080 127.0.0.1:8080", "")
	f("[0:0::0]:8080", "[::1]:8080 127.0.0.1:8080", "")
	f("[::ffff:0.0.0.0]:8080", "127.0.0.1:8080", "")
	f("10.1.2.3:80", "10.1.2.3:80", "")
	f("gateway.internal:8080", "gateway.internal:8080", "")
	f("[fe80::1%eth0]:8080", "[fe80::1%eth0]:8080", "")
	f("127.0.0.1:0", "", "127.0.0.1:0 has port 0, for which the server takes a free one that cannot be known here")
	f("[::]:00", "", "has port 0")
	f("8080", "", "missing port")
}
