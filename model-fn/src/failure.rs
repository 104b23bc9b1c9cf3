//! Everything that ends a request early, and the one place where it meets HTTP.

use serde_json::{Map, Value, json};

use crate::caller::LimitError;
use crate::coding::CodingError;
use crate::cors::CorsError;
use crate::deadline::TooLate;
use crate::engine::RunError;
use crate::event::{BodyError, EventError};
use crate::media::{self, NotAcceptable};
use crate::pipeline::{Kind, StepsError};
use crate::protocol::{InputError, TableError};
use crate::repository::{FindError, Unavailable};
use crate::route::{RouteError, Unserved};

/// Why a request is not answered as asked.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The event is none.
    #[error(transparent)]
    Event(#[from] EventError),
    /// No authorizer let the request pass.
    #[error("the request comes without an authorizer's context")]
    Unauthenticated,
    /// A browser asks for a page that may not call.
    #[error(transparent)]
    Cors(#[from] CorsError),
    /// The authorizer's context sets a limit that is none.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// There is no time for an answer.
    #[error(transparent)]
    Late(#[from] TooLate),
    /// No route is there.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// The route is another server's, and not answered here.
    #[error(transparent)]
    Unserved(#[from] Unserved),
    /// No model, or no version of it, is there.
    #[error(transparent)]
    Find(#[from] FindError),
    /// The model is there and cannot be asked now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// Models do not come and go by requests.
    #[error(
        "models are loaded at the start, from `MODEL_SOURCE`, and not by requests: deploy them there"
    )]
    NotLoadable,
    /// The body of a request for the index is none.
    #[error("the body must be empty or an object with `ready`, true or false")]
    NotIndex,
    /// The content type is none that is read.
    #[error(
        "the content type `{0}` is not read: send `application/json`, `text/csv`, `application/jsonlines`, `application/x-npy` or `application/vnd.apache.arrow.stream`, and to models that take them `text/plain`, `image/jpeg`, `image/png`, `image/webp` or `multipart/form-data`"
    )]
    ContentType(String),
    /// No answer is of a type that the caller takes.
    #[error(transparent)]
    NotAcceptable(#[from] NotAcceptable),
    /// The body is compressed in a way that is not read.
    #[error(transparent)]
    Coding(#[from] CodingError),
    /// There is no body to read.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The body is wrong, or does not fit the model.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The steps before or after the model cannot be done.
    #[error("{}", steps_said(.0))]
    Steps(#[from] StepsError),
    /// The model failed.
    #[error("{}", said(.0))]
    Run(#[from] RunError),
    /// The answer cannot be written.
    #[error("the answer cannot be written")]
    Write(#[source] serde_json::Error),
    /// The answer is over the limit.
    #[error("the answer has more than {limit} bytes: send fewer rows")]
    ReplyTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
}

/// What a caller is told of a run: what they can change, nothing of the inside.
fn said(error: &RunError) -> String {
    match error {
        RunError::Shapes(_) => "the model does not take inputs of these shapes together".to_owned(),
        RunError::TooLarge(error) => {
            format!("for inputs of these shapes {error}: send fewer rows, or shorter ones")
        }
        RunError::Busy(_) => {
            "other requests use the memory that this one needs: try again".to_owned()
        }
        RunError::Unfit(unfit) => format!("the model does not take the inputs: {unfit}"),
        RunError::Failed(_) | RunError::Panicked | RunError::Datatype { .. } => {
            "the model failed on these inputs".to_owned()
        }
    }
}

/// The same of the steps.
fn steps_said(error: &StepsError) -> String {
    match error.kind() {
        Kind::Ours => "the steps before or after the model failed on these inputs".to_owned(),
        Kind::Refused | Kind::TooLarge | Kind::Busy => error.to_string(),
    }
}

/// The only place where a failure meets HTTP.
pub fn status(failure: &Failure) -> u16 {
    match failure {
        Failure::Event(EventError::Unreadable) => 400,
        Failure::Event(EventError::NotHttp) | Failure::Unauthenticated => 403,
        Failure::Find(FindError::Closed { .. } | FindError::DefaultClosed) => 403,
        Failure::Limit(_) | Failure::Cors(_) => 403,
        Failure::Route(RouteError::Unknown) | Failure::Find(_) => 404,
        Failure::Route(RouteError::Method { .. }) => 405,
        Failure::Unserved(_) | Failure::NotLoadable => 501,
        Failure::NotIndex => 400,
        Failure::ContentType(_) => 415,
        Failure::Late(_) | Failure::Unavailable(_) => 503,
        Failure::NotAcceptable(_) => 406,
        Failure::Coding(CodingError::Unknown(_) | CodingError::Several(_)) => 415,
        Failure::Coding(CodingError::Damaged(_)) => 400,
        Failure::Coding(CodingError::TooLarge { .. }) => 413,
        Failure::Body(BodyError::Missing | BodyError::NotBase64) => 400,
        Failure::Body(BodyError::TooLarge { .. }) | Failure::ReplyTooLarge { .. } => 413,
        Failure::Input(error) => input_status(error),
        Failure::Steps(error) => match error.kind() {
            Kind::Refused => 422,
            Kind::TooLarge => 413,
            Kind::Busy => 503,
            Kind::Ours => 500,
        },
        Failure::Run(RunError::TooLarge(_)) => 413,
        Failure::Run(RunError::Busy(_)) => 503,
        Failure::Run(RunError::Shapes(_) | RunError::Unfit(_)) => 422,
        Failure::Run(RunError::Failed(_) | RunError::Panicked | RunError::Datatype { .. }) => 500,
        Failure::Write(_) => 500,
    }
}

fn input_status(error: &InputError) -> u16 {
    match error {
        InputError::NotJson { .. }
        | InputError::NotADialect { .. }
        | InputError::NotRows { .. }
        | InputError::Twice
        | InputError::NotTensors
        | InputError::NotValues
        | InputError::NoInput => 400,
        InputError::NoEmbeddings => 422,
        InputError::Signature { .. } | InputError::Params { .. } | InputError::Encoded { .. } => {
            422
        }
        InputError::Outputs { .. }
        | InputError::Field { .. }
        | InputError::Length { .. }
        | InputError::Ragged { .. } => 400,
        InputError::HeaderLength { .. }
        | InputError::LeftOver { .. }
        | InputError::Raw { .. }
        | InputError::Multipart { .. }
        | InputError::Parameter { .. } => 400,
        InputError::NoWhole { .. } => 415,
        InputError::TooDeep { .. }
        | InputError::TooManyElements { .. }
        | InputError::TextTooLong { .. }
        | InputError::TooManyRows { .. } => 413,
        InputError::Unknown { .. } | InputError::Missing { .. } | InputError::Repeated { .. } => {
            422
        }
        InputError::Unnamed { .. } | InputError::Value { .. } | InputError::Datatype { .. } => 422,
        InputError::Shape { .. } | InputError::Empty { .. } | InputError::Disagree { .. } => 422,
        InputError::Null { .. } => 422,
        InputError::OutputUnknown { .. }
        | InputError::OutputRepeated { .. }
        | InputError::NoClasses { .. }
        | InputError::NoRows { .. } => 422,
        InputError::Table(error) => table_status(error),
    }
}

fn table_status(error: &TableError) -> u16 {
    match error {
        TableError::Frame { .. } | TableError::Cells { .. } | TableError::Series { .. } => 400,
        TableError::NotCsv { .. } | TableError::NotNpy { .. } | TableError::Header => 400,
        TableError::NotArrow { .. } => 400,
        TableError::Texts { .. } => 413,
        TableError::NoTable { .. } | TableError::NoArray { .. } | TableError::NotArray { .. } => {
            406
        }
        TableError::Columns { .. } | TableError::NoColumns { .. } => 422,
        TableError::ColumnType { .. } | TableError::Index { .. } => 422,
    }
}

impl Failure {
    /// One word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Event(EventError::Unreadable) => "event_unreadable",
            Self::Event(EventError::NotHttp) => "not_an_http_event",
            Self::Unauthenticated => "unauthenticated",
            Self::Find(FindError::Closed { .. } | FindError::DefaultClosed) => "model_closed",
            Self::Cors(_) => "origin_refused",
            Self::Limit(_) => "limit_unreadable",
            Self::Late(_) => "deadline_near",
            Self::Unavailable(Unavailable::Loading) => "model_loading",
            Self::Unavailable(Unavailable::Full { .. }) | Self::Run(RunError::Busy(_)) => {
                "memory_in_use"
            }
            Self::Unavailable(Unavailable::Broken { .. }) => "model_unavailable",
            Self::Unavailable(Unavailable::Unreached { .. }) => "models_unreached",
            Self::Route(RouteError::Unknown) => "route_unknown",
            Self::Route(RouteError::Method { .. }) => "method_not_allowed",
            Self::Find(FindError::Model { .. }) => "model_unknown",
            Self::Find(FindError::Version { .. }) => "version_unknown",
            Self::Find(FindError::NoDefault { .. }) => "no_default_model",
            Self::Unserved(_) | Self::NotLoadable => "not_implemented",
            Self::NotIndex => "malformed_body",
            Self::ContentType(_) => "content_type_unknown",
            Self::NotAcceptable(_) => "not_acceptable",
            Self::Coding(CodingError::Unknown(_) | CodingError::Several(_)) => {
                "content_encoding_unknown"
            }
            Self::Coding(CodingError::Damaged(_)) => "body_damaged",
            Self::Coding(CodingError::TooLarge { .. }) => "body_too_large",
            Self::Body(BodyError::Missing) => "body_missing",
            Self::Body(BodyError::NotBase64) => "body_not_base64",
            Self::Body(BodyError::TooLarge { .. }) => "body_too_large",
            Self::Input(error) => error.code(),
            Self::Steps(error) => error.code(),
            Self::Run(RunError::Shapes(_)) => "shapes_refused",
            Self::Run(RunError::TooLarge(_)) => "memory_exceeded",
            Self::Run(RunError::Unfit(_)) => "value_refused",
            Self::Run(RunError::Failed(_) | RunError::Panicked | RunError::Datatype { .. }) => {
                "model_failed"
            }
            Self::Write(_) => "answer_failed",
            Self::ReplyTooLarge { .. } => "reply_too_large",
        }
    }

    /// The values of the message, for programs.
    pub fn detail(&self) -> Map<String, Value> {
        let pair = |name: &str, value: Value| Map::from_iter([(name.to_owned(), value)]);
        match self {
            Self::Route(RouteError::Method { allowed }) => pair("expected", json!(allowed)),
            Self::Late(TooLate { needed_ms, left_ms }) => Map::from_iter([
                ("needed_ms".to_owned(), json!(needed_ms)),
                ("left_ms".to_owned(), json!(left_ms)),
            ]),
            Self::Find(FindError::Closed { wanted, .. }) => pair("expected", json!(wanted)),
            Self::Find(FindError::Model { models, .. } | FindError::NoDefault { models }) => {
                pair("expected", json!(models))
            }
            Self::Find(FindError::Version {
                versions, labels, ..
            }) => {
                let labels = (!labels.is_empty()).then(|| ("labels".to_owned(), json!(labels)));
                let versions = ("expected".to_owned(), json!(versions));
                std::iter::once(versions).chain(labels).collect()
            }
            Self::Body(BodyError::TooLarge { limit })
            | Self::Coding(CodingError::TooLarge { limit })
            | Self::ReplyTooLarge { limit } => pair("limit", json!(limit)),
            Self::ContentType(given)
            | Self::Coding(CodingError::Unknown(given) | CodingError::Several(given)) => {
                pair("given", json!(given))
            }
            Self::Coding(CodingError::Damaged(coding)) => pair("expected", json!(coding)),
            Self::Run(RunError::TooLarge(error)) => pair("limit", json!(error.left)),
            Self::Input(error) => error.detail(),
            Self::Event(_) | Self::Unauthenticated | Self::Route(RouteError::Unknown) => Map::new(),
            Self::Find(FindError::DefaultClosed) | Self::Unavailable(_) => Map::new(),
            Self::Cors(_)
            | Self::Limit(_)
            | Self::Unserved(_)
            | Self::NotLoadable
            | Self::NotIndex => Map::new(),
            Self::NotAcceptable(_) => pair("expected", json!(media::TYPES)),
            Self::Body(BodyError::Missing | BodyError::NotBase64)
            | Self::Run(_)
            | Self::Write(_) => Map::new(),
            Self::Steps(error) => {
                let named = error.parameter();
                named.map_or_else(Map::new, |name| pair("parameter", json!(name)))
            }
        }
    }

    /// In whole seconds: when to try again, where that is worth it.
    pub fn retry_after(&self) -> Option<u64> {
        /// The next invocation has all of the function's time again.
        const NEXT: u64 = 1;
        match self {
            Self::Late(_) | Self::Unavailable(Unavailable::Loading) => Some(NEXT),
            Self::Run(RunError::Busy(_)) => Some(NEXT),
            Self::Steps(error) => (error.kind() == Kind::Busy).then_some(NEXT),
            Self::Unavailable(
                Unavailable::Full { pause, .. }
                | Unavailable::Unreached { pause, .. }
                | Unavailable::Broken { pause, .. },
            ) => Some(pause.as_millis().div_ceil(1000).try_into().unwrap_or(NEXT)),
            Self::Event(_) | Self::Unauthenticated | Self::Cors(_) => None,
            Self::Limit(_) | Self::Route(_) => None,
            Self::Unserved(_) | Self::Find(_) | Self::NotLoadable | Self::NotIndex => None,
            Self::ContentType(_) | Self::NotAcceptable(_) | Self::Coding(_) => None,
            Self::Body(_) | Self::Input(_) | Self::Run(_) | Self::Write(_) => None,
            Self::ReplyTooLarge { .. } => None,
        }
    }

    /// What the log says beyond the code: for failures of ours alone, and never a value.
    ///
    /// Of a failed run that is the outermost context, the node and its operator; what lies below
    /// may quote values.
    pub fn reason(&self) -> Option<String> {
        match self {
            Self::Run(RunError::Shapes(source) | RunError::Failed(source)) => {
                Some(source.to_string())
            }
            Self::Run(RunError::TooLarge(source) | RunError::Busy(source)) => {
                Some(source.to_string())
            }
            Self::Run(error @ (RunError::Panicked | RunError::Datatype { .. })) => {
                Some(error.to_string())
            }
            Self::Steps(error) => (error.kind() == Kind::Ours).then(|| error.to_string()),
            Self::Write(source) => Some(source.to_string()),
            Self::Unavailable(Unavailable::Loading) => None,
            Self::Unavailable(
                Unavailable::Full { reason, .. }
                | Unavailable::Unreached { reason, .. }
                | Unavailable::Broken { reason, .. },
            ) => Some(reason.clone()),
            Self::Cors(error) => Some(error.to_string()),
            Self::Limit(error) => Some(error.to_string()),
            Self::Event(_)
            | Self::Unauthenticated
            | Self::Route(_)
            | Self::Unserved(_)
            | Self::Late(_)
            | Self::Find(_)
            | Self::NotLoadable
            | Self::NotIndex
            | Self::Input(_)
            | Self::Run(RunError::Unfit(_)) => None,
            Self::ContentType(_)
            | Self::NotAcceptable(_)
            | Self::Coding(_)
            | Self::Body(_)
            | Self::ReplyTooLarge { .. } => None,
        }
    }
}

impl From<crate::protocol::AnswerError> for Failure {
    fn from(error: crate::protocol::AnswerError) -> Self {
        match error {
            crate::protocol::AnswerError::Dialect(error) => Self::Input(error),
            crate::protocol::AnswerError::Json(error) => Self::Write(error),
            crate::protocol::AnswerError::TooLarge { limit } => Self::ReplyTooLarge { limit },
        }
    }
}
