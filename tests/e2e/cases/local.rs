//! `cargo tollgate` as a new user meets it: its own issuer, and the models of the repository.

use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::case::case;
use crate::gateway::{Gateway, embedded, example, json_file};
use crate::recorded::{self, Recorded, list, nested};

const MODELS: [&str; 2] = ["wine", "digits"];
const STOPPED: Duration = Duration::from_secs(10);

/// The cases of this module.
pub fn trials() -> Vec<Trial> {
    vec![
        case("local: it is ready soon", it_is_ready_soon),
        case(
            "local: signals stop it, and nothing stays behind",
            signals_stop_it,
        ),
        case(
            "local: every recorded prediction comes out again",
            recorded_predictions_come_out_again,
        ),
        case(
            "local: `instances` and named inputs predict the same",
            other_dialects_predict_the_same,
        ),
        case(
            "local: every example is answered",
            every_example_is_answered,
        ),
        case("local: a picture is a body", a_picture_is_read),
        case(
            "local: what needs no token, and what does",
            what_needs_a_token,
        ),
        case(
            "local: one token opens several routes",
            one_token_opens_several_routes,
        ),
        case(
            "local: a closed route first, then an open one",
            closed_first_then_open,
        ),
        case(
            "local: models and server describe themselves",
            models_describe_themselves,
        ),
    ]
}

fn it_is_ready_soon() -> Result<()> {
    let gateway = Gateway::start(&[])?;
    println!("tollgate: ready after {:.0?}", gateway.ready_after);
    gateway.predict(&gateway.token("predict")?)?.expect(200)?;
    Ok(())
}

fn signals_stop_it() -> Result<()> {
    for signal in ["INT", "TERM"] {
        let gateway = Gateway::start(&[])?;
        gateway.get("/v2/health/live", None)?.expect(200)?;
        gateway.process.signal(signal);
        gateway.process.wait(STOPPED).context(signal)?;
        for url in [&gateway.url, &gateway.issuer] {
            let address = url.trim_start_matches("http://");
            ensure!(
                TcpStream::connect(address).is_err(),
                "`{url}` still answers after SIG{signal}"
            );
        }
    }
    Ok(())
}

fn recorded_predictions_come_out_again() -> Result<()> {
    let gateway = embedded()?;
    let token = gateway.token("predict")?;
    for model in MODELS {
        for path in [
            format!("/v2/models/{model}/infer"),
            format!("/predict/{model}"),
        ] {
            recorded::check(model, |body| {
                gateway.post(&path, Some(&token), body)?.expect(200)?.json()
            })?;
        }
    }
    Ok(())
}

fn other_dialects_predict_the_same() -> Result<()> {
    let gateway = embedded()?;
    let token = gateway.token("predict")?;
    for model in MODELS {
        let recorded = Recorded::of(model)?;
        let path = format!("/predict/{model}");
        let ask = |body: &Value| gateway.post(&path, Some(&token), body)?.expect(200)?.json();
        for case in &recorded.cases {
            let inputs = list(case, "inputs")?;
            ensure!(
                inputs.len() == 1,
                "`instances` as a list of rows has no names for several inputs"
            );
            let (name, rows) = (
                inputs[0]["name"].as_str().context("no name")?,
                nested(&inputs[0])?,
            );
            let by_row = ask(&json!({"instances": rows}))?;
            let by_column = ask(&json!({"inputs": {name: rows}}))?;
            for output in list(case, "outputs")? {
                let name = output["name"].as_str().context("no name")?;
                let expected = nested(output)?;
                let rows = list(&by_row, "predictions")?.iter();
                let column = rows.map(|row| named(row, name).clone()).collect();
                recorded
                    .compare_values(&column, &expected)
                    .with_context(|| format!("{by_row}"))?;
                recorded
                    .compare_values(named(&by_column["outputs"], name), &expected)
                    .with_context(|| format!("{by_column}"))?;
            }
        }
    }
    Ok(())
}

/// One output: it has its name where there are several, and stands alone where there is one.
fn named<'a>(outputs: &'a Value, name: &str) -> &'a Value {
    outputs.get(name).unwrap_or(outputs)
}

fn a_picture_is_read() -> Result<()> {
    let gateway = embedded()?;
    let token = gateway.token("predict")?;
    for (name, digit) in recorded::PICTURES {
        let request = gateway.request("POST", "/predict/digits")?;
        recorded::picture(request, &token, name, digit)?;
    }
    Ok(())
}

fn every_example_is_answered() -> Result<()> {
    let gateway = embedded()?;
    let token = gateway.token("predict")?;
    for model in MODELS {
        let body = json_file(&format!("models/{model}/example.json"))?;
        let answer = gateway
            .post(&format!("/predict/{model}"), Some(&token), &body)?
            .expect(200)?
            .json()?;
        let rows = list(&body, "instances")?.len();
        ensure!(
            list(&answer, "predictions")?.len() == rows,
            "not one prediction a row: {answer}"
        );
    }
    let (default, named) = (
        gateway.predict(&token)?,
        gateway.post("/predict/wine", Some(&token), &example()?)?,
    );
    ensure!(
        default.json()? == named.json()?,
        "`/predict` is not the default model"
    );
    Ok(())
}

fn what_needs_a_token() -> Result<()> {
    let gateway = embedded()?;
    for path in ["/v2/health/live", "/v2/health/ready"] {
        gateway.get(path, None)?.expect(200).context(path)?;
    }
    for path in [
        "/v2",
        "/models",
        "/openapi.json",
        "/v2/models/wine",
        "/v2/models/wine/ready",
    ] {
        gateway.get(path, None)?.expect(401).context(path)?;
        // Whoever has a token may ask, and is told of the models that the token opens.
        let status = if path.contains("wine") { 403 } else { 200 };
        for (scope, status) in [("", status), ("predict", 200)] {
            let answer = gateway.get(path, Some(&gateway.token(scope)?))?;
            answer.expect(status).context(path)?;
        }
    }
    let listed = gateway.get("/models", Some(&gateway.token("")?))?;
    let listed = listed.expect(200)?.json()?;
    ensure!(list(&listed, "models")?.is_empty(), "{listed}");
    for path in ["/predict", "/predict/wine", "/v2/models/wine/infer"] {
        gateway
            .post(path, None, &example()?)?
            .expect(401)
            .context(path)?;
    }
    Ok(())
}

fn one_token_opens_several_routes() -> Result<()> {
    let gateway = embedded()?;
    let token = gateway.token("predict")?;
    gateway.predict(&token)?.expect(200)?;
    gateway
        .post("/predict/wine", Some(&token), &example()?)?
        .expect(200)?;
    gateway
        .get("/v2/models/digits", Some(&token))?
        .expect(200)?;
    Ok(())
}

/// The remembered answer to the first call must not close the second.
fn closed_first_then_open() -> Result<()> {
    let gateway = embedded()?;
    let token = gateway.token("other")?;
    gateway.predict(&token)?.expect(403)?;
    gateway.get("/v2", Some(&token))?.expect(200)?;
    gateway.predict(&token)?.expect(403)?;
    Ok(())
}

fn models_describe_themselves() -> Result<()> {
    let gateway = embedded()?;
    let token = gateway.token("predict")?;
    let about = |path: &str| gateway.get(path, Some(&token))?.expect(200)?.json();
    let wine = about("/v2/models/wine")?;
    ensure!(
        wine["name"] == "wine" && wine["inputs"][0]["name"] == "X",
        "{wine}"
    );
    ensure!(
        wine["inputs"][0]["shape"][1] == 13 && wine["inputs"][0]["datatype"] == "FP32",
        "{wine}"
    );
    let digits = about("/v2/models/digits")?;
    ensure!(digits["inputs"][0]["name"] == "image", "{digits}");
    let all = about("/models")?.to_string();
    ensure!(MODELS.iter().all(|model| all.contains(model)), "{all}");
    ensure!(about("/v2")?["name"].is_string(), "the server has no name");
    Ok(())
}
