package enginetest

import "slices"

// Cases returns every case of the suite, by version and file.
func Cases() []Case {
	return slices.Concat(
		v311Connect,
		v5Cases(),
	)
}
