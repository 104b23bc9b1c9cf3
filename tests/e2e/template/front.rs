//! `infra/aws/http-api.yaml`, the second front, before it is deployed: the same readers as for the first.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::case::case_with;
use crate::ministack;
use crate::sam::{self, sam};
use crate::setup;
use crate::template::CHECKS;
use crate::template::translated::{LIMIT, Template};
use crate::template::{parts, policies};

const FILE: &str = "infra/aws/http-api.yaml";

/// The cases of this module.
pub fn trials() -> Vec<Trial> {
    vec![
        case_with(
            &[sam::PART, sam::BUILDER],
            "template: `sam validate --lint` of the HTTP API",
            is_valid,
        ),
        case_with(
            &[sam::PART],
            "template: cfn-lint finds nothing in either template",
            cfn_lint,
        ),
        case_with(
            &[ministack::PART],
            "template: only the HTTP API may invoke the functions, by this template",
            only_this_api_may_invoke,
        ),
        case_with(
            &[ministack::PART],
            "template: the HTTP API's access log is off by default, and names no token",
            access_logs,
        ),
        case_with(
            &[ministack::PART, CHECKS],
            "template: Checkov finds nothing in the HTTP API that has no reason",
            checkov,
        ),
    ]
}

fn is_valid() -> Result<()> {
    let mut command = sam()?;
    command.args(["validate", "--lint", "--template", FILE]);
    sam::run(&mut command, LIMIT).map(drop)
}

/// Warnings count.
fn cfn_lint() -> Result<()> {
    let lint = |file: &str| -> Result<Command> {
        let part = setup::part(sam::PART).context("not installed")?;
        let mut command = Command::new(part.join("bin/cfn-lint"));
        command.current_dir(setup::repository());
        command.args(["--regions", sam::REGION, "--non-zero-exit-code", "warning"]);
        command.arg("--").arg(file);
        Ok(command)
    };
    for file in ["template.yaml", FILE] {
        let said = sam::run(&mut lint(file)?, LIMIT)?;
        ensure!(said.trim().is_empty(), "{file}: {said}");
    }
    // It would find something.
    let odd = tempfile::NamedTempFile::new()?;
    let text = "Resources: {Odd: {Type: AWS::S3::Bucket, Properties: {BucketNam: odd}}}\n";
    fs::write(odd.path(), text)?;
    let path = odd.path().to_str().context("an odd path")?;
    let found = sam::run(&mut lint(path)?, LIMIT).err();
    let found = format!("{:#}", found.context("nothing is found")?);
    ensure!(found.contains("BucketNam"), "{found}");
    Ok(())
}

/// With either authorizer, it names no role and no policy, and a permission is for this API.
fn only_this_api_may_invoke() -> Result<()> {
    for (parameters, expected) in [
        (
            &["Functions=tollgate"][..],
            &[
                ("authorizer", "/authorizers/${TollgateAuthorizer}"),
                ("model-serving-fn", "/$default/*"),
            ][..],
        ),
        (
            &[
                "Functions=tollgate",
                "Authorizer=jwt",
                "Issuer=https://issuer.example/",
                "Audience=ml-api",
            ],
            &[("model-serving-fn", "/$default/*")],
        ),
    ] {
        let template = Template::of(FILE, parameters)?;
        let types = template.types()?;
        ensure!(
            !types.keys().any(|name| name.starts_with("AWS::IAM::")),
            "{types:?}"
        );
        let permissions = template.of_type("AWS::Lambda::Permission")?;
        let found: BTreeSet<_> = permissions
            .into_iter()
            .map(|(_, permission)| permission.to_string())
            .collect();
        let expected = expected
            .iter()
            .map(|(function, within)| permission(function, within));
        ensure!(
            found == expected.map(|value| value.to_string()).collect(),
            "{found:?}"
        );
    }
    Ok(())
}

fn permission(function: &str, within: &str) -> Value {
    let here = "${AWS::Region}:${AWS::AccountId}";
    json!({
        "FunctionName": {"Fn::Sub": format!("arn:${{AWS::Partition}}:lambda:{here}:function:tollgate-{function}:live")},
        "Action": "lambda:InvokeFunction",
        "Principal": "apigateway.amazonaws.com",
        "SourceArn": {"Fn::Sub": format!("arn:${{AWS::Partition}}:execute-api:{here}:${{Api}}{within}")},
    })
}

/// Checks that are passed over, each with the reason.
const SKIPPED: [(&str, &str); 1] = [(
    "CKV_AWS_95",
    "`AccessLogs` is off where nobody asks for it: the functions log each decision and prediction",
)];

const LOGGED: [&str; 3] = [
    "Functions=tollgate",
    "AccessLogs=on",
    "KmsKeyArn=arn:aws:kms:us-east-1:000000000000:key/1",
];

fn access_logs() -> Result<()> {
    let logs = "/Resources/Stage/Properties/AccessLogSettings";
    let template = Template::of(FILE, &LOGGED)?;
    parts::check_log(template.at(&format!("{logs}/Format"))?)?;
    let to = template.at(&format!("{logs}/DestinationArn"))?;
    ensure!(*to == json!({"Fn::GetAtt": ["GatewayLogs", "Arn"]}), "{to}");
    let group = template.at("/Resources/GatewayLogs/Properties")?;
    ensure!(group["RetentionInDays"] == "30", "{group}");
    let without = Template::of(FILE, &["Functions=tollgate"])?;
    ensure!(without.at(logs).is_err() && without.at("/Resources/GatewayLogs").is_err());
    Ok(())
}

fn checkov() -> Result<()> {
    let passed = policies::checkov_of(&Template::of(FILE, &["Functions=tollgate"])?, &SKIPPED)?;
    ensure!(passed >= 2, "{passed} checks");
    policies::checkov_of(&Template::of(FILE, &LOGGED)?, &[])?;
    let unskipped = policies::checkov_of(&Template::of(FILE, &["Functions=tollgate"])?, &[]);
    let found = format!("{:#}", unskipped.err().context("nothing is found")?);
    ensure!(found.contains("CKV_AWS_95"), "{found}");
    Ok(())
}
