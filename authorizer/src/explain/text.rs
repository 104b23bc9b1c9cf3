//! Names, values and times as an explanation shows them: bounded, and with nothing invisible.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::json::View;

/// Longest text of a claim that is shown: enough for names and addresses.
const MAX_SHOWN_CHARACTERS: usize = 200;

/// Text without anything invisible, and not too much of it.
pub(super) fn printable(text: &str) -> String {
    // `{"` in base64url begins every token, wherever somebody has put one.
    if text.contains("eyJ") {
        return "something like a token".to_owned();
    }
    let visible = text.chars().filter(|character| !character.is_control());
    let mut shown: String = visible.take(MAX_SHOWN_CHARACTERS).collect();
    if text.chars().count() > MAX_SHOWN_CHARACTERS {
        shown.push('…');
    }
    shown
}

/// A claim's value.
pub(super) fn value_text(value: &View<'_>) -> String {
    match value {
        View::String(text) => format!("`{}`", printable(text)),
        View::Null | View::Bool(_) | View::Number(_) | View::Array(_) | View::Object(_) => {
            format!("`{}`", printable(&value.to_string()))
        }
    }
}

/// Names beside each other.
pub(super) fn quoted(names: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let names: Vec<_> = names
        .into_iter()
        .map(|name| format!("`{}`", printable(name.as_ref())))
        .collect();
    names.join(", ")
}

/// A time that has an RFC 3339 form.
pub(super) fn date_text(seconds: u64) -> Option<String> {
    let at = OffsetDateTime::from_unix_timestamp(i64::try_from(seconds).ok()?).ok()?;
    at.format(&Rfc3339).ok()
}
