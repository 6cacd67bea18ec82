// Package serve joins the stages, which know nothing of each other, to a gateway: it owns the wiring,
// and the order in which the parts start and stop. It is the one place that knows all packages, and with
// the commands the one that reads settings.
//
// A Server is the running gateway:
//
//	New  -> opened: its parts are there, its ports are open, and nobody is answered
//	Run  -> serving -> draining -> stopped
//	Close -> stopped
//
// A start that fails, in New or in Run, goes through the same stop as one that succeeds, so that
// nothing stays open that it had opened. The steps of a start are the table in start.go. A stop closes
// admission, drains until the drain deadline, refuses the rest, stops the lanes and closes the sessions;
// the ports for operators go last, since they tell of it.
//
// A Check takes models through the load gates on the devices of such a server, without serving them.
//
// Command sluice calls this package, and so may any Go program: its main calls Child first, because the
// gateway starts its own program again for the processes of devices and for trials of models.
package serve
