// Package worker is a device in a child process: a crash of its driver, a sticky error of its
// card or a library that replaces signal handlers ends the child, never the gateway.
//
// A Device owns one child process and starts it again when it ends. A Session is a model
// version loaded in the child; it is used exactly as a session of this process. The child's
// side is Serve, over a Host that opens models. Linux only.
//
// States of a device:
//
//	Starting -> Up -> Restarting -> Up ...
//	                  Restarting -> Closed (crash loop) -> Restarting (Reopen)
//
// It is Up only when the child has loaded every open session again and has run the batch sizes
// that were in use. In every other state a run fails at once with a task.DeviceError that is
// ErrDown, so that its rows can run elsewhere. The error of a run during which the child ended
// is ErrDown too; ErrHung if it was ended because the run passed its limit (a stopped process
// looks the same); ErrBusy if the run never began before its limit; ErrLost if a process that
// was started again refuses this one model, which is tried again at growing pauses.
//
// Memory. Each lane of a session has a slab: a memfd that both processes map, sealed against
// any change of size, so that neither can make the other fault by shrinking it. The gateway
// gathers rows into it and scatters rows out of it, and the child's session views it: no byte
// is copied more often than in one process. Only outputs whose size is not known before the
// run are copied once more, by the child, and strings in inputs once, by the gateway. What such
// outputs take together is bounded: a larger answer fails its run, with a fault that names the
// output and its size. A slab is as large as the largest batch could be, which is address space
// and becomes memory only where rows touch it. Every process that is started gets new slabs:
// what is scattered after the child's end is never written by the next.
//
// Messages go over Unix sockets of whole messages. The device has as many streams as batches
// may run at once, one for a serial device; a run waits for its stream, sends a message of
// some 40 bytes and waits for the answer in Go's poller, which holds no processor. A serial
// device's child does all its work, loading too, on one thread; another's loads on a stream
// of its own. Lengths, offsets and shapes in answers are checked; a child that sends anything
// else is ended.
//
// Ways not taken. Slabs that grow would have to be mapped anew in both processes, and their
// tensors made anew, in the middle of a run; sealed sparse ones cost address space alone. One
// socket for all lanes needs a goroutine that hands answers on, which is a switch between
// threads more for each batch. An eventfd would carry no lengths, which would then have to be
// read from memory that the other process can change meanwhile.
//
// End of life. The child ends when its socket closes, and the system kills it when the thread
// that started it ends, so it never outlives the gateway, even after a SIGKILL of it.
package worker
