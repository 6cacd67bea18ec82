package admin

import (
	"net/http"

	"go.uber.org/zap"

	"sluice/gateway/http/wire"
	"sluice/internal/fault"
)

// Shadows tells what comparisons of live versions with their shadows have shown, and halts them.
type Shadows interface {
	// Reports is a list of a model's comparisons, as JSON.
	Reports(model string) (any, error)
	// Pause freezes the shadows of all models, or lets them go on. While they are, nothing is mirrored.
	Pause(yes bool)
}

func (p *Port) shadows(w http.ResponseWriter, r *http.Request) error {
	if p.opt.Shadows == nil {
		return fault.New(fault.NotFound, "Not Found")
	}
	name, f := wire.ModelName(nil, []byte(r.PathValue("model")))
	if f != nil {
		return f
	}
	all, err := p.opt.Shadows.Reports(string(name))
	if err != nil {
		return err
	}
	return answer(w, all)
}

// pause is of this gateway and of this process: nothing of it is written down.
func (p *Port) pause(w http.ResponseWriter, r *http.Request) error {
	if p.opt.Shadows == nil {
		return fault.New(fault.NotFound, "Not Found")
	}
	body, err := controlBody(w, r)
	if err != nil {
		return err
	}
	var asked struct {
		Paused *bool `json:"paused"`
	}
	if err := decode(body, &asked); err != nil || asked.Paused == nil {
		return fault.New(fault.InvalidRequest, `the body is not {"paused": true} or {"paused": false}`)
	}
	p.opt.Shadows.Pause(*asked.Paused)
	who, _ := r.Context().Value(whoKey{}).(string)
	p.opt.Log.Info("model control", zap.String("request_id", w.Header().Get(requestID)), zap.String("path", r.URL.Path), zap.String("who", who), zap.Bool("paused", *asked.Paused))
	return done(w, nil)
}
