package seglog

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// shout tells of a hole, once, when it is found.
func (x *opening) shout(p *part, h *store.Hole) {
	x.log.Error("part of the store is lost", "file", p.seg.path, "reason", h.Reason, "offset", h.Offset, "bytes", h.Bytes,
		"first_lsn", h.FirstLSN, "last_lsn", h.LastLSN, "lost", kindsText(h), "original", h.File)
}

// tell says what else there is to say about an opening.
func (x *opening) tell(p *opened) {
	if x.torn > 0 {
		x.log.Warn("the end of the store was torn and is cut off: it was never acknowledged", "dir", x.dir, "bytes", x.torn, "lsn", p.lsn)
	}
	if len(p.fixed) > 0 && p.missing.any() {
		x.log.Error("the store refers to what is lost", "dir", x.dir, "sessions", p.missing.sessions, "deliveries", p.missing.deliveries)
	}
}

// kindsText is what a hole has lost, as far as it is known: "3 ENQ, 2 MSG", or "nobody knows".
func kindsText(h *store.Hole) string {
	switch {
	case h.LastLSN == 0:
		return "nothing"
	case h.Records == nil:
		return "nobody knows"
	case len(h.Records) == 0:
		return "no records"
	}
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(h.Records)) {
		parts = append(parts, fmt.Sprintf("%d %s", h.Records[kind], kind))
	}
	text := strings.Join(parts, ", ")
	if h.Estimated {
		text += " (in all holes of the segment)"
	}
	return text
}
