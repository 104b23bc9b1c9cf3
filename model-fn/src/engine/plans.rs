//! Plans: the graph made concrete and optimised for the shapes of one request.
//!
//! tract is right for more models, and several times faster, when every axis is a number. So
//! there is a plan per set of input shapes, and the last few used are kept.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tract_onnx::prelude::{
    DatumType, InferenceFact, InferenceModel, IntoRunnable, TractError, TractResult, TypedModel,
    TypedRunnableModel,
};
use tract_onnx::tract_core::internal::{ToDim, TypedFact, bail};

use super::memory::{self, Budget, Taken, TooLarge};

/// Most plans kept for a model: callers who send many batch sizes must not fill the memory.
const KEPT: usize = 8;

/// The length of each axis of each input.
type Shapes = Vec<Vec<usize>>;

/// The plans of one model, the last one used first.
pub(super) struct Plans {
    graph: InferenceModel,
    budget: Budget,
    kept: Mutex<VecDeque<Kept>>,
}

struct Kept {
    shapes: Shapes,
    plan: Arc<TypedRunnableModel>,
    /// The bytes of its own copy of the weights.
    packed: u64,
    /// The bytes of the values of a run.
    values: u64,
}

/// A plan, and the memory of one run of it.
pub(super) struct Ready {
    pub(super) plan: Arc<TypedRunnableModel>,
    pub(super) _values: Taken,
}

/// Why there is no plan.
#[derive(Debug)]
pub(super) enum PlanError {
    /// The graph does not hold together.
    Shapes(TractError),
    /// The plan would need more memory than there is.
    TooLarge(TooLarge),
    /// A run would, beside those that are going on.
    Busy(TooLarge),
}

impl Plans {
    /// The weights of the graph are taken from the budget already.
    pub(super) fn new(graph: InferenceModel, budget: Budget) -> Self {
        Self {
            graph,
            budget,
            kept: Mutex::default(),
        }
    }

    /// The plan for inputs of these shapes, made now unless it is kept, and memory for a run of it.
    ///
    /// The lock is not held meanwhile: two requests may make the same plan, and none waits.
    pub(super) fn ready(&self, shapes: Shapes, types: &[DatumType]) -> Result<Ready, PlanError> {
        let (plan, values) = self.plan(shapes, types)?;
        let held = self.budget.hold(values);
        let held = held.or_else(|_| {
            // Plans that are kept, and models that can be had again, make room.
            drop(self.check(values));
            self.budget.hold(values)
        });
        Ok(Ready {
            plan,
            _values: held.map_err(PlanError::Busy)?,
        })
    }

    /// The plan for inputs of these shapes, and the bytes of the values of a run.
    pub(super) fn plan(
        &self,
        shapes: Shapes,
        types: &[DatumType],
    ) -> Result<(Arc<TypedRunnableModel>, u64), PlanError> {
        if let Some(kept) = self.kept(&shapes) {
            return Ok(kept);
        }
        let made = self.make(shapes, types)?;
        let (plan, values) = (Arc::clone(&made.plan), made.values);
        self.keep(made);
        Ok((plan, values))
    }

    fn kept(&self, shapes: &Shapes) -> Option<(Arc<TypedRunnableModel>, u64)> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let place = kept.iter().position(|kept| kept.shapes == *shapes)?;
        let used = kept.remove(place)?;
        let plan = (Arc::clone(&used.plan), used.values);
        kept.push_front(used);
        Some(plan)
    }

    /// The last one is kept in any case; others as long as there is memory for all. One of the same shapes, made at the
    /// same time, stands once.
    fn keep(&self, plan: Kept) {
        self.budget.take(plan.packed);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = kept.iter().position(|kept| kept.shapes == plan.shapes)
            && let Some(same) = kept.remove(place)
        {
            self.budget.give_back(same.packed);
        }
        kept.push_front(plan);
        let all = |kept: &VecDeque<Kept>| kept.iter().map(|kept| kept.packed).sum::<u64>();
        while kept.len() > KEPT || (kept.len() > 1 && all(&kept) > self.budget.for_plans()) {
            self.drop_last(&mut kept);
        }
    }

    fn drop_last(&self, kept: &mut VecDeque<Kept>) -> bool {
        let dropped = kept.pop_back();
        dropped
            .inspect(|kept| self.budget.give_back(kept.packed))
            .is_some()
    }

    /// Whether there is so much memory, once plans that are kept have made room, and then models that can be had again.
    fn check(&self, needed: u64) -> Result<(), PlanError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match self.budget.check_left(needed) {
                Err(_) if self.drop_last(&mut kept) => {}
                Err(_) => return self.budget.check(needed).map_err(PlanError::TooLarge),
                Ok(()) => return Ok(()),
            }
        }
    }

    fn make(&self, shapes: Shapes, types: &[DatumType]) -> Result<Kept, PlanError> {
        let (graph, packed) = self.typed(&shapes, types).map_err(PlanError::Shapes)?;
        self.check(packed)?;
        let graph = onnx_ml::optimized(graph).map_err(PlanError::Shapes)?;
        let values = memory::at_once(&graph).map_err(PlanError::Shapes)?;
        let needed = packed.saturating_add(values);
        self.check(needed)?;
        let plan = graph.into_runnable().map_err(PlanError::Shapes)?;
        Ok(Kept {
            shapes,
            plan,
            packed,
            values,
        })
    }

    /// The graph for these shapes, and the bytes of the weights that its plan will hold.
    fn typed(&self, shapes: &Shapes, types: &[DatumType]) -> TractResult<(TypedModel, u64)> {
        let inputs = shapes.iter().zip(types);
        let fact = |(shape, datum_type): (&Vec<usize>, &DatumType)| {
            InferenceFact::dt_shape(*datum_type, shape)
        };
        let inputs: Vec<_> = inputs.map(fact).collect();
        let graph = onnx_ml::typed(&self.graph, &inputs)?;
        check_windows(&graph)?;
        let packed = memory::packed(&graph)?;
        Ok((graph, packed))
    }

    #[cfg(test)]
    fn shapes(&self) -> Vec<Shapes> {
        let kept = self.kept.lock().unwrap();
        kept.iter().map(|kept| kept.shapes.clone()).collect()
    }
}

impl Drop for Plans {
    fn drop(&mut self) {
        let mut kept = std::mem::take(&mut self.kept);
        let kept = kept.get_mut().unwrap_or_else(PoisonError::into_inner);
        while self.drop_last(kept) {}
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
    use crate::engine::Memory;
    use tract_onnx::prelude::*;
    use tract_onnx::tract_hir::internal::expand;
    use tract_onnx::tract_hir::ops::identity::Identity;
    use tract_onnx::tract_hir::ops::matmul::MatMulInference;

    fn plans() -> Plans {
        let mut graph = InferenceModel::default();
        let source = graph.add_source("x", InferenceFact::default()).unwrap();
        let node = graph
            .add_node("y", Identity, tvec!(InferenceFact::default()))
            .unwrap();
        graph.add_edge(source, InletId::new(node, 0)).unwrap();
        graph.select_output_outlets(&[node.into()]).unwrap();
        Plans::new(graph, Budget::new(Memory::UNKNOWN))
    }

    /// A product with a matrix of this many rows and columns.
    fn product(length: usize, memory: Memory) -> Plans {
        product_within(length, Budget::new(memory))
    }

    fn product_within(length: usize, budget: Budget) -> Plans {
        let mut graph = InferenceModel::default();
        let source = graph.add_source("x", InferenceFact::default()).unwrap();
        let weights = Tensor::zero::<f32>(&[length, length]).unwrap();
        let weights = graph.add_const("w", weights).unwrap();
        let product = expand(MatMulInference::default());
        let node = graph.add_node("y", product, tvec!(InferenceFact::default()));
        let node = node.unwrap();
        graph.add_edge(source, InletId::new(node, 0)).unwrap();
        graph.add_edge(weights, InletId::new(node, 1)).unwrap();
        graph.select_output_outlets(&[node.into()]).unwrap();
        Plans::new(graph, budget)
    }

    fn ask(plans: &Plans, shape: &[usize]) -> Result<Arc<TypedRunnableModel>, PlanError> {
        let planned = plans.plan(vec![shape.to_vec()], &[f32::datum_type()]);
        planned.map(|(plan, _)| plan)
    }

    #[test]
    fn the_plans_last_used_are_kept() {
        let plans = plans();
        let ask = |rows: usize| ask(&plans, &[rows]).unwrap();
        let first = ask(1);
        (2..=KEPT).for_each(|rows| drop(ask(rows)));
        assert!(Arc::ptr_eq(&first, &ask(1)));
        assert_eq!(plans.shapes().len(), KEPT);
        ask(KEPT + 1);
        let kept = plans.shapes();
        assert_eq!(kept.len(), KEPT);
        assert!(kept.contains(&vec![vec![1]]) && !kept.contains(&vec![vec![2]]));
    }

    #[test]
    fn plans_are_kept_as_long_as_there_is_memory_for_them() {
        // A matrix of 4 MB. A quarter of the memory has room for two copies of it, or for none.
        for (megabytes, kept) in [(40, 2), (10, 1)] {
            let plans = product(1024, Memory::of_models(megabytes << 20));
            (1..=4).for_each(|rows| drop(ask(&plans, &[rows, 1024]).unwrap()));
            assert_eq!(plans.shapes().len(), kept, "{megabytes} MB");
            assert_eq!(plans.shapes()[0], [[4, 1024]]);
        }
    }

    #[test]
    fn a_plan_is_refused_before_it_takes_more_memory_than_there_is() {
        let needed = |plans: &Plans, shape: &[usize]| match ask(plans, shape) {
            Err(PlanError::TooLarge(error)) => error.needed,
            Err(PlanError::Shapes(error)) => panic!("{error:#}"),
            Err(PlanError::Busy(error)) => panic!("{error}"),
            Ok(_) => 0,
        };
        // The copy of the matrix; then 1,000 rows in and out beside it.
        let plans = product(1024, Memory::of_models((4 << 20) - 1));
        assert_eq!(needed(&plans, &[1, 1024]), 4 << 20);
        let plans = product(1024, Memory::of_models(8 << 20));
        assert_eq!(needed(&plans, &[1, 1024]), 0);
        assert!(needed(&plans, &[1000, 1024]) >= (4 << 20) + 2 * 1000 * 1024 * 4);
    }

    #[test]
    fn plans_that_are_kept_make_room_for_another() {
        // A copy of 4 MB and some rows fit once, also where a quarter would be enough for two.
        let plans = product(1024, Memory::of_models(6 << 20));
        ask(&plans, &[1, 1024]).unwrap();
        ask(&plans, &[2, 1024]).unwrap();
        assert_eq!(plans.shapes(), [[[2, 1024]]]);
    }

    #[test]
    fn runs_that_go_on_hold_the_memory_of_their_values() {
        // A copy of 4 MB, and 8 MB of values for a thousand rows.
        let plans = product(1024, Memory::of_models(20 << 20));
        let ready = || plans.ready(vec![vec![1000, 1024]], &[f32::datum_type()]);
        let [first, second] = [ready().unwrap(), ready().unwrap()];
        let Err(PlanError::Busy(error)) = ready() else {
            panic!("20 of 20 MB are taken, 4 of them by a plan that may leave")
        };
        assert!(error.needed >= 2 * 1000 * 1024 * 4);
        drop(first);
        ready().unwrap();
        drop(second);
    }

    #[test]
    fn models_share_their_memory() {
        let budget = Budget::new(Memory::of_models(10 << 20));
        let first = product_within(1024, budget.clone());
        ask(&first, &[1, 1024]).unwrap();
        let second = product_within(1024, budget.clone());
        ask(&second, &[1, 1024]).unwrap();
        let third = product_within(1024, budget.clone());
        let Err(PlanError::TooLarge(error)) = ask(&third, &[1, 1024]) else {
            panic!("8 of 10 MB are taken")
        };
        assert_eq!((error.needed, error.left), (4 << 20, 2 << 20));
        drop(first);
        ask(&third, &[1, 1024]).unwrap();
    }
}
