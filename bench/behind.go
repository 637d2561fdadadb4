package bench

// Behind is the share, 0–1, of the deliveries owed for what was sent in the counted time that came only after it. It is not
// small when the broker acknowledges faster than it delivers, as one receiver of many QoS 1 publishers makes it do: then CPU
// per delivery includes taking in messages that were delivered when nobody counted any more.
//
// It goes by the whole run, in which every message was delivered to as many as it was owed to; so it is not known, and 0,
// after losses or an interrupt, and where nothing is delivered in the counted time.
func (r *Report) Behind() float64 {
	if r.Failed() || r.Sent == 0 || r.Delivered == 0 || r.TotalSent == 0 || r.TotalDelivered == 0 {
		return 0
	}
	owed := float64(r.Sent) * float64(r.TotalDelivered) / float64(r.TotalSent)
	return max(0, 1-float64(r.Delivered)/owed)
}

// muchBehind is a Behind that a reader has to be told.
const muchBehind = 0.2

// FellBehind reports whether deliveries lagged so far behind what was sent that CPU per delivery means something else.
func (r *Report) FellBehind() bool { return r.Behind() > muchBehind }
