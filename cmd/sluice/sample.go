package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/valyala/fasthttp"

	"sluice/config"
	"sluice/internal/near"
	"sluice/internal/remedy"
	"sluice/internal/tensor"
)

// sampleCommand writes a request that fits a model of a running gateway: the way to try a model
// whose inputs are too large to be typed.
func sampleCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sample [MODEL]",
		Short: "Write a small valid request for a model of a running gateway",
		Long: `Ask a running gateway what a model takes, and write a small valid request as JSON to standard
output: one row, 1 for every number. The model may be left out where there is only one.

  sluice sample digits > request.json
  curl -s localhost:8080/v2/models/digits/infer -d @request.json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage(fmt.Errorf("%s takes one MODEL, not %q; --help says more", cmd.CommandPath(), strings.Join(args, " ")))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := settings(cmd.Flags())
			if err != nil {
				return err
			}
			addresses, err := dialAddresses(cfg.Listen)
			if err != nil {
				return cfg.Fault("listen", err)
			}
			g := asked{base: baseURL(cfg, cfg.Listen), addresses: addresses}
			name := strings.Join(args, "")
			if name == "" {
				if name, err = g.onlyModel(); err != nil {
					return err
				}
			}
			s, err := g.schema(name)
			if err != nil {
				return err
			}
			if reason := noSample(s); reason != "" {
				return fmt.Errorf("model %s: %s", name, reason)
			}
			w := bufio.NewWriter(os.Stdout)
			writeSample(w, s)
			fmt.Fprintln(w)
			return w.Flush()
		},
	}
	someSettings(cmd, "listen", "base_path")
	return cmd
}

// baseURL is the predict port's address for a client on this machine.
func baseURL(cfg *config.Config, address string) string {
	host, port, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		address = net.JoinHostPort("localhost", port)
	}
	return "http://" + address + cfg.BasePath
}

// asked is a gateway that is asked for its models. It is looked for as by health.
type asked struct {
	base      string
	addresses []string
}

// describeLimit is how long a gateway on this machine may take to describe a model.
const describeLimit = 5 * time.Second

func (g asked) request(method, path string, answer any) (status int, err error) {
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	request.Header.SetMethod(method)
	request.SetRequestURI(g.base + path)
	client := fasthttp.Client{Dial: func(string) (net.Conn, error) {
		limited, cancel := context.WithTimeout(context.Background(), describeLimit)
		defer cancel()
		return dialFirst(limited, g.addresses)
	}}
	defer client.CloseIdleConnections()
	if err := client.DoTimeout(request, response, describeLimit); err != nil {
		return 0, fmt.Errorf("cannot reach a gateway at %s: %s; start one with sluice serve, or name its address with --listen", g.base, remedy.Connection(err))
	}
	if response.StatusCode() != fasthttp.StatusOK {
		return response.StatusCode(), nil
	}
	if err := json.Unmarshal(response.Body(), answer); err != nil {
		return 0, fmt.Errorf("%s%s is no answer of a gateway: %w", g.base, path, err)
	}
	return fasthttp.StatusOK, nil
}

// ready lists the models that are served.
func (g asked) ready() ([]string, error) {
	var index []struct{ Name, State string }
	status, err := g.request(fasthttp.MethodPost, "/v2/repository/index", &index)
	if err != nil {
		return nil, err
	}
	if status != fasthttp.StatusOK {
		return nil, fmt.Errorf("%s/v2/repository/index answers with status %d: is it a gateway?", g.base, status)
	}
	var names []string
	for _, model := range index {
		if model.State == "READY" && !slices.Contains(names, model.Name) {
			names = append(names, model.Name)
		}
	}
	return names, nil
}

func (g asked) onlyModel() (string, error) {
	names, err := g.ready()
	switch {
	case err != nil:
		return "", err
	case len(names) == 0:
		return "", errors.New("the gateway serves no model: its log and sluice check say why")
	case len(names) > 1:
		return "", usage(fmt.Errorf("the gateway serves several models: name one of %s", near.First("", names, 20)))
	}
	return names[0], nil
}

func (g asked) schema(name string) (*tensor.Schema, error) {
	var about struct {
		Inputs []struct {
			Name, Datatype string
			Shape          []int64
		}
	}
	status, err := g.request(fasthttp.MethodGet, "/v2/models/"+url.PathEscape(name), &about)
	if err != nil {
		return nil, err
	}
	if status != fasthttp.StatusOK {
		names, err := g.ready()
		if err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("the gateway serves no model %q%s: it has %s", name, near.Meant(name, names), cmp.Or(near.First(name, names, 20), "none"))
	}
	s := &tensor.Schema{}
	for _, in := range about.Inputs {
		s.Inputs = append(s.Inputs, tensor.Spec{Name: in.Name, Type: tensor.ParseDataType([]byte(in.Datatype)), Shape: in.Shape})
	}
	return s, nil
}

// simpler prefers inputs of one size to free ones, and small ones to large.
func simpler(a, b *tensor.Schema) bool {
	if x, y := freeAxes(a), freeAxes(b); x != y {
		return x < y
	}
	return inputSize(a) < inputSize(b)
}

// freeAxes counts the free dimensions of the inputs besides the batch.
func freeAxes(s *tensor.Schema) (n int) {
	for _, in := range s.Inputs {
		for axis, d := range in.Shape {
			if d < 0 && (axis > 0 || !s.Batchable()) {
				n++
			}
		}
	}
	return n
}

// inputSize is the elements of the smallest request.
func inputSize(s *tensor.Schema) (n int64) {
	for _, in := range s.Inputs {
		elements, _ := tensor.Elements(sampleShape(in.Shape))
		n += elements
	}
	return n
}

// sampleShape puts 1 for every free dimension.
func sampleShape(shape []int64) []int64 {
	sample := make([]int64, len(shape))
	for i, d := range shape {
		sample[i] = max(d, 1)
	}
	return sample
}

// noSample says why a request of a schema cannot be written as JSON; empty if it can.
func noSample(s *tensor.Schema) string {
	for _, in := range s.Inputs {
		if in.Type == tensor.FP16 || in.Type == tensor.BF16 {
			return fmt.Sprintf("input %q is %s, which the protocol has no JSON for: send it as binary data, as tritonclient does", in.Name, in.Type)
		}
	}
	return ""
}

// writeSample writes a small valid request.
func writeSample(w io.Writer, s *tensor.Schema) {
	fmt.Fprint(w, `{"inputs":[`)
	for i, in := range s.Inputs {
		if i > 0 {
			fmt.Fprint(w, ",")
		}
		shape := sampleShape(in.Shape)
		n, _ := tensor.Elements(shape)
		value := "1"
		switch in.Type {
		case tensor.Bool:
			value = "true"
		case tensor.Bytes:
			value = `"a"`
		}
		name, _ := json.Marshal(in.Name) // a string always has a JSON form
		fmt.Fprintf(w, `{"name":%s,"datatype":"%s","shape":%s,"data":[`, name, in.Type, strings.ReplaceAll(fmt.Sprint(shape), " ", ","))
		for k := range n {
			if k > 0 {
				fmt.Fprint(w, ",")
			}
			fmt.Fprint(w, value)
		}
		fmt.Fprint(w, "]}")
	}
	fmt.Fprint(w, `]}`)
}
