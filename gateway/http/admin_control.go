package httpfront

import (
	"context"
	"io"
	"net/http"

	"go.uber.org/zap"

	"sluice/internal/fault"
	"sluice/internal/oip"
)

func (a *Admin) live(w http.ResponseWriter, _ *http.Request) error {
	return writeAdmin(w, oip.Live{Live: true})
}

func (a *Admin) ready(w http.ResponseWriter, _ *http.Request) error {
	if err := a.opt.Server.readiness(); err != nil {
		return err
	}
	return writeAdmin(w, oip.Ready{Live: true, Ready: true, Degraded: a.opt.Server.opt.Degraded()})
}

func (a *Admin) metrics(w http.ResponseWriter, r *http.Request) error {
	a.opt.Metrics.ServeHTTP(w, r)
	return nil
}

func (a *Admin) index(w http.ResponseWriter, r *http.Request) error {
	body, err := controlBody(w, r)
	if err != nil {
		return err
	}
	entries, err := index(a.opt.Models, body)
	if err != nil {
		return err
	}
	return writeAdmin(w, entries)
}

func (a *Admin) load(w http.ResponseWriter, r *http.Request) error {
	return a.change(w, r, "load", a.opt.Control.Load)
}

func (a *Admin) unload(w http.ResponseWriter, r *http.Request) error {
	return a.change(w, r, "unload", a.opt.Control.Unload)
}

// change asks for one model to be loaded or unloaded and waits until it is; the answer
// is empty, as clients of the protocol expect.
func (a *Admin) change(w http.ResponseWriter, r *http.Request, verb string, do func(context.Context, string) error) error {
	name, f := modelName(nil, []byte(r.PathValue("model")))
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
	a.opt.Log.Info("model control",
		zap.String("request_id", w.Header().Get(requestIDHeader)), zap.String("verb", verb), zap.String("model", string(name)), zap.Error(err))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	return nil
}

// reopen has a device try again; the answer is empty and does not wait for what comes of it.
func (a *Admin) reopen(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("device")
	if len(name) > maxDeviceName {
		return fault.Newf(fault.NotFound, "there is no device of %d characters", len(name))
	}
	err := a.opt.Reopen(name)
	a.opt.Log.Info("device control",
		zap.String("request_id", w.Header().Get(requestIDHeader)), zap.String("verb", "reopen"), zap.String("device", name), zap.Error(err))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	return nil
}

// maxDeviceName bounds what an error repeats of a name.
const maxDeviceName = 64

// controlBody reads the small body of a control request.
func controlBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxControlBody))
	if err != nil {
		return nil, fault.Newf(fault.BodyTooLarge, "the body is larger than %d bytes, or was cut short", maxControlBody)
	}
	return body, nil
}

const maxControlBody = 1 << 20
