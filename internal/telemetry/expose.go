package telemetry

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

// offered are the formats of a scrape. OpenMetrics is left out: it would add _total to
// the nv_ counters, whose names are given.
var offered = []expfmt.Format{
	expfmt.NewFormat(expfmt.TypeProtoDelim),
	expfmt.NewFormat(expfmt.TypeTextPlain),
}

// Handler answers a scrape: native histograms for a Prometheus that asks for protobuf,
// text for everybody else.
func (m *Metrics) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		format := expfmt.NegotiateAccept(r.Header, offered...)
		var err error
		if format.FormatType() == expfmt.TypeTextPlain {
			w.Header().Set("Content-Type", string(expfmt.NewFormat(expfmt.TypeTextPlain)))
			err = m.WriteText(w)
		} else {
			w.Header().Set("Content-Type", string(format))
			err = m.encode(w, format)
		}
		if err != nil {
			// Where the first bytes are out this only shows in the connection; nothing else is left to do.
			http.Error(w, "cannot write metrics: "+err.Error(), http.StatusInternalServerError)
		}
	})
}

func (m *Metrics) encode(w io.Writer, format expfmt.Format) error {
	families, err := m.registry.Gather()
	if err != nil {
		return err
	}
	encoder := expfmt.NewEncoder(w, format)
	for _, family := range families {
		if err := encoder.Encode(family); err != nil {
			return err
		}
	}
	return nil
}

// WriteText writes all metrics in Prometheus' text format.
func (m *Metrics) WriteText(w io.Writer) error {
	families, err := m.registry.Gather()
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	var faults []error
	for _, family := range families {
		if strings.HasPrefix(family.GetName(), "nv_") {
			writePlain(out, family)
		} else if _, err := expfmt.MetricFamilyToText(out, family); err != nil {
			faults = append(faults, err)
		}
	}
	return errors.Join(append(faults, out.Flush())...)
}

var labelEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

// writePlain writes counters and gauges without exponents: the readers of the nv_ names
// match digits only, and would take the 8.5e+10 of the usual encoder for 8.5.
func writePlain(out *bufio.Writer, family *dto.MetricFamily) {
	name := family.GetName()
	out.WriteString("# HELP " + name + " " + family.GetHelp() + "\n")
	out.WriteString("# TYPE " + name + " " + strings.ToLower(family.GetType().String()) + "\n")
	for _, metric := range family.GetMetric() {
		out.WriteString(name)
		separator := "{"
		for _, label := range metric.GetLabel() {
			out.WriteString(separator + label.GetName() + `="` + labelEscapes.Replace(label.GetValue()) + `"`)
			separator = ","
		}
		if separator == "," {
			out.WriteString("}")
		}
		value := metric.GetCounter().GetValue() + metric.GetGauge().GetValue() // one of them is absent: 0
		out.WriteString(" " + strconv.FormatFloat(value, 'f', -1, 64) + "\n")
	}
}
