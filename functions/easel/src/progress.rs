//! How far a generation is: a bar on a terminal, plain lines elsewhere, both on standard error.

use std::io::IsTerminal;
use std::time::Duration;

use easel_model::Progress;
use indicatif::{ProgressBar, ProgressStyle};

use crate::output;
use crate::units;

/// Shows progress until it is dropped.
pub(crate) struct ProgressDisplay {
    bar: Option<ProgressBar>,
}

impl ProgressDisplay {
    /// A display that fits standard error.
    pub(crate) fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Self { bar }
    }

    /// Says what comes next, for work without steps.
    pub(crate) fn begin(&self, what: &'static str) {
        match &self.bar {
            Some(bar) => {
                bar.set_style(ProgressStyle::default_spinner());
                bar.set_message(what);
            }
            None => output::note(what),
        }
    }

    /// Says something that stays on the screen.
    pub(crate) fn note(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| output::note(line)),
            None => output::note(line),
        }
    }

    /// Shows a step that is done.
    pub(crate) fn step(&self, progress: &Progress) {
        let Progress { step, total, stage, elapsed, remaining } = progress;
        let left = units::seconds(remaining.as_secs_f64());
        match &self.bar {
            Some(bar) => {
                let template = "{bar:40} step {pos}/{len} {msg}";
                bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
                bar.set_length(*total as u64);
                bar.set_position(*step as u64);
                bar.set_message(format!("({}), {left} left", stage.name()));
            }
            None => output::note(&format!(
                "step {step}/{total} ({}), {} so far, {left} left",
                stage.name(),
                units::seconds(elapsed.as_secs_f64())
            )),
        }
    }
}

impl Drop for ProgressDisplay {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
