package enginetest

import "slices"

// Cases returns every case of the suite, by version and file.
func Cases() []Case {
	return slices.Concat(
		v31Cases, v31Shared,
		v311Encoding, v311Connect, v311Session, v311Will, v311Publish, v311Subscribe, v311Unsubscribe,
		v311QoS, v311Order, v311Topic, v311Errors, v311WebSocket,
		v5Cases(),
	)
}
