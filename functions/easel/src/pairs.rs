//! Two numbers in one argument.

use std::str::FromStr;

use crate::failure::Failure;

/// Two numbers with `separator` between them.
pub(crate) fn pair<T: FromStr>(text: &str, separator: char) -> Option<(T, T)> {
    let (first, second) = text.split_once(separator)?;
    Some((first.trim().parse().ok()?, second.trim().parse().ok()?))
}

/// The shares of the schedule that `--guidance-interval` names.
///
/// # Errors
/// They are not two numbers; whether these make sense is asked later.
pub(crate) fn guidance_interval(text: &str) -> Result<(f64, f64), Failure> {
    let advice = "is not the shares of the schedule where guidance starts and ends, such as 0.1,0.8";
    pair(text, ',').ok_or_else(|| Failure::wrong_use(format!("--guidance-interval: `{text}` {advice}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_two_numbers() {
        assert_eq!(pair::<u32>("1024x768", 'x'), Some((1024, 768)));
        assert_eq!(pair::<u32>("0, 128", ','), Some((0, 128)));
        for text in ["", "1024", "x", "1024x", "-1x5", "1x2x3", "99999999999x1"] {
            assert_eq!(pair::<u32>(text, 'x'), None, "{text}");
        }
        assert_eq!(guidance_interval("0.1,0.8").ok(), Some((0.1, 0.8)));
    }
}
