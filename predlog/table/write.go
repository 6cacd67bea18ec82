package table

import (
	"fmt"
	"io"
	"strconv"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"
)

// groupBytes is the tensors of a row group: what a writer holds in memory, twice over.
const groupBytes = 8 << 20

// groupRows bounds the rows of a group, whose other columns take some 200 bytes each.
const groupRows = 64 << 10

// bloomBits is for each id in the filter that finds one without reading its column: 1 in 100 is read in vain.
const bloomBits = 10

// Writer writes one file.
type Writer struct {
	out         *parquet.GenericWriter[Row]
	rows, bytes int // of the group
}

// NewWriter begins a file.
func NewWriter(out io.Writer) *Writer {
	return &Writer{out: parquet.NewGenericWriter[Row](out,
		parquet.Compression(&zstd.Codec{Level: zstd.SpeedFastest, Concurrency: 1}),
		parquet.BloomFilters(parquet.SplitBlockFilter(bloomBits, "id")),
		parquet.KeyValueMetadata(schemaKey, strconv.Itoa(SchemaVersion)),
	)}
}

// Write adds rows. It does not keep them.
func (w *Writer) Write(rows []Row) error {
	if _, err := w.out.Write(rows); err != nil {
		return fmt.Errorf("cannot write %d rows: %w", len(rows), err)
	}
	w.rows += len(rows)
	for i := range rows {
		w.bytes += rows[i].tensorBytes()
	}
	if w.rows < groupRows && w.bytes < groupBytes {
		return nil
	}
	w.rows, w.bytes = 0, 0
	if err := w.out.Flush(); err != nil {
		return fmt.Errorf("cannot write a row group: %w", err)
	}
	return nil
}

// featureBytes is about what the status and the age of a value take.
const featureBytes = 8

func (r *Row) tensorBytes() (n int) {
	for _, list := range [...][]Tensor{r.Inputs, r.Outputs} {
		for i := range list {
			n += len(list[i].Raw)
		}
	}
	for i := range r.Features {
		n += featureBytes * len(r.Features[i].Statuses)
	}
	return n
}

// Close completes the file, with the numbers that go with it. It does not close what it wrote to.
func (w *Writer) Close(numbers Numbers) error {
	numbers.metadata(w.out.SetKeyValueMetadata)
	if err := w.out.Close(); err != nil {
		return fmt.Errorf("cannot complete the file: %w", err)
	}
	return nil
}
