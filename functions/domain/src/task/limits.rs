//! How much a worker or a person may say about a task. A row of the table has its limit, too.

use std::borrow::Cow;

use easel_settings::{MAX_OFFERED_NAME, shortened};

use super::event::Change;
use super::used_file::{MAX_DIGEST, MAX_USED_FILES};

/// Most characters of a note or a reason.
pub const MAX_NOTE: usize = 2_000;
/// Most warnings of a generation that are kept.
pub const MAX_WARNINGS: usize = 10;
/// Most characters of one of them, and of the names of models and devices.
pub const MAX_NAME: usize = 200;

impl Change {
    /// The change, with what workers say in it cut to what is kept. What people say is checked before, and refused.
    pub(super) fn within_limits(mut self) -> Self {
        match &mut self {
            Self::Fail { reason } | Self::HandOn { reason, .. } => shorten(reason, MAX_NOTE),
            Self::Claim { used, .. } => {
                used.truncate(MAX_USED_FILES);
                for file in used {
                    shorten(&mut file.name, MAX_OFFERED_NAME);
                    shorten(&mut file.digest, MAX_DIGEST);
                }
            }
            Self::Finish { generation, .. } => {
                generation.warnings.truncate(MAX_WARNINGS);
                generation.warnings.iter_mut().for_each(|warning| shorten(warning, MAX_NAME));
                for name in [&mut generation.model, &mut generation.device, &mut generation.device_name] {
                    shorten(name, MAX_NAME);
                }
            }
            _ => {}
        }
        self
    }
}

fn shorten(text: &mut String, most: usize) {
    if let Cow::Owned(shortened) = shortened(text, most) {
        *text = shortened;
    }
}
