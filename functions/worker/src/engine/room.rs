//! How much memory is left for what a task brings beside its model, asked before anything is loaded: a worker whose memory
//! runs out is killed with everything that it does.

use easel_model::{Error, Result};

/// The memory of the engine's device, as a task's networks take it.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    all: u64,
    model: u64,
    beside: u64,
}

impl Room {
    /// Of `all` bytes, beside a model that takes `model` of them with its computations.
    pub(super) fn beside(model: u64, all: u64) -> Self {
        Self { all, model, beside: 0 }
    }

    /// Bytes that are taken, the model's included.
    pub(super) fn taken(&self) -> u64 {
        self.model.saturating_add(self.beside)
    }

    /// Takes `bytes` for `what`, which `field` asks for.
    ///
    /// # Errors
    /// Returns [`Error::InvalidRequest`] with what there is and what would be needed if that does not fit.
    pub(super) fn take(&mut self, field: &'static str, what: &str, bytes: u64) -> Result<()> {
        let beside = self.beside.saturating_add(bytes);
        if bytes > 0 && self.model.saturating_add(beside) > self.all {
            let message = format!(
                "{what} needs {} of memory beside the {} of the model{}, and this worker has {}: ask for less at once, or \
                 give the workers more memory",
                gibibytes(bytes),
                gibibytes(self.model),
                if self.beside > 0 {
                    format!(" and {} of what else is asked for", gibibytes(self.beside))
                } else {
                    String::new()
                },
                gibibytes(self.all)
            );
            return Err(Error::invalid(field, message));
        }
        self.beside = beside;
        Ok(())
    }
}

fn gibibytes(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn what_does_not_fit_is_refused_in_words() {
        let mut room = Room::beside(6 * GIB, 9 * GIB);
        room.take("controls", "`depth`", 2 * GIB).expect("it fits");
        assert_eq!(room.taken(), 8 * GIB);
        let error = room.take("upscaler", "`esrgan`", 2 * GIB).expect_err("it does not").to_string();
        assert_eq!(
            error,
            "upscaler: `esrgan` needs 2.0 GiB of memory beside the 6.0 GiB of the model and 2.0 GiB of what else is asked for, \
             and this worker has 9.0 GiB: ask for less at once, or give the workers more memory"
        );
        room.take("upscaler", "`small`", GIB).expect("what was refused takes nothing");
        assert!(room.take("controls", "`edges`", u64::MAX).is_err());
        // A model that is read from its file as it is needed draws in less than all of it.
        Room::beside(8 * GIB, 4 * GIB).take("width", "the image", 0).expect("it takes nothing");
    }
}
