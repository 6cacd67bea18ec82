package httpfront

import (
	_ "embed"

	"sluice/gateway/http/wire"
	"sluice/internal/oip"
	"sluice/internal/oip/v1"
)

func (s *Server) serverMetadata(c *call) error {
	return answerJSON(c.ctx, oip.ServerMetadata{Name: "sluice", Version: s.opt.Version, Extensions: oip.Extensions})
}

// modelList names the models that can be asked.
func (s *Server) modelList(c *call) error {
	list := v1.Models{Models: []string{}}
	for _, m := range s.gateway.Models().List() {
		if n := len(list.Models); m.State == oip.StateReady && (n == 0 || list.Models[n-1] != m.Name) {
			list.Models = append(list.Models, m.Name)
		}
	}
	return answerJSON(c.ctx, list)
}

func (s *Server) modelMetadata(c *call) error {
	m, err := s.find(c)
	if err != nil {
		return err
	}
	defer m.Release()
	info := m.Info()
	versions := info.Versions()
	if c.params.version != nil {
		versions = []string{info.Version}
	}
	document := oip.NewModelMetadata(info.Name, versions, info.Client)
	document.Platform = info.Platform
	if info.Digest != "" {
		document.Properties = map[string]string{"digest": info.Digest}
	}
	return answerJSON(c.ctx, document)
}

func (s *Server) modelConfig(c *call) error {
	m, err := s.find(c)
	if err != nil {
		return err
	}
	defer m.Release()
	info := m.Info()
	document := oip.NewModelConfig(info.Name, info.Client)
	document.Platform = info.Platform
	if info.Notes != nil {
		document.Note(info.Notes())
	}
	return answerJSON(c.ctx, document)
}

// modelStatusV1 has the keys of both families of V1 clients. A known model that is not
// ready is a 200 that says so: clients poll this while a model loads.
func (s *Server) modelStatusV1(c *call) error {
	name, f := wire.ModelName(c.name[:0], c.params.model)
	if f != nil {
		return f
	}
	document := v1.Model{Name: string(name), Versions: []v1.Version{}}
	for _, m := range s.gateway.Models().List() {
		if m.Name != document.Name || c.params.version != nil && m.Version != string(c.params.version) {
			continue
		}
		v := v1.Version{Version: m.Version, Status: v1.Status{ErrorCode: "OK"}}
		switch m.State {
		case oip.StateReady:
			v.State = v1.Available
		case oip.StateLoading:
			v.State = v1.Loading
		case oip.StateUnloading:
			v.State = v1.Unloading
		default:
			v.State = v1.End
			v.Status = v1.Status{ErrorCode: "UNAVAILABLE", ErrorMessage: m.Reason}
		}
		document.Versions = append(document.Versions, v)
	}
	if m, err := s.find(c); err == nil {
		document.Ready = m.Ready() == nil
		m.Release()
	} else if len(document.Versions) == 0 {
		return err
	}
	return answerJSON(c.ctx, document)
}

//go:embed openapi.json
var openAPIDocument []byte

// OpenAPI returns the description of the predict port.
func OpenAPI() []byte { return append([]byte(nil), openAPIDocument...) }

func (s *Server) openAPI(c *call) error {
	c.ctx.Response.Header.SetContentTypeBytes(wire.TypeJSON)
	c.ctx.Response.SetBodyRaw(openAPIDocument)
	return nil
}
