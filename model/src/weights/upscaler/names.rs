//! What files call the tensors of an upscaler, and what they are called here: BasicSR's names.
//!
//! RRDBNet is named in three ways: BasicSR's (`body.0.rdb1.conv1.weight`), that of ESRGAN's own release
//! (`RRDB_trunk.0.RDB1.conv1.weight`) and that of what came before it (`model.1.sub.0.RDB1.conv1.0.weight`), in which the
//! layers after the blocks have numbers that depend on how many there are.

use std::collections::BTreeMap;

/// What training programs put the tensors under, the better ones first: averaged weights before the last ones.
const WRAPPERS: [&str; 11] = [
    "",
    "params_ema.",
    "params-ema.",
    "params.",
    "state_dict.",
    "model_state_dict.",
    "net_g_ema.",
    "net_g.",
    "generator.",
    "model.",
    "net.",
];
/// What training on several cards puts before each name.
const PARALLEL: &str = "module.";

/// The tensors of an upscaler: their names in the file by their names here.
pub(super) type Names = BTreeMap<String, String>;

/// The names of the tensors of a network among `names`; none if there is none of a kind that is known.
pub(super) fn found(names: &[&str]) -> Option<Names> {
    let wrappers = WRAPPERS.into_iter().flat_map(|wrapper| [wrapper.to_owned(), format!("{wrapper}{PARALLEL}")]);
    wrappers.into_iter().find_map(|wrapper| {
        let inside: Vec<(&str, &str)> =
            names.iter().filter_map(|name| Some((name.strip_prefix(wrapper.as_str())?, *name))).collect();
        let has = |begin: &str| inside.iter().any(|(name, _)| name.starts_with(begin));
        let rename: &dyn Fn(&str) -> Option<String> = if has("conv_first.") && has("body.0.rdb1.") {
            &|name| Some(name.to_owned())
        } else if has("conv_first.") && has("RRDB_trunk.0.RDB1.") {
            &of_release
        } else if has("model.0.weight") && has("model.1.sub.0.RDB1.") {
            &|name| of_before_release(name, &inside)
        } else if has("body.0.weight") && has("body.1.weight") && !has("conv_first.") {
            &|name| Some(name.to_owned())
        } else {
            return None;
        };
        // What has no name here keeps its own, and is refused by it.
        let named = |&(name, whole): &(&str, &str)| (rename(name).unwrap_or(name.to_owned()), whole.to_owned());
        Some(inside.iter().map(named).collect())
    })
}

/// BasicSR's name of what ESRGAN's release calls `name`.
fn of_release(name: &str) -> Option<String> {
    let (layer, kind) = name.rsplit_once('.')?;
    let layer = match layer {
        "trunk_conv" => "conv_body".to_owned(),
        "HRconv" => "conv_hr".to_owned(),
        _ => match (layer.strip_prefix("upconv"), layer.strip_prefix("RRDB_trunk.")) {
            (Some(number), _) => format!("conv_up{number}"),
            (_, Some(rest)) => format!("body.{}", rest.replace("RDB", "rdb")),
            _ => layer.to_owned(),
        },
    };
    Some(format!("{layer}.{kind}"))
}

/// BasicSR's name of what files from before ESRGAN's release call `name`, among `all` of which there are.
fn of_before_release(name: &str, all: &[(&str, &str)]) -> Option<String> {
    let (layer, kind) = name.strip_prefix("model.")?.rsplit_once('.')?;
    if let Some(rest) = layer.strip_prefix("1.sub.") {
        let layer = match rest.strip_suffix(".0").and_then(|rest| rest.split_once(".RDB")) {
            Some((block, dense)) => format!("body.{block}.rdb{dense}"),
            None if rest.parse::<usize>().is_ok() => "conv_body".to_owned(),
            None => return None,
        };
        return Some(format!("{layer}.{kind}"));
    }
    let number: usize = layer.parse().ok()?;
    if number == 0 {
        return Some(format!("conv_first.{kind}"));
    }
    // Sorted as texts, 10 comes before 2.
    let of_layer = |name: &str| name.strip_prefix("model.")?.strip_suffix(".weight")?.parse::<usize>().ok();
    let mut numbers: Vec<usize> =
        all.iter().filter_map(|(name, _)| of_layer(name)).filter(|number| *number > 1).collect();
    numbers.sort_unstable();
    let place = numbers.iter().position(|other| *other == number)?;
    Some(match numbers.len() - place {
        1 => format!("conv_last.{kind}"),
        2 => format!("conv_hr.{kind}"),
        _ => format!("conv_up{}.{kind}", place + 1),
    })
}
