// Package faultfs has file systems for tests: one in memory whose power can be cut at any operation, one that keeps what
// was not synced out of the real files, and failures at the nth operation.
package faultfs
