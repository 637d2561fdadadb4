// Package seglog is the Store that keeps its state in files: a segmented log to which whole commits are appended, and from
// whose beginning what still counts is moved on to its end. FORMAT.md, beside package store, says what the files hold.
//
// A commit is one frame: what was appended meanwhile (queue.go, gather.go), and behind it a slice of the oldest segment's live
// records (reclaim.go). It goes to the last segment by one write and, with SyncAlways, one sync; then the dones are told
// (committer.go). A segment that is full is left for the next one, whose file was made ahead (roll.go, room.go). Without room
// the commit waits, and the log says that it is Full before it comes to that (full.go); any other error of a write, and every
// error of a sync, is the end (fail.go).
//
// Who owns what: the committer's goroutine alone writes to segments and changes the index. The index, the segments' fields and
// all that several goroutines use are guarded by committer.mu, which is never held across an operation on a file. The janitor
// (room.go) makes files ahead and removes those that are not needed, the loader reads segments that it holds, the syncer
// syncs one that it holds. Opening (open.go, replay.go, heal.go) is over before the committer begins.
//
// What a caller may keep: messages that Load gives are the caller's. A batch is the store's from Append until done.
package seglog
