//! The command as its users meet it: a process with arguments, output, files and an exit code.

#![allow(clippy::unwrap_used)]

mod drawing;
mod hub;
mod inpainting;
mod objects;
mod other_commands;
mod pull;
mod recipes;
mod refusals;
mod support;
mod upscaling;
mod validating;
