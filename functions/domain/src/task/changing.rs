//! How a task is made and changes: the one place that does.

use easel_settings::Settings;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::attempt::{Attempt, Claim, Decision, Failure};
use super::event::{Change, Event};
use super::record::{Approval, Deletion, Task};
use super::status::{Move, Status};
use super::used_file::UsedFile;
use crate::identity::Identity;
use crate::labels::Labels;

/// Most attempts of one task.
pub const MAX_ATTEMPTS: u32 = 10;
/// After how many events a task does nothing any more that it could do again and again.
pub const MAX_EVENTS: u64 = 5_000;
/// How often workers may begin at the same step and not get further before the attempt is given up.
pub const MAX_TRIES: u32 = 5;
/// How often an attempt may be handed on because a worker could not go on.
pub const MAX_HAND_ONS: u32 = 200;
/// How long a deleted task can still be looked at.
pub const GRACE_PERIOD: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What a new task starts from.
#[derive(Debug, Clone, PartialEq)]
pub struct NewTask {
    /// Its id.
    pub id: Uuid,
    /// Who asks.
    pub owner: String,
    /// What to draw.
    pub settings: Settings,
    /// Its labels.
    pub labels: Labels,
    /// The key of the dropped file that it is made from.
    pub source: Option<String>,
}

/// Why a change cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The state machine does not have this move.
    #[error("can't {action} a task that is {status}")]
    Illegal {
        /// Where the task stands.
        status: Status,
        /// What was tried.
        action: Move,
    },
    /// Another attempt would be one too many.
    #[error("the task has had {MAX_ATTEMPTS} attempts, which is the limit: create a new task")]
    TooManyAttempts,
    /// The history has become too long to go on with.
    #[error("the task has {MAX_EVENTS} events or more: finish or delete it, and create a new one for more")]
    TooManyEvents,
    /// There is no failed attempt to make once more.
    #[error("only a task that failed can be tried again as it was: retry it with other settings, or without `same`")]
    NotFailed,
    /// An approval names images that are not there.
    #[error("the task has {count} images, which are counted from 0: approve some of these, or all by naming none")]
    NoSuchImages {
        /// How many images there are.
        count: usize,
    },
    /// A task is made once.
    #[error("the task is there already")]
    Exists,
}

impl Task {
    /// A new task and the first event of its history.
    #[must_use]
    pub fn create(new: NewTask, by: &Identity, at: Timestamp) -> (Self, Event) {
        let mut task = Self {
            id: new.id,
            version: 1,
            status: Status::Pending,
            owner: new.owner,
            title: new.labels.title,
            tags: new.labels.tags,
            metadata: new.labels.metadata,
            source: new.source,
            created_at: at,
            updated_at: at,
            attempt: Attempt::new(1, new.settings, at),
            earlier_attempts: Vec::new(),
            approval: None,
            publication: None,
            cancellation: None,
            deletion: None,
            newest_event: None,
        };
        let change = Change::Create { made: Box::new(task.clone()) };
        let (id, to) = (task.id, task.status);
        let event = Event { task: id, version: 1, at, by: by.clone(), from: None, to, change, link: None }.linked(None);
        task.newest_event = event.link.as_ref().map(|link| link.hash.clone());
        (task, event)
    }

    /// The task after `change`, and the event that says so. Nothing else in the project changes a task.
    ///
    /// # Errors
    /// Returns a [`Refusal`] if the change cannot be made, and nothing has changed.
    pub fn after(&self, change: Change, by: &Identity, at: Timestamp) -> Result<(Self, Event), Refusal> {
        let (task, event) = self.apply(change.within_limits(), by, at)?;
        // Every loop of a task's life goes through one of these moves. The others lead to its end.
        let goes_on = matches!(event.change.action(), Some(Move::Pause | Move::Retry | Move::Publish | Move::Relabel));
        if goes_on && self.version >= MAX_EVENTS { Err(Refusal::TooManyEvents) } else { Ok((task, event)) }
    }

    /// What [`after`](Self::after) does, for histories too, which hold what was allowed when it was done.
    fn apply(&self, change: Change, by: &Identity, at: Timestamp) -> Result<(Self, Event), Refusal> {
        let action = change.action().ok_or(Refusal::Exists)?;
        let to = self.status.after(action).ok_or(Refusal::Illegal { status: self.status, action })?;
        let mut task = Self { version: self.version + 1, status: to, updated_at: at, ..self.clone() };
        let decision = |note: &Option<String>| Decision { by: by.name.clone(), at, note: note.clone() };
        match &change {
            Change::Create { .. } | Change::Erased { .. } => return Err(Refusal::Exists),
            Change::Claim { worker, step, used } => {
                let version = task.version;
                let attempt = &mut task.attempt;
                let died = self.status == Status::InProgress;
                let again = attempt.claim.as_ref().filter(|claim| died && claim.step == *step);
                let tries = again.map_or(1, |claim| claim.tries + 1);
                let worker = worker.clone();
                attempt.first_claim_at.get_or_insert(at);
                if !used.is_empty() {
                    attempt.used.clone_from(used);
                }
                attempt.claim = Some(Claim { worker, at, fence: version, step: *step, tries });
            }
            Change::Finish { images, generation } => {
                task.attempt.images.clone_from(images);
                task.attempt.generation = Some(generation.as_ref().clone());
            }
            Change::Fail { reason } => task.attempt.failure = Some(Failure { at, reason: reason.clone() }),
            Change::Reject { reason } => task.attempt.rejection = Some(decision(&Some(reason.clone()))),
            Change::Approve { note, images } => {
                let there = |index: &u32| task.attempt.images.iter().any(|image| image.index == *index);
                if images.as_ref().is_some_and(|indexes| indexes.is_empty() || !indexes.iter().all(there)) {
                    return Err(Refusal::NoSuchImages { count: task.attempt.images.len() });
                }
                task.approval = Some(Approval { decision: decision(note), images: images.clone() });
            }
            Change::Cancel { reason } => task.cancellation = Some(decision(reason)),
            Change::Publish { publication } => task.publication = Some(publication.clone()),
            Change::Unpublish { .. } => task.publication = None,
            Change::Delete { after } => {
                task.publication = None;
                task.deletion = Some(Deletion { by: by.name.clone(), at, after: *after });
            }
            Change::Retry { settings } => {
                let number = task.attempt.number + 1;
                if number > MAX_ATTEMPTS {
                    return Err(Refusal::TooManyAttempts);
                }
                let mut next = Attempt::new(number, settings.as_ref().clone(), at);
                next.requested_by = Some(by.name.clone());
                next.used = still_named(&task.attempt.used, &next.settings);
                task.earlier_attempts.push(std::mem::replace(&mut task.attempt, next));
            }
            Change::Redrive if self.status != Status::Failed => return Err(Refusal::NotFailed),
            // The same number: what it draws is the same, so that its images have the same names.
            Change::Redrive => {
                let attempt = &task.attempt;
                let used = still_named(&attempt.used, &attempt.settings);
                task.attempt = Attempt { used, ..Attempt::new(attempt.number, attempt.settings.clone(), at) };
            }
            // A worker that hands on has made steps, so the next claim is not another try at the same one.
            Change::HandOn { makes_way, .. } => task.attempt.hand_ons += u32::from(!makes_way),
            Change::Relabel { title, tags } => {
                task.title.clone_from(title);
                task.tags.clone_from(tags);
            }
            Change::Pause | Change::Resume => {}
        }
        let (id, version, by, from) = (task.id, task.version, by.clone(), Some(self.status));
        let event = Event { task: id, version, at, by, from, to, change, link: None }.linked(self.newest_event.clone());
        task.newest_event = event.link.as_ref().map(|link| link.hash.clone());
        Ok((task, event))
    }

    /// The task that a whole history makes; `None` if the events are not one task's whole history, or erased.
    #[must_use]
    pub fn replay(events: &[Event]) -> Option<Self> {
        let (first, rest) = events.split_first()?;
        let Change::Create { made } = &first.change else { return None };
        let newest = |event: &Event| event.link.as_ref().map(|link| link.hash.clone());
        let made = Self { newest_event: newest(first), ..made.as_ref().clone() };
        rest.iter().try_fold(made, |task, event| {
            let (task, mut again) = task.apply(event.change.clone(), &event.by, event.at).ok()?;
            // Events from before there was a chain.
            again.link = again.link.filter(|_| event.link.is_some());
            (again == *event).then(|| Self { newest_event: newest(event), ..task })
        })
    }
}

/// The files that these settings still name.
fn still_named(used: &[UsedFile], settings: &Settings) -> Vec<UsedFile> {
    used.iter().filter(|file| file.is_named_by(settings)).cloned().collect()
}
