//! The heartbeat of a claimed task: extends the lease, writes progress, notices when someone else moves the task.

use std::sync::Arc;
use std::time::{Duration, Instant};

use easel_domain::task::{Progress, Task};
use easel_storage::store::Store;
use jiff::Timestamp;
use parking_lot::{Mutex, MutexGuard};
use tokio::task::JoinHandle;

use super::WorkerOptions;

/// Most characters of an error that the next worker learns of.
const LONGEST_ERROR: usize = 1000;

/// Beats until it is dropped.
pub(super) struct Heartbeat {
    watched: Arc<WatchedTask>,
    beating: JoinHandle<()>,
}

struct WatchedTask {
    store: Store,
    /// As claimed.
    task: Task,
    options: WorkerOptions,
    state: Mutex<LeaseState>,
}

struct LeaseState {
    progress: Progress,
    /// Whether there is progress that was not written yet.
    unwritten: bool,
    /// Whether any progress was written since the claim.
    reported: bool,
    written: Instant,
    /// Whether someone else moved the task.
    moved: bool,
    lease: Duration,
}

impl Heartbeat {
    /// Starts from the progress that was written with the claim.
    pub(super) fn begin(store: Store, task: Task, progress: Progress, options: WorkerOptions) -> Self {
        let lease = options.lease;
        let state =
            LeaseState { progress, unwritten: false, reported: false, written: Instant::now(), moved: false, lease };
        let watched = Arc::new(WatchedTask { store, task, options, state: Mutex::new(state) });
        let beating = tokio::spawn(beat(watched.clone()));
        Self { watched, beating }
    }

    /// Whether someone else moved the task: its generation is of no use then.
    pub(super) fn has_moved(&self) -> bool {
        self.watched.state().moved
    }

    /// Whether it is time to report progress with a preview.
    pub(super) fn is_report_due(&self) -> bool {
        let state = self.watched.state();
        state.progress.preview.is_none() || state.written.elapsed() >= self.watched.options.write_every
    }

    /// Changes the progress, to be written soon.
    pub(super) fn report(&self, change: impl FnOnce(&mut Progress)) {
        let mut state = self.watched.state();
        change(&mut state.progress);
        state.unwritten = true;
    }

    /// Records how long a step took: the lease has to outlast a few of them.
    pub(super) fn record_step(&self, took: Duration) {
        let mut state = self.watched.state();
        state.lease = state.lease.max(took * 3);
    }

    /// Writes the progress now.
    pub(super) async fn write(&self) {
        self.watched.write(true).await;
    }

    /// Ends the lease: another worker may claim the task at once, and learns what went wrong here.
    pub(super) async fn release(self, error: &str) {
        self.beating.abort();
        {
            let mut state = self.watched.state();
            state.lease = Duration::ZERO;
            state.progress.error = Some(error.chars().take(LONGEST_ERROR).collect());
        }
        self.watched.write(true).await;
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.beating.abort();
    }
}

async fn beat(watched: Arc<WatchedTask>) {
    let mut ticks = tokio::time::interval(watched.options.check_every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match watched.store.find(watched.task.id).await {
            Ok(Some(task)) if task.is_still_held(&watched.task) => {}
            Ok(_) => return watched.state().moved = true,
            // As long as the table cannot be read, nobody else can claim the task either.
            Err(error) => tracing::warn!(%error, "the task could not be read"),
        }
        watched.write(false).await;
        if watched.state().moved {
            return;
        }
    }
}

impl WatchedTask {
    fn state(&self) -> MutexGuard<'_, LeaseState> {
        self.state.lock()
    }

    /// Writes progress and extends the lease, if it is time or `now`.
    async fn write(&self, now: bool) {
        let progress = {
            let mut state = self.state();
            let since = state.written.elapsed();
            let report_due = state.unwritten && (!state.reported || since >= self.options.write_every);
            let due = report_due || since >= state.lease / 3;
            if !now && !due {
                return;
            }
            state.reported |= state.unwritten;
            state.unwritten = false;
            state.written = Instant::now();
            state.progress.at = Timestamp::now();
            let lease = i64::try_from(state.lease.as_millis()).unwrap_or(i64::MAX / 2);
            state.progress.lease_until = state.progress.at.as_millisecond() + lease;
            state.progress.clone()
        };
        match self.store.report_progress(self.task.id, &progress).await {
            Ok(true) => {}
            Ok(false) => self.state().moved = true,
            Err(error) => tracing::warn!(%error, "progress could not be written"),
        }
    }
}
