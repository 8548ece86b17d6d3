//! The name by which a scheduler is chosen: a sampler, and a noise schedule if not the model's own.
//!
//! It is one text, such as `dpmpp_2m_karras`, so that there is one way to ask for it, to store it and to show it. The names of
//! other programs are read, too; all of them are in the tables of [`Sampler`] and [`NoiseSchedule`].

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::near_names::near_names;
use crate::noise_schedule::NoiseSchedule;
use crate::sampler::Sampler;
use crate::text::quoted;

/// A sampler with a noise schedule. Serialized, parsed and shown as `sampler` or `sampler_schedule`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SchedulerName {
    sampler: Sampler,
    schedule: Option<NoiseSchedule>,
}

impl SchedulerName {
    /// The longest name that is read, in characters.
    pub const MOST_CHARACTERS: usize = 200;

    /// `sampler` on `schedule`; on the model's own without one.
    ///
    /// # Errors
    /// They do not go together.
    pub fn new(sampler: Sampler, schedule: Option<NoiseSchedule>) -> Result<Self, UnknownScheduler> {
        match schedule {
            Some(schedule) if !schedule.goes_with(sampler) => {
                let others = NoiseSchedule::ALL.iter().filter(|schedule| schedule.goes_with(sampler));
                let others: Vec<_> = others.map(|schedule| schedule.as_str()).collect();
                Err(UnknownScheduler(format!(
                    "sampler `{}` has no schedule `{}`: leave it out, or use {}",
                    sampler.as_str(),
                    schedule.as_str(),
                    others.join(", ")
                )))
            }
            schedule => Ok(Self { sampler, schedule }),
        }
    }

    /// How it goes from one noise level to the next.
    #[must_use]
    pub fn sampler(self) -> Sampler {
        self.sampler
    }

    /// The noise levels, if not the model's own.
    #[must_use]
    pub fn schedule(self) -> Option<NoiseSchedule> {
        self.schedule
    }

    /// Every sampler, by itself and with every schedule that it takes.
    pub fn all() -> impl Iterator<Item = Self> {
        let schedules = || std::iter::once(None).chain(NoiseSchedule::ALL.iter().copied().map(Some));
        let of = move |&sampler: &Sampler| schedules().filter_map(move |schedule| Self::new(sampler, schedule).ok());
        Sampler::ALL.iter().flat_map(of)
    }

    /// The names that requests are likely to use, for people to choose from.
    #[must_use]
    pub fn examples() -> Vec<String> {
        let with = ["euler_karras", "euler_trailing", "euler_sgm_uniform", "dpmpp_2m_karras", "dpmpp_2m_sde_karras"];
        let with =
            with.into_iter().chain(["dpmpp_3m_sde_exponential", "dpmpp_sde_karras", "unipc_karras", "ddim_trailing"]);
        let alone = Sampler::ALL.iter().map(|sampler| sampler.as_str());
        alone.chain(with).chain(["lcm_trailing", "lcm_sgm_uniform"]).map(str::to_owned).collect()
    }
}

impl From<Sampler> for SchedulerName {
    fn from(sampler: Sampler) -> Self {
        Self { sampler, schedule: None }
    }
}

/// A name that no scheduler has. The message says which there are, the nearest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownScheduler(String);

impl UnknownScheduler {
    fn named(text: &str, name: &str) -> Self {
        let shown = quoted(text);
        let samplers: Vec<_> = Sampler::ALL.iter().map(|sampler| sampler.as_str()).collect();
        let schedules: Vec<_> = NoiseSchedule::ALL.iter().map(|schedule| schedule.as_str()).collect();
        if let Some(schedule) = named_schedule(name) {
            let name = schedule.as_str();
            return Self(format!("`{shown}` is a schedule: name a sampler with it, such as `dpmpp_2m_{name}`"));
        }
        let known: Vec<_> = SchedulerName::all().map(|name| name.to_string()).collect();
        let aliases = Sampler::ALL.iter().flat_map(|sampler| sampler.aliases()).map(|alias| normalized(alias));
        let known: Vec<_> = known.into_iter().chain(aliases).collect();
        let near = match near_names(name, known.iter().map(String::as_str)).as_slice() {
            [] => String::new(),
            near => format!("did you mean {}? ", near.join(" or ")),
        };
        Self(format!(
            "`{shown}` is not a scheduler; {near}choose a sampler ({}), and if you like a schedule after it, as in \
             dpmpp_2m_karras ({})",
            samplers.join(", "),
            schedules.join(", ")
        ))
    }
}

impl fmt::Display for UnknownScheduler {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for UnknownScheduler {}

impl fmt::Display for SchedulerName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.schedule {
            None => formatter.pad(self.sampler.as_str()),
            Some(schedule) => formatter.pad(&format!("{}_{}", self.sampler.as_str(), schedule.as_str())),
        }
    }
}

impl FromStr for SchedulerName {
    type Err = UnknownScheduler;

    fn from_str(text: &str) -> Result<Self, UnknownScheduler> {
        let text = text.trim();
        if text.chars().count() > Self::MOST_CHARACTERS {
            return Err(UnknownScheduler(format!("`{}` is not a scheduler: it is too long", quoted(text))));
        }
        if text.contains("Scheduler") {
            return diffusers_name(text);
        }
        let name = normalized(text);
        let (sampler, schedule) = split(&name).ok_or_else(|| UnknownScheduler::named(text, &name))?;
        // The names here and in ComfyUI have small letters and underscores only.
        let is_automatic1111 = text.contains([' ', '+']) || text.contains(char::is_uppercase);
        Self::new(sampler, schedule.map(|name| if is_automatic1111 { name.in_automatic1111() } else { name }))
    }
}

/// The sampler and the schedule, of which the first name is the sampler's.
fn split(name: &str) -> Option<(Sampler, Option<NoiseSchedule>)> {
    if let Some(sampler) = named_sampler(name) {
        return Some((sampler, None));
    }
    // The longest sampler wins: `dpmpp_2m_sde_karras` is no schedule `sde_karras` of `dpmpp_2m`.
    name.rmatch_indices('_').find_map(|(place, _)| {
        let (sampler, schedule) = (named_sampler(&name[..place])?, named_schedule(&name[place + 1..])?);
        Some((sampler, Some(schedule)))
    })
}

fn named_sampler(name: &str) -> Option<Sampler> {
    let has = |sampler: &Sampler| {
        let names = sampler.aliases().iter().copied().chain([sampler.as_str(), sampler.label()]);
        names.map(normalized).any(|other| other == name)
    };
    Sampler::ALL.iter().copied().find(has)
}

fn named_schedule(name: &str) -> Option<NoiseSchedule> {
    let has = |schedule: &NoiseSchedule| schedule.as_str() == name || schedule.aliases().contains(&name);
    NoiseSchedule::ALL.iter().copied().find(has)
}

/// A name in small letters with single underscores: `DPM++ 2M SDE` is `dpmpp_2m_sde`.
fn normalized(text: &str) -> String {
    let text = text.to_lowercase().replace("++", "pp");
    let words = text.split([' ', '_', '-', ':', '/', ',', '+']).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("_")
}

/// A class of diffusers, and what it is made with:
/// `DPMSolverMultistepScheduler(use_karras_sigmas=True, algorithm_type="sde-dpmsolver++")`.
fn diffusers_name(text: &str) -> Result<SchedulerName, UnknownScheduler> {
    let mut parts = text
        .split(['(', ')', ',', ' ', ':'])
        .map(|part| part.trim_matches(['"', '\'']))
        .filter(|part| !part.is_empty());
    let class = parts.next().unwrap_or_default();
    let named = Sampler::ALL.iter().copied().find(|sampler| sampler.aliases().contains(&class));
    let mut sampler = named.ok_or_else(|| UnknownScheduler::named(text, &normalized(class)))?;
    let (mut schedule, mut third_order, mut stochastic) = (None, false, false);
    for part in parts {
        let (flag, value) = part.split_once('=').unwrap_or((part, "True"));
        let (flag, value) = (flag.trim(), value.trim().trim_matches(['"', '\'']));
        let chosen = match flag {
            "use_karras_sigmas" => Some(NoiseSchedule::Karras),
            "use_exponential_sigmas" => Some(NoiseSchedule::Exponential),
            "use_beta_sigmas" => Some(NoiseSchedule::Beta),
            "use_lu_lambdas" => Some(NoiseSchedule::Lu),
            _ => None,
        };
        match (flag, value, chosen) {
            (_, "True" | "true", Some(chosen)) => schedule = Some(chosen),
            (_, "False" | "false", Some(_)) => {}
            ("timestep_spacing", "leading", _) => schedule = schedule.or(Some(NoiseSchedule::Leading)),
            ("timestep_spacing", "trailing", _) => schedule = schedule.or(Some(NoiseSchedule::Trailing)),
            ("timestep_spacing", "linspace", _) => schedule = schedule.or(Some(NoiseSchedule::Linspace)),
            ("algorithm_type", "dpmsolver++", _) | ("solver_order", "2", _) => {}
            ("algorithm_type", "sde-dpmsolver++", _) if sampler == Sampler::DpmSolver2M => stochastic = true,
            ("solver_order", "3", _) if sampler == Sampler::DpmSolver2M => third_order = true,
            ("eta", "0" | "0.0", _) if sampler == Sampler::Tcd => sampler = Sampler::TcdDeterministic,
            ("eta", "0.3", _) if sampler == Sampler::Tcd => {}
            _ => {
                return Err(UnknownScheduler(format!(
                    "`{}`: `{class}` has no `{flag}={value}` here; there are use_karras_sigmas, use_exponential_sigmas, \
                     use_beta_sigmas, use_lu_lambdas, timestep_spacing, algorithm_type and solver_order",
                    quoted(text)
                )));
            }
        }
    }
    let sampler = match (third_order, stochastic) {
        (false, false) => sampler,
        (false, true) => Sampler::DpmSolver2MSde,
        (true, false) => Sampler::DpmSolver3M,
        (true, true) => Sampler::DpmSolver3MSde,
    };
    SchedulerName::new(sampler, schedule)
}

impl TryFrom<String> for SchedulerName {
    type Error = UnknownScheduler;

    fn try_from(text: String) -> Result<Self, UnknownScheduler> {
        text.parse()
    }
}

impl From<SchedulerName> for String {
    fn from(name: SchedulerName) -> Self {
        name.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_every_program_are_read() {
        for (text, name) in [
            ("euler_a", "euler_a"),
            ("Euler a", "euler_a"),
            ("euler_ancestral", "euler_a"),
            ("EulerAncestralDiscreteScheduler", "euler_a"),
            ("dpmpp_2m_karras", "dpmpp_2m_karras"),
            ("dpmpp_2m:karras", "dpmpp_2m_karras"),
            ("DPMSolverMultistepScheduler(use_karras_sigmas=True)", "dpmpp_2m_karras"),
            (
                "DPMSolverMultistepScheduler(use_karras_sigmas=True, algorithm_type='sde-dpmsolver++')",
                "dpmpp_2m_sde_karras",
            ),
            ("DPMSolverMultistepScheduler(solver_order=3, use_lu_lambdas=True)", "dpmpp_3m_lu"),
            ("EulerDiscreteScheduler(timestep_spacing=\"trailing\")", "euler_trailing"),
            ("TCDScheduler(eta=0)", "tcd_eta0"),
            ("DPM++ 2M Karras", "dpmpp_2m_karras_full"),
            ("DPM++ 2M SDE Karras", "dpmpp_2m_sde_karras_full"),
            ("DPM++ 2M SDE Exponential", "dpmpp_2m_sde_polyexponential"),
            ("DPM++ 2S a Karras", "dpmpp_2s_a_karras_full"),
            ("DPM++ 3M SDE", "dpmpp_3m_sde"),
            ("Euler SGM Uniform", "euler_sgm_uniform"),
            ("DPM2 a Align Your Steps", "dpm2_a_align_your_steps"),
            ("dpm_2_ancestral_normal", "dpm2_a_uniform"),
            ("uni_pc", "unipc"),
            ("LCM", "lcm"),
            ("lcm:sgm_uniform", "lcm_sgm_uniform"),
            ("PLMS", "pndm"),
            ("dpm2_ancestral", "dpm2_a"),
            ("ddim_uniform", "ddim_uniform"),
            ("euler ddim_uniform", "euler_ddim_uniform"),
        ] {
            assert_eq!(text.parse::<SchedulerName>().map(|name| name.to_string()), Ok(name.to_owned()), "{text}");
        }
    }

    #[test]
    fn every_name_is_read_as_itself() {
        let mut shown = std::collections::BTreeSet::new();
        for name in SchedulerName::all() {
            assert_eq!(name.to_string().parse(), Ok(name));
            assert!(shown.insert(name.to_string()), "{name} twice");
        }
        assert!(shown.len() > 200, "{}", shown.len());
        for example in SchedulerName::examples() {
            assert!(shown.contains(&example), "{example}");
        }
    }

    #[test]
    fn no_two_samplers_share_a_name() {
        let mut names = std::collections::BTreeMap::new();
        for sampler in Sampler::ALL {
            for name in sampler.aliases().iter().chain([&sampler.as_str(), &sampler.label()]) {
                let other = names.insert(normalized(name), sampler);
                assert!(other.is_none_or(|other| other == sampler), "{name}");
            }
        }
    }

    #[test]
    fn unknown_names_suggest_near_ones() {
        let error = |text: &str| text.parse::<SchedulerName>().expect_err("no such name").to_string();
        for (text, near) in [
            ("dpmp_2m_karas", "dpmpp_2m_karras"),
            ("eular", "euler"),
            ("DPM++ 2M SDE Heun", "dpmpp_2m_sde"),
            ("unipcc", "unipc"),
        ] {
            assert!(error(text).contains(&format!("did you mean {near}")), "{}", error(text));
        }
        assert!(error("karras").contains("is a schedule") && error("karras").contains("dpmpp_2m_karras"));
        assert!(error("pndm_karras").contains("leading, trailing, linspace"), "{}", error("pndm_karras"));
        assert!(error("magic").contains("euler_a") && error("").contains("euler_a"));
        assert!(error("UnknownScheduler").contains("euler_a"));
        assert!(error("EulerDiscreteScheduler(magic=1)").contains("magic=1"));
        assert!(error(&"x".repeat(100_000)).len() < 1_000);
    }
}
