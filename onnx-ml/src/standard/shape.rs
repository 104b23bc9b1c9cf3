//! `Shape` and `Size` (standard domain): lengths that are numbers are 64-bit integers.
//!
//! tract gives them its own datatype for lengths, and what is added to one is cut to 32 bits.
//! Here only lengths that hold a symbol are of that datatype.

use std::ops::Range;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::tract::Built;

/// Builds `Shape` from its node.
pub(crate) fn shape(_context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let start = node.get_attr_opt("start")?.unwrap_or(0);
    let end = node.get_attr_opt("end")?;
    Ok((expand(Lengths::Of { start, end }), vec![]))
}

/// Builds `Size` from its node.
pub(crate) fn size(_context: &ParsingContext, _node: &NodeProto) -> TractResult<Built> {
    Ok((expand(Lengths::Product), vec![]))
}

#[derive(Debug, Clone, Copy)]
enum Lengths {
    /// The lengths of these axes; negative ones count from the last.
    Of { start: i64, end: Option<i64> },
    /// How many values there are.
    Product,
}

impl Lengths {
    fn tensor(self, shape: &[TDim]) -> TractResult<Tensor> {
        let lengths = match self {
            Self::Of { start, end } => tensor1(
                shape
                    .get(range(start, end, shape.len())?)
                    .unwrap_or_default(),
            ),
            Self::Product => tensor0(shape.iter().product::<TDim>()),
        };
        let numbers = lengths.cast_to_dt(DatumType::I64);
        Ok(numbers.map_or_else(|_| lengths.clone(), Cow::into_owned))
    }
}

/// The axes from start to end, both bounded by the rank.
fn range(start: i64, end: Option<i64>, rank: usize) -> TractResult<Range<usize>> {
    let ranks = i64::try_from(rank)?;
    let bounded = |axis: i64| {
        let axis = if axis < 0 { axis + ranks } else { axis };
        usize::try_from(axis.clamp(0, ranks))
    };
    let start = bounded(start)?;
    let end = end.map_or(Ok(rank), bounded)?;
    Ok(start..end.max(start))
}

impl Expansion for Lengths {
    fn name(&self) -> StaticName {
        match self {
            Self::Of { .. } => "Shape".into(),
            Self::Product => "Size".into(),
        }
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
            bail!("lengths are of one input")
        };
        let rank = match self {
            Self::Of { .. } => 1,
            Self::Product => 0,
        };
        solver.equals(&output.rank, rank)?;
        solver.given(&input.shape, move |solver, shape| {
            let lengths = self.tensor(&shape)?;
            solver.equals(&output.datum_type, lengths.datum_type())?;
            solver.equals(&output.value, lengths.into_arc_tensor())
        })
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let [input] = *inputs else {
            bail!("lengths are of one input")
        };
        let shape = model.outlet_fact(input)?.shape.to_tvec();
        Ok(tvec![model.add_const(prefix, self.tensor(&shape)?)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, integer, standard};

    #[track_caller]
    fn check(operator: &str, range: &[(&str, i64)], expected: Tensor) {
        let attributes = range.iter().map(|(name, axis)| integer(name, *axis));
        let input = Input::Given(Tensor::zero::<f32>(&[2, 3, 4]).unwrap());
        let output = standard(operator, 17, attributes.collect(), vec![input]).unwrap();
        assert_eq!(output, [expected]);
    }

    #[test]
    fn lengths_are_integers() {
        check("Size", &[], tensor0(24i64));
        check("Shape", &[], tensor1(&[2i64, 3, 4]));
        check("Shape", &[("start", 1)], tensor1(&[3i64, 4]));
        check("Shape", &[("start", -1)], tensor1(&[4i64]));
        check("Shape", &[("start", -9), ("end", 1)], tensor1(&[2i64]));
        check("Shape", &[("start", 2), ("end", 1)], tensor1::<i64>(&[]));
    }

    #[test]
    fn symbols_stay_lengths() {
        let symbols = SymbolScope::default();
        let shape = [symbols.new_with_prefix("rows").to_dim(), 3.to_dim()];
        let lengths = Lengths::Product.tensor(&shape).unwrap();
        assert_eq!(lengths.datum_type(), DatumType::TDim);
    }
}
