//! What people say about the order in which tasks are drawn: that one comes before others, or that nothing is drawn for now.
//!
//! All of it is a handful of rows in one partition, which a worker reads before it takes a task. A task that comes first
//! keeps its row while it waits or is drawn; whoever finds that it does neither any more removes the row.

use aws_sdk_dynamodb::types::AttributeValue;
use easel_domain::task::{Status, Task};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Store;
use super::rows::{self, EXPIRES};
use super::waiting::Owner;
use crate::error::Result;

pub(super) const QUEUE: &str = "QUEUE";
const FIRST: &str = "FIRST#";
/// The highest priority; that of a task of which nobody says anything is 0.
pub const MAX_PRIORITY: u64 = 9;
/// Most tasks that come before others.
pub const MAX_FIRST: usize = 100;
/// How long a task comes before others, if nobody says so again.
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A task that is drawn before others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prioritized {
    /// The task.
    pub task: Uuid,
    /// Whose it is.
    pub owner: String,
    /// From 1; the highest come first.
    pub priority: u64,
    /// Who said so.
    pub by: String,
}

/// That nothing is drawn for now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuePause {
    /// Who said so.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// The tasks that were being drawn and were paused with the rest.
    #[serde(default)]
    pub tasks: Vec<Uuid>,
}

/// What people have said about the queue.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueueState {
    /// Whether nothing is drawn for now.
    pub pause: Option<QueuePause>,
    /// The tasks that come before others.
    pub first: Vec<Prioritized>,
}

impl QueueState {
    /// Whether nothing is to be drawn.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.pause.is_some()
    }

    /// The tasks that come before others in the order in which they are drawn: the highest priority first, those of the
    /// same priority by turns of their owners.
    #[must_use]
    pub fn in_turn(&self, owners: &[Owner]) -> Vec<Prioritized> {
        let turn = |name: &str| owners.iter().position(|owner| owner.name == name).unwrap_or(owners.len());
        let mut first = self.first.clone();
        first.sort_by_key(|task| (task.owner.clone(), std::cmp::Reverse(task.priority), task.task));
        let mut places = Vec::new();
        for (place, task) in first.iter().enumerate() {
            let same = |other: &&Prioritized| other.owner == task.owner && other.priority == task.priority;
            let round = first[..place].iter().filter(same).count();
            places.push((std::cmp::Reverse(task.priority), round, turn(&task.owner), task.task));
        }
        let mut places: Vec<_> = places.into_iter().zip(first).collect();
        places.sort_by_key(|(place, _)| *place);
        places.into_iter().map(|(_, task)| task).collect()
    }
}

impl Store {
    /// What people have said about the queue.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn queue(&self) -> Result<QueueState> {
        let mut state = QueueState::default();
        for row in rows::all(self.partition(QUEUE), None).await? {
            if rows::sort_key(&row) == QUEUE {
                state.pause = Some(rows::read(row)?);
            } else if rows::sort_key(&row).starts_with(FIRST) {
                state.first.push(rows::read(row)?);
            }
        }
        Ok(state)
    }

    /// Has nothing drawn from now on.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn pause_queue(&self, pause: &QueuePause) -> Result<()> {
        let row = rows::write(QUEUE, QUEUE, pause)?;
        self.client.put_item().table_name(&self.table).set_item(Some(row)).send().await.map_err(rows::failed)?;
        Ok(())
    }

    /// Has tasks drawn again.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn resume_queue(&self) -> Result<()> {
        self.forget(QUEUE, QUEUE).await
    }

    /// Has a task drawn before others, or in its turn where the priority is 0.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn prioritize(&self, task: &Prioritized) -> Result<()> {
        let sort = sort_key(task.task);
        if task.priority == 0 {
            return self.forget(QUEUE, &sort).await;
        }
        let mut row = rows::write(QUEUE, &sort, task)?;
        row.insert(EXPIRES.to_owned(), rows::number((Timestamp::now() + KEPT).as_second()));
        self.client.put_item().table_name(&self.table).set_item(Some(row)).send().await.map_err(rows::failed)?;
        Ok(())
    }

    /// Forgets which tasks of this owner, or by this person's word, come before others.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn forget_priorities(&self, owner: &str) -> Result<()> {
        for task in self.queue().await?.first.iter().filter(|task| task.owner == owner || task.by == owner) {
            self.forget(QUEUE, &sort_key(task.task)).await?;
        }
        Ok(())
    }

    /// Of these tasks, one of the first `spread` that wait.
    pub(super) async fn next_of(&self, first: Vec<Prioritized>, spread: usize) -> Result<Option<Task>> {
        let mut waiting = Vec::new();
        for Prioritized { task: id, .. } in first {
            let task = self.find(id).await?;
            match task {
                Some(task) if task.status == Status::Pending => waiting.push(task),
                // It may wait again soon.
                Some(task) if matches!(task.status, Status::InProgress | Status::Paused) => {}
                _ => self.forget(QUEUE, &sort_key(id)).await?,
            }
            if waiting.len() >= spread {
                break;
            }
        }
        if waiting.is_empty() {
            return Ok(None);
        }
        Ok(Some(waiting.swap_remove(rand::random_range(0..waiting.len()))))
    }

    /// A task that waits, as its owner's list has it; `None` if it does not wait.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn is_waiting(&self, owner: &str, task: Uuid) -> Result<bool> {
        let query = self
            .partition(&super::waiting::tasks_of(owner))
            .key_condition_expression("PK = :partition AND SK = :task")
            .expression_attribute_values(":task", AttributeValue::S(task.to_string()));
        Ok(!rows::all(query, Some(1)).await?.is_empty())
    }
}

fn sort_key(task: Uuid) -> String {
    format!("{FIRST}{task}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_priority_comes_first_and_owners_take_turns_within_one() {
        let task = |number: u128, owner: &str, priority| Prioritized {
            task: Uuid::from_u128(number),
            owner: owner.to_owned(),
            priority,
            by: "robin".to_owned(),
        };
        let owner = |name: &str, served| Owner { name: name.to_owned(), waiting: 3, work: 3, served };
        let first =
            vec![task(1, "alice", 1), task(2, "alice", 1), task(3, "bob", 1), task(4, "alice", 9), task(5, "carla", 1)];
        let state = QueueState { pause: None, first };
        let order: Vec<_> =
            state.in_turn(&[owner("bob", 1), owner("alice", 2)]).iter().map(|task| task.task.as_u128()).collect();
        assert_eq!(order, [4, 3, 1, 5, 2]);
    }
}
