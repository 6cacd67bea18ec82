package query

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"sluice/predlog"
	"sluice/predlog/table"
)

// looks bounds how often the folder is listed again, because a file has gone while others were read: a spool that
// was converted is found again under its other name.
const looks = 5

// Find calls visit with each record of a folder that has the id, those of the newest file first, until it returns an
// error. It looks into the spool that is being written, too. A file that cannot be read hides nothing that is in the
// others: the error says so at the end.
func Find(dir, id string, visit func(file string, r *table.Row) error) error {
	done := map[string]bool{} // by stamp
	var stopped error         // what visit returned
	var faults []error
	for range looks {
		all, err := predlog.List(dir)
		if err != nil {
			return err
		}
		gone := false
		for _, f := range slices.Backward(all) {
			if done[f.Stamp] {
				continue
			}
			err := findIn(&f, id, func(r *table.Row) error {
				stopped = visit(f.Path, r)
				return stopped
			})
			switch {
			case stopped != nil:
				return stopped
			case errors.Is(err, os.ErrNotExist):
				gone = true
				continue
			case err != nil:
				faults = append(faults, err)
			}
			done[f.Stamp] = true
		}
		if !gone {
			return errors.Join(faults...)
		}
	}
	return fmt.Errorf("the files of %s come and go faster than they can be read", dir)
}

func findIn(f *predlog.Entry, id string, visit func(*table.Row) error) error {
	if !f.Table {
		_, err := predlog.ReadSpool(f.Path, func(r *table.Row) error {
			if r.ID != id {
				return nil
			}
			return visit(r)
		})
		return err
	}
	t, err := table.Open(f.Path)
	if err != nil {
		return err
	}
	return errors.Join(t.Find(id, visit), t.Close())
}
