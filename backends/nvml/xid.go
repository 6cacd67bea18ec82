package nvml

import "fmt"

// Effect is how far the damage of an Xid reaches.
type Effect int

const (
	// Harmless Xids tell of something that was mended, or that hurts nobody yet.
	Harmless Effect = iota
	// Process Xids end the CUDA contexts of one process: each later call in it fails, and
	// it must be started anew. The GPU itself is sound. NVML does not say which process.
	Process
	// Critical Xids leave a GPU that can run nothing, or whose answers cannot be trusted,
	// until it is reset or its machine restarted.
	Critical
)

// Xid is what is known of an event's number.
type Xid struct {
	Code   uint64
	Name   string // NVIDIA's words
	Effect Effect
}

// xids are the numbers that a server of CUDA work meets, from NVIDIA's Xid catalog
// (docs.nvidia.com/deploy/xid-errors): what it calls RESTART_APP is Process, RESET_GPU and
// RESTART_BM are Critical, IGNORE is Harmless. Two that it decides by a workflow, 48
// and 74, are Critical: wrong answers are worse than a fallback. 43 and 45 follow an
// error of a process and are ignored as such by the catalog; they end its contexts.
var xids = []Xid{
	{8, "GPU stopped processing", Process},
	{13, "Graphics Engine Exception", Process},
	{31, "GPU memory page fault", Process},
	{32, "Invalid or corrupted push buffer stream", Process},
	{43, "GPU stopped processing", Process},
	{44, "Graphics Engine fault during context switch", Process},
	{45, "Preemptive cleanup, due to previous errors", Process},
	{46, "GPU stopped processing", Critical},
	{48, "Double Bit ECC Error", Critical},
	{54, "Auxiliary power is not connected to the GPU board", Harmless},
	{61, "Internal micro-controller breakpoint/warning", Critical},
	{62, "Internal micro-controller halt", Critical},
	{63, "GPU memory remapping event", Harmless},
	{64, "GPU memory remapping failure", Critical},
	{68, "NVDEC0 Exception", Process},
	{69, "Graphics Engine class error", Process},
	{74, "NVLINK Error", Critical},
	{79, "GPU has fallen off the bus", Critical},
	{92, "High single-bit ECC error rate", Harmless},
	{93, "Non-fatal violation of provisioned InfoROM wear limit", Harmless},
	{94, "Contained memory error", Process},
	{95, "Uncontained memory error", Critical},
	{109, "Context Switch Timeout Error", Critical},
	{110, "Security Fault Error", Critical},
	{119, "GSP RPC Timeout", Critical},
	{120, "GSP Error", Critical},
	{121, "C2C Error", Harmless},
	{136, "Link Training Failed", Critical},
	{137, "NVLink privilege error", Harmless},
	{140, "ECC Unrecovered Error", Critical},
	{143, "GPU Initialization Failure", Critical},
	{154, "GPU Recovery Action Changed", Harmless},
	{155, "NVLINK: SW Defined Error", Critical},
	{156, "Resource Retirement Event", Critical},
	{157, "Resource Retirement Failure", Harmless},
	{158, "GPU Fatal Timeout", Critical},
}

// LookupXid says what an Xid means. A number that is not in the table counts as harmless:
// what it breaks shows in the runs that fail, and these open the device's breaker.
func LookupXid(code uint64) Xid {
	for _, x := range xids {
		if x.Code == code {
			return x
		}
	}
	return Xid{Code: code, Name: fmt.Sprintf("Xid %d (see NVIDIA's catalog)", code)}
}
