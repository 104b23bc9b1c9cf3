//! One output of a model on its way through its steps.

use super::ports::{seen, shaped};
use super::{OutputSettings, Step};
use crate::engine::Port;
use crate::pipeline::numbers::{self, Number};
use crate::pipeline::{StepsError, Wishes};
use crate::tensor::{Datatype, Tensor, Values};

/// An output of the model, and what is done to it.
#[derive(Debug)]
pub(super) struct Entry {
    /// The place of the model's output.
    pub(super) from: usize,
    pub(super) steps: Vec<Step>,
    /// One port, or those of labels and scores.
    pub(super) ports: Vec<Port>,
    /// Whether it is a vector, of which a request may ask for fewer numbers.
    pub(super) is_vector: bool,
}

/// Floats with their shape, on the way through the steps.
struct Floats {
    shape: Vec<usize>,
    values: Values,
}

/// Runs one expression for whichever floats there are.
macro_rules! each {
    ($values:expr, $list:ident => $result:expr) => {
        match $values {
            Values::Fp32($list) => Some($result),
            Values::Fp64($list) => Some($result),
            _ => None,
        }
    };
}

/// The same, for what makes floats of floats.
macro_rules! map {
    ($values:expr, $list:ident => $result:expr) => {
        match $values {
            Values::Fp32($list) => Values::Fp32($result),
            Values::Fp64($list) => Values::Fp64($result),
            other => other.clone(),
        }
    };
}

impl Floats {
    /// The length of the last axis.
    fn width(&self) -> usize {
        self.shape.last().copied().unwrap_or(1)
    }

    fn each_row(&mut self, step: impl RowStep) {
        let width = self.width().max(1);
        each!(&mut self.values, list => list.chunks_exact_mut(width).for_each(|row| step.run(row)));
    }
}

/// A step that changes each row for itself.
trait RowStep {
    fn run<T: Number>(&self, row: &mut [T]);
}

impl RowStep for Step {
    fn run<T: Number>(&self, row: &mut [T]) {
        match self {
            Self::L2Normalize => numbers::l2_normalize(row),
            Self::Softmax => numbers::softmax(row),
            Self::Sigmoid => numbers::sigmoid(row),
            Self::Round(digits) => numbers::round(row, *digits),
            Self::MeanPooling | Self::ClsPooling | Self::Dimensions(_) => {}
            Self::TopK(_) | Self::Argmax | Self::Threshold(_) => {}
        }
    }
}

impl Entry {
    pub(super) fn new(
        place: usize,
        settings: &OutputSettings,
        ports: &[Port],
        labels: &[String],
    ) -> Result<Self, StepsError> {
        let from = match (&settings.from, ports) {
            (None, [_]) => Some(0),
            (None, _) => None,
            (Some(name), ports) => ports.iter().position(|port| port.name == *name),
        };
        let Some((from, port)) = from.and_then(|from| Some((from, ports.get(from)?))) else {
            return Err(StepsError::From {
                place,
                outputs: ports.iter().map(|port| port.name.clone()).collect(),
            });
        };
        let steps = settings.steps.clone();
        let name = port.name.clone();
        if !steps.is_empty() && !port.datatype.is_float() {
            let given = port.datatype;
            return Err(StepsError::NoFloats { name, given });
        }
        let mut shape = port.shape.clone();
        for (index, step) in steps.iter().enumerate() {
            if step.is_last() && index + 1 < steps.len() {
                return Err(StepsError::NotLast {
                    name,
                    step: step.name(),
                });
            }
            shape = shaped(*step, shape, &name, labels)?;
        }
        let ports = seen(settings.name.as_deref(), port, &steps, shape, labels);
        let is_vector = steps.iter().any(|step| step.is_of_vectors());
        Ok(Self {
            from,
            steps,
            ports,
            is_vector,
        })
    }

    pub(super) fn unfit(&self, why: &str) -> StepsError {
        let name = self.ports.first().map(|port| port.name.clone());
        StepsError::Unfit {
            name: name.unwrap_or_default(),
            why: why.to_owned(),
        }
    }

    pub(super) fn done(
        &self,
        output: Tensor,
        mask: Option<&Tensor>,
        wishes: &Wishes,
        labels: &[String],
    ) -> Result<Vec<Tensor>, StepsError> {
        let wanted = wishes.dimensions.filter(|_| self.is_vector);
        if self.steps.is_empty() && wanted.is_none() {
            return Ok(vec![output]);
        }
        self.check_dimensions(wanted)?;
        let (shape, values) = output.into_parts();
        let values = numbers::floats(values).ok_or_else(|| self.unfit("has no floats"))?;
        let mut floats = Floats { shape, values };
        for step in &self.steps {
            match step {
                Step::MeanPooling | Step::ClsPooling => {
                    floats = self.pooled(*step, floats, mask)?
                }
                Step::Dimensions(count) => floats = self.first(floats, wanted.unwrap_or(*count))?,
                Step::Softmax | Step::Sigmoid if wishes.raw_scores => {}
                // A shorter vector has length one only if it is made so after it was made shorter.
                Step::L2Normalize => {
                    if let Some(count) = wanted {
                        floats = self.first(floats, count)?;
                    }
                    floats.each_row(*step);
                }
                Step::Softmax | Step::Sigmoid | Step::Round(_) => floats.each_row(*step),
                Step::TopK(count) => {
                    return self.top(&floats, wishes.top_k.unwrap_or(*count), labels);
                }
                Step::Argmax => return self.argmax(&floats, labels),
                Step::Threshold(least) => return self.threshold(floats, *least),
            }
        }
        if let Some(count) = wanted {
            floats = self.first(floats, count)?;
        }
        Ok(vec![self.tensor(floats.shape, floats.values)?])
    }

    fn tensor(&self, shape: Vec<usize>, values: Values) -> Result<Tensor, StepsError> {
        Tensor::new(shape, values).map_err(|error| self.unfit(&error.to_string()))
    }

    fn pooled(
        &self,
        step: Step,
        floats: Floats,
        mask: Option<&Tensor>,
    ) -> Result<Floats, StepsError> {
        let [rows, length, width] = *floats.shape.as_slice() else {
            return Err(self.unfit(&format!("is {:?}, not [rows, tokens, width]", floats.shape)));
        };
        let values = if step == Step::ClsPooling {
            map!(&floats.values, list => numbers::cls_pooling(list, length, width))
        } else {
            let fits = |mask: &&Tensor| mask.shape() == [rows, length];
            let mask = mask.filter(fits).and_then(weights);
            let mask =
                mask.ok_or_else(|| self.unfit("has other tokens than the attention mask"))?;
            map!(&floats.values, list => numbers::mean_pooling(list, &mask, length, width))
        };
        let shape = vec![rows, width];
        Ok(Floats { shape, values })
    }

    /// No request gets more numbers than the description leaves, whatever the order of the steps.
    fn check_dimensions(&self, wanted: Option<usize>) -> Result<(), StepsError> {
        let left = self.steps.iter().filter_map(|step| step.dimensions());
        match (wanted, left.min()) {
            (Some(given), Some(most)) if given > most => {
                Err(StepsError::Dimensions { given, most })
            }
            (_, _) => Ok(()),
        }
    }

    fn first(&self, floats: Floats, count: usize) -> Result<Floats, StepsError> {
        let width = floats.width();
        if count > width {
            let most = width;
            return Err(StepsError::Dimensions { given: count, most });
        }
        if count == width {
            return Ok(floats);
        }
        let values = map!(&floats.values, list => numbers::first(list, width, count));
        let mut shape = floats.shape;
        if let Some(last) = shape.last_mut() {
            *last = count;
        }
        Ok(Floats { shape, values })
    }

    fn highest(&self, floats: &Floats, count: usize) -> Vec<Vec<usize>> {
        let width = floats.width().max(1);
        let places = each!(&floats.values, list => {
            let rows = list.chunks_exact(width);
            rows.map(|row| numbers::highest(row, count)).collect()
        });
        places.unwrap_or_default()
    }

    /// Labels, or the places of classes that have none.
    fn named(
        &self,
        floats: &Floats,
        places: &[Vec<usize>],
        labels: &[String],
    ) -> Result<Values, StepsError> {
        let places = places.iter().flatten().copied();
        if labels.is_empty() {
            return Ok(Values::Int64(places.map(|place| place as i64).collect()));
        }
        if labels.len() != floats.width() {
            let (given, expected) = (labels.len(), floats.width());
            return Err(self.unfit(&format!(
                "has {expected} classes, and there are {given} `labels`"
            )));
        }
        let label = |place| labels.get(place).cloned().unwrap_or_default();
        Ok(Values::Bytes(places.map(label).collect()))
    }

    fn top(
        &self,
        floats: &Floats,
        count: usize,
        labels: &[String],
    ) -> Result<Vec<Tensor>, StepsError> {
        let width = floats.width();
        let count = count.min(width);
        let places = self.highest(floats, count);
        let named = self.named(floats, &places, labels)?;
        let scores = map!(&floats.values, list => {
            let rows = list.chunks_exact(width.max(1)).zip(&places);
            let scores = rows.flat_map(|(row, places)| places.iter().filter_map(|place| row.get(*place)));
            scores.copied().collect()
        });
        let mut shape = floats.shape.clone();
        if let Some(last) = shape.last_mut() {
            *last = count;
        }
        Ok(vec![
            self.tensor(shape.clone(), named)?,
            self.tensor(shape, scores)?,
        ])
    }

    fn argmax(&self, floats: &Floats, labels: &[String]) -> Result<Vec<Tensor>, StepsError> {
        let places = self.highest(floats, 1);
        let named = self.named(floats, &places, labels)?;
        let shape = floats.shape.split_last().map(|(_, shape)| shape.to_vec());
        Ok(vec![self.tensor(shape.unwrap_or_default(), named)?])
    }

    fn threshold(&self, floats: Floats, least: f64) -> Result<Vec<Tensor>, StepsError> {
        let truths =
            each!(&floats.values, list => list.iter().map(|one| one.wide() >= least).collect());
        let values = Values::Bool(truths.unwrap_or_default());
        Ok(vec![self.tensor(floats.shape, values)?])
    }
}

/// How much each token counts.
fn weights(mask: &Tensor) -> Option<Vec<f64>> {
    let values = mask.values().clone().convert(Datatype::Fp64).ok()?;
    match values {
        Values::Fp64(list) => Some(list),
        Values::Bool(list) => Some(
            list.into_iter()
                .map(|one| f64::from(u8::from(one)))
                .collect(),
        ),
        Values::Bytes(_)
        | Values::Octets(_)
        | Values::Fp16(_)
        | Values::Bf16(_)
        | Values::Fp32(_) => None,
        Values::Uint8(_) | Values::Uint16(_) | Values::Uint32(_) | Values::Uint64(_) => None,
        Values::Int8(_) | Values::Int16(_) | Values::Int32(_) | Values::Int64(_) => None,
    }
}
