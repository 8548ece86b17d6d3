//! The change of one module, as a file describes it.

use std::collections::BTreeMap;

use super::key::Part;
use super::products::Product;
use super::tensors::Factor;
use crate::weights::safetensors::{short, shorten};

/// What a file says about one module.
#[derive(Debug)]
pub(super) struct LoraLayer {
    /// The change of its weight, if there is one.
    pub(super) weight: Option<WeightChange>,
    /// The change of its bias, if there is one.
    pub(super) bias: Option<Factor>,
}

/// The change of a weight.
#[derive(Debug)]
pub(super) struct WeightChange {
    pub(super) form: Form,
    /// Alpha over rank.
    pub(super) scale: f32,
    /// DoRA's lengths.
    pub(super) lengths: Option<Factor>,
}

/// What a change is made of.
#[derive(Debug)]
pub(super) enum Form {
    /// LoRA, LoCon.
    LowRank(Product),
    /// LoHa.
    Hadamard(Product, Product),
    /// LoKr.
    Kronecker(Side, Side),
    /// The difference itself.
    Whole(Factor),
}

/// One side of a Kronecker product.
#[derive(Debug)]
pub(super) enum Side {
    Whole(Factor),
    Product(Product),
}

/// What is wrong with a layer: the tensor and the message.
type Fault = (String, String);

impl LoraLayer {
    /// The tensor that messages about the whole name.
    pub(super) fn name(&self) -> &str {
        match (&self.weight, &self.bias) {
            (Some(weight), _) => weight.form.name(),
            (None, Some(bias)) => &bias.name,
            (None, None) => "",
        }
    }

    /// Puts the `parts` of one module together; `alpha` is its alpha if one is known. `is_root_scaled` says that the change
    /// is scaled by alpha over the square root of the rank.
    ///
    /// # Errors
    /// A tensor, and what is wrong with it.
    pub(super) fn new(
        mut parts: BTreeMap<Part, Factor>,
        alpha: Option<f32>,
        is_root_scaled: bool,
    ) -> Result<Self, Fault> {
        let any = parts.values().next().map(|factor| factor.name.clone()).unwrap_or_default();
        parts.remove(&Part::Alpha);
        let lengths = parts.remove(&Part::Lengths);
        let bias = parts.remove(&Part::BiasDifference);
        let form = form(&mut parts)?;
        if let Some(left_over) = parts.into_values().next() {
            return Err((left_over.name, "is without the others that belong to it: the file is damaged".to_owned()));
        }
        let Some(form) = form else {
            return match bias {
                Some(bias) if lengths.is_none() => Ok(Self { weight: None, bias: Some(bias) }),
                _ => Err((any, "is without the matrices that belong to it: the file is damaged".to_owned())),
            };
        };
        let scale = match (form.rank(), alpha) {
            (Some(rank), Some(alpha)) if is_root_scaled => alpha / (rank as f32).sqrt(),
            (Some(rank), Some(alpha)) => alpha / rank as f32,
            _ => 1.0,
        };
        Ok(Self { weight: Some(WeightChange { form, scale, lengths }), bias })
    }
}

impl WeightChange {
    /// Whether DoRA's lengths, if there are any, are as many as a weight of `shape` has rows or columns.
    pub(super) fn lengths_fit(&self, shape: &[usize]) -> bool {
        let Some(lengths) = &self.lengths else { return true };
        let wanted = if self.lengths_are_of_rows() { shape.first() } else { shape.get(1) };
        shape.len() >= 2 && wanted == Some(&lengths.count())
    }

    /// Whether DoRA's lengths are those of the rows (outputs) rather than of the columns (inputs), `[1, inputs, …]`.
    pub(super) fn lengths_are_of_rows(&self) -> bool {
        self.lengths.as_ref().is_none_or(|lengths| lengths.shape.len() == 1 || lengths.shape[0] != 1)
    }

    /// What it is of, for messages.
    pub(super) fn described(&self) -> String {
        let lengths = self.lengths.as_ref().map(|lengths| format!(" with lengths {}", short(&lengths.shape)));
        format!("{}{}", self.form.described(), lengths.unwrap_or_default())
    }
}

/// Takes the matrices out of `parts`; none if there are none.
fn form(parts: &mut BTreeMap<Part, Factor>) -> Result<Option<Form>, Fault> {
    let mut pair = |left, right, core, transposes| -> Result<Option<Product>, Fault> {
        if !(parts.contains_key(&left) && parts.contains_key(&right)) {
            return Ok(None);
        }
        let (Some(left), Some(right)) = (parts.remove(&left), parts.remove(&right)) else { return Ok(None) };
        let core = parts.remove(&core);
        let is_left_transposed = transposes && core.is_some();
        Product::new(left, right, core, is_left_transposed).map(Some)
    };
    if let Some(product) = pair(Part::Up, Part::Down, Part::Middle, false)? {
        return Ok(Some(Form::LowRank(product)));
    }
    let first = pair(Part::HadamardFirstLeft, Part::HadamardFirstRight, Part::HadamardFirstCore, true)?;
    let second = pair(Part::HadamardSecondLeft, Part::HadamardSecondRight, Part::HadamardSecondCore, true)?;
    match (first, second) {
        (Some(first), Some(second)) => {
            if (first.rows(), first.columns()) != (second.rows(), second.columns()) {
                let message = format!("is not of the size of `{}`: the file is damaged", shorten(first.name()));
                return Err((second.name().to_owned(), message));
            }
            return Ok(Some(Form::Hadamard(first, second)));
        }
        (None, None) => {}
        (Some(alone), None) | (None, Some(alone)) => {
            let message = "is without the second product that it is to be multiplied with: the file is damaged";
            return Err((alone.name().to_owned(), message.to_owned()));
        }
    }
    // Kronecker's left side has no core, so a part that is never there stands for it.
    let left = pair(Part::KroneckerLeftLeft, Part::KroneckerLeftRight, Part::Alpha, false)?.map(Side::Product);
    let right = pair(Part::KroneckerRightLeft, Part::KroneckerRightRight, Part::KroneckerRightCore, true)?;
    let left = match left {
        None => whole(parts, Part::KroneckerLeft)?.map(Side::Whole),
        made => made,
    };
    let right = match right {
        None => whole(parts, Part::KroneckerRight)?.map(Side::Whole),
        made => made.map(Side::Product),
    };
    match (left, right) {
        (Some(left), Some(right)) => return Ok(Some(Form::Kronecker(left, right))),
        (None, None) => {}
        (Some(alone), None) | (None, Some(alone)) => {
            let message = "is without the other side of its Kronecker product: the file is damaged";
            return Err((alone.name().to_owned(), message.to_owned()));
        }
    }
    Ok(parts.remove(&Part::Difference).map(Form::Whole))
}

/// A side of a Kronecker product that is there as it is.
fn whole(parts: &mut BTreeMap<Part, Factor>, part: Part) -> Result<Option<Factor>, Fault> {
    let Some(factor) = parts.remove(&part) else { return Ok(None) };
    if factor.shape.len() < 2 {
        let message = format!("has shape {}; a matrix is needed here", short(&factor.shape));
        return Err((factor.name, message));
    }
    Ok(Some(factor))
}

impl Side {
    fn name(&self) -> &str {
        match self {
            Self::Whole(factor) => &factor.name,
            Self::Product(product) => product.name(),
        }
    }

    pub(super) fn rows(&self) -> usize {
        match self {
            Self::Whole(factor) => factor.shape[0],
            Self::Product(product) => product.rows(),
        }
    }

    pub(super) fn columns(&self) -> Option<usize> {
        match self {
            Self::Whole(factor) => Some(factor.shape[1..].iter().product()),
            Self::Product(product) => product.columns(),
        }
    }

    fn rank(&self) -> Option<usize> {
        match self {
            Self::Whole(_) => None,
            Self::Product(product) => Some(product.rank()),
        }
    }
}

impl Form {
    /// What alpha is divided by; none where alpha means nothing.
    fn rank(&self) -> Option<usize> {
        match self {
            Self::LowRank(product) => Some(product.rank()),
            Self::Hadamard(first, _) => Some(first.rank()),
            Self::Kronecker(left, right) => right.rank().or(left.rank()),
            Self::Whole(_) => None,
        }
    }

    /// The tensor that messages about the whole name.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::LowRank(product) | Self::Hadamard(product, _) => product.name(),
            Self::Kronecker(_, right) => right.name(),
            Self::Whole(factor) => &factor.name,
        }
    }

    /// Whether it is as large as a weight of `shape`.
    pub(super) fn fits(&self, shape: &[usize]) -> bool {
        let columns: usize = shape[1..].iter().product();
        let is = |rows: Option<usize>, found: Option<usize>| rows == Some(shape[0]) && found == Some(columns);
        match self {
            Self::LowRank(product) => is(Some(product.rows()), product.columns()),
            Self::Hadamard(first, _) => is(Some(first.rows()), first.columns()),
            Self::Kronecker(left, right) => {
                let across = left.columns().zip(right.columns()).and_then(|(left, right)| left.checked_mul(right));
                is(left.rows().checked_mul(right.rows()), across)
            }
            Self::Whole(factor) => factor.shape[0] == shape[0] && factor.count() == shape.iter().product::<usize>(),
        }
    }

    /// What it is of, for messages.
    pub(super) fn described(&self) -> String {
        let columns = |columns: Option<usize>| columns.map_or("?".to_owned(), |columns| columns.to_string());
        match self {
            Self::LowRank(product) => format!("{}×{}", product.rows(), columns(product.columns())),
            Self::Hadamard(first, _) => format!("{}×{}", first.rows(), columns(first.columns())),
            Self::Kronecker(left, right) => {
                format!("{}·{}×{}·{}", left.rows(), right.rows(), columns(left.columns()), columns(right.columns()))
            }
            Self::Whole(factor) => short(&factor.shape),
        }
    }
}
