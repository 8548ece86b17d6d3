//! The kinds of control images that one network for several tells apart.

/// The kinds of control images of the published unions, by number: what their makers call them, the usual name first.
const KINDS: [&[&str]; 8] = [
    &["openpose", "pose"],
    &["depth"],
    &["softedge", "hed", "pidi", "scribble", "ted"],
    &["canny", "lineart", "anime_lineart", "lines", "mlsd"],
    &["normal"],
    &["segment", "segmentation", "seg"],
    &["tile", "blur"],
    &["repaint", "inpaint", "outpaint"],
];

/// What the first `count` kinds are called: the others have numbers only.
#[must_use]
pub fn control_kinds(count: usize) -> Vec<String> {
    (0..count).map(|number| KINDS.get(number).map_or_else(|| number.to_string(), |names| names[0].to_owned())).collect()
}

/// Which of `count` kinds `text` is: a name, or a number from 0 on.
#[must_use]
pub fn control_kind(text: &str, count: usize) -> Option<usize> {
    let named = KINDS.iter().position(|names| names.contains(&text));
    named.or_else(|| text.parse().ok()).filter(|kind| *kind < count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_names_and_numbers() {
        assert_eq!(control_kinds(2), ["openpose", "depth"]);
        assert_eq!(control_kinds(9)[7..], ["repaint", "8"]);
        for (text, count, kind) in [
            ("lineart", 6, Some(3)),
            ("3", 6, Some(3)),
            ("tile", 6, None),
            ("tile", 8, Some(6)),
            ("8", 9, Some(8)),
            ("8", 8, None),
            ("-1", 8, None),
            ("sketch", 8, None),
        ] {
            assert_eq!(control_kind(text, count), kind, "{text} of {count}");
        }
    }
}
