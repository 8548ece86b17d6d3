//! What a service offers by name: models and the files that change what they draw, as its workers last said.

use easel_domain::task::Settings;
use easel_settings::{ControlReference, FieldError, LANCZOS_UPSCALER, LATENT_UPSCALER, control_kind, quoted};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

pub use crate::offer::Offer;
use crate::store::{WorkerOffers, WorkerReport};

/// How many names a message lists.
const LISTED: usize = 20;

/// What a service offers by name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct Offers {
    /// The models; the first one draws unless a task names another.
    pub models: Vec<Offer>,
    /// The LoRAs, by name.
    pub loras: Vec<Offer>,
    /// The textual inversions, by name, which is the word too.
    pub embeddings: Vec<Offer>,
    /// The control models, by name.
    pub controls: Vec<Offer>,
    /// The adapters for image prompts, by name.
    pub image_adapters: Vec<Offer>,
    /// The upscalers, by name; lanczos needs no file and is always there.
    pub upscalers: Vec<Offer>,
    /// Whether that is all. If not, what is not here may be offered nonetheless.
    pub is_complete: bool,
    /// When a worker last looked; none before there was one.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub reported_at: Option<Timestamp>,
}

impl Offers {
    /// What is offered according to what workers said, the last to speak first. It is all there is if none of them had more
    /// to say and each said it lately: a worker that runs only now and then does not see what was added since.
    #[must_use]
    pub fn of(workers: &[WorkerOffers], now: Timestamp) -> Self {
        let (fresh, stale): (Vec<_>, Vec<_>) = workers.iter().partition(|offers| is_fresh(offers, now));
        let counted = if fresh.is_empty() { &stale[..stale.len().min(1)] } else { &fresh[..] };
        let union = |of: fn(&WorkerOffers) -> &Vec<Offer>| {
            let mut offers: Vec<Offer> = Vec::new();
            for offer in counted.iter().flat_map(|worker| of(worker)) {
                match offers.iter_mut().find(|known| known.name == offer.name) {
                    // Two workers may have different files by one name.
                    Some(known) => known.agreed(offer),
                    None => offers.push(offer.clone()),
                }
            }
            offers
        };
        let by_name = |mut offers: Vec<Offer>| {
            offers.sort_by(|one, other| one.name.cmp(&other.name));
            offers
        };
        Self {
            models: union(|offers| &offers.models),
            loras: by_name(union(|offers| &offers.loras)),
            embeddings: by_name(union(|offers| &offers.embeddings)),
            controls: by_name(union(|offers| &offers.controls)),
            image_adapters: by_name(union(|offers| &offers.image_adapters)),
            upscalers: by_name(union(|offers| &offers.upscalers)),
            is_complete: !fresh.is_empty() && fresh.iter().all(|offers| !offers.is_cut),
            reported_at: counted.first().map(|offers| offers.at),
        }
    }

    /// Whether settings name only what is offered, as far as that is known.
    ///
    /// # Errors
    /// Every name that nobody offers, with those that somebody does.
    pub fn check(&self, settings: &Settings) -> Result<(), Vec<FieldError>> {
        if !self.is_complete {
            return Ok(());
        }
        let loras = settings.loras.iter().flatten().enumerate();
        let embeddings = settings.embeddings.iter().flatten().enumerate();
        let named = settings.model.iter().map(|name| ("model".to_owned(), name, "model", &self.models));
        let controls = settings.controls.iter().flatten().enumerate();
        let adapter = settings.image_adapter.iter();
        let upscaler = settings.upscaler.iter().filter(|name| *name != LANCZOS_UPSCALER);
        let needs_none = [LANCZOS_UPSCALER, LATENT_UPSCALER];
        let of_pass = settings.hires_upscaler.iter().filter(|name| !needs_none.contains(&name.as_str()));
        let named = named
            .chain(loras.map(|(at, lora)| (format!("loras[{at}].name"), &lora.name, "LoRA", &self.loras)))
            .chain(embeddings.map(|(at, name)| (format!("embeddings[{at}]"), name, "embedding", &self.embeddings)))
            .chain(controls.map(|(at, control)| {
                (format!("controls[{at}].model"), &control.model, "control model", &self.controls)
            }))
            .chain(adapter.map(|name| ("image_adapter".to_owned(), name, "image adapter", &self.image_adapters)))
            .chain(upscaler.map(|name| ("upscaler".to_owned(), name, "upscaler", &self.upscalers)))
            .chain(of_pass.map(|name| ("hires_upscaler".to_owned(), name, "upscaler", &self.upscalers)));
        let mut errors: Vec<_> = named
            .filter_map(|(field, name, what, offered)| {
                let message = match found(name, offered) {
                    Found::Nothing => format!("there is no {what} `{}`: {}", quoted(name), listed(what, offered)),
                    Found::One(Offer { unusable: Some(reason), .. }) => {
                        format!("`{}` is of no use, ask the operator for another: {reason}", quoted(name))
                    }
                    Found::One(_) | Found::Some => return None,
                };
                Some(FieldError::new(field, message))
            })
            .collect();
        errors.extend(self.wrong_kinds(settings));
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}

impl Offers {
    /// The control images whose type their model does not know, or does not need.
    fn wrong_kinds(&self, settings: &Settings) -> Vec<FieldError> {
        let wrong = |(at, control): (usize, &ControlReference)| {
            let Found::One(Offer { kinds: Some(kinds), unusable: None, .. }) = found(&control.model, &self.controls)
            else {
                return None;
            };
            let (model, names) = (quoted(&control.model), kinds.join(", "));
            let message = match control.kind.as_deref() {
                Some(_) if kinds.is_empty() => {
                    format!("has no use: `{model}` is for one kind of control images: leave it out")
                }
                None if !kinds.is_empty() => {
                    format!("is missing: `{model}` tells several kinds of control images apart: use {names}")
                }
                Some(kind) if control_kind(kind, kinds.len()).is_none() && !kinds.is_empty() => format!(
                    "`{}` is no kind of control images that `{model}` knows: use {names}, or a number from 0 to {}",
                    quoted(kind),
                    kinds.len() - 1
                ),
                _ => return None,
            };
            Some(FieldError::new(format!("controls[{at}].type"), message))
        };
        settings.controls.iter().flatten().enumerate().filter_map(wrong).collect()
    }
}

/// Whether settings name anything that a service has to offer.
#[must_use]
pub fn names_offers(settings: &Settings) -> bool {
    let has_files = settings.loras.is_some() || settings.embeddings.is_some() || settings.controls.is_some();
    settings.model.is_some()
        || has_files
        || settings.image_adapter.is_some()
        || settings.upscaler.is_some()
        || settings.hires_upscaler.is_some()
}

/// Whether a worker has looked so lately that what it has not seen is not there. Those that run by themselves look again
/// every few seconds and say so every few minutes; the others look when they are started.
fn is_fresh(offers: &WorkerOffers, now: Timestamp) -> bool {
    let age = now.duration_since(offers.at).as_secs_f64();
    let periods = if offers.on_demand { 1 } else { WorkerReport::SILENT_PERIODS };
    age < (WorkerReport::PERIOD * periods).as_secs_f64()
}

/// What is offered by a name.
enum Found<'o> {
    /// Nothing.
    Nothing,
    /// This.
    One(&'o Offer),
    /// One of several, or one that is listed by another name: a worker says which.
    Some,
}

/// A file may be named by its path, too, which is listed only where its name alone does not tell it from others.
fn found<'o>(name: &str, offered: &'o [Offer]) -> Found<'o> {
    if let Some(offer) = offered.iter().find(|offer| offer.name == name) {
        return Found::One(offer);
    }
    let stem = name.rsplit('/').next().unwrap_or(name);
    if offered.iter().any(|offer| offer.name == stem || ends_in(&offer.name, name)) {
        Found::Some
    } else {
        Found::Nothing
    }
}

/// Whether `name` is the last part of a path that several files share: a worker says which they are.
fn ends_in(path: &str, name: &str) -> bool {
    path.strip_suffix(name).is_some_and(|before| before.ends_with('/'))
}

fn listed(what: &str, offered: &[Offer]) -> String {
    if offered.is_empty() {
        return format!("no {what}s are offered");
    }
    let names: Vec<_> = offered.iter().take(LISTED).map(|offer| quoted(&offer.name)).collect();
    let more = offered.len().saturating_sub(LISTED);
    let more = if more > 0 { format!(" and {more} more (GET /v1/offers)") } else { String::new() };
    format!("there are {}{more}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use easel_settings::LoraReference;
    use jiff::SignedDuration;

    use super::*;

    fn offer(name: &str) -> Offer {
        Offer::named(name)
    }

    fn now() -> Timestamp {
        Timestamp::from_second(1_700_000_000).expect("a time")
    }

    fn worker(seconds_ago: i64, loras: &[&str], on_demand: bool) -> WorkerOffers {
        WorkerOffers {
            worker: format!("w{seconds_ago}"),
            at: now() - SignedDuration::from_secs(seconds_ago),
            models: vec![offer("base"), offer("turbo")],
            loras: loras.iter().map(|name| offer(name)).collect(),
            embeddings: Vec::new(),
            controls: vec![offer("depth")],
            image_adapters: Vec::new(),
            upscalers: vec![offer("esrgan")],
            is_cut: false,
            on_demand,
        }
    }

    fn asking(lora: &str) -> Settings {
        let loras = Some(vec![LoraReference { name: lora.to_owned(), weight: 1.0 }]);
        Settings { loras, ..Settings::new("a heart") }
    }

    #[test]
    fn what_any_worker_offers_is_offered() {
        let offers = Offers::of(&[worker(1, &["pen", "ink"], false), worker(5, &["ink", "oil"], false)], now());
        let names: Vec<_> = offers.loras.iter().map(|offer| offer.name.as_str()).collect();
        assert_eq!(names, ["ink", "oil", "pen"]);
        assert_eq!((offers.models[0].name.as_str(), offers.is_complete), ("base", true));
        assert!(offers.check(&asking("oil")).is_ok());
        let errors = offers.check(&asking("pencil")).expect_err("refused");
        assert_eq!(errors[0].to_string(), "loras[0].name: there is no LoRA `pencil`: there are ink, oil, pen");
        let all = Settings { model: Some("xl".into()), embeddings: Some(vec!["hands".into()]), ..asking("pencil") };
        let fields: Vec<_> = offers.check(&all).expect_err("refused").into_iter().map(|error| error.field).collect();
        assert_eq!(fields, ["model", "loras[0].name", "embeddings[0]"]);
        let guided = |control: &str, upscaler: &str| Settings {
            controls: Some(vec![format!("{control}=inputs/a.png").parse().expect("a control image")]),
            upscaler: Some(upscaler.to_owned()),
            ..Settings::new("a heart")
        };
        assert!(
            offers.check(&guided("depth", LANCZOS_UPSCALER)).is_ok()
                && offers.check(&guided("depth", "esrgan")).is_ok()
        );
        let wrong = Settings { image_adapter: Some("plus".to_owned()), ..guided("canny", "swin") };
        let errors: Vec<_> = offers.check(&wrong).expect_err("refused").iter().map(ToString::to_string).collect();
        assert_eq!(
            errors,
            [
                "controls[0].model: there is no control model `canny`: there are depth",
                "image_adapter: there is no image adapter `plus`: no image adapters are offered",
                "upscaler: there is no upscaler `swin`: there are esrgan",
            ]
        );
    }

    #[test]
    fn what_is_not_known_is_not_refused() {
        assert!(Offers::of(&[], now()).check(&asking("pen")).is_ok(), "no worker has spoken");
        let silent = Offers::of(&[worker(600, &["ink"], false)], now());
        assert!(silent.check(&asking("pen")).is_ok() && silent.loras.len() == 1);
        let seldom = |ago| Offers::of(&[worker(ago, &["ink"], true)], now()).check(&asking("pen")).is_ok();
        assert!(seldom(200) && !seldom(100), "a function sees nothing new while it does not run");
        let cut = WorkerOffers { is_cut: true, ..worker(1, &["ink"], false) };
        assert!(Offers::of(&[cut], now()).check(&asking("pen")).is_ok());
    }

    #[test]
    fn paths_are_names_too() {
        let offers = Offers::of(&[worker(1, &["ink", "a/pen", "b/pen"], false)], now());
        for name in ["ink", "people/ink", "a/pen", "pen"] {
            assert!(offers.check(&asking(name)).is_ok(), "{name}");
        }
        assert!(offers.check(&asking("en")).is_err());
    }

    #[test]
    fn kinds_of_control_images_are_those_of_the_model() {
        let kinds = |kinds: &[&str]| Some(kinds.iter().map(|kind| (*kind).to_owned()).collect());
        let controls = vec![
            Offer { kinds: kinds(&["openpose", "depth"]), ..offer("union") },
            Offer { kinds: kinds(&[]), ..offer("edges") },
            offer("unseen"),
            Offer { unusable: Some("its file is of Stable Diffusion 1".to_owned()), ..offer("old") },
        ];
        let offers = Offers::of(&[WorkerOffers { controls, ..worker(1, &[], false) }], now());
        let check = |control: &str| {
            let controls = Some(vec![format!("{control}=inputs/a.png").parse().expect("a control image")]);
            let checked = offers.check(&Settings { controls, ..Settings::new("a heart") });
            checked.err().map(|errors| errors[0].to_string())
        };
        for control in ["union#pose", "union#1", "edges", "unseen", "unseen#canny"] {
            assert_eq!(check(control), None, "{control}");
        }
        for (control, expected) in [
            (
                "union#canny",
                "controls[0].type: `canny` is no kind of control images that `union` knows: use openpose, depth, or a number \
                 from 0 to 1",
            ),
            (
                "union",
                "controls[0].type: is missing: `union` tells several kinds of control images apart: use openpose, depth",
            ),
            ("edges#0", "controls[0].type: has no use: `edges` is for one kind of control images: leave it out"),
            (
                "old",
                "controls[0].model: `old` is of no use, ask the operator for another: its file is of Stable Diffusion 1",
            ),
        ] {
            assert_eq!(check(control).as_deref(), Some(expected));
        }
    }

    #[test]
    fn what_two_workers_do_not_agree_on_is_not_known() {
        let with = |facts: Offer| WorkerOffers { controls: vec![facts], ..worker(1, &[], false) };
        let broken = Offer { unusable: Some("it is damaged".to_owned()), ..offer("depth") };
        let sound = Offer { kinds: Some(Vec::new()), ..offer("depth") };
        let of = |workers: &[WorkerOffers]| Offers::of(workers, now()).controls.remove(0);
        assert_eq!(of(&[with(broken.clone()), with(broken.clone())]), broken);
        assert_eq!(of(&[with(sound.clone()), with(sound.clone())]), sound);
        assert_eq!(of(&[with(broken), with(sound)]), offer("depth"));
    }

    #[test]
    fn two_files_by_one_name_have_no_digest() {
        let mut two = [worker(1, &["ink"], false), worker(2, &["ink"], false)];
        two[0].loras[0].sha256 = Some("a".repeat(64));
        two[1].loras[0].sha256 = Some("a".repeat(64));
        assert_eq!(Offers::of(&two, now()).loras[0].sha256, Some("a".repeat(64)));
        two[1].loras[0].sha256 = Some("b".repeat(64));
        assert_eq!(Offers::of(&two, now()).loras[0].sha256, None);
    }
}
