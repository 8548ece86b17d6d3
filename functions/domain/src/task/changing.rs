//! How a task is made and changes: the one place that does.

use easel_settings::Settings;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::attempt::{Attempt, Claim, Failure};
use super::decision::{Approval, Decision};
use super::event::{Change, Event};
use super::record::{Deletion, Task};
use super::refusal::{MAX_ATTEMPTS, MAX_EVENTS, Refusal};
use super::remark::{ImageNote, Region};
use super::status::{Move, Status};
use super::used_file::UsedFile;
use crate::identity::Identity;
use crate::labels::Labels;

/// Most approvals that a task may take.
pub const MAX_APPROVALS_NEEDED: u32 = 4;
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
    /// From how many reviewers it takes an approval: 1 to [`MAX_APPROVALS_NEEDED`].
    pub approvals_needed: u32,
    /// The key of the dropped file that it is made from.
    pub source: Option<String>,
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
            attempt: Attempt {
                approvals_needed: new.approvals_needed.clamp(1, MAX_APPROVALS_NEEDED),
                ..Attempt::new(1, new.settings, at)
            },
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
        let action = event.change.action();
        let goes_on = matches!(action, Some(Move::Pause | Move::Retry | Move::Publish | Move::Reopen | Move::Relabel))
            || event.from == Some(event.to) && action == Some(Move::Approve);
        if goes_on && self.version >= MAX_EVENTS { Err(Refusal::TooManyEvents) } else { Ok((task, event)) }
    }

    /// What [`after`](Self::after) does, for histories too, which hold what was allowed when it was done.
    fn apply(&self, change: Change, by: &Identity, at: Timestamp) -> Result<(Self, Event), Refusal> {
        let action = change.action().ok_or(Refusal::Exists)?;
        let to = self.status.after(action, self.circumstances(&by.name));
        let to = to.ok_or(Refusal::Illegal { status: self.status, action })?;
        let mut task = Self { version: self.version + 1, status: to, updated_at: at, ..self.clone() };
        let decision = |note: &Option<String>| Decision {
            by: by.name.clone(),
            at,
            note: note.clone(),
            notes: Vec::new(),
            regions: Vec::new(),
        };
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
            Change::Reject { reason, notes, regions } => {
                self.check_remarks(notes, regions)?;
                let decision = decision(&Some(reason.clone()));
                task.attempt.approvals.clear();
                task.attempt.rejection = Some(Decision { notes: notes.clone(), regions: regions.clone(), ..decision });
            }
            Change::Approve { note, images, notes } => {
                self.check_remarks(notes, &[])?;
                let decision = Decision { notes: notes.clone(), ..decision(note) };
                task.attempt.approvals.retain(|approval| approval.decision.by != by.name);
                let agreed = self.agreed(&task.attempt.approvals, images.as_ref())?;
                if to == Status::Approved {
                    task.approval = Some(Approval { decision, images: agreed });
                } else {
                    task.attempt.approvals.push(Approval { decision, images: images.clone() });
                }
            }
            Change::Reopen { .. } => {
                if let Some(deletion) = task.deletion.take() {
                    if at >= deletion.after {
                        return Err(Refusal::GraceIsOver { after: deletion.after });
                    }
                } else if task.cancellation.take().is_none() {
                    task.approval = None;
                    task.attempt.approvals.clear();
                    task.attempt.rejection = None;
                }
                if to != Status::Cancelled {
                    task.attempt.was_paused = false;
                }
            }
            Change::Cancel { reason } => {
                task.attempt.was_paused = self.status == Status::Paused;
                task.cancellation = Some(decision(reason));
            }
            Change::Publish { publication } => task.publication = Some(publication.clone()),
            Change::Unpublish { .. } => task.publication = None,
            Change::Delete { after } => {
                task.publication = None;
                task.attempt.was_paused |= self.status == Status::Paused;
                task.deletion = Some(Deletion { by: by.name.clone(), at, after: *after });
            }
            Change::Retry { settings } => {
                let number = task.attempt.number + 1;
                if number > MAX_ATTEMPTS {
                    return Err(Refusal::TooManyAttempts);
                }
                let mut next = Attempt::new(number, settings.as_ref().clone(), at);
                next.requested_by = Some(by.name.clone());
                next.approvals_needed = task.attempt.approvals_needed;
                next.used = still_named(&task.attempt.used, &next.settings);
                task.earlier_attempts.push(std::mem::replace(&mut task.attempt, next));
            }
            Change::Redrive if self.status != Status::Failed => return Err(Refusal::NotFailed),
            // The same number: what it draws is the same, so that its images have the same names.
            Change::Redrive => {
                let attempt = &task.attempt;
                let used = still_named(&attempt.used, &attempt.settings);
                let approvals_needed = attempt.approvals_needed;
                let again = Attempt::new(attempt.number, attempt.settings.clone(), at);
                task.attempt = Attempt { used, approvals_needed, ..again };
            }
            // A worker that hands on has made steps, so the next claim is not another try at the same one.
            Change::HandOn { makes_way, .. } => task.attempt.hand_ons += u32::from(!makes_way),
            Change::Relabel { title, tags, approvals_needed } => {
                let needed = (*approvals_needed).min(MAX_APPROVALS_NEEDED);
                task.attempt.approvals_needed = task.attempt.approvals_needed.max(needed);
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

    /// Whether notes and regions are of images that are there.
    fn check_remarks(&self, notes: &[ImageNote], regions: &[Region]) -> Result<(), Refusal> {
        let is_there = |index: u32| self.attempt.images.iter().any(|image| image.index == index);
        let count = self.attempt.images.len();
        if !notes.iter().all(|note| is_there(note.image)) {
            return Err(Refusal::NoSuchImage { field: "notes", count });
        }
        if !regions.iter().all(|region| is_there(region.image)) {
            return Err(Refusal::NoSuchImage { field: "regions", count });
        }
        Ok(())
    }

    /// The images that an approval of `images` and all `before` it name, of which there is always one; `None` is all of them.
    fn agreed(&self, before: &[Approval], images: Option<&Vec<u32>>) -> Result<Option<Vec<u32>>, Refusal> {
        let all = || self.attempt.images.iter().map(|image| image.index);
        if let Some(images) = images
            && (images.is_empty() || !images.iter().all(|index| all().any(|there| there == *index)))
        {
            return Err(Refusal::NoSuchImages { count: self.attempt.images.len() });
        }
        let named = before.iter().filter_map(|approval| approval.images.as_ref());
        let so_far: Vec<u32> = all().filter(|index| named.clone().all(|images| images.contains(index))).collect();
        let Some(last) = before.last() else { return Ok(images.cloned()) };
        let agreed: Vec<_> =
            so_far.iter().copied().filter(|index| images.is_none_or(|images| images.contains(index))).collect();
        match agreed.len() {
            0 => Err(Refusal::NothingInCommon { by: last.decision.by.clone(), images: so_far }),
            count if count == self.attempt.images.len() => Ok(None),
            _ => Ok(Some(agreed)),
        }
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
