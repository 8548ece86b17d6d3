//! Names that somebody may have meant.

/// Most names suggested.
const MOST: usize = 3;

/// The known names nearest to `name`, if any is near: a third of its letters may differ.
pub(crate) fn near_names<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let most = (name.chars().count() / 3).max(1);
    let distances = known.map(|known| (distance(name, known), known)).filter(|(distance, _)| *distance <= most);
    let mut near: Vec<_> = distances.collect();
    near.sort();
    near.dedup();
    near.into_iter().take(MOST).map(|(_, name)| name).collect()
}

/// How many letters have to be changed, added or left out to make one text the other (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, letter) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, expected) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *expected);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_letters() {
        assert_eq!(distance("euler", "euler"), 0);
        assert_eq!(distance("eular", "euler"), 1);
        assert_eq!(distance("", "lms"), 3);
        assert_eq!(distance("karas", "karras"), 1);
        assert_eq!(near_names("eular", ["heun", "euler", "lms"].into_iter()), ["euler"]);
        assert!(near_names("magic", ["heun", "euler"].into_iter()).is_empty());
    }
}
