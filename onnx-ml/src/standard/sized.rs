//! Operators whose output's shape depends on the values of lists among their inputs.
//!
//! Exporters store such lists, and the graph is planned for them. [`Listed`] is for operators of
//! ours, which want them stored; [`at_run`] for operators of tract that want them stored, where
//! a run gives them.

use std::any::Any;
use std::fmt;

use tract_onnx::tract_hir::internal::*;

use crate::kernel::{Fact, Kernel, Node, node};
use crate::tract::{Built, integers, stored_list};
use crate::unfit::fits;

/// An operator as its attributes describe it, before its lists are known.
pub(crate) trait Listed: fmt::Debug + Any + Send + Sync {
    /// The operator's name.
    fn name(&self) -> &'static str;

    /// The places of its lists among the inputs, in order.
    fn lists(&self) -> TVec<usize>;

    /// What computes the output for such lists, of the other inputs.
    fn planned(&self, lists: &[Vec<i64>]) -> TractResult<Node>;
}

/// The node of such an operator, for the register.
pub(crate) fn built(listed: impl Listed) -> Built {
    (expand(Lists(Arc::new(listed))), vec![])
}

#[derive(Debug, Clone)]
struct Lists(Arc<dyn Listed>);

impl Lists {
    /// The inputs that are no lists.
    fn others<'t, T>(&self, inputs: &'t [T]) -> impl Iterator<Item = &'t T> {
        let lists = self.0.lists();
        let others = inputs.iter().enumerate();
        others
            .filter(move |(place, _)| !lists.contains(place))
            .map(|(_, input)| input)
    }
}

impl Expansion for Lists {
    fn name(&self) -> StaticName {
        self.0.name().into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_output_arity(outputs, 1)?;
        let lists = self.0.lists();
        let lists = lists.iter().filter_map(|place| inputs.get(*place));
        let lists = lists.map(|list| &list.value);
        solver.given_all(lists, move |solver, lists| {
            let lists = lists.iter().map(|list| integers(list));
            let lists: Vec<_> = lists.collect::<TractResult<_>>()?;
            let planned = self.0.planned(&lists)?;
            let types = self.others(inputs).map(|input| &input.datum_type);
            solver.given_all(types, move |solver, types| {
                let planned = planned.clone();
                let shapes = self.others(inputs).map(|input| &input.shape);
                solver.given_all(shapes, move |solver, shapes| {
                    let facts: Vec<Fact> = types.iter().copied().zip(shapes).collect();
                    for (output, (datum_type, shape)) in outputs.iter().zip(planned.facts(&facts)?)
                    {
                        solver.equals(&output.datum_type, datum_type)?;
                        solver.equals(&output.shape, shape)?;
                    }
                    Ok(())
                })
            })
        })
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let stored = |place: &usize| {
            let list = stored_list(model, *inputs.get(*place).context("a list")?)?;
            list.with_context(|| format!("the lists of {} must be stored", self.0.name()))
        };
        let lists: Vec<_> = self
            .0
            .lists()
            .iter()
            .map(stored)
            .collect::<TractResult<_>>()?;
        let others: TVec<OutletId> = self.others(inputs).copied().collect();
        model.wire_node(prefix, self.0.planned(&lists)?, &others)
    }
}

/// Lists of a file or a caller make outputs of any size; this many 64-bit floats take half a gigabyte.
pub(crate) const MOST_VALUES: usize = 1 << 26;

/// What is told of inputs that ask for more.
pub(crate) const TOO_MANY: &str = "an operator is asked to make more than 67,108,864 values";

/// How many values a tensor of these lengths has.
pub(crate) fn volume(lengths: impl IntoIterator<Item = usize>) -> TractResult<usize> {
    let lengths = lengths.into_iter();
    let values = lengths.fold(1usize, usize::saturating_mul);
    ensure!(values <= MOST_VALUES, "too many values: {values}");
    Ok(values)
}

/// Wires an operator of tract's that is planned anew at each run, for the values it is given.
///
/// The fact is that of its output, with symbols of the model's for the lengths that it has then. How many values it
/// makes of its inputs is asked first.
pub(crate) fn at_run(
    prefix: &str,
    model: &mut TypedModel,
    expansion: Box<dyn Expansion>,
    inputs: &[OutletId],
    output: Fact,
    count: fn(&[TValue]) -> TractResult<f64>,
) -> TractResult<TVec<OutletId>> {
    let run = AtRun {
        expansion,
        output,
        count,
    };
    model.wire_node(prefix, node(run), inputs)
}

#[derive(Debug)]
struct AtRun {
    expansion: Box<dyn Expansion>,
    output: Fact,
    count: fn(&[TValue]) -> TractResult<f64>,
}

impl Kernel for AtRun {
    fn name(&self) -> &'static str {
        "AtRun"
    }

    fn has_new_lengths(&self) -> bool {
        true
    }

    fn facts(&self, _inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        Ok(tvec![self.output.clone()])
    }

    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        fits((self.count)(&inputs)? <= MOST_VALUES as f64, TOO_MANY)?;
        let outputs = self.expansion.eval(&EvalContext::out_of_plan(), inputs)?;
        Ok(outputs.into_iter().map(IntoTensor::into_tensor).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_are_bounded() {
        assert_eq!(volume([1 << 13, 1 << 13]).unwrap(), MOST_VALUES);
        assert!(volume([1 << 13, (1 << 13) + 1]).is_err());
        assert!(volume([usize::MAX, 2]).is_err());
        assert_eq!(volume([]).unwrap(), 1);
    }
}
