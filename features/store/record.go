package store

// Record is a row as stores with generations keep it: loaders write records, and no reader sees one.
type Record struct {
	// Key is the entity's, Value the row in the bytes of package native.
	Key, Value []byte
}

// Standing is how far a load of a source has come.
type Standing struct {
	// Generation is the one that the load writes, or has made visible.
	Generation uint64
	// Rows is how many of the source's rows, in the order of their keys, are committed.
	Rows int64
	// Visible says that readers already see this source: the load was finished before.
	Visible bool
}
