// Package crashtest shows what a store loses. It writes what a busy broker writes into a store, lets its process, its power or its
// disk fail in the midst of it, opens the store again and compares all that it recovers with a model.
//
// Each batch has a number in it, so what is recovered names its position: the number of batches that are there. The state must be
// exactly that of the model at this position, and the position must not be before what was promised. A Round is
// one story of that kind, told by a seed; what it finds is an error that says what was promised and what was found. Where part
// of the files is damaged there is no such position: what the damage can explain may be missing, or have come back, and
// nothing else.
//
// The harness talks to store.Store and to the options of seglog. Tests of its own run it on stores with known faults, which it
// has to find.
package crashtest
