//! Rules that a service may add to those of the roles.

use crate::error::{Error, Result};
use crate::identity::Identity;
use crate::task::{Move, Status, Task};

/// What a service demands beyond roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rules {
    /// Whether images take four eyes: who asked for them neither approves nor publishes them. Anybody may turn down their
    /// own.
    pub four_eyes: bool,
}

impl Rules {
    /// Whether the move may be made on the task, whatever its state.
    ///
    /// # Errors
    /// As [`Identity::may_make`]; [`Error::OwnImages`] if the caller asked for the images and the rule is four eyes.
    pub fn may_make(self, by: &Identity, action: Move, task: &Task) -> Result<()> {
        by.may_make(action, task)?;
        // Taking back the rejection of one's own images is as good as accepting them.
        let is_overturned = action == Move::Reopen && task.status == Status::Rejected;
        let accepts = matches!(action, Move::Approve | Move::Publish) || is_overturned;
        if self.four_eyes && accepts && task.was_asked_for_by(&by.name) {
            return Err(Error::OwnImages { action });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;
    use crate::Labels;
    use crate::identity::Role;
    use crate::task::{Change, NewTask, Settings};

    fn drawn_for(owner: &Identity) -> Task {
        let new = NewTask {
            id: Uuid::nil(),
            owner: owner.name.clone(),
            settings: Settings::new("a heart"),
            labels: Labels::default(),
            source: None,
            approvals_needed: 1,
        };
        Task::create(new, owner, Timestamp::UNIX_EPOCH).0
    }

    #[test]
    fn four_eyes_are_those_of_somebody_else() {
        let (robin, rosa) = (Identity::new("robin", Role::Reviewer), Identity::new("rosa", Role::Admin));
        let task = drawn_for(&robin);
        let rules = Rules { four_eyes: true };
        for action in [Move::Approve, Move::Publish] {
            assert_eq!(rules.may_make(&robin, action, &task), Err(Error::OwnImages { action }));
            assert_eq!(rules.may_make(&rosa, action, &task), Ok(()));
            assert_eq!(Rules::default().may_make(&robin, action, &task), Ok(()));
        }
        for action in [Move::Reject, Move::Cancel, Move::Delete] {
            assert_eq!(rules.may_make(&robin, action, &task), Ok(()), "{action}");
        }
        let stranger = Identity::new("carla", Role::Creator);
        assert_eq!(rules.may_make(&stranger, Move::Approve, &task), Err(Error::NotFound(task.id)));
    }

    #[test]
    fn who_asks_for_another_attempt_asked_for_its_images() {
        let (carla, robin) = (Identity::new("carla", Role::Creator), Identity::new("robin", Role::Reviewer));
        let step = |task: Task, change: Change, by: &Identity| {
            task.after(change, by, Timestamp::UNIX_EPOCH).expect("a legal move").0
        };
        let failed = step(drawn_for(&carla), Change::Fail { reason: "no memory".to_owned() }, &Identity::worker("w"));
        let again = step(failed, Change::Retry { settings: Box::new(Settings::new("robin's own")) }, &robin);
        let rules = Rules { four_eyes: true };
        assert_eq!(rules.may_make(&robin, Move::Approve, &again), Err(Error::OwnImages { action: Move::Approve }));
        assert_eq!(rules.may_make(&Identity::new("rosa", Role::Reviewer), Move::Approve, &again), Ok(()));
    }
}
