//! One prediction, in its order: the body, the question, the run, the answer.

use std::borrow::Cow;
use std::time::Instant;

use crate::batching::{Batcher, Coming};
use crate::coding::Coding;
use crate::deadline::Deadline;
use crate::engine::RunError;
use crate::event::Request;
use crate::failure::Failure;
use crate::log::{Line, Milliseconds};
use crate::media::{self, Choice};
use crate::pipeline::Given;
use crate::protocol::{
    self, Accepted, Dialect, Format, InputError, Limits, Question, Served, Written,
};
use crate::reply::{Answer, Body};
use crate::repository::Version;
use crate::statistics::Steps;
use crate::tensor::Tensor;

/// How long the JSON in front of binary data is.
const HEADER_LENGTH: &str = "inference-header-content-length";

/// How long the steps took, in milliseconds (W3C Server Timing).
const SERVER_TIMING: &str = "server-timing";

/// The rows whose texts were cut, from 0.
const TRUNCATED_ROWS: &str = "truncated-rows";

/// How many rows a header names.
const MOST_NAMED: usize = 64;

/// What a request may ask for.
pub(crate) struct Asked {
    /// In which dialects.
    pub(crate) accepted: Accepted,
    /// Within which limits.
    pub(crate) limits: Limits,
    /// Until when.
    pub(crate) deadline: Deadline,
}

/// The answer of a version, how many rows it was asked for, and how long that took.
pub(crate) fn answered(
    version: Version<'_>,
    request: &Request<'_>,
    asked: &Asked,
    line: &mut Line<'_>,
) -> Result<(Answer, usize, Steps), Failure> {
    let specification = version.model.specification();
    let coming = version.batcher.map(Batcher::coming);
    let parsing = Instant::now();
    let (format, mut question, given) = read(request, version, asked)?;
    let inputs = std::mem::take(&mut question.inputs);
    let wishes = version.model.wishes(&question)?;
    let made = version
        .model
        .made(given, inputs, &wishes, asked.limits.elements)?;
    let parse = parsing.elapsed();
    line.dialect = Some(question.dialect.name());
    line.rows = Some(question.rows);
    line.parse_ms = Some(Milliseconds(parse));
    let choice = choice(request, format, &mut question, version)?;

    let values = made.inputs.iter().map(|input| input.values().len());
    let least = version.statistics.pace.least(values.sum());
    let least = least.unwrap_or_default();
    asked.deadline.check(least, Instant::now())?;
    // Whoever has no time to wait for others runs alone.
    let longest = version.batcher.map(|batcher| batcher.longest(least));
    let has_time = |longest| asked.deadline.check(longest, Instant::now()).is_ok();
    let coming = coming.filter(|_| longest.is_some_and(has_time));

    let running = Instant::now();
    let mask = version.model.mask(&made.inputs);
    let ran = run(version, coming, made.inputs);
    let run = running.elapsed();
    line.run_ms = Some(Milliseconds(run));
    let (outputs, requests) = ran?;
    line.batched = (requests > 1).then_some(requests);

    let writing = Instant::now();
    let outputs = version.model.seen(outputs, mask.as_ref(), &wishes)?;
    let number = version.number.to_string();
    let served = Served {
        model: &version.entry.name,
        version: &number,
        outputs: &specification.outputs,
        labels: &version.entry.description.labels,
        truncated: &made.truncated,
        tokens: made.tokens.map(|tokens| tokens.iter().sum()),
        most_bytes: asked.limits.decoded_bytes.max(asked.limits.reply_bytes),
    };
    let written = protocol::write_as(choice.form, served, &question, &outputs)?;
    let write = writing.elapsed();
    line.write_ms = Some(Milliseconds(write));
    let steps = Steps { parse, run, write };
    let mut answer = answer(written, choice);
    answer.headers.push((SERVER_TIMING, timing(&steps)));
    answer.headers.extend(truncation(&made.truncated));
    Ok((answer, question.rows, steps))
}

/// Runs the model, together with other requests where it may; with the outputs, how many ran together.
fn run(
    version: Version<'_>,
    coming: Option<Coming<'_>>,
    inputs: Vec<Tensor>,
) -> Result<(Vec<Tensor>, usize), RunError> {
    let statistics = version.statistics;
    let run = |inputs: Vec<Tensor>| {
        let values = inputs.iter().map(|input| input.values().len()).sum();
        let started = Instant::now();
        let outputs = version.model.run(inputs)?;
        statistics.execute();
        statistics.pace.add(values, started.elapsed());
        Ok(outputs)
    };
    match (version.batcher, coming) {
        (Some(batcher), Some(coming)) => batcher.run(coming, inputs, run),
        (None, _) | (_, None) => Ok((run(inputs)?, 1)),
    }
}

/// The question of a request, and the format it came in.
fn read<'a>(
    request: &'a Request<'_>,
    version: Version<'_>,
    asked: &Asked,
) -> Result<(Format<'a>, Question, Given), Failure> {
    let Asked {
        accepted, limits, ..
    } = asked;
    let model = version.model;
    let header_length = request.header_list(HEADER_LENGTH);
    let is_embeddings = *accepted == Accepted::Embeddings;
    if is_embeddings && model.embedding().is_none() {
        return Err(InputError::NoEmbeddings.into());
    }
    // Clients of the binary tensor extension say what they send by this header alone.
    if request.header(HEADER_LENGTH).is_some() && !is_embeddings {
        if *accepted == Accepted::Serving {
            return Err(InputError::NotValues.into());
        }
        let body = body(request, limits)?;
        let (question, given) = model.read_binary(&body, &header_length, limits)?;
        return Ok((Format::Json, question, given));
    }
    let format = format(request)?;
    if is_embeddings && format != Format::Json {
        return Err(not_read(request));
    }
    let body = body(request, limits)?;
    let (question, given) = model.read(format, &body, limits, *accepted)?;
    Ok((format, question, given))
}

/// The form of the answer, which may be that of one output alone.
fn choice(
    request: &Request<'_>,
    format: Format<'_>,
    question: &mut Question,
    version: Version<'_>,
) -> Result<Choice, Failure> {
    let choice = match question.dialect {
        Dialect::Tensors | Dialect::Embeddings { .. } => Choice::JSON,
        Dialect::Rows | Dialect::Columns | Dialect::Invoked => {
            let outputs = version.model.specification().outputs.len();
            media::choose(&request.header_list("accept"), format, outputs)?
        }
    };
    if let Some(output) = &choice.output {
        question.select(output, &version.model.specification().outputs)?;
    }
    Ok(choice)
}

/// Says which rows have texts that were cut, where the body has no place for it too.
fn truncation(rows: &[usize]) -> Option<(&'static str, String)> {
    let named: Vec<String> = rows.iter().take(MOST_NAMED).map(usize::to_string).collect();
    let more = if rows.len() > MOST_NAMED { ", ..." } else { "" };
    (!rows.is_empty()).then(|| (TRUNCATED_ROWS, named.join(", ") + more))
}

fn timing(steps: &Steps) -> String {
    let Steps { parse, run, write } = *steps;
    let [parse, run, write] = [parse, run, write].map(Milliseconds);
    format!("parse;dur={parse}, run;dur={run}, write;dur={write}")
}

fn answer(written: Written, choice: Choice) -> Answer {
    match written {
        Written::Json(text) | Written::Text(text) => Answer::text(text, choice.content_type),
        Written::Bytes(body) => Answer {
            content_type: choice.content_type,
            headers: Vec::new(),
            body: Body::Bytes(body),
        },
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

/// The format of the body, by what the caller says of it.
fn format<'a>(request: &'a Request<'_>) -> Result<Format<'a>, Failure> {
    let given = request.header("content-type").unwrap_or_default();
    media::format(given).ok_or_else(|| not_read(request))
}

fn not_read(request: &Request<'_>) -> Failure {
    let given = request.header("content-type").unwrap_or_default();
    Failure::ContentType(given.trim().to_ascii_lowercase())
}
