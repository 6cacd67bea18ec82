package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	bolt "go.etcd.io/bbolt"
)

// The form of a branch of the library's tree: what a page begins with, and then an element for each page below.
const (
	pageHead      = 16 // the number in 8 bytes, the kind and how many elements there are in 2 each, 4 more
	branchElement = 16 // 8 bytes, and the number of the page below
	branchPage    = 1
	leafPage      = 2
	maxLevels     = 32
)

// checkTree refuses a tree whose branches lead back to one of them. The library follows branches by calling itself: it would never
// come back from there, and end the process. All leaves have one depth, so that the branches alone are read: a hundredth of a file.
func checkTree(file io.ReaderAt, pageBytes int64, root uint64) error {
	branches, level := map[uint64]bool{}, []uint64{root}
	for depth := 0; ; depth++ {
		var below []uint64
		for i, number := range level {
			if branches[number] {
				return fmt.Errorf("page %d is below itself, or twice in the tree", number)
			}
			kind, pages, err := readBranch(file, pageBytes, number)
			switch {
			case err != nil:
				return err
			case kind == leafPage && i == 0:
				return checkLeaves(level, branches)
			case kind != branchPage || len(pages) == 0 || depth == maxLevels:
				return fmt.Errorf("page %d is no branch of %d levels", number, depth)
			}
			branches[number] = true
			below = append(below, pages...)
		}
		level = below
	}
}

func checkLeaves(level []uint64, branches map[uint64]bool) error {
	for _, number := range level {
		if branches[number] {
			return fmt.Errorf("page %d is a branch where a leaf has to be", number)
		}
	}
	return nil
}

// readBranch reads the kind of a page, and of a branch the pages below it.
func readBranch(file io.ReaderAt, pageBytes int64, number uint64) (kind uint16, below []uint64, err error) {
	if number > uint64(1<<62/pageBytes) {
		return 0, nil, fmt.Errorf("page %d is beyond every file", number)
	}
	var head [pageHead]byte
	at := int64(number) * pageBytes
	if _, err := file.ReadAt(head[:], at); err != nil {
		return 0, nil, err
	}
	kind = binary.NativeEndian.Uint16(head[8:])
	if kind != branchPage {
		return kind, nil, nil
	}
	elements := make([]byte, int(binary.NativeEndian.Uint16(head[10:]))*branchElement)
	if _, err := file.ReadAt(elements, at+pageHead); err != nil {
		return 0, nil, err
	}
	for ; len(elements) > 0; elements = elements[branchElement:] {
		below = append(below, binary.NativeEndian.Uint64(elements[8:]))
	}
	return kind, below, nil
}

// unharmed makes an error of what the library panics with when it reads a damaged file. The file stays open then: a panic may leave
// the library's locks taken.
func unharmed(read func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("it is damaged: %v", cause)
		}
	}()
	return read()
}

// checked checks the trees of a file of rows before they are used, and gives the bucket of schemas.
func checked(tx *bolt.Tx, path string) (schemas *bolt.Bucket, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	pageBytes := int64(tx.DB().Info().PageSize)
	if err = checkTree(file, pageBytes, uint64(tx.Cursor().Bucket().Root())); err != nil {
		return nil, err
	}
	rows, schemas := tx.Bucket(rowsBucket), tx.Bucket(schemasBucket)
	for _, b := range []*bolt.Bucket{rows, schemas} {
		if b == nil {
			return nil, errors.New("a bucket is missing")
		}
		if b.Root() == 0 { // it is small, and lies in the leaf that names it
			continue
		}
		if err = checkTree(file, pageBytes, uint64(b.Root())); err != nil {
			return nil, err
		}
	}
	return schemas, nil
}
