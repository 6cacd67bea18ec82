package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"

	"go.uber.org/zap"

	"sluice/gateway/http/wire"
	"sluice/internal/fault"
)

// Review looks at versions for whoever is about to promote one. The documents are for JSON.
type Review interface {
	// Diff is what the version to changes against the version from.
	Diff(ctx context.Context, model, from, to string) (any, error)
	// Verify tells whether the files of a version are still those that were proven; those of all versions of the model if
	// version is empty. It is Conflict while another call goes on.
	Verify(ctx context.Context, model, version string) (any, error)
	// Score counts the proofs of a version, of the live one if version is empty.
	Score(ctx context.Context, model, version string) (any, error)
}

func (p *Port) score(w http.ResponseWriter, r *http.Request) error {
	if p.opt.Review == nil {
		return fault.New(fault.NotFound, "Not Found")
	}
	name, f := wire.ModelName(nil, []byte(r.PathValue("model")))
	if f != nil {
		return f
	}
	version := r.URL.Query().Get("version")
	if len(version) > maxKey {
		return fault.Newf(fault.InvalidParameter, "version has at most %d characters", maxKey)
	}
	found, err := p.opt.Review.Score(r.Context(), string(name), version)
	if err != nil {
		return err
	}
	return answer(w, found)
}

func (p *Port) diff(w http.ResponseWriter, r *http.Request) error {
	if p.opt.Review == nil {
		return fault.New(fault.NotFound, "Not Found")
	}
	name, f := wire.ModelName(nil, []byte(r.PathValue("model")))
	if f != nil {
		return f
	}
	query := r.URL.Query()
	from, to := query.Get("from"), query.Get("to")
	if from == "" || to == "" || len(from) > maxKey || len(to) > maxKey {
		return fault.Newf(fault.InvalidParameter, "from and to name two versions, such as ?from=2&to=3, with at most %d characters each", maxKey)
	}
	found, err := p.opt.Review.Diff(r.Context(), string(name), from, to)
	if err != nil {
		return err
	}
	return answer(w, found)
}

func (p *Port) verify(w http.ResponseWriter, r *http.Request) error {
	if p.opt.Review == nil {
		return fault.New(fault.NotFound, "Not Found")
	}
	name, f := wire.ModelName(nil, []byte(r.PathValue("model")))
	if f != nil {
		return f
	}
	body, err := controlBody(w, r)
	if err != nil {
		return err
	}
	var asked struct {
		Version string `json:"version"`
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&asked); err != nil && len(bytes.TrimSpace(body)) > 0 || len(asked.Version) > maxKey {
		return fault.Newf(fault.InvalidRequest, `the body is not such as {"version": "3"}, with at most %d characters, which may be left out`, maxKey)
	}
	found, err := p.opt.Review.Verify(r.Context(), string(name), asked.Version)
	p.opt.Log.Info("model control", zap.String("request_id", w.Header().Get(requestID)), zap.String("verb", "verify"),
		zap.String("model", string(name)), zap.String("version", asked.Version), zap.Error(err))
	if err != nil {
		return err
	}
	return answer(w, found)
}
