//! Styles from a file: AUTOMATIC1111's `styles.csv`, with the columns `name`, `prompt` and `negative_prompt`.

use std::path::Path;

use easel_domain::Style;
use serde_json::{Map, Value};

use crate::command_error::CommandError;

/// Most bytes of a file of styles.
const MAX_BYTES: u64 = 1 << 20;

/// Applies the styles of a file with these names to what is asked for, one after the other.
///
/// # Errors
/// The file cannot be read or has no such style.
pub(crate) fn apply(path: &Path, names: &[String], request: &mut Map<String, Value>) -> Result<(), CommandError> {
    let failed = |reason: String| CommandError::wrong_use(format!("--styles: {}: {reason}", path.display()));
    let length = std::fs::metadata(path).map_err(|error| failed(error.to_string()))?.len();
    if length > MAX_BYTES {
        return Err(failed(format!("has {length} bytes, the limit is {MAX_BYTES}")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    let styles = read(&text).map_err(failed)?;
    for name in names {
        let known = || styles.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
        let (_, style) = styles
            .iter()
            .find(|(known, _)| known == name)
            .ok_or_else(|| failed(format!("has no style {name:?}; it has: {}", known())))?;
        style.apply(request);
    }
    Ok(())
}

/// The styles by their names.
fn read(text: &str) -> Result<Vec<(String, Style)>, String> {
    let mut records = records(text.trim_start_matches('\u{feff}'))?.into_iter();
    let columns = records.next().ok_or("is empty")?;
    let column = |name: &str| columns.iter().position(|column| column.trim() == name);
    let (Some(name), Some(prompt)) = (column("name"), column("prompt")) else {
        return Err("its first line does not name the columns name, prompt and negative_prompt".to_owned());
    };
    // Older files call it by its words.
    let negative = column("negative_prompt").or_else(|| column("negative"));
    let styles = records.filter_map(|record| {
        let words = |column: usize| record.get(column).filter(|words| !words.trim().is_empty()).cloned();
        let style = Style { prompt: words(prompt), negative_prompt: negative.and_then(words), settings: Map::new() };
        Some((words(name)?, style))
    });
    Ok(styles.collect())
}

/// The records of a CSV file (RFC 4180).
fn records(text: &str) -> Result<Vec<Vec<String>>, String> {
    let (mut records, mut record, mut field) = (Vec::new(), Vec::new(), String::new());
    let (mut letters, mut quoted) = (text.chars().peekable(), false);
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                field.push('"');
            }
            '"' if quoted || field.is_empty() => quoted = !quoted,
            ',' if !quoted => record.push(std::mem::take(&mut field)),
            '\r' if !quoted && letters.peek() == Some(&'\n') => {}
            '\n' if !quoted => {
                record.push(std::mem::take(&mut field));
                records.push(std::mem::take(&mut record));
            }
            other => field.push(other),
        }
    }
    if quoted {
        return Err("a quotation mark is not closed".to_owned());
    }
    if !field.is_empty() || !record.is_empty() {
        record.push(field);
        records.push(record);
    }
    records.retain(|record| record.iter().any(|field| !field.is_empty()));
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_are_read_as_others_write_them() {
        let text = "\u{feff}name,prompt,negative_prompt\r\nInk,\"ink, {prompt}, \"\"fine\"\"\",\r\n\r\nOil,oil on canvas,\"photo\nblurred\"\n,nobody,";
        let styles = read(text).expect("styles");
        let some = |text: &str| Some(text.to_owned());
        let ink = Style { prompt: some("ink, {prompt}, \"fine\""), ..Style::default() };
        let oil = Style { prompt: some("oil on canvas"), negative_prompt: some("photo\nblurred"), ..Style::default() };
        assert_eq!(styles, [("Ink".to_owned(), ink), ("Oil".to_owned(), oil)]);
        for wrong in ["", "a,b\n1,2", "name,prompt\n\"open"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
