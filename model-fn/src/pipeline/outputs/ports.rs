//! What callers see of an output after its steps, as far as that is known before a run.

use super::Step;
use crate::engine::{Dimension, Port};
use crate::pipeline::StepsError;
use crate::tensor::Datatype;

/// What labels and scores are called where nothing is said, as pipelines of transformers call them.
const LABEL: &str = "label";
const SCORE: &str = "score";

pub(super) type Shape = Option<Vec<Dimension>>;

/// The shape after a step, as far as it is known.
pub(super) fn shaped(
    step: Step,
    shape: Shape,
    name: &str,
    labels: &[String],
) -> Result<Shape, StepsError> {
    let Some(axes) = shape else {
        return Ok(None);
    };
    let unfit = |why: String| StepsError::Unfit {
        name: name.to_owned(),
        why,
    };
    let last = |axes: &[Dimension]| match axes.last() {
        Some(Dimension::Fixed(length)) => Some(*length),
        Some(Dimension::Named(_) | Dimension::Any) | None => None,
    };
    let width = last(&axes);
    match (step, axes.as_slice()) {
        (step, [rows, _, width]) if step.is_pooling() => {
            Ok(Some(vec![rows.clone(), width.clone()]))
        }
        (step, axes) if step.is_pooling() => Err(unfit(format!(
            "has {} axes, and `{}` takes [rows, tokens, width]",
            axes.len(),
            step.name()
        ))),
        (_, []) => Err(unfit(format!(
            "is one value, and `{}` takes rows",
            step.name()
        ))),
        (Step::Dimensions(0), _) => Err(unfit("would have no `dimensions`".to_owned())),
        (Step::TopK(0), _) => Err(unfit("would have no labels: `top_k` is from 1".to_owned())),
        (Step::Dimensions(count), _) if width.is_some_and(|width| count > width) => {
            let most = width.unwrap_or_default();
            Err(StepsError::Dimensions { given: count, most })
        }
        (Step::TopK(_) | Step::Argmax, _)
            if !labels.is_empty() && width.is_some_and(|width| width != labels.len()) =>
        {
            let (given, expected) = (labels.len(), width.unwrap_or_default());
            Err(unfit(format!(
                "has {expected} classes, and there are {given} `labels`"
            )))
        }
        (Step::Dimensions(_) | Step::TopK(_), [rows @ .., _]) => {
            // A caller may be given fewer.
            Ok(Some(rows.iter().cloned().chain([Dimension::Any]).collect()))
        }
        (Step::Argmax, [rows @ .., _]) => Ok(Some(rows.to_vec())),
        (_, _) => Ok(Some(axes)),
    }
}

/// What callers see of an output.
pub(super) fn seen(
    name: Option<&str>,
    port: &Port,
    steps: &[Step],
    shape: Shape,
    labels: &[String],
) -> Vec<Port> {
    let make = |name: String, datatype: Datatype| Port {
        name,
        datatype,
        shape: shape.clone(),
        labels: if steps.is_empty() {
            port.labels.clone()
        } else {
            Vec::new()
        },
    };
    let label = if labels.is_empty() {
        Datatype::Int64
    } else {
        Datatype::Bytes
    };
    let is_half = matches!(port.datatype, Datatype::Fp16 | Datatype::Bf16);
    let float = if is_half && !steps.is_empty() {
        Datatype::Fp32
    } else {
        port.datatype
    };
    let own = |default: &str| name.unwrap_or(default).to_owned();
    match steps.last() {
        Some(Step::TopK(_)) => {
            let score = name.map_or(SCORE.to_owned(), |name| format!("{name}_{SCORE}"));
            vec![make(own(LABEL), label), make(score, float)]
        }
        Some(Step::Argmax) => vec![make(own(LABEL), label)],
        Some(Step::Threshold(_)) => vec![make(own(&port.name), Datatype::Bool)],
        Some(_) | None => vec![make(own(&port.name), float)],
    }
}
