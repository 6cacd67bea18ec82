package gates

import (
	"fmt"
	"slices"
	"strings"
)

// NotePreferred copies the figures of the first device that serves.
func (r *Report) NotePreferred() {
	if at := slices.IndexFunc(r.Devices, func(d DeviceReport) bool { return d.State == Placed }); at >= 0 {
		r.Curve, r.Target = r.Devices[at].Curve, r.Devices[at].Target
	}
}

// NoteDevices renews the verdict on a version that is served on some of its devices.
func (r *Report) NoteDevices() {
	r.Gates = slices.DeleteFunc(slices.Clone(r.Gates), func(v Verdict) bool { return v.Gate == "devices" })
	if text := r.reasons(); text != "" {
		r.Gates = append(r.Gates, Verdict{Gate: "devices", Outcome: Changed, Text: "not served on " + text})
	}
}

// Without lists the devices that do not serve.
func (r *Report) Without() (names []string) {
	for i := range r.Devices {
		if r.Devices[i].State != Placed {
			names = append(names, r.Devices[i].Device)
		}
	}
	return names
}

// reasons lists the devices that do not serve, and why.
func (r *Report) reasons() string {
	var all []string
	for _, d := range r.Devices {
		switch d.State {
		case Down:
			all = append(all, fmt.Sprintf("%s, which is down (%s)", d.Device, d.Reason))
		case LeftOut:
			all = append(all, fmt.Sprintf("%s (%s)", d.Device, d.Reason))
		}
	}
	return strings.Join(all, "; ")
}

// IsDown tells whether the device was down when it was last tried.
func (r *Report) IsDown(device string) bool {
	return r != nil && slices.ContainsFunc(r.Devices, func(d DeviceReport) bool { return d.Device == device && d.State == Down })
}
