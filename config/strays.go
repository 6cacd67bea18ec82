package config

import (
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"sluice/internal/near"
)

// FileVariable names the settings file where no flag does.
const FileVariable = "SLUICE_CONFIG"

// Stray is a variable of the environment that begins as a setting's and is none.
type Stray struct {
	Name string
	// Meant is the variable that is nearest, or two of them joined by "or" that hold the name as a
	// part; empty if none is near.
	Meant string
	// Slip is set if it can hardly be anything but that one with a letter wrong.
	Slip bool
}

// Strays finds the variables that begin with SLUICE_ and are no settings, and those that are one in
// letters of another case. Those of a service called sluice, or sluice-canary, are passed over:
// Kubernetes itself makes SLUICE_SERVICE_HOST and the like in each pod of its namespace. So are the
// tools' own variables, which passed may name.
func Strays(environ []string, passed ...string) []Stray {
	known := append([]string{FileVariable}, passed...)
	for _, o := range Options() {
		known = append(known, o.Env)
	}
	var strays []Stray
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		if meant := strings.ToUpper(name); meant != name && slices.Contains(known, meant) {
			strays = append(strays, Stray{Name: name, Meant: meant, Slip: true})
			continue
		}
		if !strings.HasPrefix(name, "SLUICE_") || slices.Contains(known, name) || serviceLink(name, value) {
			continue
		}
		strays = append(strays, stray(name, known))
	}
	slices.SortFunc(strays, func(a, b Stray) int { return strings.Compare(a.Name, b.Name) })
	return strays
}

// stray finds the variable that a name is near. A name that only begins or ends as one is no slip:
// it may belong to something else.
func stray(name string, known []string) Stray {
	short := make([]string, len(known))
	for i := range known {
		short[i] = strings.TrimPrefix(known[i], "SLUICE_")
	}
	misses := near.Misses(strings.TrimPrefix(name, "SLUICE_"), short)
	if len(misses) == 0 {
		return Stray{Name: name}
	}
	meant := "SLUICE_" + misses[0]
	if d := len(name) - len(meant); -2 <= d && d <= 2 {
		return Stray{Name: name, Meant: meant, Slip: true}
	}
	if len(misses) > 1 {
		meant += " or SLUICE_" + misses[1]
	}
	return Stray{Name: name, Meant: meant}
}

// link are the names of a service's variables: SLUICE_SERVICE_HOST, SLUICE_SERVICE_PORT,
// SLUICE_SERVICE_PORT_HTTP, SLUICE_PORT, SLUICE_PORT_8080_TCP, SLUICE_PORT_8080_TCP_ADDR.
var link = regexp.MustCompile(`^SLUICE(?:_[A-Z0-9_]+?)??_(SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT|PORT_\d+_(?:TCP|UDP|SCTP)|PORT_\d+_(?:TCP|UDP|SCTP)_PROTO|PORT_\d+_(?:TCP|UDP|SCTP)_PORT|PORT_\d+_(?:TCP|UDP|SCTP)_ADDR)$`)

// serviceLink recognises a service's variable by its name and its value: SLUICE_ADMIN_PORT=8081 is
// somebody's mistake, and SLUICE_ADMIN_PORT=tcp://10.0.0.7:8081 is the service sluice-admin.
func serviceLink(name, value string) bool {
	match := link.FindStringSubmatch(name)
	if match == nil {
		return false
	}
	switch what := match[1]; {
	case what == "SERVICE_HOST", strings.HasSuffix(what, "_ADDR"):
		return net.ParseIP(value) != nil
	case strings.HasPrefix(what, "SERVICE_PORT"), strings.HasSuffix(what, "_PORT") && what != "PORT":
		_, err := strconv.ParseUint(value, 10, 16)
		return err == nil
	case strings.HasSuffix(what, "_PROTO"):
		return value == "tcp" || value == "udp" || value == "sctp"
	}
	return strings.HasPrefix(value, "tcp://") || strings.HasPrefix(value, "udp://") || strings.HasPrefix(value, "sctp://")
}
