//! How far a generation is: a bar on a terminal, plain lines elsewhere, both on standard error.

use std::io::IsTerminal;
use std::time::Duration;

use easel_model::StepProgress;
use easel_models::pull::FetchProgress;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

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
    pub(crate) fn step(&self, progress: &StepProgress) {
        let StepProgress { step, total, stage, elapsed, remaining } = progress;
        let left = units::seconds(remaining.as_secs_f64());
        let so_far = units::seconds(elapsed.as_secs_f64());
        self.draw("step", *step as u64, *total as u64, &format!("({}), {so_far} so far, {left} left", stage.name()));
    }

    /// Shows how many tiles of an image are enlarged.
    pub(crate) fn tile(&self, done: usize, total: usize) {
        // One tile is over before anybody has read it.
        if total > 1 {
            self.draw("tile", done as u64, total as u64, "");
        }
    }

    fn draw(&self, what: &str, step: u64, total: u64, rest: &str) {
        match &self.bar {
            Some(bar) => {
                let template = &format!("{{bar:40}} {what} {{pos}}/{{len}} {{msg}}");
                bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
                bar.set_length(total);
                bar.set_position(step);
                bar.set_message(rest.to_owned());
            }
            None => output::note(format!("{what} {step}/{total} {rest}").trim_end()),
        }
    }
}

/// Shows how far a service is with a task.
pub(crate) struct TaskProgress {
    display: ProgressDisplay,
    /// What was shown last: a task is looked at more often than it moves.
    shown: Option<(u64, &'static str)>,
}

impl TaskProgress {
    /// A display that fits standard error.
    pub(crate) fn new() -> Self {
        Self { display: ProgressDisplay::new(), shown: None }
    }

    /// Shows an activity without steps.
    pub(crate) fn begin(&mut self, what: &'static str) {
        if self.shown.replace((0, what)) != Some((0, what)) {
            self.display.begin(what);
        }
    }

    /// Shows the service's last word on the drawing, if there is one.
    pub(crate) fn step(&mut self, progress: &Value) {
        let (step, total) = (progress["step"].as_u64().unwrap_or(0), progress["total"].as_u64().unwrap_or(0));
        if total == 0 {
            self.begin("being prepared");
        } else if self.shown.replace((step, "step")) != Some((step, "step")) {
            let left = progress["remaining_seconds"].as_f64().map(units::seconds);
            let left = left.map_or_else(String::new, |left| format!(", {left} left"));
            let stage = output::escaped(progress["stage"].as_str().unwrap_or_default());
            self.display.draw("step", step, total, &format!("({stage}){left}"));
        }
    }
}

/// Shows how a model is fetched.
pub(crate) struct PullProgress {
    display: ProgressDisplay,
    /// The file that was shown last, and how many tenths of it were there.
    shown: Option<(String, u64)>,
}

impl PullProgress {
    /// A display that fits standard error.
    pub(crate) fn new() -> Self {
        Self { display: ProgressDisplay::new(), shown: None }
    }

    /// Shows the activity.
    pub(crate) fn show(&mut self, progress: &FetchProgress<'_>) {
        match progress {
            FetchProgress::Waiting { folder } => {
                self.display.note(&format!("Another process fetches into {}; waiting for it", folder.display()));
            }
            FetchProgress::Missing { missing: 0, bytes } => {
                self.display.note(&format!("All {} are here", units::bytes(*bytes)))
            }
            FetchProgress::Missing { missing, bytes } => {
                self.display.note(&format!("Fetching {} of {}", units::bytes(*missing), units::bytes(*bytes)));
            }
            FetchProgress::Retrying { what, reason, pause } => {
                let pause = units::seconds(pause.as_secs_f64());
                self.display.note(&format!("{what}: {reason}; trying again in {pause}"));
            }
            FetchProgress::Checking { path } => self.file("checking", path, 0, 0),
            FetchProgress::Fetching { path, done, bytes } => self.file("fetching", path, *done, *bytes),
        }
    }

    fn file(&mut self, what: &str, path: &str, done: u64, bytes: u64) {
        let title = format!("{what} {path}");
        let shown = self.shown.as_ref().filter(|(shown, _)| *shown == title).map(|(_, tenths)| *tenths);
        let tenths = done.saturating_mul(10).checked_div(bytes).unwrap_or_default();
        let Some(bar) = &self.display.bar else {
            if bytes > 0 && shown.is_none_or(|shown| tenths > shown) {
                output::note(&format!("{title}: {} of {}", units::bytes(done), units::bytes(bytes)));
                self.shown = Some((title, tenths));
            }
            return;
        };
        if shown.is_none() {
            let template = match bytes {
                0 => "{spinner} {msg}",
                _ => "{bar:40} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left: {msg}",
            };
            bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_length(bytes);
            bar.set_position(done);
            bar.reset_eta();
            bar.set_message(title.clone());
            self.shown = Some((title, tenths));
        }
        bar.set_position(done);
    }
}

impl Drop for ProgressDisplay {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
