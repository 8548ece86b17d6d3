//! Every route: what it does, which function answers it, who may call it.

use std::sync::LazyLock;

use matchit::Router;

use crate::error::{Error, Result};
use crate::identity::Role;
use crate::task::Move;

/// One of Easel's functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Function {
    /// Takes what people ask for.
    Create,
    /// Changes tasks.
    Review,
    /// Shows.
    Read,
}

impl Function {
    /// The name of the function and of its program.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Function::Create => "create",
            Function::Review => "review",
            Function::Read => "read",
        }
    }
}

/// What a route does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Asks for pictures.
    CreateTask,
    /// Gets a place to upload an init image to.
    CreateUpload,
    /// Lists tasks.
    ListTasks,
    /// Shows one task.
    GetTask,
    /// Shows what happened to a task.
    GetHistory,
    /// Moves a task.
    Move(Move),
    /// Moves many tasks.
    MoveMany,
    /// Says who calls.
    Identity,
    /// Says whether pictures can be drawn.
    Health,
    /// Counts and times.
    Metrics,
    /// Describes the API.
    OpenApi,
}

/// A way into the API.
#[derive(Debug)]
pub struct Route {
    /// The HTTP method.
    pub method: &'static str,
    /// The path, with `{id}` for a task's.
    pub path: &'static str,
    /// What it does.
    pub operation: Operation,
    /// Who answers.
    pub function: Function,
    /// The least role that may call it; `None` is everybody, with or without a token.
    pub role: Option<Role>,
    /// One line for the API's description.
    pub summary: &'static str,
}

const fn route(
    method: &'static str,
    path: &'static str,
    operation: Operation,
    function: Function,
    role: Option<Role>,
    summary: &'static str,
) -> Route {
    Route { method, path, operation, function, role, summary }
}

const CREATOR: Option<Role> = Some(Role::Creator);
const REVIEWER: Option<Role> = Some(Role::Reviewer);

/// Every route. What a caller may do with a task that is not theirs, the task's own rules say.
pub static ROUTES: [Route; 18] = [
    route("POST", "/v1/tasks", Operation::CreateTask, Function::Create, CREATOR, "Ask for pictures"),
    route(
        "POST",
        "/v1/uploads",
        Operation::CreateUpload,
        Function::Create,
        CREATOR,
        "Get a URL to upload an init image",
    ),
    route("GET", "/v1/tasks", Operation::ListTasks, Function::Read, CREATOR, "List tasks, page by page"),
    route("POST", "/v1/tasks/bulk", Operation::MoveMany, Function::Review, CREATOR, "Move up to 100 tasks"),
    route("GET", "/v1/tasks/{id}", Operation::GetTask, Function::Read, CREATOR, "Show a task"),
    route(
        "DELETE",
        "/v1/tasks/{id}",
        Operation::Move(Move::Delete),
        Function::Review,
        CREATOR,
        "Delete a task after a grace period",
    ),
    route(
        "GET",
        "/v1/tasks/{id}/history",
        Operation::GetHistory,
        Function::Read,
        CREATOR,
        "Show what happened to a task",
    ),
    route(
        "POST",
        "/v1/tasks/{id}/approve",
        Operation::Move(Move::Approve),
        Function::Review,
        REVIEWER,
        "Accept the pictures",
    ),
    route(
        "POST",
        "/v1/tasks/{id}/reject",
        Operation::Move(Move::Reject),
        Function::Review,
        REVIEWER,
        "Turn the pictures down",
    ),
    route(
        "POST",
        "/v1/tasks/{id}/publish",
        Operation::Move(Move::Publish),
        Function::Review,
        REVIEWER,
        "Make the pictures public",
    ),
    route(
        "POST",
        "/v1/tasks/{id}/cancel",
        Operation::Move(Move::Cancel),
        Function::Review,
        CREATOR,
        "Call the task off",
    ),
    route(
        "POST",
        "/v1/tasks/{id}/pause",
        Operation::Move(Move::Pause),
        Function::Review,
        CREATOR,
        "Stop drawing for now",
    ),
    route("POST", "/v1/tasks/{id}/resume", Operation::Move(Move::Resume), Function::Review, CREATOR, "Go on drawing"),
    route(
        "POST",
        "/v1/tasks/{id}/retry",
        Operation::Move(Move::Retry),
        Function::Review,
        CREATOR,
        "Make another attempt",
    ),
    route("GET", "/v1/identity", Operation::Identity, Function::Read, CREATOR, "Who the token says that you are"),
    route("GET", "/health", Operation::Health, Function::Read, None, "Whether and on what pictures can be drawn"),
    route("GET", "/v1/metrics", Operation::Metrics, Function::Read, REVIEWER, "Counts and times"),
    route("GET", "/openapi.json", Operation::OpenApi, Function::Read, None, "This description"),
];

/// The routes of each path.
static PATHS: LazyLock<Router<Vec<&'static Route>>> = LazyLock::new(|| {
    let mut router = Router::new();
    for route in &ROUTES {
        if ROUTES.iter().take_while(|earlier| !std::ptr::eq(*earlier, route)).any(|earlier| earlier.path == route.path)
        {
            continue;
        }
        let routes = ROUTES.iter().filter(|other| other.path == route.path).collect();
        // Two paths that cannot be told apart are found by the tests of this file.
        let _ = router.insert(route.path, routes);
    }
    router
});

/// The route of a call, and the `{id}` in its path.
///
/// # Errors
/// [`Error::NotFound`], [`Error::WrongMethod`].
pub fn find(method: &str, path: &str) -> Result<(&'static Route, Option<String>)> {
    let found =
        PATHS.at(path).map_err(|_| Error::NotFound(format!("there is nothing at {path}; see /openapi.json")))?;
    let route = found.value.iter().find(|route| route.method == method).ok_or_else(|| {
        let methods: Vec<_> = found.value.iter().map(|route| route.method).collect();
        Error::WrongMethod(format!("{path} takes {}, not {method}", methods.join(" and ")))
    })?;
    Ok((route, found.params.get("id").map(str::to_owned)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_found_by_its_path() {
        for route in &ROUTES {
            let (found, id) = find(route.method, &route.path.replace("{id}", "some-id")).expect("a route");
            assert!(std::ptr::eq(found, route), "{} {}", route.method, route.path);
            assert_eq!(id.is_some(), route.path.contains("{id}"));
        }
        assert!(matches!(find("GET", "/v1/nothing"), Err(Error::NotFound(_))));
        assert!(
            matches!(find("PUT", "/v1/tasks"), Err(Error::WrongMethod(message)) if message.contains("POST and GET"))
        );
    }

    #[test]
    fn every_move_of_people_has_a_route() {
        for step in Move::BY_PEOPLE {
            assert_eq!(ROUTES.iter().filter(|route| route.operation == Operation::Move(step)).count(), 1, "{step}");
        }
    }
}
