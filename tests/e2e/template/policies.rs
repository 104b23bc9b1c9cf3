//! Every policy of the template with every part of it on: who may do what, read by us, by Parliament (IAM policies)
//! and by Checkov (the whole template).

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::case::case_with;
use crate::ministack;
use crate::process::Process;
use crate::sam::run;
use crate::setup;
use crate::template::CHECKS;
use crate::template::parts::{CERTIFICATE, EXTENSION, KEY, SECRET};
use crate::template::translated::{LIMIT, Template};

const PARTS: &[&str] = &[ministack::PART];
const WITH_CHECKS: &[&str] = &[ministack::PART, CHECKS];

/// Statements with a wildcard for a resource: role, action, and why that cannot be narrower.
const WILDCARDS: [(&str, &str, &str); 6] = [
    (
        "AuthorizerRole",
        "xray:PutTraceSegments",
        "X-Ray has no resources for it",
    ),
    (
        "AuthorizerRole",
        "xray:PutTelemetryRecords",
        "X-Ray has no resources for it",
    ),
    (
        "AuthorizerRole",
        "ec2:DescribeNetworkInterfaces",
        "EC2 has no resources for it",
    ),
    (
        "AuthorizerRole",
        "ec2:DescribeSubnets",
        "EC2 has no resources for it",
    ),
    (
        "ModelRole",
        "xray:PutTraceSegments",
        "X-Ray has no resources for it",
    ),
    (
        "ModelRole",
        "xray:PutTelemetryRecords",
        "X-Ray has no resources for it",
    ),
];

/// What Parliament does not know: Lambda sets this key for every call with the function's own credentials.
const OF_FUNCTION: &str = "lambda:SourceFunctionArn";

/// The cases of this module.
pub fn trials() -> Vec<Trial> {
    vec![
        case_with(
            PARTS,
            "template: roles write their own log and nothing else",
            roles_write_their_own_log,
        ),
        case_with(
            PARTS,
            "template: wildcards are those that have a reason",
            wildcards_have_reasons,
        ),
        case_with(
            WITH_CHECKS,
            "template: Parliament finds nothing in the policies",
            parliament,
        ),
        case_with(
            WITH_CHECKS,
            "template: Checkov finds nothing that has no reason",
            checkov,
        ),
    ]
}

/// Every part of the template that can be on together.
fn everything() -> Result<Template> {
    let given = [
        CERTIFICATE,
        "AccessLogs=on",
        "AlarmEmail=ops@example.org",
        "AuthorizerConcurrency=5",
        "Dashboard=on",
        "DirectAudience=abc",
        "DirectSubject=abc@clients",
        "DomainName=api.example",
        "GradualDeployment=Canary10Percent5Minutes",
        "HostedZoneId=Z1",
        "ModelBucket=models-of-us",
        "ModelConcurrency=5",
        "SecurityGroupIds=sg-1",
        "SubnetIds=subnet-1",
        "ThrottleRate=50",
        "Tracing=on",
        "UsagePlan=true",
    ];
    let (key, secret) = (
        format!("KmsKeyArn={KEY}"),
        format!("AuthorizerSecretArn={SECRET}"),
    );
    let mut parameters = given.to_vec();
    let extension = format!("SecretsExtensionArn={EXTENSION}");
    parameters.extend([key.as_str(), secret.as_str(), extension.as_str()]);
    Template::translate(&parameters)
}

fn roles_write_their_own_log() -> Result<()> {
    let template = Template::translate(&[])?;
    let mut roles = BTreeSet::new();
    for (name, function) in template.of_type("AWS::Lambda::Function")? {
        let role = function
            .pointer("/Role/Fn::GetAtt/0")
            .and_then(Value::as_str)
            .context("no role")?;
        let group = function
            .pointer("/LoggingConfig/LogGroup/Ref")
            .context("no log group")?;
        let policies = template.at(&format!("/Resources/{role}/Properties/Policies"))?;
        let expected = json!([{"PolicyName": "log", "PolicyDocument": {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": {"Fn::GetAtt": [group, "Arn"]}}
        ]}}]);
        ensure!(*policies == expected, "{name}: {policies}");
        roles.insert(role.to_owned());
    }
    let all: BTreeSet<_> = everything()?
        .of_type("AWS::IAM::Role")?
        .into_iter()
        .map(|(name, role)| {
            let managed = role.get("ManagedPolicyArns");
            ensure!(managed.is_none(), "{name}: {managed:?}");
            Ok(name)
        })
        .collect::<Result<_>>()?;
    let others = ["DeploymentRole", "DirectRole"].map(str::to_owned);
    ensure!(all == &roles | &others.into(), "{all:?}");
    Ok(())
}

/// A policy document and where it stands.
fn documents(template: &Template) -> Result<Vec<(String, Value)>> {
    let mut documents = Vec::new();
    for (name, role) in template.of_type("AWS::IAM::Role")? {
        let policies = role.get("Policies").and_then(Value::as_array);
        for policy in policies.into_iter().flatten() {
            let document = policy.get("PolicyDocument").context("no document")?;
            documents.push((name.clone(), document.clone()));
        }
    }
    Ok(documents)
}

fn wildcards_have_reasons() -> Result<()> {
    let template = everything()?;
    let mut found = BTreeSet::new();
    for (role, document) in documents(&template)? {
        for statement in document["Statement"].as_array().context("no statements")? {
            let actions = listed(&statement["Action"]);
            ensure!(
                !actions.iter().any(|action| action.contains('*')),
                "{role}: {statement}"
            );
            let is_wide = listed(&statement["Resource"])
                .iter()
                .any(|resource| resource == "*");
            if is_wide && statement["Effect"] == "Allow" {
                found.extend(actions.into_iter().map(|action| (role.clone(), action)));
            }
        }
    }
    let known = WILDCARDS.map(|(role, action, _)| (role.to_owned(), action.to_owned()));
    let expected = BTreeSet::from(known);
    ensure!(
        found == expected,
        "{:?}",
        found.symmetric_difference(&expected)
    );
    for (name, permission) in template.of_type("AWS::Lambda::Permission")? {
        let principal = permission.get("Principal");
        let source = permission.get("SourceArn");
        ensure!(
            principal == Some(&json!("apigateway.amazonaws.com")) && source.is_some(),
            "{name}: {permission}"
        );
    }
    Ok(())
}

/// One text or several; what is no text is written out.
fn listed(value: &Value) -> Vec<String> {
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    match value.as_array() {
        Some(list) => list.iter().map(text).collect(),
        None => vec![text(value)],
    }
}

/// Whatever only AWS knows has a name of its form.
fn as_deployed(document: &Value) -> String {
    let text = document.to_string();
    let text = text
        .replace("${AWS::Partition}", "aws")
        .replace("${AWS::Region}", "us-east-1")
        .replace("${AWS::AccountId}", "123456789012")
        .replace("${AWS::StackName}", "tollgate");
    let function =
        "\"arn:aws:lambda:us-east-1:123456789012:function:tollgate-model-serving-fn:live\"";
    let mut text = text.replace(r#"{"Ref":"ModelFunctionAliaslive"}"#, function);
    for group in ["AuthorizerLogs", "ModelLogs"] {
        let reference = format!(r#"{{"Fn::GetAtt":["{group}","Arn"]}}"#);
        let arn =
            format!("\"arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/{group}:*\"");
        text = text.replace(&reference, &arn);
    }
    while let Some((before, rest)) = text.split_once(r#"{"Fn::Sub":"#) {
        let (value, after) = rest.split_once('}').unwrap_or((rest, ""));
        text = format!("{before}{value}{after}");
    }
    text
}

fn parliament() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let all = documents(&everything()?)?;
    ensure!(all.len() >= 11, "{} documents", all.len());
    for (number, (role, document)) in all.iter().enumerate() {
        let document = as_deployed(document);
        ensure!(
            !document.contains("Fn::") && !document.contains("Ref"),
            "{document}"
        );
        fs::write(
            folder.path().join(format!("{role}-{number}.json")),
            document,
        )?;
    }
    let found = parliament_of(folder.path())?;
    ensure!(found.is_empty(), "{found}");
    // It would find something.
    let odd = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObjects", "Resource": "*"}]});
    fs::write(folder.path().join("odd.json"), odd.to_string())?;
    let found = parliament_of(folder.path())?;
    ensure!(found.contains("Unknown action s3:GetObjects"), "{found}");
    Ok(())
}

/// What it says of the policies in a folder; it ends with 1 where it says something.
fn parliament_of(folder: &Path) -> Result<String> {
    let program = setup::part(CHECKS)
        .context("not installed")?
        .join("bin/parliament");
    let mut command = Command::new(program);
    command.arg("--directory").arg(folder);
    let process = Process::start(&mut command)?;
    process.wait(LIMIT)?;
    ensure!(!process.log().contains("Traceback"), "{}", process.log());
    let words = process.stdout();
    let is_known = |line: &&str| line.contains(&format!("Unknown condition {OF_FUNCTION}"));
    let others: Vec<_> = words.lines().filter(|line| !is_known(line)).collect();
    Ok(others.join("\n").trim().to_owned())
}

/// Checks that are passed over, each with the reason.
const SKIPPED: [(&str, &str); 5] = [
    (
        "CKV_AWS_116",
        "a queue for failed events is for calls without an answer; the gateway waits for one",
    ),
    (
        "CKV_AWS_117",
        "a function in a network of one's own is for issuers there: `SubnetIds`",
    ),
    (
        "CKV_AWS_120",
        "the gateway would remember answers of one caller for another",
    ),
    (
        "CKV_AWS_59",
        "Checkov looks for authorizers of methods, and these stand in the API's document",
    ),
    (
        "CKV_AWS_206",
        "REGIONAL domains have TLS_1_2 here, which Checkov looks for elsewhere",
    ),
];

fn checkov() -> Result<()> {
    let passed = checkov_of(&everything()?, &SKIPPED)?;
    ensure!(passed > 50, "{passed} checks");
    Ok(())
}

/// How many of Checkov's checks a template passes; an error names those that it fails.
pub fn checkov_of(template: &Template, skipped: &[(&str, &str)]) -> Result<usize> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("template.json");
    fs::write(&file, template.text())?;
    let skipped: Vec<_> = skipped.iter().map(|(check, _)| *check).collect();
    let program = setup::part(CHECKS)
        .context("not installed")?
        .join("bin/checkov");
    let mut command = Command::new(program);
    command.args([
        "--framework",
        "cloudformation",
        "--skip-download",
        "--compact",
        "--quiet",
    ]);
    if !skipped.is_empty() {
        command.args(["--skip-check", &skipped.join(",")]);
    }
    let report = run(command.arg("--file").arg(&file), LIMIT)?;
    let passed = report
        .split("Passed checks: ")
        .nth(1)
        .and_then(|rest| rest.split(',').next());
    ensure!(report.contains("Failed checks: 0"), "{report}");
    Ok(passed.context("no report")?.trim().parse()?)
}
