//! Bodies that are texts or pictures themselves: one, or several as forms send them (RFC 7578).

use memchr::memmem;

use super::named::NamedTensor;
use super::reading::Reading;
use super::{Format, InputError};
use crate::engine::Port;
use crate::tensor::{Datatype, Scalar, Tensor, Values};

/// The longest boundary (RFC 2046, 5.1.1).
const LONGEST_BOUNDARY: usize = 70;

/// Bytes of the header lines of a part.
const LONGEST_HEAD: usize = 4096;

/// A part of a form.
#[derive(Debug, PartialEq, Eq)]
struct Part<'a> {
    name: Option<&'a str>,
    content: &'a [u8],
}

/// The inputs of a body of text, of a picture, or of a form with either.
pub(super) fn read(
    format: Format<'_>,
    body: &[u8],
    reading: &Reading<'_>,
) -> Result<Vec<NamedTensor>, InputError> {
    if !reading.ports.iter().any(takes) {
        return Err(InputError::NoWhole {
            expected: reading.names(),
        });
    }
    let parts = if let Format::Multipart { boundary } = format {
        parts(body, boundary).map_err(|message| {
            let message = message.to_owned();
            InputError::Multipart { message }
        })?
    } else {
        vec![Part {
            name: None,
            content: body,
        }]
    };
    reading.check_rows(parts.len())?;
    let mut inputs: Vec<(&Port, Values)> = Vec::new();
    for part in &parts {
        let port = port(part, reading)?;
        let place = inputs.iter().position(|(known, _)| known.name == port.name);
        if place.is_none() {
            inputs.push((port, Values::new(port.datatype)));
        }
        let place = place.unwrap_or(inputs.len() - 1);
        if let Some((_, values)) = inputs.get_mut(place) {
            reading.count(1)?;
            push(values, part.content, &port.name)?;
        }
    }
    let tensor = |(port, values): (&Port, Values)| {
        let rows = values.len();
        // Any axes that a model has behind that of the rows are one long, or it does not fit.
        let axes = port.shape.as_ref().map_or(1, Vec::len);
        let shape = std::iter::once(rows).chain(vec![1; axes.saturating_sub(1)]);
        let tensor = Tensor::flat(values).reshaped(shape.collect());
        NamedTensor {
            name: port.name.clone(),
            tensor,
        }
    };
    Ok(inputs.into_iter().map(tensor).collect())
}

/// Whether an input takes texts or pictures.
fn takes(port: &Port) -> bool {
    matches!(port.datatype, Datatype::Bytes | Datatype::Octets)
}

/// The input that a part is for: the one of its name, or the only one that takes texts or pictures.
fn port<'a>(part: &Part<'_>, reading: &Reading<'a>) -> Result<&'a Port, InputError> {
    let ports = reading.ports.iter().filter(|port| takes(port));
    let ports: Vec<&Port> = ports.collect();
    let named = part
        .name
        .and_then(|name| ports.iter().find(|port| port.name == name));
    match (named, ports.as_slice()) {
        (Some(port), _) => Ok(port),
        // Whatever its field was called: `file` and the like.
        (None, [port]) => Ok(port),
        (None, _) => Err(InputError::Unnamed {
            expected: reading.names(),
        }),
    }
}

fn push(values: &mut Values, content: &[u8], input: &str) -> Result<(), InputError> {
    let at = vec![values.len()];
    let wrong = |expected| InputError::Value {
        input: input.to_owned(),
        at: at.clone(),
        expected,
        given: "bytes that are not UTF-8".to_owned(),
    };
    if let Values::Octets(list) = values {
        list.push(content.to_vec());
        return Ok(());
    }
    // It is texts, for no other input takes a part.
    let text = str::from_utf8(content).map_err(|_| wrong(Datatype::Bytes))?;
    if !values.push(Scalar::Text(text)) {
        return Err(wrong(values.datatype()));
    }
    Ok(())
}

fn parts<'a>(body: &'a [u8], boundary: &str) -> Result<Vec<Part<'a>>, &'static str> {
    if boundary.is_empty() || boundary.len() > LONGEST_BOUNDARY {
        return Err("its `boundary` has from 1 to 70 characters");
    }
    const ENDS: &str = "it ends before its last boundary";
    let opening = format!("--{boundary}");
    let delimiter = format!("\r\n--{boundary}");
    // What stands before the first boundary is no part.
    let mut rest = match body.strip_prefix(opening.as_bytes()) {
        Some(rest) => rest,
        None => {
            let start = memmem::find(body, delimiter.as_bytes());
            let start = start.ok_or("its boundary is not there")?;
            body.get(start + delimiter.len()..).unwrap_or_default()
        }
    };
    let finder = memmem::Finder::new(&delimiter);
    let mut parts = Vec::new();
    loop {
        if rest.starts_with(b"--") {
            break;
        }
        let line = memmem::find(rest, b"\r\n").ok_or(ENDS)?;
        let is_blank = rest
            .get(..line)
            .is_some_and(|text| text.iter().all(|byte| b" \t".contains(byte)));
        if !is_blank {
            return Err("a boundary is followed by something else than a line's end");
        }
        let part = rest.get(line..).unwrap_or_default();
        let head_end = memmem::find(
            part.get(..LONGEST_HEAD.min(part.len())).unwrap_or_default(),
            b"\r\n\r\n",
        );
        let head_end = head_end.ok_or("a part has no end of its header lines")?;
        let (head, content) = part.split_at_checked(head_end + 4).ok_or(ENDS)?;
        let end = finder.find(content).ok_or(ENDS)?;
        let (content, behind) = content.split_at_checked(end).ok_or(ENDS)?;
        let head = str::from_utf8(head).map_err(|_| "the header lines of a part are not UTF-8")?;
        parts.push(Part {
            name: name(head)?,
            content,
        });
        rest = behind.get(delimiter.len()..).unwrap_or_default();
    }
    if parts.is_empty() {
        return Err("it has no parts");
    }
    Ok(parts)
}

/// The name of a part's field, if its header lines say so.
fn name(head: &str) -> Result<Option<&str>, &'static str> {
    let mut found = None;
    for line in head.split("\r\n") {
        let Some((header, value)) = line.split_once(':') else {
            continue;
        };
        let is = |name: &str| header.trim().eq_ignore_ascii_case(name);
        if is("content-transfer-encoding") {
            let plain = ["binary", "8bit", "7bit"];
            if !plain
                .iter()
                .any(|plain| value.trim().eq_ignore_ascii_case(plain))
            {
                return Err("a part is encoded: send its bytes as they are");
            }
        }
        if is("content-disposition") {
            let parameters = value.split(';').skip(1).map(str::trim);
            let mut names = parameters.filter_map(|one| one.strip_prefix("name="));
            found = names.next().map(|name| name.trim_matches('"'));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, expected: Result<&[(Option<&str>, &str)], &str>) {
        let body = body.replace('\n', "\r\n");
        let parts = parts(body.as_bytes(), "b");
        let found = parts.map(|parts| {
            let part = |part: Part<'_>| {
                let content = str::from_utf8(part.content).unwrap().to_owned();
                (part.name.map(str::to_owned), content)
            };
            parts.into_iter().map(part).collect::<Vec<_>>()
        });
        let part = |(name, content): &(Option<&str>, &str)| {
            (name.map(str::to_owned), (*content).to_owned())
        };
        let expected = expected.map(|parts| parts.iter().map(part).collect::<Vec<_>>());
        assert_eq!(found, expected);
    }

    #[test]
    fn parts_stand_between_boundaries() {
        let named = "Content-Disposition: form-data; name=\"file\"; filename=\"a.png\"";
        check(
            &format!("--b\n{named}\n\nx\n--b--\n"),
            Ok(&[(Some("file"), "x")]),
        );
        check(
            "before\n--b\n\nx\n--b\n\n\n--b--",
            Ok(&[(None, "x"), (None, "")]),
        );
        check("--b \n\na\n--c\n--b--behind", Ok(&[(None, "a\r\n--c")]));
    }

    #[test]
    fn forms_that_are_none_are_refused() {
        check("", Err("its boundary is not there"));
        check("--b--", Err("it has no parts"));
        check("--b\n\nx", Err("it ends before its last boundary"));
        check("--b\n\nx\n--b", Err("it ends before its last boundary"));
        check(
            "--bc\n\nx\n--b--",
            Err("a boundary is followed by something else than a line's end"),
        );
        check("--b\nA: b\n", Err("a part has no end of its header lines"));
        check(
            "--b\nContent-Transfer-Encoding: base64\n\nx\n--b--",
            Err("a part is encoded: send its bytes as they are"),
        );
        let long = "b".repeat(71);
        assert_eq!(
            parts(b"", &long),
            Err("its `boundary` has from 1 to 70 characters")
        );
    }
}
