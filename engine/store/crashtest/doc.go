// Package crashtest runs a store under random load, takes its process, its power, its disk or its data away, opens it again
// and compares what it recovers with a model: the state must be that of one position of the log, at or behind the last
// commit that was confirmed.
package crashtest
