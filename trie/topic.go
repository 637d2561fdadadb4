package trie

import "bytes"

// maxLength is the longest UTF-8 encoded string, in bytes. [MQTT-4.7.3-3]
const maxLength = 65535

// ValidName reports whether topic may name a message: not empty, not too long, no wildcard, no U+0000. That
// it is UTF-8 is checked where packets are decoded.
func ValidName(topic []byte) bool {
	if len(topic) == 0 || len(topic) > maxLength { // [MQTT-4.7.3-1] [MQTT-4.7.3-3]
		return false
	}
	for _, c := range topic {
		if c == '+' || c == '#' || c == 0 { // [MQTT-4.7.0-1] [MQTT-4.7.3-2]
			return false
		}
	}
	return true
}

// ValidFilter reports whether filter may be subscribed to. For a shared subscription that is the part behind
// the group; see SplitShared.
func ValidFilter(filter []byte) bool {
	if len(filter) == 0 || len(filter) > maxLength { // [MQTT-4.7.3-1] [MQTT-4.7.3-3]
		return false
	}
	last := len(filter) - 1
	for i, c := range filter {
		switch c {
		case 0: // [MQTT-4.7.3-2]
			return false
		case '#': // alone in its level, and the last one [MQTT-4.7.1-1]
			if i != last || i > 0 && filter[i-1] != '/' {
				return false
			}
		case '+': // alone in its level [MQTT-4.7.1-2]
			if i > 0 && filter[i-1] != '/' || i < last && filter[i+1] != '/' {
				return false
			}
		}
	}
	return true
}

// Levels counts the levels of a name or a filter. Empty levels count; so "/" has two.
func Levels(b []byte) int { return bytes.Count(b, slash) + 1 }

var (
	slash       = []byte{'/'}
	sharePrefix = []byte("$share/")
)

// SplitShared takes the group out of "$share/group/filter". shared says that it is a shared subscription; rest
// is the filter to match with (filter itself when it is not shared). ok is false when the group is malformed or
// rest is not a valid filter. group and rest alias filter.
func SplitShared(filter []byte) (group, rest []byte, shared, ok bool) {
	if !bytes.HasPrefix(filter, sharePrefix) { // [MQTT-4.8.2-1]
		return nil, filter, false, ValidFilter(filter)
	}
	group, rest, found := bytes.Cut(filter[len(sharePrefix):], slash)
	if !found || len(group) == 0 || bytes.ContainsAny(group, "+#\x00") { // [MQTT-4.8.2-1] [MQTT-4.8.2-2]
		return nil, nil, true, false
	}
	return group, rest, true, len(filter) <= maxLength && ValidFilter(rest)
}

// Matches is the rule of matching for one filter and one topic, both valid. The Index and the Retained tree
// must agree with it.
func Matches(filter, topic []byte) bool {
	if len(topic) > 0 && topic[0] == '$' && len(filter) > 0 && (filter[0] == '+' || filter[0] == '#') {
		return false // [MQTT-4.7.2-1]
	}
	for {
		want, filterRest, filterMore := bytes.Cut(filter, slash)
		if len(want) == 1 && want[0] == '#' {
			return true
		}
		have, topicRest, topicMore := bytes.Cut(topic, slash)
		if !(len(want) == 1 && want[0] == '+') && !bytes.Equal(want, have) { // [MQTT-4.7.3-4]
			return false
		}
		if !filterMore || !topicMore {
			// '#' includes the parent level: "a/#" matches "a".
			return filterMore == topicMore || filterMore && len(filterRest) == 1 && filterRest[0] == '#'
		}
		filter, topic = filterRest, topicRest
	}
}
