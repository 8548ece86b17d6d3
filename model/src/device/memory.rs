//! How much memory there is and how much this process has used.

use nix::sys::resource::{UsageWho, getrusage};
use sysinfo::System;

/// Bytes that can still be allocated on this machine, within the container's limit where there is one; 0 if the
/// system does not say.
pub fn available() -> u64 {
    let Ok(mut system) = System::new() else { return 0 };
    system.refresh_memory();
    let machine = system.available_memory();
    system.cgroup_limits().map_or(machine, |limits| machine.min(limits.free_memory))
}

/// The most memory that this process has had resident at once, in bytes.
pub fn peak() -> u64 {
    // The kernel counts in KiB on Linux and in bytes on macOS.
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    getrusage(UsageWho::RUSAGE_SELF).map_or(0, |usage| u64::try_from(usage.max_rss()).unwrap_or(0) * unit)
}
