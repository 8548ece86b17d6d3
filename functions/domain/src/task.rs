//! Tasks: what was asked for, where it stands, and how it changes.

mod attempt;
mod chain;
mod changing;
mod decision;
mod event;
mod limits;
mod link;
mod progress;
mod record;
mod refusal;
mod remark;
mod status;
mod used_file;

pub use attempt::{Attempt, Claim, Failure, GeneratedImage, GenerationReport};
pub use chain::{BrokenChain, EventRecord, verify};
pub use changing::{GRACE_PERIOD, MAX_APPROVALS_NEEDED, MAX_HAND_ONS, MAX_TRIES, NewTask};
pub use decision::{Approval, Decision};
pub use easel_settings::Settings;
pub use event::{Change, Event};
pub use limits::{MAX_NAME, MAX_NOTE, MAX_WARNINGS};
pub use link::Link;
pub use progress::Progress;
pub use record::{Deletion, Publication, Task};
pub use refusal::{MAX_ATTEMPTS, MAX_EVENTS, Refusal};
pub use remark::{Area, ImageNote, MAX_REGIONS, MAX_REMARK, Region};
pub use status::{Circumstances, Move, Status};
pub use used_file::{MAX_USED_FILES, UsedFile, UsedKind};
