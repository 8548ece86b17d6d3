//! The fields of bodies, beside those of a task's settings and labels.

use easel_domain::STYLE;
use easel_domain::comment::MAX_COMMENT;
use easel_domain::task::{MAX_NOTE, MAX_REGIONS, MAX_REMARK, Move};
use easel_settings::{Field, Kind, MAX_COUNT, Presence};
use easel_storage::gallery::UPLOAD_TYPES;
use easel_storage::store::MAX_PRIORITY;

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

/// Most characters of the name in a token.
pub const MAX_NAME: usize = 100;
/// Most days that a token is good.
const MAX_DAYS: u64 = 365;

/// What is asked for with a token.
pub(crate) const TOKEN: &[Field] = &[
    Field {
        name: "name",
        kind: Kind::text(MAX_NAME),
        presence: Presence::Optional,
        default: "your own",
        help: "Whose token it is. Only an admin makes tokens for others.",
    },
    Field {
        name: "role",
        kind: Kind::Choice(&["creator", "reviewer", "admin"]),
        presence: Presence::Optional,
        default: "your own",
        help: "What its bearer may do: no more than you.",
    },
    Field {
        name: "days",
        kind: Kind::whole(1, MAX_DAYS),
        presence: Presence::Optional,
        default: "30",
        help: "How many days it is good.",
    },
];

/// The moves that can be made on many tasks: those by which people decide, and other labels.
const IN_BULK: [&str; Move::NAMES_BY_PEOPLE.len() + 1] = {
    let mut names = [Move::Relabel.as_str(); Move::NAMES_BY_PEOPLE.len() + 1];
    let mut index = 0;
    while index < Move::NAMES_BY_PEOPLE.len() {
        names[index] = Move::NAMES_BY_PEOPLE[index];
        index += 1;
    }
    names
};

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
        kind: Kind::Choice(&IN_BULK),
        presence: Presence::Required,
        default: "",
        help: "The move, whose own fields stand beside these.",
    },
];

/// Of a claim of several tasks for review.
pub(crate) const CLAIMS: &[Field] = &[
    BULK[0],
    Field {
        name: "release",
        kind: Kind::Flag,
        presence: Presence::Optional,
        default: "false",
        help: "Release the tasks instead.",
    },
];

/// Of a comment.
pub(crate) const COMMENT: &[Field] = &[
    Field {
        name: "text",
        kind: Kind::text(MAX_COMMENT),
        presence: Presence::Required,
        default: "",
        help: "What it says. `@name` mentions somebody.",
    },
    Field {
        name: "image",
        kind: Kind::whole(0, MAX_COUNT - 1),
        presence: Presence::Optional,
        default: "none",
        help: "The index of the image of the current attempt that it is about, counted from 0.",
    },
    Field {
        name: "region",
        kind: Kind::Area,
        presence: Presence::Optional,
        default: "none",
        help: "Where in the image: a point, or a box with a width and a height, in fractions of the image from its top left \
               corner.",
    },
    Field {
        name: "answers",
        kind: Kind::text(36),
        presence: Presence::Optional,
        default: "none",
        help: "The id of the comment that it answers.",
    },
];

/// What a client sends to pause the queue or to have tasks drawn again.
pub(crate) const QUEUE: &[Field] = &[
    Field {
        name: "paused",
        kind: Kind::Flag,
        presence: Presence::Required,
        default: "",
        help: "Whether nothing is drawn from now on.",
    },
    Field {
        name: "running",
        kind: Kind::Choice(&["finish", "pause"]),
        presence: Presence::Optional,
        default: "finish",
        help: "What becomes of tasks that are being drawn: they finish, or they pause and go on with the rest.",
    },
];

/// What a client sends to have a task drawn before others.
pub(crate) const PRIORITY: &[Field] = &[Field {
    name: "priority",
    kind: Kind::whole(0, MAX_PRIORITY),
    presence: Presence::Required,
    default: "",
    help: "The highest are drawn first, by turns of their owners; 0 is that of every task of which nobody says anything.",
}];

/// Whether something that is kept is for everybody.
pub(crate) const SHARED: Field = Field {
    name: "shared",
    kind: Kind::Flag,
    presence: Presence::Optional,
    default: "false",
    help: "Whether everybody sees it; reviewers share.",
};

/// What a view is made of.
pub(crate) const VIEW: &[Field] = &[
    Field {
        name: "page",
        kind: Kind::Choice(&["review", "library"]),
        presence: Presence::Required,
        default: "",
        help: "The page of the desk that it is a view of.",
    },
    Field {
        name: "query",
        kind: Kind::Text { most: 1_000, blank: true },
        presence: Presence::Required,
        default: "",
        help: "Its filters and order, as they stand in the page's address.",
    },
    SHARED,
];

/// What a style is made of, beside its settings.
pub(crate) fn style_fields() -> Vec<Field> {
    [STYLE, &[SHARED]].concat()
}

/// Most characters of a collection's name.
pub(crate) const MAX_COLLECTION_NAME: usize = 100;

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
const NOTES: Field = Field {
    name: "notes",
    kind: Kind::ImageNotes { of: MAX_COUNT, length: MAX_REMARK },
    presence: Presence::Optional,
    default: "none",
    help: "Notes to single images, whose indexes count from 0.",
};
const REGIONS: Field = Field {
    name: "regions",
    kind: Kind::Regions { most: MAX_REGIONS, of: MAX_COUNT, length: MAX_REMARK },
    presence: Presence::Optional,
    default: "none",
    help: "Where in the images something is wrong: points, and boxes with a width and a height, in fractions of the image \
           from its top left corner.",
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

const REOPENING: Field = Field { help: "Why what was done is taken back.", ..REJECTION };

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
        Move::Approve => &[NOTE, IMAGES, NOTES],
        Move::Reject => &[REJECTION, NOTES, REGIONS],
        Move::Reopen => &[REOPENING],
        Move::Cancel => &[REASON],
        Move::Unpublish => &[WITHDRAWAL],
        _ => &[],
    }
}
