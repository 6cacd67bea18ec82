package payload

import (
	"bytes"
	"os"
	"strconv"
	"strings"

	"sluice/internal/remedy"
	"sluice/loadtest/engine"
)

const maxTemplate = 16 << 20

// Template prepares requests from a file that holds one as it goes over the wire, or as
// editors' .http files have it: request line, headers, an empty line, body. Lines of the
// head may end in a bare line feed, and it may leave out the version and the Host. The
// body is taken byte for byte.
//
// {{variant}} is the variant's number, {{seed}} the options' seed, and {{id}} the place of
// the request's identity, 16 hexadecimal digits, once at most. Of the options Variants (1 if
// there is no {{variant}}), Seed, Budget and Headers count. The error is a *UsageError.
func Template(target Target, path string, o Options) (*Set, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, usagef("cannot read the template: %v", remedy.Whole(err))
	}
	if info.Size() > maxTemplate {
		return nil, usagef("template %s has %d bytes, more than the limit of %d", path, info.Size(), maxTemplate)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, usagef("cannot read the template: %v", remedy.Whole(err))
	}
	s, err := buildTemplate(target, text, &o)
	if err != nil {
		return nil, usagef("template %s: %v", path, err)
	}
	s.Inputs = []string{"template " + path}
	return s, nil
}

func buildTemplate(target Target, text []byte, o *Options) (*Set, error) {
	if err := checkHeaders(o.Headers); err != nil {
		return nil, err
	}
	variants := o.Variants
	switch {
	case !bytes.Contains(text, []byte("{{variant}}")):
		variants = 1
	case variants == 0:
		variants = defaultVariants
	}
	if variants < 0 || variants > maxVariants || variants*len(text) > maxPrepared {
		return nil, usagef("%d variants: from 1 to %d can be prepared, and %d bytes of them", variants, maxVariants, maxPrepared)
	}
	if n := bytes.Count(text, []byte("{{id}}")); n > 1 {
		return nil, usagef("{{id}} is there %d times; a request has one identity", n)
	}
	s := &Set{Target: target, Protocol: HTTP, Seed: o.Seed}
	for v := range variants {
		expanded := strings.NewReplacer("{{variant}}", strconv.Itoa(v), "{{seed}}", strconv.FormatUint(o.Seed, 10)).Replace(string(text))
		p, err := templateRequest(target, expanded, o)
		if err != nil {
			return nil, err
		}
		s.Payloads = append(s.Payloads, p)
		s.Rows = append(s.Rows, Row{Identity: -1})
	}
	return s, nil
}

// templateRequest turns one expanded template into bytes.
func templateRequest(target Target, text string, o *Options) (engine.Payload, error) {
	lines, body, err := splitTemplate(text)
	if err != nil {
		return engine.Payload{}, err
	}
	method, path, _ := strings.Cut(lines[0], " ")
	path, version, versioned := strings.Cut(path, " ")
	if method == "" || strings.ToUpper(method) != method || !strings.HasPrefix(path, "/") || versioned && version != "HTTP/1.1" {
		return engine.Payload{}, usagef("its first line %.80q must be a method and a path, as in POST /predict HTTP/1.1", lines[0])
	}
	if method == "HEAD" || method == "CONNECT" {
		return engine.Payload{}, usagef("method %s: its answers have no body, and cannot be told apart", method)
	}
	host := "Host: " + target.Host
	var fields strings.Builder
	for _, line := range append(lines[1:], o.Headers...) {
		name, _, ok := strings.Cut(line, ":")
		if !ok || name == "" || strings.ContainsAny(name, " \t") {
			return engine.Payload{}, usagef("header %.80q has no name and colon", line)
		}
		switch strings.ToLower(name) {
		case "host":
			host = line
		case "content-length", "transfer-encoding", "connection", "expect", "accept-encoding":
			return engine.Payload{}, usagef("header %.80q: leave it out, the tool sees to it", line)
		default:
			fields.WriteString(line + "\r\n")
		}
	}
	const place = "{{id}}"
	if body != "" || method != "GET" {
		length := len(body) + strings.Count(body, place)*(len(noIdentity)-len(place))
		fields.WriteString("Content-Length: " + strconv.Itoa(length) + "\r\n")
	}
	whole := method + " " + path + " HTTP/1.1\r\n" + host + "\r\n" + fields.String() + budgetField(o.Budget) + "\r\n" + body
	return engine.Payload{Bytes: []byte(strings.ReplaceAll(whole, place, noIdentity)), ID: strings.Index(whole, place)}, nil
}

// splitTemplate cuts a request into the lines of its head and its body.
func splitTemplate(text string) (lines []string, body string, err error) {
	for rest := text; ; {
		line, after, found := strings.Cut(rest, "\n")
		line = strings.TrimSuffix(line, "\r")
		if line == "" {
			if len(lines) == 0 {
				return nil, "", usagef("it has no request line")
			}
			return lines, after, nil
		}
		if lines = append(lines, line); !found {
			return lines, "", nil
		}
		rest = after
	}
}
