//! `Cast` and `CastLike` (standard domain): numbers of 64 bits stay numbers of 64 bits, and text
//! is read and written as onnxruntime does it ([`text`]).
//!
//! tract takes every cast to INT64 for one to axis lengths, and cuts what it casts to 32 bits.
//! Here only lengths stay lengths, so shapes are still computed; all else becomes an `i64`. Casts
//! to other datatypes are tract's.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::cast;
use tract_onnx::tract_hir::internal::*;

use crate::text;
use crate::tract::{Built, build, expansion};

/// Builds `Cast` from its node.
pub(crate) fn cast(context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let to = node.get_attr("to")?;
    if to == DatumType::I64 {
        return Ok((expand(ToInt64), vec![]));
    }
    let tract = expansion(build(context, node)?)?;
    Ok((expand(To { to, tract }), vec![]))
}

/// Builds `CastLike` from its node.
pub(crate) fn cast_like(_context: &ParsingContext, _node: &NodeProto) -> TractResult<Built> {
    Ok((expand(Like), vec![]))
}

/// What a cast makes of a datatype: nothing but a length is made a length.
fn target(from: DatumType, to: DatumType) -> DatumType {
    match (from, to) {
        (DatumType::TDim, DatumType::I64) => DatumType::TDim,
        (from, DatumType::TDim) if from != DatumType::TDim => DatumType::I64,
        (_, to) => to,
    }
}

fn wire(
    prefix: &str,
    model: &mut TypedModel,
    input: OutletId,
    to: DatumType,
) -> TractResult<TVec<OutletId>> {
    let from = model.outlet_fact(input)?.datum_type;
    let to = target(from, to);
    match text::cast::between(from, to) {
        Some(cast) => model.wire_node(prefix, cast, &[input]),
        None => model.wire_node(prefix, cast::cast(to), &[input]),
    }
}

/// A cast of tract's, but for text.
#[derive(Debug, Clone)]
struct To {
    to: DatumType,
    tract: Box<dyn Expansion>,
}

impl Expansion for To {
    fn name(&self) -> StaticName {
        "Cast".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        self.tract.rules(solver, inputs, outputs)
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let [input] = *inputs else {
            bail!("a cast has one input")
        };
        match text::cast::between(model.outlet_fact(input)?.datum_type, self.to) {
            Some(cast) => model.wire_node(prefix, cast, &[input]),
            None => self.tract.wire(prefix, model, inputs),
        }
    }
}

#[derive(Debug, Clone)]
struct ToInt64;

impl Expansion for ToInt64 {
    fn name(&self) -> StaticName {
        "Cast".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        check_output_arity(outputs, 1)?;
        let ([input], [output]) = (inputs, outputs) else {
            bail!("a cast has one input and one output")
        };
        solver.equals(&output.shape, &input.shape)?;
        solver.given(&input.datum_type, move |solver, from| {
            solver.equals(&output.datum_type, target(from, DatumType::I64))
        })
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let [input] = *inputs else {
            bail!("a cast has one input")
        };
        wire(prefix, model, input, DatumType::I64)
    }
}

#[derive(Debug, Clone)]
struct Like;

impl Expansion for Like {
    fn name(&self) -> StaticName {
        "CastLike".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 2)?;
        check_output_arity(outputs, 1)?;
        let ([input, like], [output]) = (inputs, outputs) else {
            bail!("a cast to a like has two inputs and one output")
        };
        solver.equals(&output.shape, &input.shape)?;
        solver.given_2(
            &input.datum_type,
            &like.datum_type,
            move |solver, from, to| solver.equals(&output.datum_type, target(from, to)),
        )
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let [input, like] = *inputs else {
            bail!("a cast to a like has two inputs")
        };
        let to = model.outlet_fact(like)?.datum_type;
        wire(prefix, model, input, to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, integer, standard};

    #[track_caller]
    fn check(input: Tensor, expected: &[i64]) {
        let output = standard(
            "Cast",
            17,
            vec![integer("to", 7)],
            vec![Input::Given(input)],
        );
        assert_eq!(output.unwrap(), [tensor1(expected)]);
    }

    #[track_caller]
    fn check_like(input: Tensor, like: Tensor, expected: Tensor) {
        let inputs = vec![Input::Given(input), Input::Given(like)];
        assert_eq!(
            standard("CastLike", 17, vec![], inputs).unwrap(),
            [expected]
        );
    }

    #[test]
    fn sixty_four_bits_are_kept() {
        let large = [(1 << 40) + 5, -(1 << 40), i64::MAX, i64::MIN];
        check(tensor1(&large), &large);
        check(
            tensor1(&[1e12, -1_099_511_627_781.0]),
            &[1_000_000_000_000, -1_099_511_627_781],
        );
        check(tensor1(&[1.7e9f32, -2.5]), &[1_700_000_000, -2]);
        check(tensor1(&[-3i32, 5]), &[-3, 5]);
        check(tensor1(&[true, false]), &[1, 0]);
    }

    #[test]
    fn a_like_is_followed() {
        check_like(
            tensor1(&[1e12]),
            tensor1(&[0i64]),
            tensor1(&[1_000_000_000_000i64]),
        );
        check_like(tensor1(&[2i64]), tensor1(&[0f32]), tensor1(&[2f32]));
    }
}
