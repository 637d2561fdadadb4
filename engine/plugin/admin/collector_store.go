package admin

import (
	"github.com/penstock-mqtt/penstock/engine/store"
)

// Families of the store. They are there when state outlives the process.
var (
	storeInfo     = gauge("store_info", "1; the labels say where state is kept and when it is on the disk.", "path", "sync")
	storePressure = gauge("store_pressure", "How the store keeps up: 0 well, 1 slow, 2 full, 3 failed.")
	storeFailed   = gauge("store_failed", "1 once a write or a sync has failed: nothing is stored any more.")

	storeBytes     = gauge("store_bytes", "Size of the store's files.")
	storeLive      = gauge("store_live_bytes", "Bytes in the files that still count.")
	storeQuota     = gauge("store_quota_bytes", "Most bytes that the files may have; 0 is no quota.")
	storeFree      = gauge("store_free_bytes", "Bytes that are free on the file system.")
	storeSegments  = gauge("store_segments", "Files of the log.")
	storeReclaimed = counter("store_reclaimed_segments", "Files of the log that were freed.")

	storeSessions      = gauge("store_sessions", "Sessions in the store.")
	storeSubscriptions = gauge("store_subscriptions", "Subscriptions in the store.")
	storeMessages      = gauge("store_messages", "Messages in the store, retained ones aside.")
	storeDeliveries    = gauge("store_deliveries", "Deliveries of them to sessions that are not over.")
	storeRetained      = gauge("store_retained_messages", "Retained messages in the store.")

	storeLSN        = gauge("store_lsn", "Number of the newest commit.")
	storeDurable    = gauge("store_durable_lsn", "Number of the newest commit that is known to be on the disk.")
	storeCommits    = counter("store_commits", "Commits that were written.")
	storeBatches    = counter("store_batches", "Batches of the event loops in them.")
	storeRecords    = counter("store_records", "Records in them.")
	storeWritten    = counter("store_written_bytes", "Bytes that were written to the log.")
	storeCopied     = counter("store_copied_bytes", "Bytes of those that were moved on to free old files.")
	storeSyncs      = counter("store_syncs", "Syncs of the log.")
	storeSyncTime   = counter("store_sync_seconds", "Time that they took.")
	storeSyncMax    = gauge("store_sync_longest_seconds", "Time that the longest of them took.")
	storeLoads      = counter("store_loads", "Queued messages that were read back.")
	storeWaiting    = gauge("store_waiting_batches", "Batches that wait for a commit.")
	storeWaitBytes  = gauge("store_waiting_bytes", "Bytes of the batches that wait for a commit.")
	storeGather     = gauge("store_gather_seconds", "How long a commit waits for more at present.")
	storeFull       = counter("store_full", "Times that the store had no room.")
	storeRejected   = counter("store_rejected_batches", "Batches that failed: what depended on them was not acknowledged.")
	storeRecovery   = gauge("store_recovery_seconds", "Time that the last start took to read the store.")
	storeRead       = gauge("store_recovery_bytes", "Bytes that the last start has read.")
	storeReadFrames = gauge("store_recovery_commits", "Commits that the last start has read.")
	storeReadRecs   = gauge("store_recovery_records", "Records that the last start has read.")
	storeClean      = gauge("store_recovery_clean", "1 when the process before had closed the store.")
	storeTorn       = gauge("store_torn_bytes", "Bytes of an unfinished commit that the last start has cut off.")
	storeHoles      = gauge("store_holes", "Parts of the log that could not be read.")
	storeHoleBytes  = gauge("store_hole_bytes", "Bytes that could not be read.")
)

func (out sink) store(s *store.Stats) {
	out.put(storeInfo, 1, label(s.Path), s.Sync)
	out.put(storePressure, float64(s.Pressure))
	out.put(storeFailed, truth(s.Pressure == store.Failed))
	out.put(storeBytes, float64(s.Bytes))
	out.put(storeLive, float64(s.LiveBytes))
	out.put(storeQuota, float64(s.Quota))
	out.put(storeFree, float64(s.FreeBytes))
	out.put(storeSegments, float64(s.Segments))
	out.put(storeReclaimed, float64(s.Reclaimed))
	out.put(storeSessions, float64(s.Sessions))
	out.put(storeSubscriptions, float64(s.Subscriptions))
	out.put(storeMessages, float64(s.Messages))
	out.put(storeDeliveries, float64(s.Deliveries))
	out.put(storeRetained, float64(s.Retained))
	out.commits(s)
	out.recovery(&s.Recovery)
}

func (out sink) commits(s *store.Stats) {
	out.put(storeLSN, float64(s.LSN))
	out.put(storeDurable, float64(s.DurableLSN))
	out.put(storeCommits, float64(s.Commits))
	out.put(storeBatches, float64(s.Batches))
	out.put(storeRecords, float64(s.Records))
	out.put(storeWritten, float64(s.WrittenBytes))
	out.put(storeCopied, float64(s.CopiedBytes))
	out.put(storeSyncs, float64(s.Syncs))
	out.put(storeSyncTime, s.SyncTime.Seconds())
	out.put(storeSyncMax, s.SyncTimeMax.Seconds())
	out.put(storeLoads, float64(s.Loads))
	out.put(storeWaiting, float64(s.Waiting))
	out.put(storeWaitBytes, float64(s.WaitingBytes))
	out.put(storeGather, s.Gather.Seconds())
	out.put(storeFull, float64(s.FullCount))
	out.put(storeRejected, float64(s.Rejected))
}

func (out sink) recovery(r *store.Recovery) {
	out.put(storeRecovery, r.Took.Seconds())
	out.put(storeRead, float64(r.Bytes))
	out.put(storeReadFrames, float64(r.Frames))
	out.put(storeReadRecs, float64(r.Records))
	out.put(storeClean, truth(r.Clean))
	out.put(storeTorn, float64(r.TornBytes))
	out.put(storeHoles, float64(len(r.Holes)))
	var lost int64
	for i := range r.Holes {
		lost += r.Holes[i].Bytes
	}
	out.put(storeHoleBytes, float64(lost))
}

// truth is a condition as a gauge.
func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
