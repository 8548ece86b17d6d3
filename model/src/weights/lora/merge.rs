//! Which tensors of a model the LoRAs of a generation change, and by what.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::file::LoraFile;
use super::layer::{LoraLayer, WeightChange};
use super::places::{Place, Places};
use super::requested::RequestedLora;
use crate::error::{Error, Result};
use crate::weights::safetensors::{short, shorten};
use crate::weights::{Component, Fingerprint};

/// Most LoRAs of one generation.
const MOST_LORAS: usize = 32;

/// Everything that LoRAs change in one model.
#[derive(Debug)]
pub(crate) struct Merge(BTreeMap<Component, Arc<ComponentMerge>>);

/// What LoRAs change in one component.
#[derive(Debug)]
pub(crate) struct ComponentMerge {
    fingerprint: Fingerprint,
    tensors: BTreeMap<String, TensorMerge>,
}

/// What LoRAs change in one tensor.
#[derive(Debug)]
pub(super) struct TensorMerge {
    /// Tells the change from others of the same tensor.
    fingerprint: Fingerprint,
    pub(super) changes: Vec<Change>,
}

/// The change of one tensor by one LoRA.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) file: Arc<LoraFile>,
    /// The module's name in the file.
    module: String,
    is_bias: bool,
    pub(super) weight: f32,
    /// Which of the LoRAs of the generation it is of.
    pub(super) index: usize,
}

impl Merge {
    /// Finds the places of everything in `loras`; none if they change nothing.
    ///
    /// # Errors
    /// [`Error::Weights`] naming file and tensor if one has no place in the model, or is of another size.
    pub(crate) fn new(loras: &[RequestedLora], places: &Places) -> Result<Option<Self>> {
        if loras.len() > MOST_LORAS {
            let message = format!("{} are too many: use at most {MOST_LORAS}", loras.len());
            return Err(Error::invalid("loras", message));
        }
        let mut changes: BTreeMap<Component, BTreeMap<String, Vec<Change>>> = BTreeMap::new();
        for (index, RequestedLora { file, weights }) in loras.iter().enumerate() {
            for (module, place) in located(file, places)? {
                let weight = match place.component {
                    Component::UNet => weights.of_unet(place.unet),
                    _ => weights.of_text(),
                };
                if weight == 0.0 {
                    continue;
                }
                let layer = &file.layers()[module];
                let parts = [(layer.weight.is_some(), "weight"), (layer.bias.is_some(), "bias")];
                for (_, part) in parts.into_iter().filter(|(is_there, _)| *is_there) {
                    let (file, module, is_bias) = (file.clone(), module.to_owned(), part == "bias");
                    let change = Change { file, module, is_bias, weight, index };
                    let tensors = changes.entry(place.component).or_default();
                    tensors.entry(format!("{}.{part}", place.module)).or_default().push(change);
                }
            }
        }
        let components: BTreeMap<_, _> = changes
            .into_iter()
            .map(|(component, tensors)| (component, Arc::new(ComponentMerge::new(tensors))))
            .collect();
        Ok((!components.is_empty()).then_some(Self(components)))
    }

    /// What is changed in `component`, if anything is.
    pub(crate) fn of(&self, component: Component) -> Option<&Arc<ComponentMerge>> {
        self.0.get(&component)
    }

    /// The components in which something is changed.
    pub(crate) fn components(&self) -> impl Iterator<Item = Component> {
        self.0.keys().copied()
    }
}

impl ComponentMerge {
    fn new(tensors: BTreeMap<String, Vec<Change>>) -> Self {
        let tensors: BTreeMap<_, _> =
            tensors.into_iter().map(|(name, changes)| (name, TensorMerge::new(changes))).collect();
        let lines: Vec<_> = tensors.iter().map(|(name, tensor)| format!("{name} {}\n", tensor.fingerprint)).collect();
        Self { fingerprint: Fingerprint::of_text(&lines.concat()), tensors }
    }

    /// Tells the merged weights from others of the same component.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// What the tensor `name` becomes, told from what other LoRAs make of it; none if it stays as it is.
    pub(crate) fn fingerprint_of(&self, name: &str) -> Option<Fingerprint> {
        self.tensors.get(name).map(|tensor| tensor.fingerprint)
    }

    pub(super) fn tensor(&self, name: &str) -> Option<&TensorMerge> {
        self.tensors.get(name)
    }

    /// The names of the tensors that change.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }
}

impl TensorMerge {
    fn new(changes: Vec<Change>) -> Self {
        let line = |change: &Change| format!("{} {}\n", change.file.digest(), change.weight);
        let lines: Vec<_> = changes.iter().map(line).collect();
        Self { fingerprint: Fingerprint::of_text(&lines.concat()), changes }
    }
}

impl Change {
    pub(super) fn layer(&self) -> &LoraLayer {
        &self.file.layers()[&self.module]
    }

    /// The change of the weight; none if it is a bias that changes.
    pub(super) fn of_weight(&self) -> Option<&WeightChange> {
        self.layer().weight.as_ref().filter(|_| !self.is_bias)
    }
}

/// The place of each module of `file`, every one of which must have one that it fits.
fn located<'a>(file: &'a LoraFile, places: &'a Places) -> Result<Vec<(&'a str, &'a Place)>> {
    let mut located = Vec::new();
    let mut lost = Vec::new();
    for (module, layer) in file.layers() {
        match places.find(module) {
            Some(place) => located.push((module.as_str(), layer, place)),
            None => lost.push(layer),
        }
    }
    let advice = || match file.other_model() {
        Some(model) => format!("it is a LoRA for {model}: get the one for SDXL"),
        None => "the LoRA is of another model, or of another program's making: get one for SDXL".to_owned(),
    };
    if let Some(layer) = lost.first() {
        let all = file.layers().len();
        let message =
            format!("has no place in this model ({} of its {all} modules have none); {}", lost.len(), advice());
        return Err(file.fault(layer.name(), message));
    }
    let mut taken: HashMap<(Component, &str), &str> = HashMap::new();
    for (module, layer, place) in &located {
        if let Some(other) = taken.insert((place.component, place.module.as_str()), module) {
            let other = shorten(other);
            let message = format!("changes the same weights as `{other}` in the same file: remove one of them");
            return Err(file.fault(layer.name(), message));
        }
        for (name, fits) in [("weight", fits_weight as Fits), ("bias", fits_bias)] {
            let tensor = format!("{}.{name}", place.module);
            if let Err(found) = fits(layer, places.shape(place.component, &tensor)) {
                let wanted = places.shape(place.component, &tensor).map_or("not there".to_owned(), short);
                let message = format!("is of size {found}, but the model's `{tensor}` is {wanted}; {}", advice());
                return Err(file.fault(layer.name(), message));
            }
        }
    }
    Ok(located.into_iter().map(|(module, _, place)| (module, place)).collect())
}

type Fits = fn(&LoraLayer, Option<&[usize]>) -> std::result::Result<(), String>;

/// The size of the weight's change if it does not fit `shape`.
fn fits_weight(layer: &LoraLayer, shape: Option<&[usize]>) -> std::result::Result<(), String> {
    let Some(weight) = &layer.weight else { return Ok(()) };
    let fits = |shape: &[usize]| weight.form.fits(shape) && weight.lengths_fit(shape);
    if shape.is_some_and(fits) { Ok(()) } else { Err(weight.described()) }
}

/// The size of the bias's change if it does not fit `shape`.
fn fits_bias(layer: &LoraLayer, shape: Option<&[usize]>) -> std::result::Result<(), String> {
    let Some(bias) = &layer.bias else { return Ok(()) };
    if shape == Some(&bias.shape) { Ok(()) } else { Err(short(&bias.shape)) }
}
