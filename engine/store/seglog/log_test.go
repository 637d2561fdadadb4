package seglog_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/engine/store/seglog"
	"github.com/penstock-mqtt/penstock/engine/store/storetest"
)

func TestLogIsAStore(t *testing.T) {
	for _, o := range []seglog.Options{
		{Sync: seglog.SyncAlways},
		{Sync: seglog.SyncAlways, Gather: time.Millisecond},
		{Sync: seglog.SyncInterval, Interval: time.Millisecond},
		{Sync: seglog.SyncNone},
	} {
		t.Run(fmt.Sprintf("%v, gather %v", o.Sync, o.Gather), func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, func(t *testing.T) (store.Store, func() store.Store) {
				o := o
				o.Dir, o.SegmentSize, o.Logger = t.TempDir(), small, logger(t)
				return seglog.New(o), func() store.Store { return seglog.New(o) }
			})
		})
	}
}
