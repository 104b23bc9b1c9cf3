//! `Range` (standard domain) whose numbers are lists of one, as in the body of `AffineGrid`.
//!
//! tract wants numbers without axes. All else is tract's.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{Fact, Kernel, node};
use crate::standard::sized::{MOST_VALUES, TOO_MANY};
use crate::tract::{Built, build, expansion, wire_one};
use crate::unfit::fits;

/// Builds the operator from its node.
pub(crate) fn range(context: &ParsingContext, proto: &NodeProto) -> TractResult<Built> {
    let numbers = expansion(build(context, proto)?)?;
    Ok((expand(Range(numbers)), vec![]))
}

#[derive(Debug, Clone)]
struct Range(Box<dyn Expansion>);

/// The only number of a tensor.
fn number(tensor: &Tensor) -> TractResult<Tensor> {
    ensure!(
        tensor.len() == 1,
        "a range goes by one number, given {}",
        tensor.len()
    );
    tensor.clone().into_shape(&[])
}

impl Expansion for Range {
    fn name(&self) -> StaticName {
        "Range".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 3)?;
        check_output_arity(outputs, 1)?;
        let ranks = inputs.iter().map(|input| &input.rank);
        solver.given_all(ranks, move |solver, ranks| {
            if ranks.iter().all(|rank| *rank == 0) {
                return self.0.rules(solver, inputs, outputs);
            }
            let types = inputs.iter().map(|input| &input.datum_type);
            let ([.., output], true) = (outputs, ranks.iter().all(|rank| *rank <= 1)) else {
                bail!("a range goes by numbers, given {ranks:?} axes")
            };
            solver.equals(&output.rank, 1)?;
            solver.given_all(types, move |solver, types| {
                let common = DatumType::super_type_for(types.iter().copied());
                let common = common.context("numbers of a range have a common type")?;
                let is_length = common == DatumType::TDim;
                let datum_type = if is_length { i64::datum_type() } else { common };
                solver.equals(&output.datum_type, datum_type)
            })
        })
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let mut numbers = tvec![];
        for (place, input) in inputs.iter().enumerate() {
            let name = format!("{prefix}.number-{place}");
            let fact = model.outlet_fact(*input)?;
            let (rank, stored) = (fact.rank(), fact.konst.clone());
            numbers.push(match stored {
                _ if rank == 0 => *input,
                Some(stored) => model.add_const(name, number(&stored)?.into_arc_tensor())?,
                None => wire_one(model, name, AxisOp::Rm(0), &[*input])?,
            });
        }
        let facts = numbers.iter().map(|number| model.outlet_fact(*number));
        let facts: Vec<_> = facts.collect::<TractResult<_>>()?;
        let is_given = facts.iter().any(|fact| fact.konst.is_none());
        // Lengths are of inputs that are there.
        if is_given && !facts.iter().any(|fact| fact.datum_type.is_tdim()) {
            let name = format!("{prefix}.bounded");
            let limit = wire_one(model, name, node(Bounded), &numbers)?;
            if let Some(place) = numbers.get_mut(1) {
                *place = limit;
            }
        }
        self.0.wire(prefix, model, &numbers)
    }
}

/// The limit of a range, unless the range is too long: its numbers are a caller's.
#[derive(Debug)]
struct Bounded;

impl Kernel for Bounded {
    fn name(&self) -> &'static str {
        "Range"
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        Ok(tvec![inputs.get(1).context("a limit")?.clone()])
    }

    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let (start, limit, delta) = args_3!(inputs);
        let [from, to, by] = [&start, &limit, &delta].map(|number| number.cast_to_scalar::<f64>());
        fits(((to? - from?) / by?).abs() <= MOST_VALUES as f64, TOO_MANY)?;
        Ok(tvec![limit.into_tensor()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, standard};

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn numbers_may_be_lists_of_one() {
        let run = |numbers: [Input; 3]| standard("Range", 11, vec![], numbers.to_vec());
        let stored = |number: i64| Input::Stored(tensor1(&[number]));
        let expected = [tensor1(&[1i64, 4, 7])];
        assert_eq!(run([stored(1), stored(9), stored(3)]).unwrap(), expected);
        let given = Input::Given(tensor1(&[9i64]));
        assert_eq!(run([stored(1), given, stored(3)]).unwrap(), expected);
        let several = Input::Stored(tensor1(&[1i64, 2]));
        let error = format!("{:?}", run([stored(1), several, stored(3)]).unwrap_err());
        assert!(error.contains("one number"), "{error}");
    }

    #[test]
    fn a_range_of_a_caller_is_bounded() {
        let given = |number: i64| Input::Given(tensor0(number));
        let inputs = vec![given(0), given(1 << 40), given(1)];
        let error = standard("Range", 11, vec![], inputs).unwrap_err();
        assert!(crate::Unfit::of(&error).is_some(), "{error:?}");
        let inputs = vec![given(5), given(0), given(-2)];
        let output = standard("Range", 11, vec![], inputs).unwrap();
        assert_eq!(output, [tensor1(&[5i64, 3, 1])]);
    }
}
