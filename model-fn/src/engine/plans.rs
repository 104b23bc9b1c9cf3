//! Plans: the graph made concrete and optimised for the shapes of one request.
//!
//! tract is right for more models, and several times faster, when every axis is a number. So
//! there is a plan per set of input shapes, and the last few used are kept.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tract_onnx::prelude::{
    DatumType, InferenceFact, InferenceModel, InferenceModelExt, IntoRunnable, TractResult,
    TypedModel, TypedRunnableModel,
};
use tract_onnx::tract_core::internal::{ToDim, TypedFact, bail};

/// Plans kept for a model: each may hold its own packed copy of the weights, and callers who
/// send many batch sizes must not fill the memory.
const KEPT: usize = 8;

/// The length of each axis of each input.
type Shapes = Vec<Vec<usize>>;

/// The plans of one model, the last one used first.
pub(super) struct Plans {
    graph: InferenceModel,
    kept: Mutex<VecDeque<(Shapes, Arc<TypedRunnableModel>)>>,
}

impl Plans {
    pub(super) fn new(graph: InferenceModel) -> Self {
        Self {
            graph,
            kept: Mutex::default(),
        }
    }

    /// The plan for inputs of these shapes, made now unless it is kept.
    ///
    /// The lock is not held meanwhile: two requests may make the same plan, and none waits.
    pub(super) fn plan(
        &self,
        shapes: Shapes,
        types: &[DatumType],
    ) -> TractResult<Arc<TypedRunnableModel>> {
        if let Some(plan) = self.kept(&shapes) {
            return Ok(plan);
        }
        let plan = self.make(&shapes, types)?;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_front((shapes, Arc::clone(&plan)));
        kept.truncate(KEPT);
        Ok(plan)
    }

    fn kept(&self, shapes: &Shapes) -> Option<Arc<TypedRunnableModel>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let place = kept.iter().position(|(known, _)| known == shapes)?;
        let used = kept.remove(place)?;
        let plan = Arc::clone(&used.1);
        kept.push_front(used);
        Some(plan)
    }

    fn make(&self, shapes: &Shapes, types: &[DatumType]) -> TractResult<Arc<TypedRunnableModel>> {
        let mut graph = self.graph.clone();
        for (index, (shape, datum_type)) in shapes.iter().zip(types).enumerate() {
            graph.set_input_fact(index, InferenceFact::dt_shape(*datum_type, shape))?;
        }
        let graph = graph.into_typed()?;
        check_windows(&graph)?;
        graph.into_optimized()?.into_runnable()
    }

    #[cfg(test)]
    fn shapes(&self) -> Vec<Shapes> {
        self.kept
            .lock()
            .unwrap()
            .iter()
            .map(|(shapes, _)| shapes.clone())
            .collect()
    }
}

/// Operators that slide a window over their input, by tract's names.
const WINDOWED: [&str; 3] = ["Conv", "MaxPool", "SumPool"];

/// Refuses inputs smaller than a window: tract would answer with nothing where onnxruntime fails.
fn check_windows(graph: &TypedModel) -> TractResult<()> {
    let is_empty = |fact: &TypedFact| fact.shape.volume() == 0.to_dim();
    for node in graph.nodes() {
        let name = node.op.name();
        if WINDOWED.contains(&name.as_ref())
            && node.outputs.iter().any(|output| is_empty(&output.fact))
        {
            bail!(
                "node `{}` ({name}): the input is smaller than the window",
                node.name
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::prelude::*;
    use tract_onnx::tract_hir::ops::identity::Identity;

    fn plans() -> Plans {
        let mut graph = InferenceModel::default();
        let source = graph.add_source("x", InferenceFact::default()).unwrap();
        let node = graph
            .add_node("y", Identity, tvec!(InferenceFact::default()))
            .unwrap();
        graph.add_edge(source, InletId::new(node, 0)).unwrap();
        graph.select_output_outlets(&[node.into()]).unwrap();
        Plans::new(graph)
    }

    #[test]
    fn the_plans_last_used_are_kept() {
        let plans = plans();
        let ask = |rows: usize| plans.plan(vec![vec![rows]], &[f32::datum_type()]).unwrap();
        let first = ask(1);
        (2..=KEPT).for_each(|rows| drop(ask(rows)));
        assert!(Arc::ptr_eq(&first, &ask(1)));
        assert_eq!(plans.shapes().len(), KEPT);
        ask(KEPT + 1);
        let kept = plans.shapes();
        assert_eq!(kept.len(), KEPT);
        assert!(kept.contains(&vec![vec![1]]) && !kept.contains(&vec![vec![2]]));
    }
}
