// Package embedded reads features from files, with no server: those that Sluice writes itself (Store, Writer), and the SQLite
// file of the Feast feature store (Feast). It owns these files' layout and the goroutine of a Store that looks for new generations.
// What joins stores to a gateway opens them; features/load writes with a Writer.
//
// # The layout
//
// A store is a folder, with a folder in it for each view:
//
//	VIEW/generation   the pointer (native.Pointer): replaced by renaming, and read by readers each second
//	VIEW/7.rows       generation 7: a bbolt file, which nobody writes once it is visible
//	VIEW/7.upserts    rows that came one by one since the load of generation 7 began, appended
//	VIEW/lock         held while the pointer changes or rows are appended
//	VIEW/load         held by the one load that goes on
//
// One bbolt file for all would not do. The process that writes one keeps all others from opening it, so a gateway that
// reads would stop every load, and the other way round. So a load writes a file that no reader has opened, and only once it is
// closed the pointer names it. Readers share a file.
//
// Upserts must change what a reader has open. They are appended to a file of checked frames, of which a reader takes what is
// new each second into memory. Rows are compared by their event times when they are read, not when they are written: so
// neither a load nor an upsert has to see what the other writes, and none is lost. A generation has the upserts of its own file
// and of all later ones: those that come while a load goes on count in the visible generation and in the one that is being loaded.
// Of equal times the loaded row stays, and of upserts the first. They take memory, so their files have a limit (maxUpserts): at it
// only the newest row of each key is kept, and what is still too much is refused. A load is what empties them.
//
// # Invariants
//
// What is visible does not change, but for newer rows by upserts. A reader keeps the generation before open for ten seconds
// and until its reads have ended; the files of a generation that is neither visible nor the way back are deleted by the next
// load, and no sooner than ten seconds after the last change of the pointer. After a kill at any point each method of a Writer has
// happened or has not. A file that is cut or damaged makes an error of the read, not the end of the process.
package embedded
