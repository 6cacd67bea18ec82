// Package load fills stores of features from files, in the native layout: a file's rows become the next generation of a view
// (Load), or replace older rows one by one (Upsert). It knows a store by its Writer; a command that has a store's settings, and
// whoever has a file to bring, calls it.
//
// A load is: begin a generation, read the file, sort its rows by key, write them in chunks, read them back, make the
// generation visible. Readers see the old generation until the last step and the new one from then on. A load that ended at any point, by
// an error, by its context or by a kill, is resumed by the same call: the source is the same if the bytes of the file and
// what the spec says of them are, and its rows are always in the same order, so their number says where to go on.
//
// Of rows with one key the one with the newest time is loaded, and of those the last one in the file. While a load goes on,
// upserts go to the visible and to the loading generation; so nothing newer is lost, and what is read back may be newer than the
// file.
//
// Invariants:
//   - Memory is bounded by Options.MemoryBytes, by Options.PageBytes, and by what a row and a chunk take, whatever the file's length and
//     whatever it says of itself. Rows beyond that are sorted in runs, in one file that has no name, so that a kill leaves nothing behind.
//   - A value that its column cannot hold ends the load before anything is visible, and so does a row that is not read back as it
//     was written.
package load
