package enginetest

import "slices"

// v5Cases gathers the lists of the v5 files.
func v5Cases() []Case {
	return slices.Concat(
		v5Format,
		v5Connect,
		v5ConnectPayload,
		v5ConnectSession,
		v5Connack,
		v5Limits,
		v5Publish,
		v5PublishProps,
		v5Retain,
		v5Expiry,
		v5Alias,
		v5Ack,
		v5Subscribe,
		v5Unsubscribe,
		v5Disconnect,
		v5QoS,
		v5Session,
		v5Topics,
		v5Shared,
		v5Auth,
		v5Flow,
		v5Stream,
		v5Will,
		v5Overlap,
		v5Takeover,
		v5Faults,
		v5Properties,
		v5Codes,
		v5WebSocket,
	)
}
