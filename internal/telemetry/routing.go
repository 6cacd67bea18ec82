package telemetry

import "github.com/prometheus/client_golang/prometheus"

// DeviceState is a device as the scheduler sees it.
type DeviceState struct {
	Name              string
	State             string // up, broken, probing or closed
	Lanes, Busy, Lent int
	Load              float64 // share of its time that the arriving load needs
	Trips             uint64  // how often its breaker has opened
	Speed             float64 // 1 is usual
}

// Routing is where a version's requests went.
type Routing struct {
	Sent    []Sent
	Pressed bool // it spills early, because the preferred device is short of time
}

// Sent counts requests by device and by why it was that one; the reason is empty for the
// preferred device.
type Sent struct {
	Device, Reason string
	Count          uint64
}

// WatchDevices names the function that a scrape asks for the devices; it must not block.
func (m *Metrics) WatchDevices(state func() []DeviceState) { m.deviceStates.Store(&state) }

// WatchRouting names the function that a scrape asks for the model's routing; likewise.
func (m *Model) WatchRouting(routing func() Routing) { m.routes.Store(&routing) }

// deviceStateNames are the label values of sluice_device_state.
var deviceStateNames = []string{"up", "broken", "probing", "closed"}

var (
	descDeviceState = describe("sluice_device_state", "1 for the state that a device is in, 0 for the others.", "device", "state")
	descDeviceLanes = describe("sluice_device_lanes", "Batches that may be on a device at once.", "device")
	descDeviceBusy  = describe("sluice_device_busy_lanes", "Batches that are on a device.", "device")
	descDeviceLent  = describe("sluice_device_lent_lanes", "Further lanes with runs that take far too long; spare lanes are in their place.", "device")
	descDeviceLoad  = describe("sluice_device_load_ratio", "Share of a device's time that the arriving load needs; above 1 it cannot keep up.", "device")
	descDeviceTrips = describe("sluice_device_trips_total", "How often a device's breaker has opened.", "device")
	descDeviceSpeed = describe("sluice_device_speed_ratio", "Speed of a device as its clocks tell; 1 is usual.", "device")

	descRouted  = describe("sluice_requests_routed_total", "Parts of requests by the device that they were queued on, and why there: preferred, spill, rescue, hedge, breaker, closed, unavailable or cheaper.", "model", "version", "device", "reason")
	descPressed = describe("sluice_pressure", "1 while a model spills early because its preferred device is short of time.", byModel...)
)

func (m *Metrics) collectDevices(ch chan<- prometheus.Metric) {
	states := m.deviceStates.Load()
	if states == nil {
		return
	}
	for _, d := range (*states)() {
		for _, state := range deviceStateNames {
			gauge(ch, descDeviceState, bit(state == d.State), d.Name, state)
		}
		gauge(ch, descDeviceLanes, float64(d.Lanes), d.Name)
		gauge(ch, descDeviceBusy, float64(d.Busy), d.Name)
		gauge(ch, descDeviceLent, float64(d.Lent), d.Name)
		gauge(ch, descDeviceLoad, d.Load, d.Name)
		counter(ch, descDeviceTrips, float64(d.Trips), d.Name)
		gauge(ch, descDeviceSpeed, d.Speed, d.Name)
	}
}

func (m *Model) collectRouting(ch chan<- prometheus.Metric) {
	routing := m.routes.Load()
	if routing == nil {
		return
	}
	r := (*routing)()
	for _, s := range r.Sent {
		reason := s.Reason
		if reason == "" {
			reason = "preferred"
		}
		if s.Count > 0 || s.Reason == "" {
			counter(ch, descRouted, float64(s.Count), m.name, m.version, s.Device, reason)
		}
	}
	gauge(ch, descPressed, bit(r.Pressed), m.name, m.version)
}
