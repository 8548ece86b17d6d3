//! What programs need of the system they run on.

pub mod disk;
pub mod environment;
pub mod files;
pub mod temporary;
