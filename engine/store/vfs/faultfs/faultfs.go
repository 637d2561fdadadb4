// Package faultfs is file systems that fail, for tests: Mem loses its power and what was not synced with it, Inject ends
// chosen operations with errors, and Volatile lets the death of its process be a power cut for real files.
//
// What a power cut may leave is modelled on journaling file systems at their worst. What was synced is there. Of what was
// written to a file since, each sector of 512 bytes is there as any of the writes has left it, or not at all, whatever the
// others do. The size of a file is like its contents: it is on the disk once the file was synced, not the directory. Of the
// creations, renames and removals since the directory was synced, a beginning is there, and of the others possibly those of files
// that were synced themselves.
package faultfs
