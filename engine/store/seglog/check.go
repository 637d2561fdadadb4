package seglog

import "context"

// Check reads the log in o.Dir and changes nothing. It takes no lock for it: a broker that has the store open goes on, and what that
// writes meanwhile may be missing from the report. Damage is told in the report; an error says that there is nothing to report
// about.
func Check(ctx context.Context, o Options) (Report, error) { panic("seglog: not written yet") }
