//! Times as S3 has them.

use std::time::{Duration, UNIX_EPOCH};

use jiff::Timestamp;

/// The time now, in whole seconds.
pub(super) fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// The time as `s3s` has it.
pub(super) fn timestamp(time: Timestamp) -> s3s::dto::Timestamp {
    let since_1970 = Duration::from_secs(u64::try_from(time.as_second()).unwrap_or_default());
    (UNIX_EPOCH + since_1970).into()
}
