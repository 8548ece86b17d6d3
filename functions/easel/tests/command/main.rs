//! The command as its users meet it: a process with arguments, output, files and an exit code.

#![allow(clippy::unwrap_used)]

mod drawing;
mod other_commands;
mod refusals;
mod support;
mod validating;
