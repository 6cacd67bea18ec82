package price

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"sluice/internal/near"
	"sluice/internal/prescan"
	"sluice/internal/remedy"
)

const (
	maxFile    = 64 << 10 // bytes of a prices file
	maxDevices = 256
)

// Prices is what a prices file says.
type Prices struct {
	// Currency is that of all prices.
	Currency string
	Fleet    Fleet
	// PerHour is the price of an hour of a replica, by device.
	PerHour map[string]float64
}

// Device is one with its price, if the file has it.
func (p *Prices) Device(name string, rowsPerSecond float64) Device {
	d := Device{Name: name, RowsPerSecond: rowsPerSecond}
	if price, ok := p.PerHour[name]; ok {
		d.PricePerHour, d.Currency = price, p.Currency
	}
	return d
}

// ReadPrices reads a prices file.
func ReadPrices(path string) (*Prices, error) {
	text, err := prescan.ReadFile(path, maxFile)
	if err != nil {
		return nil, fmt.Errorf("cannot read the prices %s: %w", path, remedy.Named(err))
	}
	return ParsePrices(path, text)
}

// ParsePrices reads the text of a prices file; name is what faults call it. Every fault names its line, the key, the value
// and the limit. Only the parser of the library is used, because its decoder takes many things for numbers.
func ParsePrices(name string, text []byte) (*Prices, error) {
	if len(text) > maxFile {
		return nil, fmt.Errorf("%s: it has %d bytes; the limit is %d", name, len(text), maxFile)
	}
	text = prescan.Unmarked(text)
	if err := prescan.YAML(text); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, syntaxFault(name, err)
	}
	p := &Prices{Fleet: DefaultFleet(), PerHour: map[string]float64{}}
	d := decoder{name: name, prices: p}
	documents := 0
	for _, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.CommentType {
			continue
		}
		if documents++; documents > 1 {
			d.fault(doc.Body, "begins a second document: a file holds one")
			break
		}
		d.file(doc.Body)
	}
	switch {
	case len(d.faults) > 0:
		return nil, errors.Join(d.faults...)
	case p.Currency == "":
		return nil, fmt.Errorf("%s: currency is missing: name that of the prices, such as currency: USD", name)
	case len(p.PerHour) == 0:
		return nil, fmt.Errorf("%s: devices is missing or empty: name one, such as devices: {cpu: {per_hour: 0.357}}", name)
	}
	return p, nil
}

// syntaxFault says where a text is no YAML. A key that comes twice is such a fault.
func syntaxFault(name string, err error) error {
	var at *yaml.SyntaxError
	if !errors.As(err, &at) || at.Token == nil {
		return fmt.Errorf("%s: it cannot be read as YAML: %s", name, yaml.FormatError(err, false, false))
	}
	message := strings.Join(strings.Fields(strings.ReplaceAll(at.Message, "\t", `\t`)), " ")
	return fmt.Errorf("%s:%d:%d: it cannot be read as YAML: %s", name, at.Token.Position.Line, at.Token.Position.Column, message)
}

type decoder struct {
	name   string
	prices *Prices
	faults []error
}

func (d *decoder) fault(node ast.Node, format string, args ...any) {
	d.faults = append(d.faults, fmt.Errorf("%s:%d: "+format, append([]any{d.name, node.GetToken().Position.Line}, args...)...))
}

func (d *decoder) file(node ast.Node) {
	keys := []string{"currency", "headroom", "replicas", "devices"}
	d.mapping(node, "the prices", func(key string, at, value ast.Node) {
		switch key {
		case "currency":
			d.currency(value)
		case "headroom":
			d.number(value, key, minHeadroom, 1, &d.prices.Fleet.Headroom)
		case "replicas":
			d.replicas(value)
		case "devices":
			d.mapping(value, key, d.device)
		default:
			d.unknown(at, key, "the prices", keys)
		}
	})
}

func (d *decoder) device(name string, at, node ast.Node) {
	switch {
	case !nameable(name):
		d.fault(at, "devices: the name %.80q must have 1 to %d bytes, all printable", name, maxName)
		return
	case len(d.prices.PerHour) == maxDevices:
		d.fault(at, "devices: %s is one too many: the limit is %d", name, maxDevices)
		return
	}
	path, price := "devices."+name, 0.0
	before := len(d.faults)
	d.mapping(node, path, func(key string, at, value ast.Node) {
		if key == "per_hour" {
			d.number(value, path+"."+key, minPrice, maxPrice, &price)
		} else {
			d.unknown(at, key, path, []string{"per_hour"})
		}
	})
	if len(d.faults) == before && price == 0 {
		d.fault(node, "%s has no per_hour: give the price of an hour, or leave the device out", path)
	}
	d.prices.PerHour[name] = price
}

func (d *decoder) unknown(at ast.Node, key, what string, keys []string) {
	d.fault(at, "there is no key %.80q in %s%s, which may have %s", key, what, near.Meant(key, keys), near.First(key, keys, len(keys)))
}

// mapping calls each for the keys of a mapping, which are names. The parser has seen to it that none comes twice.
func (d *decoder) mapping(node ast.Node, what string, each func(key string, at, value ast.Node)) {
	m, ok := node.(*ast.MappingNode)
	if !ok {
		d.fault(node, "%s must be a mapping", what)
		return
	}
	for _, entry := range m.Values {
		if key, ok := entry.Key.(*ast.StringNode); ok {
			each(key.Value, key, entry.Value)
		} else {
			d.fault(entry.Key, "%s: a key must be a name; put it between quotation marks", what)
		}
	}
}

func (d *decoder) currency(node ast.Node) {
	text, ok := scalar(node)
	if !ok || !isCurrency(text) {
		d.fault(node, "currency: %.20q is not three capital letters, such as USD", text)
		return
	}
	d.prices.Currency = text
}

func (d *decoder) replicas(node ast.Node) {
	text, _ := scalar(node)
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxFloor {
		d.fault(node, "replicas: %.20q is not a whole number from 1 to %d", text, maxFloor)
		return
	}
	d.prices.Fleet.Replicas = n
}

// number reads one between two limits, which belong to it.
func (d *decoder) number(node ast.Node, key string, least, most float64, to *float64) {
	text, _ := scalar(node)
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || !(x >= least && x <= most) {
		d.fault(node, "%s: %.20q is not a number from %g to %g", key, text, least, most)
		return
	}
	*to = x
}

// scalar is the text of a single value as it is written.
func scalar(node ast.Node) (text string, ok bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.IntegerNode, *ast.FloatNode:
		return node.GetToken().Value, true
	}
	return "", false
}
