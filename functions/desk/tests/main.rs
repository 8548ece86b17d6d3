//! The desk with the files that it ships: its responses, what is in the page, and the program on Lambda.

mod on_lambda;
mod page;
mod responses;
mod support;
