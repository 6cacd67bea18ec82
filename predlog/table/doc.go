// Package table owns the form of the prediction log's Parquet files: their columns, their version, and how
// they are written and read. It knows nothing of how records come to be.
//
// A file has one row a request (Row), compressed with zstd. Its key-value metadata holds the version of the
// schema and what was seen and dropped while its rows were collected (Numbers). Times are nanoseconds, instants
// microseconds since 1970 in UTC, tensors the bytes of package tensor: row-major, little endian.
//
// A Writer is open until Close; nothing can be read before. Files that name a higher version of the schema
// are refused.
package table
