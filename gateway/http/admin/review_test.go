package admin

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"sluice/internal/fault"
)

// fakeReview remembers what it was asked for. It has no version 9, and is busy with the model "large".
type fakeReview struct{ asked []string }

func (f *fakeReview) Score(_ context.Context, model, version string) (any, error) {
	return map[string]string{"model": model, "version": version}, nil
}

func (f *fakeReview) Diff(_ context.Context, model, from, to string) (any, error) {
	if to == "9" {
		return nil, fault.Newf(fault.VersionNotFound, "'%s' has no version 9; its versions: 2, 1", model)
	}
	f.asked = append(f.asked, "diff "+model+" "+from+" "+to)
	return map[string]string{"model": model}, nil
}

func (f *fakeReview) Verify(_ context.Context, model, version string) (any, error) {
	if model == "large" {
		return nil, fault.New(fault.Conflict, "another verification is reading files")
	}
	f.asked = append(f.asked, "verify "+model+" "+version)
	return []string{model}, nil
}

func TestReviewOverHTTP(t *testing.T) {
	review := &fakeReview{}
	port := serve(t, func(o *Options) { o.Review = review })
	without := serve(t, func(o *Options) { o.Review = nil })
	f := func(at *running, raw string, status int, body, asked string) {
		t.Helper()
		review.asked = nil
		a, text := at.send(raw)
		if got := strings.Join(review.asked, "; "); a.StatusCode != status || !strings.Contains(text, body) || got != asked {
			t.Errorf("%.80q: %d, %s, asked for %q; want %d, %s, %q", raw, a.StatusCode, text, got, status, body, asked)
		}
	}
	diff := func(query string) string { return get("/v2/repository/models/m/diff" + query) }
	verify := func(model, body string) string {
		return fmt.Sprintf("POST /v2/repository/models/%s/verify HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s", model, len(body), body)
	}
	f(port, diff("?from=1&to=2"), 200, `{"model":"m"}`, "diff m 1 2")
	f(port, diff("?from=1&to=9"), 404, "its versions: 2, 1", "")
	f(port, diff(""), 400, "from and to name two versions", "")
	f(port, diff("?from=1"), 400, "from and to name two versions", "")
	f(port, diff("?from=1&to="+strings.Repeat("2", 129)), 400, "at most 128 characters", "")
	f(port, verify("m", ""), 200, `["m"]`, "verify m ")
	f(port, verify("m", `{"version":"3"}`), 200, `["m"]`, "verify m 3")
	f(port, verify("m", `{"versions":"3"}`), 400, "the body is not such as", "")
	f(port, verify("m", `[`), 400, "the body is not such as", "")
	f(port, verify("m", `{"version":"`+strings.Repeat("3", 129)+`"}`), 400, "at most 128 characters", "")
	f(port, verify("large", ""), 409, "another verification", "")
	f(port, verify("a%2Fb", ""), 400, "", "")
	f(without, diff("?from=1&to=2"), 404, "Not Found", "")
	f(without, verify("m", ""), 404, "Not Found", "")
}
