//! The desk with the files that it ships: what is answered, what is in the page, and the program on Lambda.

mod answers;
#[path = "../../../tests/lambda_runtime.rs"]
mod lambda_runtime;
mod on_lambda;
mod page;
mod support;
