// Package compare runs the same loads against several brokers and sets the figures side by side.
//
// A [Spec], read from a YAML file, names brokers and scenarios. Every run has a broker process of its own, fresh, and the
// brokers take turns within a scenario, in an order that moves on from round to round, so that what disturbs the machine for
// a while disturbs all of them. What is compared are medians, with the spread beside them. A run with faults has no
// figures, and is shown as failed; a broker that is not there is named, with how to get it, and the others go on.
//
// The package ends the processes it started, by their number, and no others.
package compare
