//! Rows and columns by the clients of others: MLflow's, NumPy's and pandas' forms, and TensorFlow Serving's requests.

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::answering;
use crate::case::{case, case_with};
use crate::gateway::{embedded, example};
use crate::http;

/// The cases of this module.
pub fn trials() -> Vec<Trial> {
    vec![
        case_with(
            &[answering::MLFLOW],
            "scoring: MLflow's client, pandas and NumPy are answered by the names of columns",
            others_are_answered,
        ),
        case_with(
            &[answering::CLIENTS],
            "scoring: tritonclient and KServe's client, in JSON and in bytes",
            clients_are_answered,
        ),
        case_with(
            &[answering::MLSERVER],
            "scoring: MLServer's codecs write requests and read the answers",
            codecs_are_answered,
        ),
        case(
            "scoring: requests of TensorFlow Serving are answered as it answers them",
            serving_is_answered,
        ),
        case(
            "scoring: what TensorFlow Serving tells of models is told",
            serving_tells,
        ),
        case(
            "scoring: health asks for no token, predictions do",
            only_health_is_open,
        ),
    ]
}

/// The answers to the example of the default model, a row each.
fn predictions() -> Result<Value> {
    let gateway = embedded()?;
    let reply = gateway.predict(&gateway.token("predict")?)?.json()?;
    Ok(reply["predictions"].clone())
}

fn clients_are_answered() -> Result<()> {
    let gateway = embedded()?;
    let token = gateway.token("predict")?;
    answering::open_inference(&gateway.url, &token)?;
    answering::open_inference_in_bytes(&gateway.url, &token)
}

fn codecs_are_answered() -> Result<()> {
    let gateway = embedded()?;
    answering::codecs(&gateway.url, &gateway.token("predict")?)
}

fn others_are_answered() -> Result<()> {
    let gateway = embedded()?;
    answering::scoring(&gateway.url, &gateway.token("predict")?)
}

fn serving_is_answered() -> Result<()> {
    let gateway = embedded()?;
    let token = gateway.token("predict")?;
    let rows = predictions()?;
    let instances = example()?["instances"].clone();
    let list = rows.as_array().context("no rows")?;
    let column = |name: &str| -> Vec<Value> { list.iter().map(|row| row[name].clone()).collect() };
    let columns = json!({"label": column("label"), "probabilities": column("probabilities")});
    for (path, body, expected) in [
        (
            "/v1/models/wine:predict",
            json!({"signature_name": "serving_default", "instances": instances}),
            json!({"predictions": rows}),
        ),
        (
            "/v1/models/wine/versions/1:predict",
            json!({"inputs": {"X": instances}}),
            json!({"outputs": columns}),
        ),
        (
            "/v1/models/wine:predict",
            json!({"inputs": instances}),
            json!({"outputs": columns}),
        ),
    ] {
        let reply = gateway.post(path, Some(&token), &body)?;
        let answer = reply.json()?;
        ensure!(
            reply.status == 200 && answer == expected,
            "{path}: {} {answer}",
            reply.status
        );
    }
    for (path, body, status, words) in [
        (
            "/v1/models/wine:predict",
            json!({"signature_name": "x", "instances": [[1]]}),
            422,
            "signature",
        ),
        (
            "/v1/models/wine:classify",
            json!({"examples": [{}]}),
            501,
            ":predict",
        ),
        (
            "/v1/models/nothing:predict",
            json!({"instances": [[1]]}),
            404,
            "nothing",
        ),
        (
            "/v1/models/wine/versions/9:predict",
            json!({"instances": [[1]]}),
            404,
            "9",
        ),
    ] {
        let reply = gateway.post(path, Some(&token), &body)?;
        let answer = reply.json()?;
        let said = answer["error"].as_str().unwrap_or_default();
        ensure!(
            reply.status == status && said.contains(words),
            "{path}: {} {answer}",
            reply.status
        );
    }
    Ok(())
}

fn serving_tells() -> Result<()> {
    let gateway = embedded()?;
    let token = gateway.token("predict")?;
    let get = |path: &str| gateway.get(path, Some(&token))?.json();
    let names = get("/v1/models")?;
    ensure!(
        names["models"]
            .as_array()
            .is_some_and(|names| names.contains(&json!("wine"))),
        "{names}"
    );
    let status = get("/v1/models/wine")?;
    let version = &status["model_version_status"][0];
    ensure!(
        version["state"] == "AVAILABLE" && version["version"] == "1",
        "{status}"
    );
    let metadata = get("/v1/models/wine/metadata")?;
    let signature = &metadata["metadata"]["signature_def"]["signature_def"]["serving_default"];
    let input = &signature["inputs"]["X"];
    ensure!(input["dtype"] == "DT_FLOAT", "{metadata}");
    ensure!(
        input["tensor_shape"]["dim"][1]["size"] == "13",
        "{metadata}"
    );
    Ok(())
}

fn only_health_is_open() -> Result<()> {
    let gateway = embedded()?;
    let ping = gateway.get("/ping", None)?;
    ensure!(ping.status == 200, "{}", ping.status);
    for path in ["/invocations", "/v1/models/wine:predict"] {
        let reply = gateway.post(path, None, &example()?)?;
        ensure!(reply.status == 401, "{path}: {}", reply.status);
    }
    let reply = http::send(gateway.request("GET", "/v1/models")?)?;
    ensure!(reply.status == 401, "{}", reply.status);
    Ok(())
}
