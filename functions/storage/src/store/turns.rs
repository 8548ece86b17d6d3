//! In which order what waits is drawn, as far as can be said: owners take turns, each with the task that waits longest.
//!
//! It follows from how much each owner has waiting, so that nobody's list has to be read to know the place of a task in it.

use super::waiting::Owner;

/// A task by whose list it is in, and its place there, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn<'a> {
    /// Whose task.
    pub owner: &'a str,
    /// How many of theirs come before.
    pub place: i64,
    /// The work before it, in evaluations of a pixel, if each owner's tasks are all as large as their average.
    pub work_before: i64,
}

/// The turns of owners who are in the order in which one of theirs is taken, from the first on.
pub fn turns<'a>(owners: &'a [Owner]) -> impl Iterator<Item = Turn<'a>> {
    let rounds = owners.iter().map(|owner| owner.waiting).max().unwrap_or_default();
    let of_round =
        |round: i64| owners.iter().filter(move |owner| owner.waiting > round).map(move |owner| (owner, round));
    (0..rounds).flat_map(of_round).scan(0_i64, |work, (owner, place)| {
        let turn = Turn { owner: &owner.name, place, work_before: *work };
        *work = work.saturating_add(owner.work / owner.waiting.max(1));
        Some(turn)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_take_turns_until_they_have_nothing_left() {
        let owner = |name: &str, waiting, work| Owner { name: name.to_owned(), waiting, work, served: 0 };
        let owners = [owner("alice", 3, 30), owner("bob", 1, 5), owner("carla", 2, 2)];
        let order: Vec<_> = turns(&owners).map(|turn| (turn.owner, turn.place, turn.work_before)).collect();
        let expected =
            [("alice", 0, 0), ("bob", 0, 10), ("carla", 0, 15), ("alice", 1, 16), ("carla", 1, 26), ("alice", 2, 27)];
        assert_eq!(order, expected);
        assert_eq!(turns(&[]).count(), 0);
    }
}
