package embedded

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"slices"

	"sluice/features/native"
	"sluice/features/store"
)

// shrink writes the files of upserts again with the newest row of each key, and says how many bytes they take then. Its caller
// holds the lock.
func (w *Writer) shrink(p native.Pointer) (total int64, err error) {
	for number := p.Oldest(); number <= p.Newest(); number++ {
		path := w.folder.upserts(number)
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			text, err = newestRows(text[min(nameBytes, len(text)):])
		}
		if err == nil {
			err = w.folder.replace(path, text)
		}
		if err != nil {
			return 0, err
		}
		total += int64(len(text))
	}
	return total, nil
}

// newestRows is a file of the frames of another one without the rows that newer ones have replaced: a batch for each schema, by key.
func newestRows(text []byte) ([]byte, error) {
	type row struct {
		schema *native.Schema
		value  []byte
	}
	newest, schemas := map[string]row{}, map[uint32]*native.Schema{}
	for {
		body, rest, whole := nextFrame(text)
		if !whole {
			break
		}
		text = rest
		schema, rows, err := parseBody(body)
		if err != nil {
			return nil, err
		}
		schemas[schema.Hash()] = schema
		for _, r := range rows {
			if newer(r.Value, newest[string(r.Key)].value) {
				newest[string(r.Key)] = row{schema, r.Value}
			}
		}
	}
	batches := map[uint32][]store.Record{}
	for _, key := range slices.Sorted(maps.Keys(newest)) {
		r := newest[key]
		batches[r.schema.Hash()] = append(batches[r.schema.Hash()], store.Record{Key: []byte(key), Value: r.value})
	}
	shrunk := appendName(nil)
	for _, hash := range slices.Sorted(maps.Keys(batches)) {
		shrunk = appendFrame(shrunk, schemas[hash], batches[hash])
	}
	return shrunk, nil
}
