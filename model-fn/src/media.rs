//! Media types (RFC 9110, 8.3 and 12.5.1): what a body is written in, and what an answer may be written in.
//!
//! Values of headers in, formats out; where the headers stand is left to `event` and `reply`.

use crate::protocol::{AnswerForm, Format};

const JSON: &str = "application/json";
const CSV: &str = "text/csv";
/// Without a character set, clients of HTTP 1.0's days read text as ISO 8859-1.
const CSV_OF_ANSWERS: &str = "text/csv; charset=utf-8";
const CSV_WITH_NAMES: &str = "text/csv; charset=utf-8; header=present";
const JSON_LINES: &str = "application/jsonlines";
const NPY: &str = "application/x-npy";
const ARROW: &str = "application/vnd.apache.arrow.stream";

/// JSON lines have no registered type, and several that are in use.
const MORE_JSON_LINES: [&str; 4] = [
    "application/x-ndjson",
    "application/x-jsonlines",
    "application/jsonl",
    "application/ndjson",
];

/// The form of an answer, and the type it is called by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The form.
    pub form: AnswerForm,
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// The output that the caller asks for alone.
    pub output: Option<String>,
}

impl Choice {
    /// The answer of every dialect.
    pub const JSON: Self = Self {
        form: AnswerForm::Json,
        content_type: JSON,
        output: None,
    };
}

/// None of the types that a caller takes is one of an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no answer is of a type that `{accept}` takes: accept {}", list(&TYPES))]
pub struct NotAcceptable {
    /// What the caller takes.
    pub accept: String,
}

/// The types that answers are of.
pub const TYPES: [&str; 5] = [JSON, CSV, JSON_LINES, NPY, ARROW];

fn list(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// A type and its parameters.
struct MediaType<'a> {
    /// In lower case.
    name: String,
    parameters: Vec<(String, &'a str)>,
}

impl<'a> MediaType<'a> {
    fn read(text: &'a str) -> Self {
        let mut parts = text.split(';');
        let name = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
        let parameter = |part: &'a str| {
            let (name, value) = part.split_once('=')?;
            let value = value.trim().trim_matches('"');
            Some((name.trim().to_ascii_lowercase(), value))
        };
        let parameters = parts.filter_map(parameter).collect();
        Self { name, parameters }
    }

    fn parameter(&self, name: &str) -> Option<&'a str> {
        let found = self.parameters.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| *value)
    }
}

/// The format of a body by its `Content-Type`; nothing where that is none that is read.
///
/// No type, and the one that curl sends by default, are JSON.
pub fn format(content_type: &str) -> Option<Format<'_>> {
    let given = MediaType::read(content_type);
    let is_text = given.parameter("charset").is_none_or(|charset| {
        ["utf-8", "utf8", "us-ascii"].contains(&charset.to_ascii_lowercase().as_str())
    });
    let name = given.name.as_str();
    let is_like_json = name.starts_with("application/") && name.ends_with("+json");
    match name {
        _ if !is_text => None,
        "" | JSON | "application/x-www-form-urlencoded" => Some(Format::Json),
        _ if is_like_json => Some(Format::Json),
        CSV => match given.parameter("header") {
            None => Some(Format::Csv { header: None }),
            Some("present") => Some(Format::Csv { header: Some(true) }),
            Some("absent") => Some(Format::Csv {
                header: Some(false),
            }),
            Some(_) => None,
        },
        JSON_LINES => Some(Format::JsonLines),
        NPY => Some(Format::Npy),
        ARROW => Some(Format::Arrow),
        "text/plain" => Some(Format::Text),
        "image/jpeg" | "image/jpg" | "image/png" | "image/webp" => Some(Format::Picture),
        "multipart/form-data" | "multipart/mixed" => {
            let boundary = given.parameter("boundary")?;
            Some(Format::Multipart { boundary })
        }
        name if MORE_JSON_LINES.contains(&name) => Some(Format::JsonLines),
        _ => None,
    }
}

/// The answer that a caller takes best by `Accept`; of those that are as good, what suits the format of the body.
///
/// Two parameters of ours say more: `text/csv; header=present` asks for names in the first line, and
/// `application/x-npy; output=NAME` for one output of several.
/// An array is one output: of several, none is taken unless the caller names it, or takes arrays by name.
pub fn choose(accept: &str, format: Format<'_>, outputs: usize) -> Result<Choice, NotAcceptable> {
    let ranges: Vec<Range<'_>> = accept.split(',').filter_map(Range::read).collect();
    let mut best: Option<(u16, Choice)> = None;
    for (content_type, form) in offers(format) {
        let range = closest(&ranges, content_type);
        let is_named = range.is_some_and(|range| range.given.name == content_type);
        let quality = match range {
            _ if form == AnswerForm::Npy && outputs != 1 && !is_named => 0,
            Some(range) => range.quality,
            None if ranges.is_empty() => Range::MOST,
            None => 0,
        };
        if quality > best.as_ref().map_or(0, |(quality, _)| *quality) {
            best = Some((quality, chosen(content_type, form, range)));
        }
    }
    best.map(|(_, choice)| choice).ok_or_else(|| NotAcceptable {
        accept: accept.to_owned(),
    })
}

fn chosen(content_type: &'static str, form: AnswerForm, range: Option<&Range<'_>>) -> Choice {
    let parameter = |name| range.and_then(|range| range.given.parameter(name));
    match form {
        AnswerForm::Csv { .. } if parameter("header") == Some("present") => Choice {
            form: AnswerForm::Csv { header: true },
            content_type: CSV_WITH_NAMES,
            output: None,
        },
        AnswerForm::Csv { .. } => Choice {
            form,
            content_type: CSV_OF_ANSWERS,
            output: None,
        },
        AnswerForm::Npy => Choice {
            form,
            content_type,
            output: parameter("output").map(str::to_owned),
        },
        AnswerForm::Json | AnswerForm::JsonLines | AnswerForm::Arrow => Choice {
            form,
            content_type,
            output: None,
        },
    }
}

/// What can be answered, under each of its names; what suits a body of this format first.
fn offers(format: Format<'_>) -> Vec<(&'static str, AnswerForm)> {
    let json = (JSON, AnswerForm::Json);
    let csv = (CSV, AnswerForm::Csv { header: false });
    let lines = (JSON_LINES, AnswerForm::JsonLines);
    let npy = (NPY, AnswerForm::Npy);
    let arrow = (ARROW, AnswerForm::Arrow);
    let first = match format {
        Format::Json | Format::Csv { .. } => [json, lines, csv, npy, arrow],
        Format::Text | Format::Picture | Format::Multipart { .. } => [json, lines, csv, npy, arrow],
        Format::JsonLines => [lines, json, csv, npy, arrow],
        Format::Npy => [npy, json, lines, csv, arrow],
        Format::Arrow => [arrow, json, lines, csv, npy],
    };
    let more = MORE_JSON_LINES.map(|name| (name, AnswerForm::JsonLines));
    first.into_iter().chain(more).collect()
}

/// One range of `Accept`.
struct Range<'a> {
    given: MediaType<'a>,
    /// In thousandths.
    quality: u16,
}

impl<'a> Range<'a> {
    const MOST: u16 = 1000;

    fn read(text: &'a str) -> Option<Self> {
        let given = MediaType::read(text);
        let quality = given
            .parameter("q")
            .and_then(|quality| quality.parse::<f32>().ok());
        let quality = quality
            .filter(|quality| (0.0..=1.0).contains(quality))
            .unwrap_or(1.0);
        (!given.name.is_empty()).then_some(Self {
            quality: (quality * f32::from(Self::MOST)) as u16,
            given,
        })
    }

    /// How closely the range names a type, if it does.
    fn closeness(&self, name: &str) -> Option<u8> {
        let kind = name.split_once('/').map(|(kind, _)| kind);
        match self.given.name.as_str() {
            given if given == name => Some(2),
            "*/*" | "*" => Some(0),
            given if given.strip_suffix("/*") == kind => Some(1),
            _ => None,
        }
    }
}

/// The range that names a type most closely, and of those the best.
fn closest<'r, 'a>(ranges: &'r [Range<'a>], name: &str) -> Option<&'r Range<'a>> {
    let named = ranges
        .iter()
        .filter_map(|range| Some((range.closeness(name)?, range)));
    let best = named.max_by_key(|(closeness, range)| (*closeness, range.quality));
    best.map(|(_, range)| range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_format(content_type: &str, expected: Option<Format>) {
        assert_eq!(format(content_type), expected, "{content_type}");
    }

    #[test]
    fn the_content_type_decides_the_format() {
        for json in [
            "",
            "application/json",
            "Application/JSON; charset=UTF-8",
            "application/json; format=pandas-split",
            "application/x-www-form-urlencoded",
            "application/vnd.api+json",
        ] {
            check_format(json, Some(Format::Json));
        }
        let csv = |header| Some(Format::Csv { header });
        check_format("text/csv", csv(None));
        check_format("text/csv; charset=utf-8", csv(None));
        check_format("text/csv; header=present", csv(Some(true)));
        check_format("text/csv;header=\"absent\"", csv(Some(false)));
        for lines in [
            "application/jsonlines",
            "application/x-ndjson",
            "application/jsonl",
        ] {
            check_format(lines, Some(Format::JsonLines));
        }
        check_format("application/x-npy", Some(Format::Npy));
        let arrow = "application/vnd.apache.arrow.stream";
        check_format(arrow, Some(Format::Arrow));
        for other in [
            "application/x-npz",
            "application/vnd.apache.arrow.file",
            "text/csv; header=maybe",
            "text/csv; charset=iso-8859-1",
            "application/json; charset=utf-16",
            "application/xml",
            "json",
            "text/json+json",
        ] {
            check_format(other, None);
        }
    }

    #[track_caller]
    fn check(accept: &str, format: Format, expected: Option<&str>) {
        let chosen = choose(accept, format, 1)
            .ok()
            .map(|choice| choice.content_type);
        assert_eq!(chosen, expected, "{accept}");
    }

    #[test]
    fn the_answer_is_what_the_caller_takes_best() {
        let json = Some("application/json");
        let csv = Format::Csv { header: None };
        for accept in [
            "",
            "*/*",
            "application/*",
            "text/html, */*;q=0.1",
            "application/json",
            "a/b;q=0, */*",
        ] {
            check(accept, Format::Json, json);
            check(accept, csv, json);
        }
        check("", Format::JsonLines, Some("application/jsonlines"));
        check("*/*", Format::JsonLines, Some("application/jsonlines"));
        check("application/json", Format::JsonLines, json);
        check("text/csv", Format::Json, Some(CSV_OF_ANSWERS));
        check("text/*", Format::Json, Some(CSV_OF_ANSWERS));
        check(
            "TEXT/CSV; header=present",
            Format::Json,
            Some(CSV_WITH_NAMES),
        );
        check(
            "application/x-ndjson",
            Format::Json,
            Some("application/x-ndjson"),
        );
        check(
            "application/json;q=0.5, text/csv;q=0.6",
            Format::Json,
            Some(CSV_OF_ANSWERS),
        );
        check("text/csv, application/json", Format::Json, json);
        check(
            "*/*, application/json;q=0",
            Format::Json,
            Some("application/jsonlines"),
        );
        check("text/csv;q=x", Format::Json, Some(CSV_OF_ANSWERS));
        let npy = Some("application/x-npy");
        check("", Format::Npy, npy);
        check("application/*", Format::Npy, npy);
        check("application/json", Format::Npy, json);
        for accept in ["", "*/*", "application/*", ARROW] {
            check(accept, Format::Arrow, Some(ARROW));
        }
        for format in [Format::Json, csv, Format::JsonLines, Format::Npy] {
            check(ARROW, format, Some(ARROW));
        }
        check("application/json", Format::Arrow, json);
        check(
            "application/x-npy, application/json;q=0.9",
            Format::Json,
            npy,
        );
    }

    #[test]
    fn several_outputs_are_an_array_only_where_arrays_are_named() {
        let chosen = |accept| choose(accept, Format::Npy, 2).map(|choice| choice.content_type);
        assert_eq!(chosen(""), Ok(JSON));
        assert_eq!(chosen("*/*"), Ok(JSON));
        assert_eq!(chosen("application/x-npy"), Ok(NPY));
        assert!(
            chosen("application/*;q=0.5, application/json;q=0, application/jsonlines;q=0").is_ok()
        );
    }

    #[test]
    fn one_output_may_be_asked_for_where_an_array_is() {
        let output = |accept| choose(accept, Format::Npy, 2).map(|choice| choice.output);
        let label = || Ok(Some("label".to_owned()));
        assert_eq!(output("application/x-npy; output=label"), label());
        assert_eq!(
            output("*/*;q=0.1, application/x-npy;output=\"label\";q=0.5"),
            label()
        );
        assert_eq!(output("application/x-npy"), Ok(None));
        assert_eq!(output("application/json; output=label"), Ok(None));
    }

    #[test]
    fn what_no_answer_is_of_is_not_acceptable() {
        for accept in [
            "text/html",
            "application/json;q=0",
            "*/*;q=0",
            "application/xml, image/*",
        ] {
            check(accept, Format::Json, None);
        }
        let message = "no answer is of a type that `text/html` takes: accept `application/json`, `text/csv`, `application/jsonlines`, `application/x-npy`, `application/vnd.apache.arrow.stream`";
        assert_eq!(
            choose("text/html", Format::Json, 1)
                .unwrap_err()
                .to_string(),
            message
        );
    }
}
