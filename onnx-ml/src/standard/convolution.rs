//! `ConvTranspose` (standard domain) whose output's lengths are given.
//!
//! tract takes `output_shape` without the padding that follows from it. Here the pads are
//! derived from it: all that is too much, one half at each end, where the second half is the
//! smaller one unless `auto_pad` is `SAME_UPPER`. All else is tract's.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::tract::{
    Built, build, integers_attribute, rebuilt, with_attributes, without_attributes,
};

/// Builds `ConvTranspose` from its node.
pub(crate) fn transposed(context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let Some(lengths) = node.get_attr_opt_vec::<i64>("output_shape")? else {
        return build(context, node);
    };
    let axes = lengths.len();
    let list = |name, usual| -> TractResult<Vec<i64>> {
        let list = node.get_attr_opt_vec(name)?;
        let list: Vec<i64> = list.unwrap_or_else(|| vec![usual; axes]);
        let is_possible = |value: &i64| (usual..MOST).contains(value);
        ensure!(
            list.len() == axes && list.iter().all(is_possible),
            "`{name}` has a number from {usual} on for each of {axes} axes, given {list:?}"
        );
        Ok(list)
    };
    let version = context.onnx_operator_set_version;
    let shaped = Shaped {
        is_upper: node.get_attr_opt("auto_pad")? == Some("SAME_UPPER"),
        strides: list("strides", 1)?,
        dilations: list("dilations", 1)?,
        added: list("output_padding", 0)?,
        lengths: list("output_shape", 0)?,
        rules: rebuilt(version, &without_attributes(node, &["auto_pad", "pads"]))?,
        node: node.clone(),
        version,
    };
    Ok((expand(shaped), vec![]))
}

/// Far above any length, and far below where products overflow.
const MOST: i64 = 1 << 30;

#[derive(Debug, Clone)]
struct Shaped {
    rules: Box<dyn Expansion>,
    node: NodeProto,
    version: i64,
    is_upper: bool,
    strides: Vec<i64>,
    dilations: Vec<i64>,
    added: Vec<i64>,
    lengths: Vec<i64>,
}

/// What is cut off along one axis, and what is added at its end.
struct Ends {
    before: i64,
    after: i64,
    added: i64,
}

impl Shaped {
    fn ends(&self, axis: usize, input: &TDim, kernel: &TDim) -> TractResult<Ends> {
        let of = |list: &[i64]| list.get(axis).copied().context("a number for each axis");
        let (input, kernel) = (input.to_i64()?, kernel.to_i64()?);
        ensure!(
            input < MOST && kernel < MOST,
            "lengths of this size are not supported: {input}, {kernel}"
        );
        let stride = of(&self.strides)?;
        let whole = stride * (input - 1) + of(&self.dilations)? * (kernel - 1) + 1;
        let (length, added) = (of(&self.lengths)?, of(&self.added)?);
        let surplus = whole + added - length;
        ensure!(
            surplus > -stride,
            "an output of length {length} is too long for an input of length {input}"
        );
        let cut = surplus.max(0);
        let smaller = cut / 2;
        let before = if self.is_upper {
            smaller
        } else {
            cut - smaller
        };
        Ok(Ends {
            before,
            after: cut - before,
            added: added - surplus.min(0),
        })
    }
}

impl Expansion for Shaped {
    fn name(&self) -> StaticName {
        "ConvTranspose".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        if let Some(input) = inputs.first() {
            let axes = i64::try_from(self.lengths.len())?;
            solver.equals(&input.rank, axes + 2)?;
        }
        self.rules.rules(solver, inputs, outputs)
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let (Some(input), Some(kernel)) = (inputs.first(), inputs.get(1)) else {
            bail!("a convolution has an input and a kernel")
        };
        let input = model.outlet_fact(*input)?.shape.to_tvec();
        let kernel = model.outlet_fact(*kernel)?.shape.to_tvec();
        let lengths = input.iter().zip(&kernel).skip(2).enumerate();
        let ends = lengths.map(|(axis, (input, kernel))| self.ends(axis, input, kernel));
        let ends: Vec<Ends> = ends.collect::<TractResult<_>>()?;
        let before = ends.iter().map(|ends| ends.before);
        let pads = before.chain(ends.iter().map(|ends| ends.after));
        let added = ends.iter().map(|ends| ends.added);
        let node = with_attributes(
            &without_attributes(&self.node, &["auto_pad", "output_shape"]),
            vec![
                integers_attribute("pads", pads.collect()),
                integers_attribute("output_padding", added.collect()),
            ],
        );
        rebuilt(self.version, &node)?.wire(prefix, model, inputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, close, integers, standard, string};

    fn run(attributes: Vec<tract_onnx::pb::AttributeProto>) -> TractResult<Vec<Tensor>> {
        let input = tensor3(&[[[0f32, 1., 2., 3.]]]);
        let kernel = tensor3(&[[[1f32, 10., 100.]]]);
        let inputs = vec![Input::Given(input), Input::Stored(kernel)];
        let strides = [integers("strides", &[2])];
        let attributes = strides.into_iter().chain(attributes).collect();
        standard("ConvTranspose", 22, attributes, inputs)
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn pads_follow_from_the_lengths_of_the_output() {
        let lengths = |length| integers("output_shape", &[length]);
        let check = |attributes, expected: &[f32]| close(&run(attributes).unwrap(), expected);
        let first = [0., 1., 10., 102., 20., 203., 30., 300.];
        check(vec![lengths(8)], &first);
        check(vec![lengths(8), integers("output_padding", &[1])], &first);
        let last = [0., 0., 1., 10., 102., 20., 203., 30.];
        check(vec![lengths(8), string("auto_pad", "SAME_UPPER")], &last);
        let longer = [0., 0., 1., 10., 102., 20., 203., 30., 300., 0.];
        check(vec![lengths(10)], &longer);
    }

    #[test]
    fn lengths_that_cannot_be_are_refused() {
        let check = |attributes, reason: &str| {
            let error = format!("{:?}", run(attributes).unwrap_err());
            assert!(error.contains(reason), "{error}");
        };
        check(vec![integers("output_shape", &[11])], "too long");
        check(vec![integers("output_shape", &[-1])], "a number from 0 on");
        let kinds = vec![
            integers("output_shape", &[8]),
            integers("dilations", &[1, 1]),
        ];
        check(kinds, "for each of 1 axes");
    }
}
