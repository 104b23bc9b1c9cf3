//! One prediction, in its order: the body, the question, the run, the answer.

use std::borrow::Cow;
use std::time::Instant;

use crate::coding::Coding;
use crate::event::Request;
use crate::failure::Failure;
use crate::log::{Line, Milliseconds};
use crate::protocol::{self, Accepted, Limits, Served, Written};
use crate::reply::{Answer, Body};
use crate::repository::Version;
use crate::statistics::Steps;

/// How long the JSON in front of binary data is.
const HEADER_LENGTH: &str = "inference-header-content-length";

/// What a request may ask for.
pub(crate) struct Asked {
    /// In which dialects.
    pub(crate) accepted: Accepted,
    /// Within which limits.
    pub(crate) limits: Limits,
}

/// The answer of a version, how many rows it was asked for, and how long that took.
pub(crate) fn answered(
    version: Version<'_>,
    request: &Request<'_>,
    asked: &Asked,
    line: &mut Line<'_>,
) -> Result<(Answer, usize, Steps), Failure> {
    let Asked { accepted, limits } = asked;
    let header_length = request.header_list(HEADER_LENGTH);
    // Clients of the binary tensor extension say what they send by this header alone.
    if header_length.is_empty() {
        check_content(request)?;
    }
    let specification = version.model.specification();

    let parsing = Instant::now();
    let body = body(request, limits)?;
    let question = if header_length.is_empty() {
        protocol::read(&body, specification, limits, *accepted)
    } else {
        protocol::read_binary(&body, &header_length, specification, limits)
    };
    let mut question = question?;
    drop(body);
    let parse = parsing.elapsed();
    line.dialect = Some(question.dialect.name());
    line.rows = Some(question.rows);
    line.parse_ms = Some(Milliseconds(parse));

    let running = Instant::now();
    let outputs = version.model.run(std::mem::take(&mut question.inputs));
    let run = running.elapsed();
    line.run_ms = Some(Milliseconds(run));
    let outputs = outputs?;

    let writing = Instant::now();
    let number = version.number.to_string();
    let served = Served {
        model: &version.entry.name,
        version: &number,
        outputs: &specification.outputs,
        labels: &version.entry.description.labels,
    };
    let written = protocol::write(served, &question, &outputs)?;
    let write = writing.elapsed();
    line.write_ms = Some(Milliseconds(write));
    let steps = Steps { parse, run, write };
    Ok((answer(written), question.rows, steps))
}

fn answer(written: Written) -> Answer {
    match written {
        Written::Json(text) => Answer::json(text),
        Written::Binary { header_bytes, body } => Answer {
            content_type: "application/octet-stream",
            headers: vec![(HEADER_LENGTH, header_bytes.to_string())],
            body: Body::Bytes(body),
        },
    }
}

/// The body as it was before it was compressed.
pub(crate) fn body<'a>(
    request: &'a Request<'_>,
    limits: &Limits,
) -> Result<Cow<'a, [u8]>, Failure> {
    let coding = Coding::of(&request.header_list("content-encoding"))?;
    let body = request.body(limits.body_bytes)?;
    match coding {
        Some(coding) => Ok(coding.decode(&body, limits.decoded_bytes)?.into()),
        None => Ok(body),
    }
}

/// What is read as JSON: what says so, what says nothing, and what curl says by default.
fn check_content(request: &Request<'_>) -> Result<(), Failure> {
    let given = request.header("content-type").unwrap_or_default();
    let media_type = given
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let is_json = matches!(
        media_type.as_str(),
        "" | "application/json" | "application/x-www-form-urlencoded"
    );
    let is_like_json = media_type.starts_with("application/") && media_type.ends_with("+json");
    if is_json || is_like_json {
        Ok(())
    } else {
        Err(Failure::ContentType(media_type))
    }
}
