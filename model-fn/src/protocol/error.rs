//! What is wrong with a body, in words and values that say what to change.

mod table;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::tensor::Datatype;

pub use table::TableError;

/// Why a body is refused. What serialises of it is the `detail` of the answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error, Serialize)]
#[serde(untagged)]
pub enum InputError {
    /// The text is not JSON.
    #[error("the body is not JSON: {message}")]
    NotJson {
        /// What the JSON reader found, and where.
        #[serde(skip)]
        message: String,
    },
    /// JSON, but nothing to predict from.
    #[error(
        "the body is no known dialect: send `instances`, a data frame, or `inputs` as a list of tensors, as an object or as a nested list"
    )]
    NotADialect {
        /// The keys of the body, where it is an object.
        #[serde(rename = "given")]
        keys: Vec<String>,
    },
    /// The rows are something else than a list.
    #[error("`{key}` must be a list of rows, given {given}")]
    NotRows {
        /// What they are called in the body.
        #[serde(skip)]
        key: &'static str,
        /// What kind of JSON it is.
        given: &'static str,
    },
    /// JSON, but no question for embeddings.
    #[error("the body must be an object with `input`, texts, and no member twice")]
    NoInput,
    /// The model's answers are no embeddings.
    #[error("the model makes no vectors of texts: name one that does as `model`")]
    NoEmbeddings,
    /// Two questions in one body.
    #[error("the body asks twice: send one of `inputs`, `instances` and data frames, once")]
    Twice,
    /// A signature that no model has.
    #[error("the model has no signature {given}: leave it out, or send `serving_default`")]
    Signature {
        /// What is given, as JSON.
        given: String,
    },
    /// Parameters of a prediction, which no model takes.
    #[error("the model takes no parameters: leave out `params`")]
    Params {
        /// Their names; the first of them.
        given: Vec<String>,
    },
    /// The route takes tensors only.
    #[error("this route takes the open inference protocol: send `inputs` as a list of tensors")]
    NotTensors,
    /// The route takes values only.
    #[error(
        "this route takes `instances`, or `inputs` as an object or a nested list: ask `/v2` with tensors"
    )]
    NotValues,
    /// A tensor of the Open Inference Protocol lacks a field, or has it wrong.
    #[error("tensor `{tensor}`: `{field}` {message}")]
    Field {
        /// The name of the tensor, or its place.
        #[serde(rename = "input")]
        tensor: String,
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        #[serde(skip)]
        message: String,
    },
    /// `data` is not what `shape` says.
    #[error("tensor `{tensor}`: the shape {shape:?} does not hold the data given")]
    Length {
        /// The name of the tensor.
        #[serde(rename = "input")]
        tensor: String,
        /// Its shape.
        #[serde(rename = "expected", serialize_with = "as_shape")]
        shape: Vec<usize>,
        /// The shape of its data.
        #[serde(serialize_with = "as_shape")]
        given: Vec<usize>,
    },
    /// Lists side by side differ.
    #[error("input `{input}` is ragged at {at:?}: {expected} expected, {given} given")]
    Ragged {
        /// The input.
        input: String,
        /// The way to the place, index by index.
        at: Vec<usize>,
        /// What the lists before it had there.
        expected: String,
        /// What is there.
        given: String,
    },
    /// Lists within lists beyond the limit.
    #[error("lists are nested more than {limit} deep")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// More scalars than the limit.
    #[error("the inputs hold more than {limit} values")]
    TooManyElements {
        /// The limit.
        limit: usize,
    },
    /// A text longer than the limit.
    #[error("input `{input}` has a text of {given} bytes at {at:?}, and the limit is {limit}")]
    TextTooLong {
        /// The input.
        input: String,
        /// Where, along each axis.
        at: Vec<usize>,
        /// The limit.
        limit: usize,
        /// How long it is.
        given: usize,
    },
    /// More rows than the limit.
    #[error("the inputs hold more than {limit} rows: send them in parts")]
    TooManyRows {
        /// The limit.
        limit: usize,
    },
    /// The model has no such input.
    #[error("the model has no input `{input}`")]
    Unknown {
        /// The name given.
        input: String,
        /// The names it has.
        expected: Vec<String>,
    },
    /// An input of the model is not given.
    #[error("input `{input}` is missing")]
    Missing {
        /// The input.
        input: String,
        /// The row that lacks it, where the others need not.
        #[serde(skip_serializing_if = "Option::is_none")]
        row: Option<usize>,
    },
    /// An input is given twice.
    #[error("input `{input}` is given twice")]
    Repeated {
        /// The input.
        input: String,
    },
    /// A bare list, and no or several inputs.
    #[error("the model has {} inputs: give them by name", expected.len())]
    Unnamed {
        /// The names.
        expected: Vec<String>,
    },
    /// A scalar that is none of the datatype.
    #[error("input `{input}` takes `{expected}`: {given} at {at:?} does not fit")]
    Value {
        /// The input.
        input: String,
        /// The way to the place, index by index.
        at: Vec<usize>,
        /// The datatype.
        #[serde(serialize_with = "as_datatype")]
        expected: Datatype,
        /// The scalar, shortened.
        given: String,
    },
    /// An object that stands for text is not what it must be.
    #[error(
        "input `{input}`: `b64` at {at:?} must be alone in its object, and base64 of UTF-8 text"
    )]
    Encoded {
        /// The input.
        input: String,
        /// The way to the place, index by index.
        at: Vec<usize>,
    },
    /// Null stands where all of an input should.
    #[error("input `{input}` is null, which is no tensor")]
    Null {
        /// The input.
        input: String,
    },
    /// A tensor of a datatype that is not converted.
    #[error("input `{input}` takes `{expected}`, given `{given}`")]
    Datatype {
        /// The input.
        input: String,
        /// The datatype of the model.
        #[serde(serialize_with = "as_datatype")]
        expected: Datatype,
        /// The datatype of the tensor.
        #[serde(serialize_with = "as_datatype")]
        given: Datatype,
    },
    /// A shape that is not the model's.
    #[error("input `{input}` takes the shape {expected:?}, given {given:?}")]
    Shape {
        /// The input.
        input: String,
        /// The model's shape, -1 where any length will do.
        #[serde(serialize_with = "as_shape")]
        expected: Vec<i64>,
        /// The shape given.
        #[serde(serialize_with = "as_shape")]
        given: Vec<usize>,
    },
    /// No rows, or nothing in them.
    #[error("input `{input}` is empty, given the shape {given:?}")]
    Empty {
        /// The input.
        input: String,
        /// The shape given.
        #[serde(serialize_with = "as_shape")]
        given: Vec<usize>,
    },
    /// Axes that must be equally long are not.
    #[error("input `{input}` has {given} along axis {axis}, another input has {expected}")]
    Disagree {
        /// The input.
        input: String,
        /// The axis.
        axis: usize,
        /// The length elsewhere.
        expected: usize,
        /// The length here.
        given: usize,
    },
    /// The length of the JSON in front of binary data is none.
    #[error(
        "`Inference-Header-Content-Length` must be a number of bytes from 0 to {limit}, the body's, given `{}`",
        given.escape_debug()
    )]
    HeaderLength {
        /// The length of the body.
        limit: usize,
        /// What the header says.
        given: String,
    },
    /// There are bytes behind those of the last tensor.
    #[error(
        "{given} bytes are left over behind the JSON: say by `binary_data_size` which tensor they are of"
    )]
    LeftOver {
        /// How many.
        given: usize,
    },
    /// The body is no values of the only input.
    #[error(
        "the body of {given} bytes is no value of input `{input}`, `{datatype}` of shape {expected:?}: send a JSON header with its shape"
    )]
    Raw {
        /// The input.
        input: String,
        /// Its shape, -1 where any length will do.
        #[serde(serialize_with = "as_shape")]
        expected: Vec<i64>,
        /// Its datatype.
        datatype: Datatype,
        /// The bytes of the body.
        given: usize,
    },
    /// A known parameter is of another type than the protocol says.
    #[error("`{parameter}` of {of} must {must}")]
    Parameter {
        /// What has the parameter.
        of: String,
        /// Its name.
        parameter: &'static str,
        /// What it must be or not be.
        #[serde(skip)]
        must: &'static str,
    },
    /// `outputs` does not say which outputs are asked for.
    #[error("`outputs` must {must}")]
    Outputs {
        /// What it must be or not be.
        #[serde(skip)]
        must: &'static str,
    },
    /// The model has no such output.
    #[error("the model has no output `{output}`")]
    OutputUnknown {
        /// The name given.
        output: String,
        /// The names it has.
        expected: Vec<String>,
    },
    /// An output is asked for twice.
    #[error("output `{output}` is asked for twice")]
    OutputRepeated {
        /// The output.
        output: String,
    },
    /// A classification of what is no number.
    #[error(
        "output `{output}` is `{given}`, which has no classes: ask for it without `classification`"
    )]
    NoClasses {
        /// The output.
        output: String,
        /// Its datatype.
        #[serde(serialize_with = "as_datatype")]
        given: Datatype,
    },
    /// An output that does not have one entry a row.
    #[error(
        "output `{output}` has the shape {given:?}, not one entry a row: ask with `inputs` instead of `instances`"
    )]
    NoRows {
        /// The output.
        output: String,
        /// Its shape.
        #[serde(serialize_with = "as_shape")]
        given: Vec<usize>,
    },
    /// A body is one text or picture, and the model takes neither.
    #[error(
        "a text or a picture is for models that take one, and this one takes others: send its tensors"
    )]
    NoWhole {
        /// The inputs of the model.
        expected: Vec<String>,
    },
    /// A body is no form.
    #[error("the body is no `multipart/form-data`: {message}")]
    Multipart {
        /// Why.
        message: String,
    },
    /// A table or an array is wrong, or cannot be answered with.
    #[error(transparent)]
    Table(#[from] TableError),
}

impl InputError {
    /// Whether the body is of other inputs than those it was read for.
    pub(crate) fn is_of_another(&self) -> bool {
        matches!(
            self,
            Self::Unknown { .. }
                | Self::Missing { .. }
                | Self::Unnamed { .. }
                | Self::Value { .. }
                | Self::Datatype { .. }
                | Self::NoWhole { .. }
        )
    }

    /// One word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotJson { .. } => "not_json",
            Self::NotADialect { .. } | Self::NotRows { .. } | Self::Twice => "not_a_dialect",
            Self::NotTensors | Self::NotValues | Self::NoInput => "not_a_dialect",
            Self::NoEmbeddings => "no_embeddings",
            Self::Field { .. } | Self::Length { .. } | Self::Outputs { .. } => "malformed_tensor",
            Self::HeaderLength { .. } | Self::LeftOver { .. } | Self::Raw { .. } => {
                "malformed_tensor"
            }
            Self::Parameter { .. } => "wrong_parameter",
            Self::NoWhole { .. } => "content_type_unknown",
            Self::Multipart { .. } => "malformed_form",
            Self::Ragged { .. } => "ragged",
            Self::Table(error) => error.code(),
            Self::Signature { .. } => "signature_unknown",
            Self::Params { .. } => "params_unknown",
            Self::Encoded { .. } => "wrong_value",
            Self::TooDeep { .. } => "too_deep",
            Self::TooManyElements { .. } => "too_many_elements",
            Self::TextTooLong { .. } => "text_too_long",
            Self::TooManyRows { .. } => "too_many_rows",
            Self::Unknown { .. } => "input_unknown",
            Self::Missing { .. } | Self::Unnamed { .. } => "input_missing",
            Self::Repeated { .. } => "input_repeated",
            Self::Value { .. } | Self::Null { .. } => "wrong_value",
            Self::Datatype { .. } => "wrong_datatype",
            Self::Shape { .. } => "wrong_shape",
            Self::Empty { .. } => "empty_batch",
            Self::Disagree { .. } => "rows_disagree",
            Self::OutputUnknown { .. } => "output_unknown",
            Self::OutputRepeated { .. } => "output_repeated",
            Self::NoClasses { .. } => "no_classes",
            Self::NoRows { .. } => "no_rows",
        }
    }

    /// The values of the message, for programs.
    pub fn detail(&self) -> Map<String, Value> {
        let detail = serde_json::to_value(self).ok();
        detail
            .as_ref()
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default()
    }
}

/// A shape, told apart from other lists of numbers.
fn as_shape<T: Serialize, S: Serializer>(shape: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map([("shape", shape)])
}

/// A datatype, told apart from other text.
fn as_datatype<S: Serializer>(datatype: &Datatype, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map([("datatype", datatype)])
}
