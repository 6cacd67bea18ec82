package query

import (
	"errors"

	"sluice/predlog"
	"sluice/predlog/table"
)

// File calls visit with each row of a file, a Parquet file or a spool, until it returns an error.
func File(path string, visit func(*table.Row) error) error {
	if predlog.IsSpool(path) {
		_, err := predlog.ReadSpool(path, visit)
		return err
	}
	f, err := table.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Rows(visit), f.Close())
}

// All calls visit with each row of all Parquet files of a folder, the oldest first. Spools are left out: they
// are Parquet files soon.
func All(dir string, visit func(*table.Row) error) error {
	all, err := predlog.List(dir)
	if err != nil {
		return err
	}
	for _, f := range all {
		if !f.Table {
			continue
		}
		if err := File(f.Path, visit); err != nil {
			return err
		}
	}
	return nil
}
