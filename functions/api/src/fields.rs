//! The fields of bodies, beside those of a task's settings and labels.

use easel_domain::task::{MAX_NOTE, Move};
use easel_settings::{Field, Kind, MAX_COUNT, Presence};
use easel_storage::gallery::UPLOAD_TYPES;

/// Most bytes of a file that can be uploaded to start from.
const MAX_UPLOAD: u64 = 20 * 1024 * 1024;
/// Most tasks of one bulk move.
pub(crate) const MAX_BULK: usize = 100;

/// What a client sends to be allowed to upload an image.
pub(crate) const UPLOAD: &[Field] = &[
    Field {
        name: "content_type",
        kind: Kind::Choice(&[UPLOAD_TYPES[0].0, UPLOAD_TYPES[1].0, UPLOAD_TYPES[2].0]),
        presence: Presence::Required,
        default: "",
        help: "The file's type; the URL is good for this one alone.",
    },
    Field {
        name: "content_length",
        kind: Kind::whole(1, MAX_UPLOAD),
        presence: Presence::Required,
        default: "",
        help: "The file's length in bytes; the URL is good for this one alone.",
    },
];

/// The fields of a bulk move, beside those of the move itself.
pub(crate) const BULK: &[Field] = &[
    Field {
        name: "ids",
        kind: Kind::Texts { most: MAX_BULK, length: 100 },
        presence: Presence::Required,
        default: "",
        help: "The ids of 1 to 100 tasks.",
    },
    Field {
        name: "move",
        kind: Kind::Choice(&Move::NAMES_BY_PEOPLE),
        presence: Presence::Required,
        default: "",
        help: "The move, whose own fields stand beside these.",
    },
];

/// Of a request that says nothing more.
pub(crate) const NONE: &[Field] = &[];

const NOTE: Field = Field {
    name: "note",
    kind: Kind::text(MAX_NOTE),
    presence: Presence::Optional,
    default: "none",
    help: "What the reviewer adds.",
};
const IMAGES: Field = Field {
    name: "images",
    kind: Kind::Indexes { of: MAX_COUNT },
    presence: Presence::Optional,
    default: "all of them",
    help: "The indexes of the images that are approved, counted from 0. The others stay with the task and are never published.",
};
const REASON: Field = Field {
    name: "reason",
    kind: Kind::text(MAX_NOTE),
    presence: Presence::Optional,
    default: "none",
    help: "Why the task is cancelled.",
};
const WITHDRAWAL: Field = Field { help: "Why the images are no longer public.", ..REASON };
const REJECTION: Field = Field {
    name: "reason",
    kind: Kind::text(MAX_NOTE),
    presence: Presence::Required,
    default: "",
    help: "Say why, so that the next attempt can be better.",
};

/// What asks for the attempt that failed once more, beside the settings that a retry takes.
pub(crate) const SAME: Field = Field {
    name: "same",
    kind: Kind::Flag,
    presence: Presence::Optional,
    default: "false",
    help: "Make the attempt that failed once more as it was, with the same seed. It is no further attempt; no setting can \
           stand beside it.",
};

/// What can be said with a move; the settings that a retry takes have a table of their own.
pub(crate) const fn of_move(action: Move) -> &'static [Field] {
    match action {
        Move::Approve => &[NOTE, IMAGES],
        Move::Reject => &[REJECTION],
        Move::Cancel => &[REASON],
        Move::Unpublish => &[WITHDRAWAL],
        _ => &[],
    }
}
