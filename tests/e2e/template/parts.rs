//! The optional parts of the template: none is there unless a parameter asks for it, and each is what it says.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::case::case_with;
use crate::ministack;
use crate::template::translated::Template;

const PARTS: &[&str] = &[ministack::PART];

pub const KEY: &str = "arn:aws:kms:us-east-1:000000000000:key/1";
pub const CERTIFICATE: &str = "CertificateArn=arn:aws:acm:us-east-1:000000000000:certificate/1";
/// Where Secrets Manager is asked.
pub const EXTENSION: &str =
    "arn:aws:lambda:us-east-1:177933569100:layer:AWS-Parameters-and-Secrets-Lambda-Extension:1";
pub const SECRET: &str =
    "arn:aws:secretsmanager:us-east-1:000000000000:secret:introspection-abcdef";
const ACL: &str = "arn:aws:wafv2:us-east-1:000000000000:regional/webacl/acl/1";
const PROVIDER: &str = "arn:aws:iam::000000000000:oidc-provider/issuer.example/";
const TOPIC: &str = "arn:aws:sns:us-east-1:000000000000:alarms";

/// The cases of this module.
pub fn trials() -> Vec<Trial> {
    let case = |name, run: fn() -> Result<()>| case_with(PARTS, name, run);
    vec![
        case(
            "template: nothing optional is there by itself",
            nothing_by_itself,
        ),
        case(
            "template: releases, concurrency and networks are parameters",
            functions,
        ),
        case(
            "template: models come from a bucket where one is named",
            bucket,
        ),
        case(
            "template: quotas, throttling, filters and domains are parameters",
            traffic,
        ),
        case(
            "template: logs, traces, alarms and the dashboard are parameters",
            watching,
        ),
        case(
            "template: logs and alarms name no token",
            logs_name_no_token,
        ),
        case(
            "template: callers take AWS credentials by subject and audience",
            direct_callers,
        ),
        case(
            "template: a part that lacks another is refused",
            incomplete_parts,
        ),
    ]
}

/// How many resources of each type parameters bring beyond the default.
fn added(parameters: &[&str]) -> Result<(Template, BTreeMap<String, usize>)> {
    let template = Template::translate(parameters)?;
    let mut types = template.types()?;
    for (name, count) in Template::translate(&[])?.types()? {
        let left = types.remove(&name).unwrap_or_default();
        ensure!(left >= count, "{name}: {left} of {count} are left");
        if left > count {
            types.insert(name, left - count);
        }
    }
    Ok((template, types))
}

/// What parameters bring, by type and number, and what then stands where.
fn check(parameters: &[&str], types: &[(&str, usize)], values: &[(&str, Value)]) -> Result<()> {
    let (template, added) = added(parameters)?;
    let expected = types
        .iter()
        .map(|(name, count)| (format!("AWS::{name}"), *count));
    ensure!(added == expected.collect(), "{parameters:?}: {added:?}");
    for (pointer, expected) in values {
        let value = template.at(&format!("/Resources/{pointer}"))?;
        ensure!(value == expected, "{parameters:?}: {pointer}: {value}");
    }
    Ok(())
}

/// What a resource does not have.
fn check_absent(parameters: &[&str], pointers: &[&str]) -> Result<()> {
    let template = Template::translate(parameters)?;
    for pointer in pointers {
        let value = template.at(&format!("/Resources/{pointer}"));
        ensure!(value.is_err(), "{parameters:?}: {pointer}: {value:?}");
    }
    Ok(())
}

fn nothing_by_itself() -> Result<()> {
    let types = Template::translate(&[])?.types()?;
    let expected = [
        ("ApiGateway::Deployment", 1),
        ("ApiGateway::RestApi", 1),
        ("ApiGateway::Stage", 1),
        ("IAM::Role", 2),
        ("Lambda::Alias", 2),
        ("Lambda::Function", 2),
        ("Lambda::LayerVersion", 1),
        ("Lambda::Permission", 23),
        ("Lambda::Version", 2),
        ("Logs::LogGroup", 2),
    ];
    let expected = expected.map(|(name, count)| (format!("AWS::{name}"), count));
    ensure!(types == expected.into(), "{types:?}");
    check_absent(
        &[],
        &[
            "ApiStage/Properties/AccessLogSetting",
            "ApiStage/Properties/MethodSettings/0/ThrottlingRateLimit",
            "AuthorizerFunction/Properties/KmsKeyArn",
            "AuthorizerFunction/Properties/ReservedConcurrentExecutions",
            "AuthorizerFunction/Properties/VpcConfig",
            "AuthorizerFunctionAliaslive/Properties/ProvisionedConcurrencyConfig",
            "AuthorizerFunctionAliaslive/UpdatePolicy",
            "AuthorizerLogs/Properties/KmsKeyId",
            "ModelFunction/Properties/VpcConfig",
            "ModelRole/Properties/Policies/1",
        ],
    )?;
    let off = [
        ("ApiStage/Properties/TracingEnabled", json!(false)),
        (
            "ApiStage/Properties/MethodSettings/0/MetricsEnabled",
            json!(false),
        ),
        (
            "ModelFunction/Properties/TracingConfig/Mode",
            json!("PassThrough"),
        ),
        (
            "ModelFunction/Properties/Environment/Variables/TRUST_DIRECT_INVOKE",
            json!("false"),
        ),
        (
            "ModelFunction/Properties/Environment/Variables/CORS_ORIGINS",
            json!(""),
        ),
    ];
    check(&[], &[], &off)
}

fn functions() -> Result<()> {
    check(
        &["GradualDeployment=Canary10Percent5Minutes"],
        &[
            ("CloudWatch::Alarm", 2),
            ("CodeDeploy::Application", 1),
            ("CodeDeploy::DeploymentGroup", 2),
            ("IAM::Role", 1),
        ],
        &[
            (
                "ModelFunctionDeploymentGroup/Properties/AlarmConfiguration",
                json!({"Enabled": true, "Alarms": [{"Name": {"Ref": "ModelErrors"}}]}),
            ),
            (
                "ModelFunctionDeploymentGroup/Properties/DeploymentConfigName",
                json!("CodeDeployDefault.LambdaCanary10Percent5Minutes"),
            ),
            (
                "AuthorizerFunctionDeploymentGroup/Properties/AutoRollbackConfiguration/Enabled",
                json!(true),
            ),
        ],
    )?;
    check(
        &[
            "AuthorizerConcurrency=5",
            "ModelConcurrency=0",
            "AuthorizerProvisioned=2",
            "ModelProvisioned=3",
            "AuthorizerTimeout=7",
            "ModelTimeout=60",
        ],
        &[],
        &[
            (
                "AuthorizerFunction/Properties/ReservedConcurrentExecutions",
                json!("5"),
            ),
            (
                "ModelFunction/Properties/ReservedConcurrentExecutions",
                json!("0"),
            ),
            ("AuthorizerFunction/Properties/Timeout", json!("7")),
            ("ModelFunction/Properties/Timeout", json!("60")),
            (
                "AuthorizerFunctionAliaslive/Properties/ProvisionedConcurrencyConfig",
                json!({"ProvisionedConcurrentExecutions": "2"}),
            ),
            (
                "ModelFunctionAliaslive/Properties/ProvisionedConcurrencyConfig",
                json!({"ProvisionedConcurrentExecutions": "3"}),
            ),
        ],
    )?;
    authorizer()
}

fn authorizer() -> Result<()> {
    let (secret, extension) = (
        format!("AuthorizerSecretArn={SECRET}"),
        format!("SecretsExtensionArn={EXTENSION}"),
    );
    let policy = "arn:aws:iam::000000000000:policy/denylist";
    check(
        &[
            &secret,
            &extension,
            &format!("AuthorizerPolicyArn={policy}"),
        ],
        &[],
        &[
            ("AuthorizerFunction/Properties/Layers", json!([EXTENSION])),
            (
                "AuthorizerRole/Properties/ManagedPolicyArns",
                json!([policy]),
            ),
            (
                "AuthorizerRole/Properties/Policies/1/PolicyDocument/Statement",
                json!([{"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": SECRET}]),
            ),
        ],
    )?;
    check(
        &["SubnetIds=subnet-1,subnet-2", "SecurityGroupIds=sg-1"],
        &[],
        &[(
            "AuthorizerFunction/Properties/VpcConfig",
            json!({"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]}),
        )],
    )?;
    let layer = "arn:aws:lambda:us-east-1:000000000000:layer:access:1";
    check(
        &[
            "AccessFile=/opt/access.yaml",
            &format!("AccessLayerArn={layer}"),
        ],
        &[],
        &[
            ("AuthorizerFunction/Properties/Layers", json!([layer])),
            (
                "AuthorizerFunction/Properties/Environment/Variables/ACCESS_FILE",
                json!("/opt/access.yaml"),
            ),
        ],
    )?;
    check(
        &["AuthorizerType=REQUEST", "AuthorizerTtl=0"],
        &[],
        &[
            (&scheme("type"), json!("request")),
            (
                &scheme("identitySource"),
                json!("method.request.header.Authorization"),
            ),
            (&scheme("authorizerResultTtlInSeconds"), json!("0")),
        ],
    )
}

/// A member of what the gateway is told of the authorizer.
fn scheme(member: &str) -> String {
    format!(
        "Api/Properties/Body/components/securitySchemes/AccessToken/x-amazon-apigateway-authorizer/{member}"
    )
}

fn bucket() -> Result<()> {
    let variables = "ModelFunction/Properties/Environment/Variables";
    check(
        &[
            "ModelBucket=models-of-us",
            "ModelPrefix=prod/v1",
            "ModelRefresh=60",
        ],
        &[],
        &[
            (
                &format!("{variables}/MODEL_SOURCE"),
                json!("s3://models-of-us/prod/v1"),
            ),
            (&format!("{variables}/MODEL_REFRESH"), json!("60")),
            (
                "ModelRole/Properties/Policies/1/PolicyDocument/Statement",
                json!([
                    {"Effect": "Allow", "Action": "s3:GetObject",
                        "Resource": {"Fn::Sub": "arn:${AWS::Partition}:s3:::models-of-us/prod/v1/*"}},
                    {"Effect": "Allow", "Action": "s3:ListBucket",
                        "Resource": {"Fn::Sub": "arn:${AWS::Partition}:s3:::models-of-us"},
                        "Condition": {"StringLike": {"s3:prefix": "prod/v1/*"}}},
                ]),
            ),
        ],
    )?;
    let layer = [(&*format!("{variables}/MODEL_SOURCE"), json!("/opt/models"))];
    check(&[], &[], &layer)
}

fn traffic() -> Result<()> {
    let counted = json!([{"api_key": []}, {"AccessToken": []}]);
    let security = |path: &str| format!("Api/Properties/Body/paths/{path}/security");
    check(
        &["UsagePlan=true", "ClientQuota=7", "ClientQuotaPeriod=WEEK"],
        &[("ApiGateway::UsagePlan", 1)],
        &[
            (
                "ClientPlan/Properties/Quota",
                json!({"Limit": "7", "Period": "WEEK"}),
            ),
            ("Api/Properties/ApiKeySourceType", json!("AUTHORIZER")),
            (&security("~1predict/post"), counted.clone()),
            (&security("~1v2~1{proxy+}/post"), counted),
            (
                &security("~1v2~1{proxy+}/get"),
                json!([{"AccessToken": []}]),
            ),
            (&security("~1predict/options"), json!([{"NONE": []}])),
        ],
    )?;
    let settings = "ApiStage/Properties/MethodSettings/0";
    check(
        &["ThrottleRate=50", "ThrottleBurst=60"],
        &[],
        &[
            (&format!("{settings}/ThrottlingRateLimit"), json!("50")),
            (&format!("{settings}/ThrottlingBurstLimit"), json!("60")),
            (&format!("{settings}/ResourcePath"), json!("/*")),
        ],
    )?;
    check(
        &[&format!("WebAclArn={ACL}")],
        &[("WAFv2::WebACLAssociation", 1)],
        &[("WebAclAssociation/Properties/WebACLArn", json!(ACL))],
    )?;
    let base = "ModelFunction/Properties/Environment/Variables/PUBLIC_BASE_URL";
    check(
        &["DomainName=api.example", CERTIFICATE, "HostedZoneId=Z1"],
        &[
            ("ApiGateway::BasePathMapping", 1),
            ("ApiGateway::DomainName", 1),
            ("Route53::RecordSet", 1),
        ],
        &[
            (base, json!("https://api.example")),
            ("Domain/Properties/SecurityPolicy", json!("TLS_1_2")),
        ],
    )
}

fn watching() -> Result<()> {
    check(
        &["AccessLogs=on"],
        &[("Logs::LogGroup", 1)],
        &[(
            "ApiStage/Properties/AccessLogSetting/DestinationArn",
            json!({"Fn::GetAtt": ["GatewayLogs", "Arn"]}),
        )],
    )?;
    check(
        &["Tracing=on"],
        &[],
        &[
            ("ApiStage/Properties/TracingEnabled", json!(true)),
            (
                "ModelFunction/Properties/TracingConfig/Mode",
                json!("Active"),
            ),
            (
                "AuthorizerFunction/Properties/TracingConfig/Mode",
                json!("Active"),
            ),
        ],
    )?;
    let alarms = ("CloudWatch::Alarm", 8);
    let filters = ("Logs::MetricFilter", 2);
    check(
        &[
            "AlarmEmail=ops@example.org",
            "AlarmLatency=900",
            "AlarmRefusals=3",
        ],
        &[alarms, filters, ("SNS::Topic", 1)],
        &[
            ("Latency/Properties/Threshold", json!("900")),
            ("Refusals/Properties/Threshold", json!("3")),
            // What the gateway counts by is the API's title.
            (
                "ServerErrors/Properties/Dimensions/0",
                json!({"Name": "ApiName", "Value": {"Ref": "AWS::StackName"}}),
            ),
            (
                "Api/Properties/Body/info/title",
                json!({"Ref": "AWS::StackName"}),
            ),
            (
                "ServerErrors/Properties/AlarmActions",
                json!([{"Ref": "AlarmTopic"}]),
            ),
            (
                "ModelErrors/Properties/AlarmActions",
                json!([{"Ref": "AlarmTopic"}]),
            ),
            (
                "ApiStage/Properties/MethodSettings/0/MetricsEnabled",
                json!(true),
            ),
        ],
    )?;
    let topic = format!("AlarmTopicArn={TOPIC}");
    let own = [("IssuerUnreachable/Properties/AlarmActions", json!([TOPIC]))];
    check(&[&topic], &[alarms, filters], &own)?;
    dashboard()?;
    let key = format!("KmsKeyArn={KEY}");
    check(
        &[&key],
        &[],
        &[
            ("ModelFunction/Properties/KmsKeyArn", json!(KEY)),
            ("AuthorizerLogs/Properties/KmsKeyId", json!(KEY)),
        ],
    )
}

/// JSON whose searches name metrics and dimensions that the functions write.
fn dashboard() -> Result<()> {
    let (template, added) = added(&["Dashboard=on"])?;
    ensure!(added == BTreeMap::from([("AWS::CloudWatch::Dashboard".to_owned(), 1)]));
    let body = template.at("/Resources/DashboardOfStack/Properties/DashboardBody/Fn::Sub")?;
    let body: Value = serde_json::from_str(body.as_str().unwrap_or_default())?;
    let text = body.to_string();
    for search in [
        "{Tollgate/Authorizer,FunctionName,Reason}",
        "{Tollgate/Model,FunctionName,Model,Dialect}",
        "{Tollgate/Model,FunctionName}",
    ] {
        ensure!(text.contains(search), "no {search} in {text}");
    }
    let widgets = body["widgets"].as_array().map_or(0, Vec::len);
    ensure!(widgets == 7, "{widgets} widgets");
    Ok(())
}

fn logs_name_no_token() -> Result<()> {
    let template = Template::translate(&["AccessLogs=on"])?;
    check_log(template.at("/Resources/ApiStage/Properties/AccessLogSetting/Format")?)
}

/// A token comes in a header, and may come in a query.
pub fn check_log(format: &Value) -> Result<()> {
    let format = format.as_str().unwrap_or_default();
    let line: BTreeMap<String, String> = serde_json::from_str(format)?;
    ensure!(line.len() >= 12 && !format.contains('\n'), "{format}");
    for variable in line.values() {
        let is_odd = [
            "header",
            "query",
            "request.",
            "principalId",
            "claims",
            "identity.user",
        ]
        .iter()
        .any(|word| variable.contains(word));
        let is_path = variable == "$context.path";
        ensure!(
            variable.starts_with("$context.") && !is_odd && !is_path,
            "{variable}"
        );
    }
    Ok(())
}

fn direct_callers() -> Result<()> {
    let subject = ["DirectSubject=abc@clients", "DirectAudience=abc"];
    let trust = "DirectRole/Properties/AssumeRolePolicyDocument";
    let invoke = json!([{"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": {"Ref": "ModelFunctionAliaslive"}}]);
    let trusted = "ModelFunction/Properties/Environment/Variables/TRUST_DIRECT_INVOKE";
    check(
        &subject,
        &[("IAM::OIDCProvider", 1), ("IAM::Role", 1)],
        &[
            (
                "DirectRole/Properties/Policies/0/PolicyDocument/Statement",
                invoke,
            ),
            (
                "OidcProvider/Properties",
                json!({"Url": "https://issuer.example/", "ClientIdList": ["abc"]}),
            ),
            (
                &format!("{trust}/Fn::Sub/1"),
                json!({"Provider": {"Ref": "OidcProvider"}}),
            ),
            (trusted, json!("true")),
        ],
    )?;
    let provider = format!("OidcProviderArn={PROVIDER}");
    let (template, added) = added(&[subject[0], subject[1], &provider])?;
    ensure!(
        added == BTreeMap::from([("AWS::IAM::Role".to_owned(), 1)]),
        "{added:?}"
    );
    let document = template.at(&format!("/Resources/{trust}"))?.as_str();
    let document: Value = serde_json::from_str(document.unwrap_or_default())?;
    let expected = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": {"Federated": PROVIDER},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": {"issuer.example/:aud": "abc"},
            "StringLike": {"issuer.example/:sub": "abc@clients"},
        },
    }]});
    ensure!(document == expected, "{document}");
    Ok(())
}

fn incomplete_parts() -> Result<()> {
    for (parameters, rule) in [
        (["DomainName=api.example"], "DomainHasCertificate"),
        (
            ["AuthorizerSecretArn=arn:aws:secretsmanager:us-east-1:000000000000:secret:a"],
            "SecretHasItsExtension",
        ),
        (["DirectSubject=abc@clients"], "DirectCallersHaveAnAudience"),
    ] {
        let error = Template::translate(&parameters).map(drop);
        let error = format!(
            "{:#}",
            error.err().unwrap_or_else(|| anyhow::anyhow!("nothing"))
        );
        ensure!(error.contains(rule), "{parameters:?}: {error}");
    }
    Ok(())
}
