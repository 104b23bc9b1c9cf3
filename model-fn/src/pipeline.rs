//! A model with the steps that its `model.yaml` names before and after it: texts and pictures in, labels and vectors out.
//!
//! What callers see is [`Pipeline::specification`]; the tensors of the model itself are taken as well.

mod error;
mod inputs;
mod numbers;
mod outputs;

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::engine::{Budget, Model, Port, RunError, Specification};
use crate::protocol::{
    self, Accepted, Format, InputError, Limits, NamedTensor, Question, StepParameters as Wishes,
};
use crate::repository::Description;
use crate::tensor::Tensor;
use inputs::Inputs;

pub use error::{Kind, StepsError};
pub(crate) use inputs::{LastToken, Made};
pub use outputs::{OutputSettings, Outputs, Step};

/// A model as it is served.
#[derive(Debug)]
pub struct Pipeline {
    model: Model,
    steps: Option<Box<Steps>>,
}

#[derive(Debug)]
struct Steps {
    description: StepsDescription,
    inputs: Option<Inputs>,
    outputs: Option<Outputs>,
    /// What callers see.
    declared: Specification,
    /// The same outputs, for the tensors of the model itself.
    tensors: Specification,
}

/// What `model.yaml` says of the steps, without the rest of it.
#[derive(Debug, Clone)]
struct StepsDescription {
    outputs: Vec<OutputSettings>,
    labels: Vec<String>,
    parameters: Vec<Parameter>,
}

/// What a request may ask of the steps, where `model.yaml` allows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Parameter {
    /// `top_k`: how many labels.
    TopK,
    /// `raw_scores`: scores as the model gives them, without softmax or sigmoid.
    RawScores,
    /// `truncation`: whether longer texts are cut, or refused.
    Truncation,
    /// `dimensions`: the first so many numbers of a vector.
    Dimensions,
}

impl Parameter {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [
        Self::TopK,
        Self::RawScores,
        Self::Truncation,
        Self::Dimensions,
    ];

    /// Its name in a request.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::TopK => "top_k",
            Self::RawScores => "raw_scores",
            Self::Truncation => "truncation",
            Self::Dimensions => "dimensions",
        }
    }
}

/// What the tensors of a question are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Given {
    /// What callers see.
    Declared,
    /// The inputs of the model itself.
    Tensors,
}

impl Pipeline {
    /// A model without steps.
    pub fn plain(model: Model) -> Self {
        Self { model, steps: None }
    }

    /// A model with the steps that its description names; `file` reads what lies in its folder.
    pub(crate) fn new(
        model: Model,
        description: &Description,
        file: &dyn Fn(&str) -> Result<Vec<u8>, StepsError>,
        budget: &Budget,
    ) -> Result<Self, StepsError> {
        let ports = &model.specification().inputs;
        let (text, image) = (description.text.as_ref(), description.image.as_ref());
        let inputs = Inputs::new(text, image, ports, file, budget)?;
        if inputs.is_none() && description.outputs.is_empty() {
            return Ok(Self::plain(model));
        }
        let description = StepsDescription {
            outputs: description.outputs.clone(),
            labels: description.labels.clone(),
            parameters: description.parameters.clone(),
        };
        let steps = Steps::new(description, inputs, model.specification())?;
        let steps = Some(Box::new(steps));
        Ok(Self { model, steps })
    }

    /// The model without its steps.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// What callers send and get.
    pub fn specification(&self) -> &Specification {
        let steps = self.steps.as_ref();
        steps.map_or_else(|| self.model.specification(), |steps| &steps.declared)
    }

    /// What requests may ask of the steps; nothing where there are no steps.
    pub(crate) fn parameters(&self) -> Option<&[Parameter]> {
        let steps = self.steps.as_ref()?;
        Some(&steps.description.parameters)
    }

    /// Whether callers send something else than the tensors of the model.
    pub(crate) fn has_inputs(&self) -> bool {
        self.steps
            .as_ref()
            .is_some_and(|steps| steps.inputs.is_some())
    }

    /// A run that shows whether the model knows all tokens of its tokenizer.
    pub(crate) fn last_token(&self) -> Result<Option<LastToken>, StepsError> {
        let inputs = self.steps.as_ref().and_then(|steps| steps.inputs.as_ref());
        let ports = &self.model.specification().inputs;
        inputs.map_or(Ok(None), |inputs| inputs.last_token(ports))
    }

    /// Whether callers send texts, alone or among other inputs.
    pub(crate) fn takes_texts(&self) -> bool {
        let inputs = self.steps.as_ref().and_then(|steps| steps.inputs.as_ref());
        inputs.is_some_and(Inputs::has_texts)
    }

    /// Of which outputs that callers see a request may ask for fewer numbers.
    pub(crate) fn shortened(&self) -> Vec<bool> {
        let allowed = self.parameters().unwrap_or_default();
        let is_allowed = allowed.contains(&Parameter::Dimensions);
        let outputs = self.steps.as_ref().filter(|_| is_allowed);
        let outputs = outputs.and_then(|steps| steps.outputs.as_ref());
        outputs.map(Outputs::vectors).unwrap_or_default()
    }

    /// The output that is a vector for each text, where callers send texts and nothing else.
    pub(crate) fn embedding(&self) -> Option<usize> {
        let steps = self.steps.as_ref()?;
        let is_of_texts = steps.inputs.as_ref().is_some_and(Inputs::is_of_texts);
        let has_labels = !steps.description.labels.is_empty();
        let place = protocol::embeddings::output(&steps.declared);
        place.filter(|_| is_of_texts && !has_labels)
    }

    /// Corrects the declared shapes of the outputs by an answer of the model that was found right.
    pub(crate) fn correct(self, outputs: &[Tensor]) -> Result<Self, StepsError> {
        let Self { mut model, steps } = self;
        model.correct(outputs);
        let Some(steps) = steps else {
            return Ok(Self::plain(model));
        };
        let Steps {
            description,
            inputs,
            ..
        } = *steps;
        let steps = Steps::new(description, inputs, model.specification())?;
        let steps = Some(Box::new(steps));
        Ok(Self { model, steps })
    }

    /// Reads a body: of what callers see, or else of the tensors of the model itself.
    pub(crate) fn read(
        &self,
        format: Format<'_>,
        body: &[u8],
        limits: &Limits,
        accepted: Accepted,
    ) -> Result<(Question, Given), InputError> {
        self.either(|specification| {
            protocol::read_as(format, body, specification, limits, accepted)
        })
    }

    /// The same, with binary data behind the JSON.
    pub(crate) fn read_binary(
        &self,
        body: &[u8],
        header_length: &str,
        limits: &Limits,
    ) -> Result<(Question, Given), InputError> {
        self.either(|specification| {
            protocol::read_binary(body, header_length, specification, limits)
        })
    }

    /// Puts recorded tensors in order.
    pub(crate) fn arrange(
        &self,
        tensors: &[NamedTensor],
        limits: &Limits,
    ) -> Result<(Vec<Tensor>, Given), InputError> {
        self.either(|specification| protocol::arrange(tensors.to_vec(), specification, limits))
    }

    fn either<T>(
        &self,
        read: impl Fn(&Specification) -> Result<T, InputError>,
    ) -> Result<(T, Given), InputError> {
        let Some(steps) = self.steps.as_ref().filter(|steps| steps.inputs.is_some()) else {
            return read(self.specification()).map(|read| (read, Given::Tensors));
        };
        let declared = match read(&steps.declared) {
            Ok(read) => return Ok((read, Given::Declared)),
            Err(error) => error,
        };
        match read(&steps.tensors) {
            Ok(read) => Ok((read, Given::Tensors)),
            // The one that the caller meant: of the other, not even the names or kinds of values fit.
            Err(tensors) if declared.is_of_another() && !tensors.is_of_another() => Err(tensors),
            Err(_) => Err(declared),
        }
    }

    /// What a question asks of the steps; where there are none, `parameters` are meant for others, right or wrong.
    pub(crate) fn wishes(&self, question: &Question) -> Result<Wishes, InputError> {
        match (&self.steps, &question.wishes) {
            (Some(_), wishes) => wishes.clone(),
            (None, Ok(wishes)) => wishes.without_steps(),
            (None, Err(_)) => Ok(Wishes::default()),
        }
    }

    /// The inputs of the model; pictures become at most so many values.
    ///
    /// A panic costs this request, not the process.
    pub(crate) fn made(
        &self,
        given: Given,
        inputs: Vec<Tensor>,
        wishes: &Wishes,
        most: usize,
    ) -> Result<Made, StepsError> {
        let steps = self.steps.as_ref();
        if let Some(steps) = steps {
            steps.check(wishes)?;
        }
        match (given, steps.and_then(|steps| steps.inputs.as_ref())) {
            (Given::Declared, Some(steps)) => {
                let count = self.model.specification().inputs.len();
                let made = || steps.made(inputs, count, wishes, most);
                let panicked = || StepsError::Made("a step before the model panicked".to_owned());
                catch_unwind(AssertUnwindSafe(made)).unwrap_or_else(|_| Err(panicked()))
            }
            (Given::Declared | Given::Tensors, _) => Ok(Made {
                inputs,
                ..Made::default()
            }),
        }
    }

    /// The attention mask among the inputs of the model, where a step will ask for it.
    pub(crate) fn mask(&self, inputs: &[Tensor]) -> Option<Tensor> {
        let outputs = self.steps.as_ref()?.outputs.as_ref()?;
        let ports = &self.model.specification().inputs;
        let place = ports.iter().position(|port| port.name == inputs::MASK)?;
        inputs.get(place).filter(|_| outputs.needs_mask()).cloned()
    }

    /// What callers see of the outputs of the model.
    pub(crate) fn seen(
        &self,
        outputs: Vec<Tensor>,
        mask: Option<&Tensor>,
        wishes: &Wishes,
    ) -> Result<Vec<Tensor>, StepsError> {
        match self.steps.as_ref().and_then(|steps| steps.outputs.as_ref()) {
            Some(steps) => steps.of(outputs, mask, wishes),
            None => Ok(outputs),
        }
    }

    /// Runs the model without its steps.
    pub(crate) fn run(&self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>, RunError> {
        self.model.run(inputs)
    }
}

impl Steps {
    fn new(
        description: StepsDescription,
        inputs: Option<Inputs>,
        specification: &Specification,
    ) -> Result<Self, StepsError> {
        let StepsDescription {
            outputs, labels, ..
        } = &description;
        let outputs = match outputs.as_slice() {
            [] => None,
            outputs => Some(Outputs::new(outputs, &specification.outputs, labels)?),
        };
        let has_mask = |port: &Port| port.name == inputs::MASK;
        let needs_mask = outputs.as_ref().is_some_and(Outputs::needs_mask);
        if needs_mask && !specification.inputs.iter().any(has_mask) {
            return Err(StepsError::NoMask);
        }
        let has_vector = |outputs: &Outputs| outputs.vectors().contains(&true);
        let may_shorten = description.parameters.contains(&Parameter::Dimensions);
        if may_shorten && !outputs.as_ref().is_some_and(has_vector) {
            return Err(StepsError::NoVector);
        }
        let seen = outputs.as_ref().map(Outputs::ports);
        let seen = seen.unwrap_or_else(|| specification.outputs.clone());
        let declared = inputs.as_ref().map(|inputs| inputs.ports().to_vec());
        Ok(Self {
            declared: Specification {
                inputs: declared.unwrap_or_else(|| specification.inputs.clone()),
                outputs: seen.clone(),
            },
            tensors: Specification {
                inputs: specification.inputs.clone(),
                outputs: seen,
            },
            description,
            inputs,
            outputs,
        })
    }

    /// Whether a request may ask for what it asks.
    fn check(&self, wishes: &Wishes) -> Result<(), StepsError> {
        let is_asked = |parameter: &Parameter| match parameter {
            Parameter::TopK => wishes.top_k.is_some(),
            Parameter::RawScores => wishes.raw_scores,
            Parameter::Truncation => wishes.truncation.is_some(),
            Parameter::Dimensions => wishes.dimensions.is_some(),
        };
        let allowed = &self.description.parameters;
        let mut asked = Parameter::ALL.into_iter().filter(is_asked);
        let refused = asked.find(|parameter| !allowed.contains(parameter));
        refused.map_or(Ok(()), |parameter| {
            Err(StepsError::NotAllowed(parameter.name()))
        })
    }
}
