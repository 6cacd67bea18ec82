package feast

import (
	"encoding/binary"
	"strconv"

	"github.com/twmb/murmur3"
)

// View is the name under which a version of a view stores its features: version 0 has the plain name.
func View(name string, version int) string {
	if version > 0 {
		return name + "_v" + strconv.Itoa(version)
	}
	return name
}

// Name is the full name of a feature.
func Name(view, feature string) string { return view + ":" + feature }

// Field is the hash field of a feature: four bytes of murmur3 (Austin Appleby) of its full name, little-endian.
func Field(name string) [4]byte {
	var field [4]byte
	binary.LittleEndian.PutUint32(field[:], murmur3.StringSum32(name))
	return field
}

// TimeField is the hash field of the time of a view's values.
func TimeField(view string) string { return "_ts:" + view }

// Collision finds two features of different full names that have one field.
func Collision(names []string) (first, second string, found bool) {
	owner := make(map[[4]byte]string, len(names))
	for _, name := range names {
		field := Field(name)
		if other, taken := owner[field]; taken && other != name {
			return other, name, true
		}
		owner[field] = name
	}
	return "", "", false
}
