// Package seglog is the Store that keeps its state in files: a segmented log to which whole commits are appended, and from
// whose beginning what still counts is moved on to its end. FORMAT.md, beside package store, says what the files hold.
//
// Who owns what: the committer's goroutine alone writes (committer.go, roll.go, reclaim.go); the index is guarded by
// Log.mu, which is never held across an operation on a file; the loader reads segments that it holds. Opening
// (open.go, replay.go, heal.go) is over before the committer begins.
package seglog
