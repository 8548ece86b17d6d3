//! The API, whichever door a call comes through.

mod answer;
mod call;
mod door;
pub mod identification;
mod openapi;
mod problem;
mod routes;
mod tag;
mod task_view;
mod views;

pub use answer::Answer;
pub use call::{Call, MAX_BODY, Parameters};
pub use door::{answer, serve};
pub use openapi::document;
pub use problem::Problem;
pub use routes::{Function, Operation, ROUTES, Route, find};
pub use tag::Tag;
pub use task_view::{EventView, TaskView};
pub use views::{BulkAnswer, BulkResult, DrawnTimes, HealthView, HistoryView, MetricsView, Spread, TaskPage};
