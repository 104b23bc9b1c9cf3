//! `NaN` in bodies that are JSON but for it, as Python writes them.

/// What Python writes for a missing number, which JSON has no word for.
const NAN: &[u8] = b"NaN";

/// The same body with `null` in place of each `NaN` that is no part of a text; nothing where there is none.
pub(super) fn without_nan(body: &[u8]) -> Option<Vec<u8>> {
    let mut written = Vec::new();
    let mut rest = body;
    let mut is_text = false;
    let mut is_found = false;
    while let Some((byte, behind)) = rest.split_first() {
        let length = match byte {
            b'"' => {
                is_text = !is_text;
                1
            }
            // Whatever is escaped, it neither begins nor ends a text.
            b'\\' if is_text => 2.min(rest.len()),
            b'N' if !is_text && rest.starts_with(NAN) => {
                written.extend_from_slice(b"null");
                is_found = true;
                rest = behind.get(NAN.len() - 1..).unwrap_or_default();
                continue;
            }
            _ => 1,
        };
        let (kept, behind) = rest.split_at_checked(length)?;
        written.extend_from_slice(kept);
        rest = behind;
    }
    is_found.then_some(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, expected: Option<&str>) {
        let written = without_nan(body.as_bytes());
        assert_eq!(written.as_deref(), expected.map(str::as_bytes));
    }

    #[test]
    fn nan_becomes_null_but_in_texts() {
        check("[NaN, 1, NaN]", Some("[null, 1, null]"));
        check(
            r#"{"NaN": ["NaN\"NaN", NaN]}"#,
            Some(r#"{"NaN": ["NaN\"NaN", null]}"#),
        );
        check(r#"["\\", NaN, "\\"]"#, Some(r#"["\\", null, "\\"]"#));
        check(r#"["NaN"]"#, None);
        check("[nan, Na, N, 1]", None);
        check("", None);
        check("\"NaN\\", None);
        check("-NaN", Some("-null"));
    }
}
