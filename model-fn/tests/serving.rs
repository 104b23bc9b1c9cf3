//! A started function with models of several kinds: values, versions, panics, threads.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

use std::path::Path;
use std::thread;
use std::time::Duration;

use model_fn::{Config, Invocation, ModelFunction, Outcome};
use serde_json::{Value, json};

/// Asked without an authorizer's context.
fn metadata(variables: &[(&str, &str)]) -> (u16, Value) {
    let function = start_with(variables);
    let path = "/.well-known/oauth-protected-resource";
    let event = json!({"httpMethod": "GET", "path": path, "resource": path, "requestContext": {}});
    let reply = function.handle(&event.to_string(), "request").reply;
    (
        reply.status_code,
        serde_json::from_str(&reply.body).unwrap(),
    )
}

#[test]
fn whoever_has_no_token_is_told_where_to_get_one_at_a_public_address_alone() {
    let issuer = ("ISSUER", "https://issuer.example/");
    let (status, answer) = metadata(&[("PUBLIC_BASE_URL", "https://api.example"), issuer]);
    let expected = json!({
        "resource": "https://api.example",
        "authorization_servers": ["https://issuer.example/"],
        "bearer_methods_supported": ["header"],
    });
    assert_eq!((status, answer), (200, expected));
    for base in ["", "https://api.example/v1"] {
        let (status, answer) = metadata(&[("PUBLIC_BASE_URL", base), issuer]);
        assert_eq!((status, &answer["code"]), (404, &json!("route_unknown")));
    }
}

/// What a browser is told before it sends the request of a page of `https://app.example`, without a token.
fn preflight(origins: &str) -> Outcome {
    let function = start_with(&[("CORS_ORIGINS", origins)]);
    let headers = json!({"origin": "https://app.example", "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type"});
    let event = json!({"httpMethod": "OPTIONS", "path": "/v2/models/adder/infer", "headers": headers, "requestContext": {}});
    function.handle(&event.to_string(), "request")
}

#[test]
fn a_browser_learns_without_a_token_whether_a_page_may_call() {
    for (origins, allowed) in [
        ("*", "*"),
        (
            "https://other.example, https://app.example",
            "https://app.example",
        ),
    ] {
        let reply = preflight(origins).reply;
        assert_eq!((reply.status_code, reply.body.as_str()), (204, ""));
        assert_eq!(reply.headers["access-control-allow-origin"], allowed);
        assert_eq!(reply.headers["access-control-allow-methods"], "GET, POST");
        let headers = &reply.headers["access-control-allow-headers"];
        assert!(headers.split(", ").any(|header| header == "authorization"));
    }
    for (origins, words) in [
        ("", "is not set"),
        ("https://other.example", "is not among"),
    ] {
        let outcome = preflight(origins);
        assert_eq!(outcome.reply.status_code, 403);
        assert!(outcome.reply.body.contains(words), "{}", outcome.reply.body);
        let names = outcome.reply.headers.keys();
        assert!(!names.into_iter().any(|name| name.starts_with("access-")));
    }
}

#[test]
fn a_page_may_read_answers_and_errors_if_its_origin_is_listed() {
    let function = start_with(&[("CORS_ORIGINS", "https://app.example")]);
    let asked = |path: &str, origin: &str| {
        let context = json!({"authorizer": {"principalId": "somebody", "scope": "predict"}});
        let headers = json!({"Origin": origin, "Accept-Encoding": "gzip"});
        let event = json!({"httpMethod": "GET", "path": path, "headers": headers, "requestContext": context});
        let reply = function.handle(&event.to_string(), "request").reply;
        let allowed = reply.headers.get("access-control-allow-origin").cloned();
        (reply.status_code, allowed, reply.headers["vary"].clone())
    };
    let app = Some("https://app.example".to_owned());
    let check = |path, origin, status, allowed: &Option<String>, vary: &str| {
        let expected = (status, allowed.clone(), vary.to_owned());
        assert_eq!(asked(path, origin), expected, "{path} {origin}");
    };
    check("/v2", "https://app.example", 200, &app, "origin");
    check(
        "/v2/models/none",
        "https://app.example",
        404,
        &app,
        "origin",
    );
    check(
        "/openapi.json",
        "https://app.example",
        200,
        &app,
        "accept-encoding, origin",
    );
    check("/v2", "https://evil.example", 200, &None, "origin");
}

fn start() -> ModelFunction {
    start_with(&[])
}

fn start_with(variables: &[(&str, &str)]) -> ModelFunction {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/served")
        .display()
        .to_string();
    let lookup = |name: &str| {
        let found = variables.iter().find(|(variable, _)| *variable == name);
        let found = found.map(|(_, value)| (*value).to_owned());
        found.or_else(|| (name == "MODEL_SOURCE").then(|| source.clone()))
    };
    ModelFunction::start(Config::load(lookup).unwrap()).unwrap()
}

fn ask(function: &ModelFunction, path: &str, body: &str) -> (u16, Value, Value) {
    let context = json!({"authorizer": {"principalId": "somebody", "scope": "predict"}});
    let event =
        json!({"httpMethod": "POST", "path": path, "requestContext": context, "body": body});
    let outcome = function.handle(&event.to_string(), "request");
    let [line, _metrics] = outcome.log.as_slice() else {
        panic!("a line a request, and one of metrics: {:?}", outcome.log)
    };
    let body = serde_json::from_str(&outcome.reply.body).unwrap();
    (
        outcome.reply.status_code,
        body,
        serde_json::from_str(line).unwrap(),
    )
}

#[track_caller]
fn check(function: &ModelFunction, path: &str, body: &Value, expected: &Value) {
    let (status, answer, _) = ask(function, path, &body.to_string());
    assert_eq!((status, &answer), (200, expected));
}

#[test]
fn an_answer_tells_how_long_its_steps_took() {
    let context = json!({"authorizer": {"principalId": "somebody", "scope": "predict"}});
    let event = json!({"httpMethod": "POST", "path": "/predict/strict", "requestContext": context, "body": r#"{"instances": ["Bern"]}"#});
    let reply = start().handle(&event.to_string(), "request").reply;
    let steps = reply.headers["server-timing"].split(", ").map(|step| {
        let (name, duration) = step.split_once(";dur=").unwrap();
        assert!(duration.parse::<f64>().unwrap() > 0.0, "{step}");
        name
    });
    assert!(steps.eq(["parse", "run", "write"]));
}

/// Whoever may invoke the function directly may make up any context: that is for an operator to want.
#[test]
fn a_plain_body_is_an_event_where_direct_invocations_are_trusted() {
    let variables =
        |trust: &'static str| [("DEFAULT_MODEL", "strict"), ("TRUST_DIRECT_INVOKE", trust)];
    let event = json!({"instances": ["Basel"]}).to_string();
    let trusting = start_with(&variables("true"));
    let (payload, log) = trusting.handle(&event, "request").into_parts();
    let answer = serde_json::to_value(&payload).unwrap();
    assert_eq!(answer, json!({"predictions": [[0.0, 1.0]]}));
    assert!(log[0].contains(r#""route":"POST /predict""#), "{}", log[0]);
    let (payload, _) = trusting
        .handle(r#"{"instances": 7}"#, "request")
        .into_parts();
    let refused = serde_json::to_value(&payload).unwrap();
    assert_eq!(refused["code"], "not_a_dialect", "{refused}");
    let url = json!({"version": "2.0", "rawPath": "/predict", "body": event,
        "requestContext": {"domainName": "abc.lambda-url.eu-central-1.on.aws", "http": {"method": "POST"}, "authorizer": {"iam": {"userId": "me"}}}});
    assert_eq!(
        trusting
            .handle(&url.to_string(), "request")
            .reply
            .status_code,
        200
    );
    let [warning, _, _] = trusting.start_log() else {
        panic!(
            "a warning, the start and its metrics: {:?}",
            trusting.start_log()
        )
    };
    assert!(warning.contains("TRUST_DIRECT_INVOKE is true"), "{warning}");

    // A gateway stands in front of these: that it has no authorizer is a mistake, and no invocation by somebody trusted.
    let gateway = |context: Value| json!({"httpMethod": "POST", "path": "/predict", "body": event, "requestContext": context});
    for context in [
        json!({}),
        json!({"authorizer": {}}),
        json!({"domainName": "abc.lambda-url.eu-central-1.on.aws"}),
    ] {
        let event = gateway(context).to_string();
        assert_eq!(
            trusting.handle(&event, "request").reply.status_code,
            403,
            "{event}"
        );
    }

    for domain in [
        "abc.execute-api.eu-central-1.amazonaws.com",
        "api.lambda-url.example.com",
        "on.aws",
        "",
    ] {
        let mut event = url.clone();
        event["requestContext"]["domainName"] = json!(domain);
        assert_eq!(
            trusting
                .handle(&event.to_string(), "request")
                .reply
                .status_code,
            403,
            "{domain}"
        );
    }

    let wary = start_with(&variables("false"));
    for event in [&event, &url.to_string()] {
        let outcome = wary.handle(event, "request");
        assert_eq!(outcome.reply.status_code, 403);
        assert!(!outcome.is_direct);
    }
}

/// A caller that is known is held to its grants, whoever else is trusted.
#[test]
fn an_authorizers_context_counts_where_direct_invocations_are_trusted() {
    let function = start_with(&[("TRUST_DIRECT_INVOKE", "true")]);
    let context = json!({"authorizer": {"principalId": "somebody", "scope": "predict:pair"}});
    let event = json!({"httpMethod": "POST", "path": "/predict/strict", "requestContext": context, "body": "{}"});
    assert_eq!(
        function
            .handle(&event.to_string(), "request")
            .reply
            .status_code,
        403
    );
}

/// The gateway's rules may open more routes than those of the models that a caller is to see.
#[test]
fn a_closed_model_is_reached_and_told_by_no_route() {
    let function = start_with(&[("DEFAULT_MODEL", "strict")]);
    let context = json!({"authorizer": {"principalId": "somebody", "scope": "predict:pair"}});
    let ask = |route: &str| {
        let (method, path) = route.split_once(' ').unwrap();
        let event =
            json!({"httpMethod": method, "path": path, "requestContext": context, "body": "{}"});
        let reply = function.handle(&event.to_string(), "request").reply;
        (reply.status_code, reply.body)
    };
    for route in [
        "POST /predict/strict",
        "POST /v2/models/strict/infer",
        "POST /v2/models/strict/versions/1/infer",
        "GET /v2/models/strict",
        "GET /v2/models/strict/versions/1",
        "GET /v2/models/strict/ready",
        "GET /v2/models/strict/versions/1/ready",
        "GET /v2/models/strict/config",
        "GET /v2/models/strict/stats",
        "GET /v2/models/strict/versions/1/stats",
        "GET /v1/models/strict",
        "GET /v1/models/strict/versions/1",
        "GET /v1/models/strict/metadata",
        "POST /v1/models/strict:predict",
        "POST /v1/models/strict/versions/1:predict",
        "GET /v2/models/nothing",
    ] {
        let (status, body) = ask(route);
        assert_eq!(status, 403, "{route}: {body}");
        assert!(body.contains("model_closed"), "{route}: {body}");
    }
    let others = ["strict", "total", "zipped", "echo", "frame", "quotient"];
    for (route, expected) in [
        ("GET /models", 200),
        ("GET /v2/models", 200),
        ("GET /v2/models/stats", 200),
        ("POST /v2/repository/index", 200),
        ("GET /v1/models", 200),
        ("GET /v2/models/pair", 200),
        ("GET /v2/models/pair/versions/7", 404),
        ("POST /predict", 403),
        ("POST /invocations", 403),
    ] {
        let (status, body) = ask(route);
        assert_eq!(status, expected, "{route}: {body}");
        assert_eq!(body.contains("pair"), expected != 403, "{route}: {body}");
        let told = others
            .iter()
            .find(|other| body.contains(&format!("\"{other}\"")));
        assert_eq!(told, None, "{route}: {body}");
    }
}

/// KServe's clients read `models`, OpenAI's `data`.
#[test]
fn models_are_listed_for_clients_of_both_kinds() {
    let function = start();
    let path = "/v1/models";
    let context =
        json!({"authorizer": {"principalId": "somebody", "scope": "predict:pair predict:echo"}});
    let event = json!({"httpMethod": "GET", "path": path, "requestContext": context});
    let reply = function.handle(&event.to_string(), "request").reply;
    let mut listed: Value = serde_json::from_str(&reply.body).unwrap();
    for model in listed["data"].as_array_mut().unwrap() {
        let created = model["created"].take();
        assert!(
            created.as_u64().is_some_and(|at| at > 1_700_000_000),
            "{created}"
        );
    }
    let data =
        |id: &str| json!({"id": id, "object": "model", "created": null, "owned_by": "tollgate"});
    let expected =
        json!({"models": ["echo", "pair"], "object": "list", "data": [data("echo"), data("pair")]});
    assert_eq!((reply.status_code, listed), (200, expected));
}

/// Small questions that would be large in memory.
#[test]
fn what_is_repeated_or_too_long_is_refused_where_it_stands() {
    let function = start();
    let repeated = format!(r#"{{"inputs": {{{}"a": []}}}}"#, r#""a": [],"#.repeat(1000));
    let (status, answer, _) = ask(&function, "/predict/pair", &repeated);
    assert_eq!((status, &answer["code"]), (422, &json!("input_repeated")));
    let index = |body: String| ask(&function, "/v2/repository/index", &body);
    let (status, answer, _) = index(format!("{{{}}}", " ".repeat(1023)));
    assert_eq!(
        (status, &answer["code"], &answer["detail"]["limit"]),
        (413, &json!("body_too_large"), &json!(1024))
    );
}

/// What a caller writes is no reason for a reply that Lambda does not take.
#[test]
fn an_error_is_short_whatever_the_request_says() {
    let function = start();
    for body in [
        json!({"inputs": {"x".repeat(3_000_000): [1]}}),
        json!({"inputs": [{"name": "x".repeat(3_000_000), "shape": [1], "datatype": "FP32", "data": [1]}]}),
        json!({"\"".repeat(1_000_000): 1}),
    ] {
        let (status, answer, _) = ask(&function, "/predict/pair", &body.to_string());
        assert!((400..500).contains(&status), "{status}");
        assert!(
            answer.to_string().len() < 10_000,
            "{}",
            answer.to_string().len()
        );
        assert!(!answer["code"].as_str().unwrap().is_empty());
    }
}

/// Lambda would kill it, and the caller learn nothing.
#[test]
fn what_cannot_be_answered_in_time_is_refused_before_it_runs() {
    let function = start();
    let context = json!({"authorizer": {"principalId": "somebody", "scope": "predict"}});
    let body = json!({"instances": ["Basel"]}).to_string();
    let event = json!({"httpMethod": "POST", "path": "/predict/strict", "requestContext": context, "body": body});
    let reply = |milliseconds: u64| {
        let invocation = Invocation {
            request_id: "request",
            time_left: Some(Duration::from_millis(milliseconds)),
            trace_id: None,
        };
        function.invoke(&event.to_string(), invocation).reply
    };
    assert_eq!(reply(10_000).status_code, 200);
    let late = reply(50);
    assert_eq!(late.status_code, 503, "{}", late.body);
    assert_eq!(
        late.headers.get("retry-after").map(String::as_str),
        Some("1")
    );
    let answer: Value = serde_json::from_str(&late.body).unwrap();
    assert_eq!(answer["code"], "deadline_near");
    assert!(answer["detail"]["left_ms"].as_u64().unwrap() <= 50);
}

/// A model that takes no made-up value starts all the same; what it does not know is the caller's mistake, and in
/// no log.
#[test]
fn a_category_that_is_unknown_is_refused_without_being_told() {
    let function = start();
    let body = |city: &str| json!({"instances": ["Basel", city]}).to_string();
    let (status, answer, _) = ask(&function, "/predict/strict", &body("Bern"));
    assert_eq!(
        (status, answer),
        (200, json!({"predictions": [[0.0, 1.0], [1.0, 0.0]]}))
    );
    let (status, answer, line) = ask(&function, "/predict/strict", &body("Chur"));
    assert_eq!((status, &answer["code"]), (422, &json!("value_refused")));
    let message = "the model does not take the inputs: a category is unknown";
    assert_eq!(answer["error"], message);
    assert_eq!(line["code"], "value_refused");
    assert!(!format!("{answer}{line}").contains("Chur"));
}

/// Text in, a label and a map of scores out: what scikit-learn's exporter writes without being asked.
#[test]
fn a_map_is_an_object_a_row_and_in_the_open_protocol_a_tensor_with_labels() {
    let function = start();
    let rows = json!([["Bern"], ["Zürich"], ["nowhere"], [""]]);
    let (status, answer, _) = ask(
        &function,
        "/predict/zipped",
        &json!({"instances": rows}).to_string(),
    );
    assert_eq!(status, 200, "{answer}");
    let expected = [
        ("no", 0.880_797),
        ("yes", 0.119_203),
        ("no", 0.5),
        ("no", 0.5),
    ];
    for (row, (label, no)) in answer["predictions"]
        .as_array()
        .unwrap()
        .iter()
        .zip(expected)
    {
        assert_eq!(row["label"], label);
        let score = |name: &str| row["map"][name].as_f64().unwrap();
        assert!((score("no") - no).abs() < 1e-6, "{row}");
        assert!((score("no") + score("yes") - 1.0).abs() < 1e-6, "{row}");
    }
    let city = json!({"name": "city", "datatype": "BYTES", "shape": [1, 1], "data": ["nowhere"]});
    check(
        &function,
        "/v2/models/zipped/infer",
        &json!({"inputs": [city]}),
        &json!({"model_name": "zipped", "model_version": "1", "outputs": [
            {"name": "label", "datatype": "BYTES", "shape": [1], "data": ["no"]},
            {"name": "map", "datatype": "FP32", "shape": [1, 2], "data": [0.5, 0.5],
             "parameters": {"labels": r#"["no","yes"]"#}},
        ]}),
    );
}

#[test]
fn values_of_every_datatype_come_back_exactly() {
    let function = start();
    let columns = json!({
        "fp16": [0.5, -2.0],
        "fp64": [0.1, 1.797_693_134_862_315_7e308],
        "int64": [i64::MIN, i64::MAX],
        "uint8": [0, 255],
        "bool": [true, false],
    });
    let echoed: serde_json::Map<String, Value> = columns
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, values)| (format!("{name}_out"), values.clone()))
        .collect();
    check(
        &function,
        "/predict/echo",
        &json!({"inputs": columns}),
        &json!({"outputs": echoed}),
    );
}

#[test]
fn rows_of_columns_stand_bare() {
    let function = start();
    let rows = json!({"instances": [{"age": 3, "height": 1.5}, {"height": [2], "age": [4]}]});
    let (status, answer, _) = ask(&function, "/predict/columns", &rows.to_string());
    assert_eq!((status, &answer["code"]), (400, &json!("ragged")));
    let rows = json!({"instances": [{"age": 3, "height": 1.5}, {"height": 2, "age": 4}]});
    check(
        &function,
        "/predict/columns",
        &rows,
        &json!({"predictions": [[3.0, 1.5], [4.0, 2.0]]}),
    );
    let columns = json!({"inputs": {"age": [3, 4], "height": [[1.5], [2]]}});
    check(
        &function,
        "/predict/columns",
        &columns,
        &json!({"outputs": [[3.0, 1.5], [4.0, 2.0]]}),
    );
}

#[test]
fn a_version_is_served_by_its_number_and_the_default_without() {
    let function = start();
    let body = json!({"instances": [{"a": [3, 4], "b": [1, 2]}]});
    let sum = json!({"predictions": [{"both": [4.0, 6.0], "mean": 5.0}]});
    check(&function, "/predict/pair", &body, &sum);
    let tensor = |name: &str, data: Value| json!({"name": name, "shape": [1, 2], "datatype": "FP32", "data": data});
    let body = json!({"inputs": [tensor("b", json!([1, 2])), tensor("a", json!([3, 4]))], "outputs": [{"name": "both"}]});
    let answer = |version: &str, data: Value| json!({"model_name": "pair", "model_version": version, "outputs": [tensor("both", data)]});
    check(
        &function,
        "/v2/models/pair/infer",
        &body,
        &answer("1", json!([4.0, 6.0])),
    );
    check(
        &function,
        "/v2/models/pair/versions/2/infer",
        &body,
        &answer("2", json!([2.0, 2.0])),
    );
}

#[test]
fn without_a_default_a_model_must_be_named() {
    let function = start();
    let (status, answer, _) = ask(&function, "/predict", r#"{"instances": [[1]]}"#);
    assert_eq!((status, &answer["code"]), (404, &json!("no_default_model")));
    assert!(
        answer["detail"]["expected"]
            .as_array()
            .unwrap()
            .contains(&json!("pair"))
    );
}

#[test]
fn any_batch_and_any_length_run_one_after_the_other() {
    let function = start();
    for (rows, length) in [(1, 1), (2, 5), (1, 7), (2, 5), (5, 3)] {
        let ids = vec![vec![2; length]; rows];
        let mask = vec![vec![1; length]; rows];
        let body = json!({"inputs": {"ids": ids, "mask": mask}});
        check(
            &function,
            "/predict/pooled",
            &body,
            &json!({"outputs": vec![2 * length; rows]}),
        );
    }
}

#[test]
fn a_panic_in_an_operator_costs_one_request() {
    let function = start();
    let divide = |y: i64| {
        ask(
            &function,
            "/predict/quotient",
            &json!({"inputs": {"x": [8], "y": [y]}}).to_string(),
        )
    };
    let (status, answer, line) = divide(0);
    assert_eq!(status, 500);
    assert_eq!(
        answer,
        json!({"error": "the model failed on these inputs", "code": "model_failed", "detail": {}})
    );
    assert_eq!(
        (&line["status"], &line["code"]),
        (&json!(500), &json!("model_failed"))
    );
    assert_eq!(line["reason"], "an operator of the model panicked");
    let (status, answer, _) = divide(2);
    assert_eq!((status, answer), (200, json!({"outputs": [4]})));
}

#[test]
fn shapes_that_the_model_cannot_take_are_the_callers() {
    let function = start();
    let (status, answer, line) = ask(
        &function,
        "/predict/frame",
        r#"{"instances": [[[[1, 2], [3, 4]]]]}"#,
    );
    assert_eq!((status, &answer["code"]), (422, &json!("shapes_refused")));
    assert!(line["reason"].is_string(), "{line}");
    let body = json!({"instances": [[vec![vec![1; 4]; 3]]]});
    check(
        &function,
        "/predict/frame",
        &body,
        &json!({"predictions": [[[[9.0, 9.0]]]]}),
    );
}

#[test]
fn what_has_no_rows_is_told_by_column() {
    let function = start();
    let (status, answer, _) = ask(&function, "/predict/total", r#"{"instances": [[1, 2]]}"#);
    assert_eq!((status, &answer["code"]), (422, &json!("no_rows")));
    check(
        &function,
        "/predict/total",
        &json!({"inputs": [[1, 2], [3, 4]]}),
        &json!({"outputs": 2.5}),
    );
}

#[test]
fn many_threads_ask_at_once() {
    let function = start();
    thread::scope(|scope| {
        for number in 1..=8 {
            let function = &function;
            scope.spawn(move || {
                for rows in 1..=10 {
                    let body =
                        json!({"inputs": {"x": vec![number * 3; rows], "y": vec![number; rows]}});
                    check(
                        function,
                        "/predict/quotient",
                        &body,
                        &json!({"outputs": vec![3; rows]}),
                    );
                }
            });
        }
    });
}

#[test]
fn the_log_line_tells_what_happened_and_no_value() {
    let function = start();
    let (_, _, line) = ask(
        &function,
        "/predict/pair",
        r#"{"instances": [{"a": [3141, 4], "b": [1, 2]}]}"#,
    );
    let fields: Vec<&str> = line
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let expected = [
        "dialect",
        "duration_ms",
        "event",
        "model",
        "parse_ms",
        "request_id",
        "route",
        "rows",
        "run_ms",
        "status",
        "version",
        "write_ms",
    ];
    assert_eq!(fields, expected);
    assert_eq!(
        (&line["route"], &line["rows"]),
        (&json!("POST /predict/{model}"), &json!(1))
    );
    assert!(!line.to_string().contains("3141"));
    let (_, answer, line) = ask(
        &function,
        "/predict/pair",
        r#"{"instances": [{"a": ["secret"]}]}"#,
    );
    assert!(
        answer.to_string().contains("secret") && !line.to_string().contains("secret"),
        "{line}"
    );
}
