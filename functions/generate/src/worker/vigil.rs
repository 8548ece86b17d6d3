//! A watch over a claimed task while it is drawn: keeps the lease, writes progress, notices when the task moves.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use easel_core::store::Store;
use easel_core::task::{Progress, Task};
use jiff::Timestamp;
use tokio::task::JoinHandle;

use super::WorkerOptions;

/// Watches until it is dropped.
pub(super) struct Vigil {
    watch: Arc<Watch>,
    looking: JoinHandle<()>,
}

struct Watch {
    store: Store,
    /// As claimed.
    task: Task,
    options: WorkerOptions,
    state: Mutex<State>,
}

struct State {
    progress: Progress,
    /// Whether there is news that was not written yet.
    news: bool,
    /// Whether any news was.
    told: bool,
    written: Instant,
    /// Whether somebody else moved the task.
    moved: bool,
    lease: Duration,
}

impl Vigil {
    /// Begins with the progress that was written with the claim.
    pub(super) fn begin(store: Store, task: Task, progress: Progress, options: WorkerOptions) -> Self {
        let lease = options.lease;
        let state = State { progress, news: false, told: false, written: Instant::now(), moved: false, lease };
        let watch = Arc::new(Watch { store, task, options, state: Mutex::new(state) });
        let looking = tokio::spawn(look(watch.clone()));
        Self { watch, looking }
    }

    /// Whether somebody else moved the task: what this worker draws is of no use then.
    pub(super) fn has_moved(&self) -> bool {
        self.watch.state().moved
    }

    /// Whether it is time for news with a preview.
    pub(super) fn wants_news(&self) -> bool {
        let state = self.watch.state();
        state.progress.preview.is_none() || state.written.elapsed() >= self.watch.options.write_every
    }

    /// Takes news, to be written soon.
    pub(super) fn tell(&self, change: impl FnOnce(&mut Progress)) {
        let mut state = self.watch.state();
        change(&mut state.progress);
        state.news = true;
    }

    /// A step took so long; the lease has to outlast a few of them.
    pub(super) fn stepped(&self, took: Duration) {
        let mut state = self.watch.state();
        state.lease = state.lease.max(took * 3);
    }

    /// Writes the news now.
    pub(super) async fn write(&self) {
        self.watch.write(true).await;
    }

    /// Gives the task back: another worker may take it at once.
    pub(super) async fn release(self) {
        self.looking.abort();
        self.watch.state().lease = Duration::ZERO;
        self.watch.write(true).await;
    }
}

impl Drop for Vigil {
    fn drop(&mut self) {
        self.looking.abort();
    }
}

async fn look(watch: Arc<Watch>) {
    let mut ticks = tokio::time::interval(watch.options.look_every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match watch.store.find(watch.task.id).await {
            Ok(Some(task)) if task.version == watch.task.version => {}
            Ok(_) => return watch.state().moved = true,
            // As long as the table cannot be read, nobody else can take the task either.
            Err(error) => tracing::warn!(%error, "the task could not be looked at"),
        }
        watch.write(false).await;
        if watch.state().moved {
            return;
        }
    }
}

impl Watch {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes progress and extends the lease, if it is time or `now`.
    async fn write(&self, now: bool) {
        let progress = {
            let mut state = self.state();
            let since = state.written.elapsed();
            let news = state.news && (!state.told || since >= self.options.write_every);
            let due = news || since >= state.lease / 3;
            if !now && !due {
                return;
            }
            state.told |= state.news;
            state.news = false;
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
