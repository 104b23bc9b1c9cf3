//! A first call to print: to a model that is there, with a body that it was seen to answer. How it is
//! written for a shell is left to the announcement.

use std::fs;
use std::path::{Path, PathBuf};

use model_fn::ModelFunction;
use model_fn::protocol::Limits;
use serde::Deserialize;
use serde_json::{Value, json};

/// More values of one digit and a comma than these do not fit into a body with its names and shapes.
const MOST_VALUES: usize = Limits::DEFAULT.body_bytes / 2 - 50_000;

/// A made-up body with more values is not written out: a shell takes lines of 128 kB, a reader less.
const WRITTEN_OUT: usize = 256;
/// What made-up bodies hold: ones, for masks that hide nothing, or else zeros, for small tables of
/// indices. The model function tries its models in the same order.
const FILLINGS: [u8; 2] = [1, 0];

/// A first call.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Example {
    /// `POST` of a body to a route.
    Predict(String, Body),
    /// `GET /models`, which tells what to send, where no call is known to work.
    Models,
}

/// What is sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// The content of this file.
    File(PathBuf),
    /// Text that is made up from what the model takes.
    Made(Vec<Piece>),
}

/// A piece of a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// As it is.
    Text(String),
    /// So many times.
    Repeated(String, usize),
}

/// What `GET /models` says that matters here.
#[derive(Debug, Deserialize)]
struct Models {
    default: Option<String>,
    models: Vec<Model>,
}

#[derive(Debug, Deserialize)]
struct Model {
    name: String,
    inputs: Vec<Input>,
}

#[derive(Debug, Deserialize)]
struct Input {
    name: String,
    datatype: String,
    shape: Vec<i64>,
}

/// The call for a function of this process: the default model, or one with an `example.json`, or any.
/// Only what was tried and answered is returned.
pub(super) fn find(function: &ModelFunction, folder: &Path) -> Example {
    let models = ask(function, "GET", "/models", None);
    let models = models.and_then(|text| serde_json::from_str::<Models>(&text).ok());
    let Some(Models {
        default,
        mut models,
    }) = models
    else {
        return Example::Models;
    };
    let is_default = |model: &Model| default.as_ref() == Some(&model.name);
    models.sort_by_key(|model| (!is_default(model), !file(folder, &model.name).is_file()));
    let mut calls = models.iter().filter_map(|model| {
        let route = if is_default(model) {
            "/predict".to_owned()
        } else {
            route(&model.name)
        };
        let body = body(function, &route, model, &file(folder, &model.name))?;
        Some(Example::Predict(route, body))
    });
    calls.next().unwrap_or(Example::Models)
}

/// The call for a function elsewhere, which may have other models than this folder: a guess.
pub(super) fn guess(folder: &Path, default: Option<&str>) -> Example {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| file(folder, name).is_file())
        .collect();
    names.sort_by_key(|name| (default != Some(name), name.clone()));
    names.first().map_or(Example::Models, |name| {
        Example::Predict(route(name), Body::File(file(folder, name)))
    })
}

impl Example {
    /// The same call, as a shell makes it in this folder.
    pub(super) fn seen_from(self, folder: &Path) -> Self {
        match self {
            Self::Predict(route, Body::File(path)) => {
                let path = path
                    .strip_prefix(folder)
                    .map(Path::to_path_buf)
                    .unwrap_or(path);
                Self::Predict(route, Body::File(path))
            }
            Self::Predict(_, Body::Made(_)) | Self::Models => self,
        }
    }
}

fn route(model: &str) -> String {
    format!("/predict/{model}")
}

fn file(folder: &Path, model: &str) -> PathBuf {
    folder.join(model).join("example.json")
}

/// The first body that the model answers.
fn body(function: &ModelFunction, route: &str, model: &Model, file: &Path) -> Option<Body> {
    let answers = |text: &str| ask(function, "POST", route, Some(text)).is_some();
    if fs::read_to_string(file).is_ok_and(|text| answers(&text)) {
        return Some(Body::File(file.to_owned()));
    }
    let rows = FILLINGS.iter().filter_map(|filling| rows(model, *filling));
    let tensors = FILLINGS
        .iter()
        .filter_map(|filling| tensors(model, *filling));
    rows.chain(tensors)
        .find(|pieces| answers(&text(pieces)))
        .map(Body::Made)
}

/// Asks the function as the gateway would, for a caller that may do everything.
fn ask(function: &ModelFunction, method: &str, path: &str, body: Option<&str>) -> Option<String> {
    let event = json!({
        "httpMethod": method,
        "path": path,
        "headers": {"content-type": "application/json"},
        "requestContext": {"authorizer": {"principalId": "tollgate"}},
        "body": body,
    });
    let reply = function.handle(&event.to_string(), "example").reply;
    (reply.status_code == 200).then_some(reply.body)
}

/// One row as `instances`, if the inputs have rows and few values.
fn rows(model: &Model, filling: u8) -> Option<Vec<Piece>> {
    let values = model.inputs.iter().map(|input| {
        let (first, rest) = input.shape.split_first()?;
        // Columns stand bare.
        let axes = rest.strip_suffix(&[1]).unwrap_or(rest);
        let is_small = input.volume()? <= WRITTEN_OUT && *first <= 1;
        is_small.then(|| (input.name.clone(), nested(axes, &input.value(filling))))
    });
    let values: Vec<(String, Value)> = values.collect::<Option<_>>()?;
    let row = match values.as_slice() {
        [] => return None,
        [(_, value)] => value.clone(),
        [..] => Value::Object(values.into_iter().collect()),
    };
    Some(vec![Piece::Text(json!({"instances": [row]}).to_string())])
}

fn nested(axes: &[i64], value: &Value) -> Value {
    match axes {
        [] => value.clone(),
        [length, rest @ ..] => (0..one_if_open(*length))
            .map(|_| nested(rest, value))
            .collect(),
    }
}

fn one_if_open(length: i64) -> usize {
    usize::try_from(length).unwrap_or(1)
}

/// One row as tensors of the Open Inference Protocol.
fn tensors(model: &Model, filling: u8) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut open = r#"{"inputs":["#.to_owned();
    for input in &model.inputs {
        let name = Value::from(input.name.as_str());
        let shape: Value = input.lengths().collect();
        let (datatype, value) = (&input.datatype, input.value(filling));
        open += &format!(r#"{{"name":{name},"shape":{shape},"datatype":"{datatype}","data":["#);
        match input.volume()? {
            0 => {}
            few @ 1..=WRITTEN_OUT => open += &vec![value.to_string(); few].join(","),
            many => {
                open += &value.to_string();
                pieces.push(Piece::Text(std::mem::take(&mut open)));
                pieces.push(Piece::Repeated(format!(",{value}"), many - 1));
            }
        }
        open += "]},";
    }
    pieces.push(Piece::Text(open.trim_end_matches(',').to_owned() + "]}"));
    Some(pieces)
}

fn text(pieces: &[Piece]) -> String {
    let piece = |piece: &Piece| match piece {
        Piece::Text(text) => text.clone(),
        Piece::Repeated(text, times) => text.repeat(*times),
    };
    pieces.iter().map(piece).collect()
}

impl Input {
    /// The shape of one row: open axes are one long.
    fn lengths(&self) -> impl Iterator<Item = usize> {
        self.shape.iter().map(|length| one_if_open(*length))
    }

    /// How many values one row has, if a request may hold them.
    fn volume(&self) -> Option<usize> {
        let volume = self.lengths().try_fold(1, usize::checked_mul);
        volume.filter(|volume| *volume <= MOST_VALUES)
    }

    fn value(&self, filling: u8) -> Value {
        match self.datatype.as_str() {
            "BYTES" => json!(""),
            "BOOL" => json!(filling != 0),
            _ => json!(filling),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(inputs: Value) -> Model {
        serde_json::from_value(json!({"name": "m", "inputs": inputs})).unwrap()
    }

    fn input(name: &str, datatype: &str, shape: &[i64]) -> Value {
        json!({"name": name, "datatype": datatype, "shape": shape})
    }

    /// The bodies of ones, by rows and by tensors.
    #[track_caller]
    fn check(inputs: Value, as_rows: Option<Value>, as_tensors: Option<Value>) {
        let model = model(inputs);
        let read = |pieces: Vec<Piece>| serde_json::from_str::<Value>(&text(&pieces)).unwrap();
        assert_eq!(rows(&model, 1).map(read), as_rows);
        assert_eq!(tensors(&model, 1).map(read), as_tensors);
    }

    #[test]
    fn a_body_is_one_row_of_what_the_model_takes() {
        let tensor = |name: &str, datatype: &str, shape: Value, data: Value| json!({"name": name, "shape": shape, "datatype": datatype, "data": data});
        check(
            json!([input("x", "FP32", &[-1, 2])]),
            Some(json!({"instances": [[1, 1]]})),
            Some(json!({"inputs": [tensor("x", "FP32", json!([1, 2]), json!([1, 1]))]})),
        );
        check(
            json!([
                input("a\"b", "BYTES", &[-1, 1]),
                input("c", "BOOL", &[1, -1, 2])
            ]),
            Some(json!({"instances": [{"a\"b": "", "c": [[true, true]]}]})),
            Some(json!({"inputs": [
                tensor("a\"b", "BYTES", json!([1, 1]), json!([""])),
                tensor("c", "BOOL", json!([1, 1, 2]), json!([true, true])),
            ]})),
        );
        // A scalar and a fixed batch have no single row.
        for shape in [&[][..], &[2]] {
            let (lengths, volume) = (json!(shape), shape.iter().product::<i64>());
            let data = vec![1; usize::try_from(volume).unwrap()];
            check(
                json!([input("x", "INT64", shape)]),
                None,
                Some(json!({"inputs": [tensor("x", "INT64", lengths, json!(data))]})),
            );
        }
    }

    #[test]
    fn many_values_are_repeated_and_too_many_are_not_sent() {
        let pieces =
            |length: i64| tensors(&model(json!([input("x", "FP32", &[-1, length])])), 1).unwrap();
        assert_eq!(pieces(256).len(), 1);
        let [_, Piece::Repeated(text, 256), _] = &pieces(257)[..] else {
            panic!("{:?}", pieces(257))
        };
        assert_eq!(text, ",1");
        let image = json!([input("x", "FP32", &[-1, 3, 224, 224])]);
        let read: Value =
            serde_json::from_str(&super::text(&tensors(&model(image), 0).unwrap())).unwrap();
        assert_eq!(read["inputs"][0]["data"], json!(vec![0; 3 * 224 * 224]));
        let beyond = |length: i64| tensors(&model(json!([input("x", "FP32", &[length])])), 1);
        assert!(beyond(2_300_000).is_some());
        assert_eq!(beyond(2_300_001), None);
        check(json!([input("x", "FP32", &[i64::MAX, 3])]), None, None);
    }

    #[test]
    fn of_models_elsewhere_a_file_is_the_best_guess() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(guess(folder.path(), None), Example::Models);
        for name in ["b", "a", "without"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        for name in ["b", "a"] {
            fs::write(file(folder.path(), name), "{}").unwrap();
        }
        for (default, name) in [(None, "a"), (Some("b"), "b"), (Some("without"), "a")] {
            let body = Body::File(file(folder.path(), name));
            let expected = Example::Predict(format!("/predict/{name}"), body);
            assert_eq!(guess(folder.path(), default), expected);
        }
    }
}
