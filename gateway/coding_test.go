package gateway

import (
	"strings"
	"testing"
)

// FuzzContentCoding: a value that is let through names one coding at the most, which is the result.
func FuzzContentCoding(f *testing.F) {
	for _, s := range []string{"gzip", "X-GZIP", "deflate, identity", ",, ,", "gzip, gzip", "br"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		is, refusal := ParseCoding([]byte(value))
		if refusal != nil {
			return
		}
		var codings []string
		for name := range strings.SplitSeq(strings.ToLower(value), ",") {
			if name = strings.TrimPrefix(strings.Trim(name, " \t"), "x-"); name != "" && name != "identity" {
				codings = append(codings, name)
			}
		}
		if got := append(codings, "identity")[0]; len(codings) > 1 || got != string(is.Word()) {
			t.Errorf("%q gives %q", value, is.Word())
		}
	})
}

// FuzzAcceptable: any Accept-Encoding gives a coding that the client named.
func FuzzAcceptable(f *testing.F) {
	for _, s := range []string{"gzip", "deflate;q=0.5, gzip;q=0.4", "*;q=1, identity", ";;,,q=", "gzip;q=1.0000"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		as := acceptable([]byte(header))
		if name := string(as.Word()); as != Identity && !strings.Contains(strings.ToLower(header), name) {
			t.Errorf("%q gives %q", header, name)
		}
	})
}
