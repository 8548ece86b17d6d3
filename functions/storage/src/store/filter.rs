//! Which tasks a list has.

use aws_sdk_dynamodb::types::AttributeValue;
use easel_domain::task::Status;
use jiff::Timestamp;
use uuid::Uuid;

use super::indexes::TEXT;
use super::rows::{self, Row};

/// Which tasks to list, and from which end. Beginnings and texts are compared in whatever case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Only those that stand at one of these; otherwise all but the deleted ones.
    pub statuses: Vec<Status>,
    /// Only this person's.
    pub owner: Option<String>,
    /// Only those of people whose name begins like this.
    pub owner_prefix: Option<String>,
    /// Only those with a tag that begins like this.
    pub tag_prefix: Option<String>,
    /// Only those whose current attempt asks for, or was drawn with, a model whose name begins like this.
    pub model_prefix: Option<String>,
    /// Only those with this in the prompt or the title.
    pub text: Option<String>,
    /// Only those that are at this attempt at least.
    pub attempt: Option<u32>,
    /// Only those that were asked for at this time or later.
    pub created_after: Option<Timestamp>,
    /// Only those that were asked for before this time.
    pub created_before: Option<Timestamp>,
    /// From the oldest to the newest; otherwise the newest come first.
    pub oldest_first: bool,
}

impl Filter {
    /// Most characters of texts and beginnings.
    pub const MAX_TEXT: usize = 200;

    /// Everything that stands at this status.
    #[must_use]
    pub fn at(status: Status) -> Self {
        Self { statuses: vec![status], ..Self::default() }
    }

    /// The statuses that are wanted.
    pub(super) fn statuses(&self) -> Vec<Status> {
        if !self.statuses.is_empty() {
            let mut statuses = self.statuses.clone();
            statuses.sort_unstable();
            statuses.dedup();
            return statuses;
        }
        Status::ALL.into_iter().filter(|status| *status != Status::Deleted).collect()
    }

    /// Whether most tasks may be left out of those of one status, owner or tag.
    pub(super) fn is_search(&self) -> bool {
        let texts = [&self.owner_prefix, &self.model_prefix, &self.text];
        self.attempt.is_some() || texts.into_iter().any(Option::is_some)
    }

    /// The first and the last id that may be there, behind one that was shown; `None` if there is none between. An id
    /// begins with the milliseconds at which its task was asked for.
    pub(super) fn ids(&self, behind: Option<Uuid>) -> Option<(Uuid, Uuid)> {
        let at = |time: Timestamp| u128::try_from(time.as_millisecond()).unwrap_or_default() << 80;
        let mut first = self.created_after.map_or(0, at);
        let mut last = self.created_before.map_or(Some(u128::MAX), |before| at(before).checked_sub(1))?;
        match behind.map(|behind| behind.as_u128()) {
            Some(behind) if self.oldest_first => first = first.max(behind.checked_add(1)?),
            Some(behind) => last = last.min(behind.checked_sub(1)?),
            None => {}
        }
        (first <= last).then(|| (Uuid::from_u128(first), Uuid::from_u128(last)))
    }

    /// Whether a row has everything that is asked for, where DynamoDB was asked for nothing.
    pub(super) fn wants(&self, row: &Row) -> bool {
        let text = |name: &str| row.get(name).and_then(|value| value.as_s().ok()).map_or("", String::as_str);
        let attempt = || row.get("attempt")?.as_m().ok()?.get("number")?.as_n().ok()?.parse::<u32>().ok();
        self.statuses().iter().any(|status| status.as_str() == text("status"))
            && self.attempt.is_none_or(|least| attempt().is_some_and(|number| number >= least))
            && self.text.as_ref().is_none_or(|part| text(TEXT).contains(&rows::lowercase(part)))
            && self.keeps(row)
    }

    /// Whether a row has what cannot be asked of DynamoDB, which compares letter by letter.
    pub(super) fn keeps(&self, row: &Row) -> bool {
        let text = |value: &AttributeValue| value.as_s().ok().map(|text| rows::lowercase(text));
        let begins = |value: Option<&AttributeValue>, prefix: &str| {
            value.and_then(text).is_some_and(|text| text.starts_with(&rows::lowercase(prefix)))
        };
        let of_attempt = |part: &str| row.get("attempt")?.as_m().ok()?.get(part)?.as_m().ok()?.get("model");
        let tags = || row.get("tags").and_then(|tags| tags.as_l().ok()).map(Vec::as_slice).unwrap_or_default();
        let is = |prefix: &Option<String>, test: &dyn Fn(&str) -> bool| prefix.as_deref().is_none_or(test);
        is(&self.owner_prefix, &|prefix| begins(row.get("owner"), prefix))
            && is(&self.tag_prefix, &|prefix| tags().iter().any(|tag| begins(Some(tag), prefix)))
            && is(&self.model_prefix, &|prefix| {
                ["settings", "generation"].into_iter().any(|part| begins(of_attempt(part), prefix))
            })
    }
}

#[cfg(test)]
mod tests {
    use easel_domain::Labels;
    use easel_domain::identity::Identity;
    use easel_domain::task::{NewTask, Settings, Task};

    use super::*;

    #[test]
    fn a_time_is_the_beginning_of_ids() {
        let at = |seconds: i64| Timestamp::from_second(seconds).expect("a time");
        let id = |seconds: i64, rest: u128| {
            Uuid::from_u128((u128::try_from(seconds).expect("positive") * 1000) << 80 | rest)
        };
        let filter = Filter { created_after: Some(at(10)), created_before: Some(at(20)), ..Filter::default() };
        let end = Uuid::from_u128(id(20, 0).as_u128() - 1);
        assert_eq!(filter.ids(None), Some((id(10, 0), end)));
        assert_eq!(filter.ids(Some(id(15, 7))), Some((id(10, 0), id(15, 6))));
        assert_eq!(filter.ids(Some(id(10, 0))), None);
        let oldest = Filter { oldest_first: true, ..filter };
        assert_eq!(oldest.ids(Some(id(15, 7))), Some((id(15, 8), end)));
        assert_eq!(oldest.ids(Some(end)), None);
        assert_eq!(Filter { created_before: Some(at(0)), ..Filter::default() }.ids(None), None);
        assert_eq!(Filter::default().ids(Some(Uuid::nil())), None);
    }

    #[test]
    fn beginnings_are_compared_in_whatever_case() {
        let settings = Settings { model: Some("Turbo v2".to_owned()), ..Settings::new("a heart") };
        let labels = Labels { tags: vec!["red".to_owned(), "Spring 2027".to_owned()], ..Labels::default() };
        let new =
            NewTask { id: Uuid::nil(), owner: "Alice".to_owned(), settings, labels, source: None, approvals_needed: 1 };
        let row = rows::task(&Task::create(new, &Identity::worker("w"), Timestamp::UNIX_EPOCH).0).expect("a row");
        let some = |text: &str| Some(text.to_owned());
        for (filter, kept) in [
            (Filter { owner_prefix: some("ali"), ..Filter::default() }, true),
            (Filter { owner_prefix: some("lice"), ..Filter::default() }, false),
            (Filter { tag_prefix: some("SPR"), ..Filter::default() }, true),
            (Filter { tag_prefix: some("2027"), ..Filter::default() }, false),
            (Filter { model_prefix: some("turbo"), ..Filter::default() }, true),
            (Filter { model_prefix: some("demo"), ..Filter::default() }, false),
            (Filter { tag_prefix: some("r"), owner_prefix: some("bob"), ..Filter::default() }, false),
        ] {
            assert_eq!(filter.keeps(&row), kept, "{filter:?}");
        }
    }
}
