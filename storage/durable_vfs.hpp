// SQLite's file layer with one rule more: a sync that fails ends the process (exit 74, one line of why).
//
// The kernel tells of a failed fsync once, may have dropped the pages it was for, and lets the next fsync
// succeed without them. Whoever goes on after it builds on what only memory believes: a checkpoint that is
// tried again can report success over pages that never were written, and throw away the log that still had
// them. At the next start the log is read from the disk, and all that was ever acknowledged is in it. So the
// process ends right inside the sync: nothing is answered, checkpointed or closed on the way out, and no part
// of SQLite can swallow the error.
#pragma once

namespace corohub::storage {

// The name to open a database with that is to be written. Registers the layer once, over whatever is SQLite's
// default at each open. Any thread.
const char* durable_vfs();

}  // namespace corohub::storage
