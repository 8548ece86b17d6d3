//! A second pass that is to come: what it is, and whether it can be.

use easel_settings::{HiresPass, LANCZOS_UPSCALER, LATENT_UPSCALER, LONGEST_UNTILED, ResolvedSettings, SIDES};

use super::plan::Plan;
use crate::error::{Error, Result};
use crate::network::vae::SCALE;
use crate::request::Request;
use crate::scheduler::{Scheduler, SchedulerConfig};
use crate::upscaling::Enlargement;

/// A second pass that is to come.
pub(super) struct SecondPass {
    pub(super) pass: HiresPass,
    /// What enlarges the decoded image; none if the latents are enlarged.
    pub(super) enlargement: Option<Enlargement>,
    pub(super) scheduler: Scheduler,
    pub(super) plan: Plan,
}

impl SecondPass {
    /// What `request` asks for, if it does, over an image of `size`, width and height in pixels.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for a size, a number of steps or an upscaler that cannot be.
    pub(super) fn new(
        request: &Request,
        size: (u32, u32),
        config: &SchedulerConfig,
        (has_refiner, has_vae): (bool, bool),
    ) -> Result<Option<Self>> {
        let settings = &request.settings;
        let Some(pass) = settings.hires_pass(size) else { return Ok(None) };
        check_size(settings, pass.size, "hires_scale")?;
        let enlargement = match settings.hires_upscaler.as_str() {
            LATENT_UPSCALER => None,
            LANCZOS_UPSCALER => Some(Enlargement::Lanczos),
            name => {
                let missing = || {
                    let message =
                        format!("`{name}` is an upscaler that nothing brings: use latent or lanczos, or give its file");
                    Error::invalid("hires_upscaler", message)
                };
                Some(Enlargement::Network(request.upscaler.clone().ok_or_else(missing)?))
            }
        };
        if enlargement.is_some() && !has_vae {
            let message = "there is no VAE that would encode the enlarged image: give one as --vae, or use latent";
            return Err(Error::invalid("hires_upscaler", message));
        }
        let name = settings.scheduler.unwrap_or_else(|| config.default_name().0);
        let scheduler = Scheduler::new(name, config, pass.schedule as usize).map_err(|error| match error {
            Error::InvalidRequest { field: "steps", .. } => Error::invalid(
                "hires_steps",
                format!(
                    "{} steps at a strength of {} are the end of a schedule of {}, more than there can be: use fewer, or a \
                     higher hires_strength",
                    pass.steps, settings.hires_strength, pass.schedule
                ),
            ),
            other => other,
        })?;
        let start = scheduler.first_evaluation((pass.schedule - pass.steps) as usize);
        let plan = Plan::from_evaluation(settings, &scheduler, has_refiner, start)?;
        Ok(Some(Self { pass, enlargement, scheduler, plan }))
    }

    /// The digest of the network that enlarges the image, if one does.
    pub(super) fn upscaler(&self) -> Option<String> {
        match &self.enlargement {
            Some(Enlargement::Network(upscaler)) => Some(upscaler.digest().to_owned()),
            _ => None,
        }
    }

    /// Rows and columns of the latents.
    pub(super) fn latent_size(&self) -> (usize, usize) {
        (self.pass.size.1 as usize / SCALE, self.pass.size.0 as usize / SCALE)
    }
}

/// Refuses an image of `size` that is too large to be drawn as `settings` ask for.
///
/// # Errors
/// [`Error::InvalidRequest`] for `field`.
pub(super) fn check_size(settings: &ResolvedSettings, size: (u32, u32), field: &'static str) -> Result<()> {
    let most = if settings.tile_size.is_some() { *SIDES.end() } else { LONGEST_UNTILED };
    let side = size.0.max(size.1);
    if side <= most {
        return Ok(());
    }
    let tiles =
        if most < *SIDES.end() { format!("; up to {} in tiles (tile_size)", SIDES.end()) } else { String::new() };
    Err(Error::invalid(field, format!("the image would have a side of {side} pixels: use at most {most}{tiles}")))
}
