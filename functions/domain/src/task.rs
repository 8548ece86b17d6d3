//! Tasks: what was asked for, where it stands, and how it changes.

mod attempt;
mod chain;
mod changing;
mod event;
mod limits;
mod link;
mod progress;
mod record;
mod status;
mod used_file;

pub use attempt::{Attempt, Claim, Decision, Failure, GeneratedImage, GenerationReport};
pub use chain::{BrokenChain, EventRecord, verify};
pub use changing::{GRACE_PERIOD, MAX_ATTEMPTS, MAX_EVENTS, MAX_HAND_ONS, MAX_TRIES, NewTask, Refusal};
pub use easel_settings::Settings;
pub use event::{Change, Event};
pub use limits::{MAX_NAME, MAX_NOTE, MAX_WARNINGS};
pub use link::Link;
pub use progress::Progress;
pub use record::{Approval, Deletion, Publication, Task};
pub use status::{Move, Status};
pub use used_file::{MAX_USED_FILES, UsedFile, UsedKind};
