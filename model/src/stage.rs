//! The two models of a generation.

/// Which of the pair of models works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The model proper.
    Base,
    /// The model that finishes what the base began.
    Refiner,
}

impl Stage {
    /// The name in progress and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Refiner => "refiner",
        }
    }
}
