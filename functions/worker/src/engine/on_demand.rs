//! Whether workers are there all the time.

use easel_system::environment::{self, LAMBDA_RUNTIME_API};

/// Lambda starts workers when there are messages and freezes them in between.
pub(super) fn is_on_demand() -> bool {
    environment::is_set(LAMBDA_RUNTIME_API)
}
