package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sluice/gateway/http/admin"
	"sluice/internal/oip/client"
	"sluice/test/rig"
)

const (
	// rollbackMedian is how long the request of a rollback may take.
	rollbackMedian = 100 * time.Millisecond
	// rollbacksLimit bounds how long all of them take, with the loads before them.
	rollbacksLimit = 4 * time.Minute
)

// rollbacks promotes version 2 and takes it back, and then sees whether it stays so.
func (s *stage) rollbacks() ([]row, error) {
	var took []time.Duration
	r, err := s.during(rollbacksLimit, func() error {
		for range s.plan.rollbacks {
			if err := s.change("promote", "2"); err != nil {
				return err
			}
			begun := time.Now()
			if err := s.change("rollback", ""); err != nil {
				return err
			}
			took = append(took, time.Since(begun))
			if err := s.rejected("2"); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	l := r.ledger()
	slices.Sort(took)
	median := took[len(took)/2]
	rows := []row{
		{
			what: "a rollback is quick", limit: fmt.Sprintf("median below %v", rollbackMedian),
			measured: fmt.Sprintf("median %s, at most %s, of %d requests", ms(median), ms(took[len(took)-1]), len(took)),
			held:     median < rollbackMedian, timed: true,
		},
		{what: "no request fails while versions are promoted and taken back", limit: "0 errors", measured: l.String(), held: l.errors() == 0 && l.right > 0},
	}
	for _, after := range []struct {
		what, version string
		do            func() error
	}{
		{"its folder goes away and comes back", "2", s.comesBack},
		{"its files are written anew", "2", s.touch},
		{"its files come as a newer version", "9", s.renumber},
		{"the gateway starts again", "2", func() error { return errors.Join(s.restart(), s.settles("9")) }},
	} {
		if err := after.do(); err != nil {
			return nil, fmt.Errorf("%s: %w", after.what, err)
		}
		row := row{
			what: "a version that was taken back stays so: " + after.what, limit: "it is rejected, version 1 is live and answers",
			measured: "so it is", held: true,
		}
		if err := errors.Join(s.rejected(after.version), s.answered()); err != nil {
			row.measured, row.held = err.Error(), false
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// rejected is nil if a version is rejected and version 1 is live.
func (s *stage) rejected(version string) error {
	v, err := s.version(version)
	if err != nil {
		return err
	}
	live, err := s.version("1")
	if err != nil {
		return err
	}
	if v == nil || live == nil || v.Role != "rejected" || live.Role != "live" {
		return fmt.Errorf("version %s is %+v, version 1 is %+v", version, v, live)
	}
	return nil
}

// answered is nil if version 1 answers. A request that is refused for want of time is asked again.
func (s *stage) answered() error {
	for tries := 1; ; tries++ {
		status, body, err := rig.Post(s.Predict, "/v2/models/"+model+"/infer", string(s.answers.questions[0].Body))
		if err != nil {
			return err
		}
		if (status == http.StatusTooManyRequests || status == http.StatusGatewayTimeout) && tries < 20 {
			continue
		}
		var a client.Response
		if err := client.ReadResponse([]byte(body), -1, &a); status != http.StatusOK || err != nil || string(a.Version) != "1" {
			return fmt.Errorf("a request is answered with status %d: %.300s", status, body)
		}
		return nil
	}
}

// comesBack takes the folder of version 2 away until that is noticed, and puts it back.
func (s *stage) comesBack() error {
	away := filepath.Join(s.dir, "away")
	if err := os.Rename(s.folder("2"), away); err != nil {
		return err
	}
	if _, err := s.await("2", func(v *admin.Version) bool { return v == nil }); err != nil {
		return err
	}
	if err := os.Rename(away, s.folder("2")); err != nil {
		return err
	}
	return s.settles("2")
}

// touch writes the files of version 2 anew, which gives them another time, and waits until they are refused again.
func (s *stage) touch() error {
	path := filepath.Join(s.folder("2"), modelFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	refused := func() int {
		return strings.Count(s.Log(), fmt.Sprintf(`"msg":"version refused","model":%q,"version":"2"`, model))
	}
	before := refused()
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return err
	}
	_, err = s.await("2", func(v *admin.Version) bool { return v != nil && v.State == "FAILED" && refused() > before })
	return err
}

// renumber puts the files of version 2 into the folder of a newer one.
func (s *stage) renumber() error {
	text, err := os.ReadFile(filepath.Join(s.folder("2"), modelFile))
	if err != nil {
		return err
	}
	if err := s.add("9", map[string][]byte{modelFile: text}); err != nil {
		return err
	}
	return s.settles("9")
}
