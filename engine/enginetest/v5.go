package enginetest

import "slices"

// v5Cases gathers the lists of the v5 files.
func v5Cases() []Case {
	return slices.Concat[[]Case]()
}
