package admin

import (
	"context"
	"io"
	"net/http"

	"go.uber.org/zap"

	"sluice/gateway/http/wire"
	"sluice/internal/fault"
	"sluice/internal/oip"
)

func (p *Port) live(w http.ResponseWriter, _ *http.Request) error {
	return answer(w, oip.Live{Live: true})
}

func (p *Port) ready(w http.ResponseWriter, _ *http.Request) error {
	if err := p.opt.Front.Readiness(); err != nil {
		return err
	}
	return answer(w, oip.Ready{Live: true, Ready: true, Degraded: p.opt.Front.Degraded()})
}

func (p *Port) metrics(w http.ResponseWriter, r *http.Request) error {
	p.opt.Metrics.ServeHTTP(w, r)
	return nil
}

func (p *Port) index(w http.ResponseWriter, r *http.Request) error {
	body, err := controlBody(w, r)
	if err != nil {
		return err
	}
	entries, err := p.opt.Front.Index(body)
	if err != nil {
		return err
	}
	return answer(w, entries)
}

func (p *Port) load(w http.ResponseWriter, r *http.Request) error {
	return p.change(w, r, "load", p.opt.Control.Load)
}

func (p *Port) unload(w http.ResponseWriter, r *http.Request) error {
	return p.change(w, r, "unload", p.opt.Control.Unload)
}

// change asks for one model to be loaded or unloaded, and waits until it is. The answer is empty, as clients of
// the protocol expect.
func (p *Port) change(w http.ResponseWriter, r *http.Request, verb string, do func(context.Context, string) error) error {
	name, f := wire.ModelName(nil, []byte(r.PathValue("model")))
	if f != nil {
		return f
	}
	body, err := controlBody(w, r)
	if err != nil {
		return err
	}
	if err := oip.ParseLoadRequest(body); err != nil {
		return err
	}
	err = do(r.Context(), string(name))
	p.opt.Log.Info("model control",
		zap.String("request_id", w.Header().Get(requestID)), zap.String("verb", verb), zap.String("model", string(name)), zap.Error(err))
	return done(w, err)
}

// reopen has a device try again. The answer is empty, and does not wait for the device.
func (p *Port) reopen(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("device")
	if len(name) > maxDeviceName {
		return fault.Newf(fault.NotFound, "there is no device of %d characters", len(name))
	}
	err := p.opt.Reopen(name)
	p.opt.Log.Info("device control",
		zap.String("request_id", w.Header().Get(requestID)), zap.String("verb", "reopen"), zap.String("device", name), zap.Error(err))
	return done(w, err)
}

// maxDeviceName bounds what an error repeats of a name.
const maxDeviceName = 64

// done gives the empty answer to a control request, unless it failed.
func done(w http.ResponseWriter, err error) error {
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	return nil
}

// controlBody reads the small body of a control request.
func controlBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxControlBody))
	if err != nil {
		return nil, fault.Newf(fault.BodyTooLarge, "the body is larger than %d bytes, or was cut short", maxControlBody)
	}
	return body, nil
}

const maxControlBody = 1 << 20
