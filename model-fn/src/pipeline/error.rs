//! Why steps cannot be done, at the load of a model or for a request.

use crate::engine::TooLarge;
use crate::tensor::Datatype;

/// Why the steps of a model cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum StepsError {
    /// A file that is named is not there.
    #[error("`text.tokenizer`: `{name}` cannot be read from the model's folder: {why}")]
    File {
        /// The file.
        name: String,
        /// Why.
        why: String,
    },
    /// The tokenizer cannot be used.
    #[error(transparent)]
    Tokenizer(#[from] steps::text::SettingsError),
    /// Pictures cannot be made so.
    #[error(transparent)]
    Images(#[from] steps::image::SettingsError),
    /// The model takes no tokens.
    #[error("`text` is for models with an input `input_ids`, and this one has {}", list(.inputs))]
    NoIds {
        /// The inputs there are.
        inputs: Vec<String>,
    },
    /// An input is no list of tokens.
    #[error(
        "`text`: input `{name}` is `{given}` with {axes} axes, and tokens are INT64 or INT32 with 2"
    )]
    NoTokens {
        /// The input.
        name: String,
        /// Its datatype.
        given: Datatype,
        /// How many axes it has.
        axes: usize,
    },
    /// Which input takes the pictures is not said.
    #[error("`image.tensor` must name the input that pictures become: {}", list(.inputs))]
    NoTensor {
        /// The inputs there are.
        inputs: Vec<String>,
    },
    /// An input takes no pixels of this kind.
    #[error(
        "`image`: input `{name}` is `{given}`, and pictures become FP32, FP16 or FP64, or UINT8 where they are neither rescaled nor normalized"
    )]
    NoPixels {
        /// The input.
        name: String,
        /// Its datatype.
        given: Datatype,
    },
    /// Pictures would have another shape.
    #[error(
        "`image`: input `{name}` takes the shape {expected:?}, and pictures become {given:?}: set `size`, `crop_size`, `color` or `layout`"
    )]
    Pixels {
        /// The input.
        name: String,
        /// What it takes.
        expected: Vec<i64>,
        /// What pictures become; empty where that is not fixed.
        given: Vec<usize>,
    },
    /// An input has the name of another.
    #[error("`{name}` is an input of the model: give `text.input` or `image.input` another name")]
    InputTwice {
        /// The name.
        name: String,
    },
    /// An output has the name of another.
    #[error("`outputs` has `{name}` twice: give one of them another `name`")]
    OutputTwice {
        /// The name.
        name: String,
    },
    /// Which output the steps are for is not said.
    #[error("`outputs`, entry {place}: `from` must name an output of the model: {}", list(.outputs))]
    From {
        /// The entry.
        place: usize,
        /// The outputs there are.
        outputs: Vec<String>,
    },
    /// The steps are for floats.
    #[error("`outputs`: `{name}` is `{given}`, and steps are for floats")]
    NoFloats {
        /// The output.
        name: String,
        /// Its datatype.
        given: Datatype,
    },
    /// Nothing can follow a step.
    #[error("`outputs`: `{name}`: `{step}` must be the last step")]
    NotLast {
        /// The output.
        name: String,
        /// The step.
        step: &'static str,
    },
    /// The mean is of the tokens that are there, and nothing says which.
    #[error("`outputs`: `mean_pooling` is for models with an input `attention_mask`")]
    NoMask,
    /// Nothing can be shortened.
    #[error(
        "`parameters`: `dimensions` is for models with a vector among their `outputs`, and none is named there"
    )]
    NoVector,
    /// A request has more text than may be.
    #[error("the texts have more than {limit} bytes together: send fewer at once")]
    TooMuchText {
        /// The limit.
        limit: usize,
    },
    /// An output is not what a step takes.
    #[error("`outputs`: `{name}` {why}")]
    Unfit {
        /// The output.
        name: String,
        /// In what.
        why: String,
    },
    /// More numbers are asked for than there are.
    #[error("`dimensions` is {given}, and the vectors have {most}")]
    Dimensions {
        /// How many are asked for.
        given: usize,
        /// How many there are.
        most: usize,
    },
    /// A text is not taken.
    #[error(transparent)]
    Text(#[from] steps::text::TextError),
    /// A picture is not taken.
    #[error("picture {row}: {source}")]
    Picture {
        /// Which, from 0.
        row: usize,
        /// Why.
        source: steps::image::ImageError,
    },
    /// Pictures of one request are of several sizes, and the model takes them as they are.
    #[error(
        "picture {row} has {given:?} rows and columns, and the first one {first:?}: send pictures of one size together"
    )]
    Sizes {
        /// Which, from 0.
        row: usize,
        /// Its height and width.
        given: [u32; 2],
        /// Those of the first.
        first: [u32; 2],
    },
    /// There is no memory for the pictures now.
    #[error(
        "there is no memory for the pictures now: try again, send fewer or smaller ones, or raise `ModelMemory`"
    )]
    Memory(#[source] TooLarge),
    /// The pictures become more values than a request may have.
    #[error("the pictures become more than {limit} values: send fewer at once")]
    TooManyValues {
        /// The limit.
        limit: usize,
    },
    /// The pictures of one request take too long.
    #[error(
        "the pictures up to number {row} are too large together: send fewer at once, or smaller ones"
    )]
    TooMuchDecoded {
        /// Where it is too much, from 0.
        row: usize,
    },
    /// A request asks for what the model's description does not allow.
    #[error(
        "`{0}` is not for callers of this model: its `model.yaml` does not have it among `parameters`"
    )]
    NotAllowed(&'static str),
    /// What was made does not hold together: ours.
    #[error("{0}")]
    Made(String),
}

/// What is to be done about a step that cannot be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The caller sends something else.
    Refused,
    /// The caller sends less.
    TooLarge,
    /// The caller tries again.
    Busy,
    /// We look into it.
    Ours,
}

impl StepsError {
    /// Whose it is.
    pub fn kind(&self) -> Kind {
        if let Self::Memory(_) = self {
            return Kind::Busy;
        }
        let is_too_large = matches!(
            self,
            Self::TooManyValues { .. } | Self::TooMuchDecoded { .. } | Self::TooMuchText { .. }
        );
        let is_of_many_tokens = matches!(self, Self::Text(error) if error.is_too_large());
        if is_too_large || is_of_many_tokens {
            return Kind::TooLarge;
        }
        let is_text = matches!(self, Self::Text(error) if error.is_callers());
        let is_picture = matches!(self, Self::Picture { .. } | Self::Sizes { .. });
        let is_parameter = matches!(self, Self::NotAllowed(_) | Self::Dimensions { .. });
        let is_refused = is_text || is_picture || is_parameter;
        if is_refused {
            Kind::Refused
        } else {
            Kind::Ours
        }
    }

    /// The parameter that is wrong, if one is.
    pub fn parameter(&self) -> Option<&'static str> {
        if let Self::NotAllowed(name) = self {
            return Some(name);
        }
        matches!(self, Self::Dimensions { .. }).then_some("dimensions")
    }

    /// One word for programs.
    pub fn code(&self) -> &'static str {
        let is_text = matches!(self, Self::Text(_));
        let is_picture = matches!(self, Self::Picture { .. } | Self::Sizes { .. });
        let is_unallowed = matches!(self, Self::NotAllowed(_));
        match self.kind() {
            Kind::Busy => "memory_in_use",
            Kind::TooLarge => "too_many_elements",
            Kind::Ours => "model_failed",
            Kind::Refused if is_text => "text_refused",
            Kind::Refused if is_picture => "picture_refused",
            Kind::Refused if is_unallowed => "parameter_not_allowed",
            Kind::Refused => "wrong_parameter",
        }
    }
}

fn list(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}
