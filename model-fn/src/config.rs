//! The environment variables, read once and typed from then on.

use std::path::PathBuf;
use std::time::Duration;

use crate::cors::Cors;
use crate::engine::Memory;
use crate::grants::Grants;
use crate::metadata::ProtectedResource;
use crate::protocol::Limits;
use crate::repository::Loading;

/// How the model function is set up.
///
/// | variable | what it sets | without it |
/// | --- | --- | --- |
/// | `MODEL_SOURCE` | the folder of the models, or, with the cargo feature `s3`, `s3://BUCKET/PREFIX` | `/opt/models`, then `/var/task/models` |
/// | `MODEL_REFRESH` | how often S3 is looked at for other models, in seconds | never |
/// | `DEFAULT_MODEL` | the model of `POST /predict` | the only model, if there is one alone |
/// | `MODEL_LOADING` | when models are loaded: `start`, or `first-use` for all but the default model | `start` |
/// | `MODEL_GRANTS` | what opens a model, of the authorizer's context: words `MEMBER=VALUE`, any of which is enough, or `any` | `scope=predict scope=predict:{model}` |
/// | `MAX_BODY_BYTES_CLAIM`, `MAX_ROWS_CLAIM` | the members of the authorizer's context that narrow these limits for a caller | none |
/// | `ALLOW_UNAUTHENTICATED` | `true` answers without an authorizer, for local use | `false` |
/// | `TRUST_DIRECT_INVOKE` | `true` answers whoever may invoke the function, without a gateway or an authorizer: plain bodies as events, and function URLs | `false` |
/// | `PUBLIC_BASE_URL` | the address that callers use, which `/openapi.json` names; with it and without a path in it, metadata are served | no metadata, and the address of a request counts |
/// | `CORS_ORIGINS` | whose pages may call from a browser: origins such as `https://app.example` with commas between them, or `*` | nobody's |
/// | `ISSUER` | the issuer that the metadata and `/openapi.json` name | none, and with `PUBLIC_BASE_URL` it must be set |
/// | `MAX_BODY_BYTES` | the limit on a request's body | 4700000 |
/// | `MAX_DECODED_BYTES` | the limit on a body once it is decompressed, and on an answer before it is compressed | 24000000 |
/// | `MAX_REPLY_BYTES` | the limit on an answer's body as it is sent | 5242880 |
/// | `MAX_ROWS` | the limit on rows | 10000 |
/// | `MAX_ELEMENTS` | the limit on values in all inputs | 5000000 |
/// | `MAX_TEXT_BYTES` | the limit on one text among the inputs | 1000000 |
/// | `MAX_DEPTH` | the limit on lists within lists, at most 100 | 16 |
/// | `AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN` | where and as whom S3 is read, set by Lambda | with `s3://` they must be set, but for the last |
/// | `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL` | another store than AWS's, with buckets in its paths: `https://`, or `http://` on this machine | AWS's |
/// | `AWS_LAMBDA_FUNCTION_NAME` | the function's name, set by Lambda: a dimension of the metrics | `local` |
/// | `AWS_LAMBDA_MAX_CONCURRENCY` | how many requests come at the same time, set by Lambda Managed Instances | 1 |
/// | `AWS_LAMBDA_FUNCTION_MEMORY_SIZE` | the function's memory in MB, set by Lambda: what models and runs must fit into | no limit |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where the models are.
    pub source: Source,
    /// How often that is looked at for others, where it can be.
    pub refresh: Option<Duration>,
    /// The model of `POST /predict`.
    pub default_model: Option<String>,
    /// When models are loaded.
    pub loading: Loading,
    /// What opens a model to a caller.
    pub grants: Grants,
    /// Where an authorizer sets limits of a caller's own.
    pub caller_limits: CallerLimits,
    /// Whether requests are answered without an authorizer's context.
    pub allow_unauthenticated: bool,
    /// Whether whoever may invoke the function may use every model.
    pub trust_direct_invoke: bool,
    /// The address that callers use, without a slash at its end.
    pub public_base_url: Option<String>,
    /// Whose pages may call from a browser.
    pub cors: Cors,
    /// Who issues the tokens.
    pub issuer: Option<String>,
    /// What is said of this API to callers without a token.
    pub protected_resource: Option<ProtectedResource>,
    /// The limits on every request.
    pub limits: Limits,
    /// What models and their runs may take of memory.
    pub memory: Memory,
    /// What the function is called.
    pub function_name: String,
    /// How many requests are answered at the same time, at the most.
    pub concurrency: usize,
}

/// Where models are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// In a folder: the first of these that exists.
    Folders(Vec<PathBuf>),
    /// In a bucket.
    #[cfg(feature = "s3")]
    S3(crate::s3::Bucket),
}

/// The members of an authorizer's context that narrow limits for its caller.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallerLimits {
    /// Of the body, in bytes.
    pub body_bytes: Option<String>,
    /// Of rows.
    pub rows: Option<String>,
}

/// Every variable that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .problems.join("\n"))]
pub struct ConfigError {
    /// One line each.
    pub problems: Vec<String>,
}

/// In MB of 1,048,576 bytes.
const MEMORY: &str = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE";

/// Set where an execution environment is given several requests at the same time.
const CONCURRENCY: &str = "AWS_LAMBDA_MAX_CONCURRENCY";

/// Each is a thread; Lambda itself gives no more.
const MOST_CONCURRENT: usize = 1600;

/// In seconds, a day: no instance of a function lives longer.
const LONGEST_REFRESH: usize = 86_400;

/// Where models are looked for: a layer's folder, then the function's own.
const SOURCES: [&str; 2] = ["/opt/models", "/var/task/models"];

impl Config {
    /// Reads the variables through a lookup, and tells all problems together.
    pub fn load(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut problems = Vec::new();
        let mut number = |name: &str, most: usize| {
            let text = lookup(name).filter(|text| !text.is_empty())?;
            match text.parse() {
                Ok(number) if (1..=most).contains(&number) => Some(number),
                _ => {
                    problems.push(format!(
                        "`{name}` must be a number from 1 to {most}, is `{text}`"
                    ));
                    None
                }
            }
        };
        let megabytes = number(MEMORY, usize::MAX >> 20);
        let memory = megabytes.map_or(Memory::UNKNOWN, |megabytes| {
            Memory::of_function((megabytes as u64) << 20)
        });
        let concurrency = number(CONCURRENCY, MOST_CONCURRENT).unwrap_or(1);
        let limits = limits(&mut number);
        let seconds = number("MODEL_REFRESH", LONGEST_REFRESH);
        let (source, refresh) = source(&lookup, seconds, &mut problems);
        let [allow_unauthenticated, trust_direct_invoke] =
            ["ALLOW_UNAUTHENTICATED", "TRUST_DIRECT_INVOKE"].map(|name| {
                let flag = flag(name, lookup(name).as_deref());
                flag.map_err(|problem| problems.push(problem)) == Ok(true)
            });
        let text = |name: &str| lookup(name).filter(|text| !text.is_empty());
        let loading = loading(text("MODEL_LOADING").as_deref()).unwrap_or_else(|problem| {
            problems.push(problem);
            Loading::default()
        });
        let grants = text("MODEL_GRANTS").unwrap_or_else(|| Grants::DEFAULT.to_owned());
        let grants = Grants::read(&grants).unwrap_or_else(|problem| {
            problems.push(format!("`MODEL_GRANTS` {problem}"));
            Grants::Listed(Vec::new())
        });
        let cors =
            Cors::read(&text("CORS_ORIGINS").unwrap_or_default()).unwrap_or_else(|problem| {
                problems.push(format!("`CORS_ORIGINS` {problem}"));
                Cors::Off
            });
        let caller_limits = CallerLimits::named(text);
        let protected_resource = protected_resource(&lookup).unwrap_or_else(|problem| {
            problems.push(problem);
            None
        });
        let default_model = lookup("DEFAULT_MODEL").filter(|name| !name.is_empty());
        if problems.is_empty() {
            Ok(Self {
                source,
                refresh,
                default_model,
                loading,
                grants,
                caller_limits,
                allow_unauthenticated,
                trust_direct_invoke,
                public_base_url: text("PUBLIC_BASE_URL").map(without_slash),
                cors,
                issuer: text("ISSUER"),
                protected_resource,
                limits,
                memory,
                function_name: text("AWS_LAMBDA_FUNCTION_NAME")
                    .unwrap_or_else(|| "local".to_owned()),
                concurrency,
            })
        } else {
            Err(ConfigError { problems })
        }
    }
}

impl CallerLimits {
    fn named(text: impl Fn(&str) -> Option<String>) -> Self {
        Self {
            body_bytes: text("MAX_BODY_BYTES_CLAIM"),
            rows: text("MAX_ROWS_CLAIM"),
        }
    }
}

fn limits(number: &mut impl FnMut(&str, usize) -> Option<usize>) -> Limits {
    let mut limit = |name: &str, default, most| number(name, most).unwrap_or(default);
    let default = Limits::DEFAULT;
    // Lambda itself takes no more than six megabytes in or out; without base64 a body may have them.
    Limits {
        body_bytes: limit("MAX_BODY_BYTES", default.body_bytes, 6 * 1024 * 1024),
        decoded_bytes: limit("MAX_DECODED_BYTES", default.decoded_bytes, usize::MAX),
        reply_bytes: limit("MAX_REPLY_BYTES", default.reply_bytes, 6 * 1024 * 1024),
        rows: limit("MAX_ROWS", default.rows, usize::MAX),
        elements: limit("MAX_ELEMENTS", default.elements, usize::MAX),
        text_bytes: limit("MAX_TEXT_BYTES", default.text_bytes, usize::MAX),
        depth: limit("MAX_DEPTH", default.depth, Limits::DEEPEST),
    }
}

/// Where the models are, and how often that is looked at.
fn source(
    lookup: &dyn Fn(&str) -> Option<String>,
    seconds: Option<usize>,
    problems: &mut Vec<String>,
) -> (Source, Option<Duration>) {
    let given = lookup("MODEL_SOURCE").filter(|source| !source.is_empty());
    match given {
        Some(address) if address.contains("://") => {
            let refresh = seconds.map(|seconds| Duration::from_secs(seconds as u64));
            (bucket(&address, lookup, problems), refresh)
        }
        folder => {
            if seconds.is_some() {
                problems
                    .push("`MODEL_REFRESH` is for `s3://` alone: folders do not change".to_owned());
            }
            let defaults = || SOURCES.map(PathBuf::from).to_vec();
            let folders = folder.map_or_else(defaults, |folder| vec![PathBuf::from(folder)]);
            (Source::Folders(folders), None)
        }
    }
}

#[cfg(feature = "s3")]
fn bucket(
    address: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
    problems: &mut Vec<String>,
) -> Source {
    let bucket = crate::s3::Bucket::load(address, lookup, problems);
    bucket.map_or(Source::Folders(Vec::new()), Source::S3)
}

#[cfg(not(feature = "s3"))]
fn bucket(
    address: &str,
    _lookup: &dyn Fn(&str) -> Option<String>,
    problems: &mut Vec<String>,
) -> Source {
    problems.push(match address.starts_with("s3://") {
        true => format!("`MODEL_SOURCE` is `{address}`: S3 needs a model function that is built with `--features s3`"),
        false => format!("`MODEL_SOURCE` must be a folder, is `{address}`"),
    });
    Source::Folders(Vec::new())
}

fn without_slash(address: String) -> String {
    address.trim_end_matches('/').to_owned()
}

fn flag(name: &str, value: Option<&str>) -> Result<bool, String> {
    match value {
        None | Some("" | "false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => Err(format!("`{name}` must be `true` or `false`, is `{other}`")),
    }
}

fn loading(value: Option<&str>) -> Result<Loading, String> {
    match value {
        None | Some("start") => Ok(Loading::Start),
        Some("first-use") => Ok(Loading::FirstUse),
        Some(other) => Err(format!(
            "`MODEL_LOADING` must be `start` or `first-use`, is `{other}`"
        )),
    }
}

/// The metadata of an address with a path would lie beside what the API is mapped to: there are none then.
fn protected_resource(
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<Option<ProtectedResource>, String> {
    let value = |name: &str| lookup(name).filter(|value| !value.is_empty());
    let Some(base) = value("PUBLIC_BASE_URL") else {
        return Ok(None);
    };
    let host = ["https://", "http://"]
        .iter()
        .find_map(|scheme| base.strip_prefix(scheme));
    let odd = |character: char| !character.is_ascii_graphic() || "?#@\\\"".contains(character);
    let Some(host) = host.filter(|host| !host.is_empty() && !host.contains(odd)) else {
        return Err(format!(
            "`PUBLIC_BASE_URL` must be an address such as `https://api.example`, is `{}`",
            base.escape_debug()
        ));
    };
    if host.trim_end_matches('/').contains('/') {
        return Ok(None);
    }
    match value("ISSUER") {
        Some(issuer) => Ok(Some(ProtectedResource::new(
            base.trim_end_matches('/'),
            issuer,
        ))),
        None => Err("`ISSUER` is not set, and `PUBLIC_BASE_URL` is".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(variables: &[(&str, &str)]) -> Result<Config, Vec<String>> {
        let find = |name: &str| variables.iter().find(|(known, _)| *known == name);
        Config::load(|name| find(name).map(|(_, value)| (*value).to_owned()))
            .map_err(|error| error.problems)
    }

    #[test]
    fn nothing_set_is_safe() {
        let config = load(&[]).unwrap();
        let folders = ["/opt/models", "/var/task/models"];
        let folders = Source::Folders(folders.map(PathBuf::from).to_vec());
        assert_eq!((config.source.clone(), config.refresh), (folders, None));
        assert_eq!(config.default_model, None);
        assert_eq!(config.loading, Loading::Start);
        assert_eq!(Ok(config.grants.clone()), Grants::read(Grants::DEFAULT));
        assert_eq!(config.caller_limits, CallerLimits::default());
        assert!(!config.allow_unauthenticated && !config.trust_direct_invoke);
        assert_eq!(config.limits, Limits::DEFAULT);
        assert_eq!(config.memory, Memory::UNKNOWN);
        assert_eq!(config.concurrency, 1);
        assert_eq!(
            load(&[
                ("ALLOW_UNAUTHENTICATED", ""),
                ("TRUST_DIRECT_INVOKE", ""),
                ("MODEL_SOURCE", ""),
                ("MODEL_REFRESH", ""),
                ("DEFAULT_MODEL", ""),
                ("MODEL_LOADING", ""),
                ("MODEL_GRANTS", ""),
                ("MAX_ROWS_CLAIM", "")
            ]),
            Ok(config)
        );
    }

    #[test]
    fn every_variable_is_read() {
        let variables = [
            ("MODEL_SOURCE", "models"),
            ("DEFAULT_MODEL", "wine"),
            ("MODEL_LOADING", "first-use"),
            ("MODEL_GRANTS", "roles=ml"),
            ("MAX_BODY_BYTES_CLAIM", "body"),
            ("MAX_ROWS_CLAIM", "rows"),
            ("ALLOW_UNAUTHENTICATED", "true"),
            ("TRUST_DIRECT_INVOKE", "true"),
            ("PUBLIC_BASE_URL", "https://api.example/"),
            ("CORS_ORIGINS", "*"),
            ("ISSUER", "https://a/"),
            ("MAX_BODY_BYTES", "1"),
            ("MAX_REPLY_BYTES", "2"),
            ("MAX_DECODED_BYTES", "5"),
            ("MAX_ROWS", "3"),
            ("MAX_ELEMENTS", "4"),
            ("MAX_TEXT_BYTES", "6"),
            ("MAX_DEPTH", "100"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
            ("AWS_LAMBDA_FUNCTION_NAME", "a-model-serving-fn"),
            ("AWS_LAMBDA_MAX_CONCURRENCY", "16"),
        ];
        let config = Config {
            source: Source::Folders(vec![PathBuf::from("models")]),
            refresh: None,
            default_model: Some("wine".to_owned()),
            loading: Loading::FirstUse,
            grants: Grants::read("roles=ml").unwrap(),
            caller_limits: CallerLimits {
                body_bytes: Some("body".to_owned()),
                rows: Some("rows".to_owned()),
            },
            allow_unauthenticated: true,
            trust_direct_invoke: true,
            public_base_url: Some("https://api.example".to_owned()),
            cors: Cors::Any,
            issuer: Some("https://a/".to_owned()),
            protected_resource: Some(ProtectedResource::new(
                "https://api.example",
                "https://a/".to_owned(),
            )),
            limits: Limits {
                body_bytes: 1,
                decoded_bytes: 5,
                reply_bytes: 2,
                rows: 3,
                elements: 4,
                text_bytes: 6,
                depth: 100,
            },
            memory: Memory::of_function(512 << 20),
            function_name: "a-model-serving-fn".to_owned(),
            concurrency: 16,
        };
        assert_eq!(load(&variables), Ok(config));
    }

    #[test]
    fn metadata_need_an_address_without_a_path_and_an_issuer() {
        let found = |base: &str, issuer: &str| {
            let variables = [("PUBLIC_BASE_URL", base), ("ISSUER", issuer)];
            load(&variables).map(|config| config.protected_resource.is_some())
        };
        assert_eq!(found("https://api.example", "https://a"), Ok(true));
        assert_eq!(found("http://127.0.0.1:3000", "http://a"), Ok(true));
        assert_eq!(found("https://api.example/v1", "https://a"), Ok(false));
        assert_eq!(found("https://api.example/v1", ""), Ok(false));
        assert_eq!(found("", "https://a"), Ok(false));
        assert!(found("https://api.example", "").unwrap_err()[0].contains("`ISSUER` is not set"));
        for odd in [
            "api.example",
            "https://",
            "https://a?b",
            "https://a b",
            "https://a\"b",
        ] {
            assert!(
                found(odd, "https://a").unwrap_err()[0].contains("must be an address"),
                "{odd}"
            );
        }
    }

    #[test]
    fn all_problems_are_told_together() {
        let variables = [
            ("MODEL_SOURCE", "gs://bucket"),
            ("MODEL_REFRESH", "0"),
            ("ALLOW_UNAUTHENTICATED", "yes"),
            ("TRUST_DIRECT_INVOKE", "1"),
            ("MODEL_LOADING", "lazy"),
            ("MODEL_GRANTS", "predict"),
            ("MAX_ROWS", "0"),
            ("MAX_DEPTH", "101"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1 GB"),
            ("AWS_LAMBDA_MAX_CONCURRENCY", "0"),
        ];
        let expected = [
            "`AWS_LAMBDA_FUNCTION_MEMORY_SIZE` must be a number from 1 to 17592186044415, is `1 GB`",
            "`AWS_LAMBDA_MAX_CONCURRENCY` must be a number from 1 to 1600, is `0`",
            "`MAX_ROWS` must be a number from 1 to 18446744073709551615, is `0`",
            "`MAX_DEPTH` must be a number from 1 to 100, is `101`",
            "`MODEL_REFRESH` must be a number from 1 to 86400, is `0`",
            "`MODEL_SOURCE`",
            "`ALLOW_UNAUTHENTICATED` must be `true` or `false`, is `yes`",
            "`TRUST_DIRECT_INVOKE` must be `true` or `false`, is `1`",
            "`MODEL_LOADING` must be `start` or `first-use`, is `lazy`",
            "`MODEL_GRANTS` must be `any` or a list such as `scope=predict scope=predict:{model}`, has `predict`",
        ];
        // What may stand there depends on what the function is built with.
        let cut = |problem: String| match problem.starts_with("`MODEL_SOURCE` must be ") {
            true => "`MODEL_SOURCE`".to_owned(),
            false => problem,
        };
        let problems = load(&variables).unwrap_err().into_iter();
        let problems = problems.filter(|problem| !problem.contains("which Lambda sets"));
        assert_eq!(problems.map(cut).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn folders_are_not_looked_at_again() {
        let problems = load(&[("MODEL_REFRESH", "60")]).unwrap_err();
        let expected = "`MODEL_REFRESH` is for `s3://` alone: folders do not change";
        assert_eq!(problems, [expected]);
    }

    #[cfg(not(feature = "s3"))]
    #[test]
    fn a_bucket_needs_a_function_that_is_built_for_it() {
        let problems = load(&[("MODEL_SOURCE", "s3://bucket/models")]).unwrap_err();
        let expected = "`MODEL_SOURCE` is `s3://bucket/models`: S3 needs a model function that is built with `--features s3`";
        assert_eq!(problems, [expected]);
    }

    #[cfg(feature = "s3")]
    #[test]
    fn a_bucket_is_read_with_what_lambda_sets() {
        let all = [
            ("MODEL_SOURCE", "s3://bucket/models"),
            ("MODEL_REFRESH", "60"),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "a"),
            ("AWS_SECRET_ACCESS_KEY", "b"),
        ];
        let config = load(&all).unwrap();
        assert!(matches!(config.source, Source::S3(_)));
        assert_eq!(config.refresh, Some(Duration::from_secs(60)));
        assert!(!format!("{config:?}").contains("\"b\""));
        for name in ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            let without: Vec<_> = all
                .into_iter()
                .filter(|(other, _)| *other != name)
                .collect();
            let expected = format!("`{name}`, which Lambda sets, is not set");
            assert_eq!(load(&without), Err(vec![expected]));
        }
    }
}
