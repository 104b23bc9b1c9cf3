//! `Pad` (standard domain) with `mode` `wrap` (version 19): what is missing is taken from the
//! other end.
//!
//! Negative pads crop before the rest wraps around, as in onnxruntime. All else is tract's.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::array::{Slice, TypedConcat};
use tract_onnx::tract_hir::internal::*;

use crate::standard::sized::volume;
use crate::tract::{
    Built, Rewire, axis_place, build, rebuilt, rewired, stored_list, text_attribute, wire_one,
    with_attributes,
};

/// The plan has a part for each time.
const MOST_TIMES: i64 = 256;

/// Builds the operator from its node.
pub(crate) fn pad(context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    if node.get_attr_opt("mode")? != Some("wrap") {
        return build(context, node);
    }
    let version = context.onnx_operator_set_version;
    let edge = with_attributes(node, vec![text_attribute("mode", "edge")]);
    let is_there = |place: &usize| node.input.get(*place).is_some_and(|name| !name.is_empty());
    let wrapped = Wrapped {
        axes: is_there(&3).then(|| (0..3).filter(is_there).count()),
    };
    Ok(rewired(rebuilt(version, &edge)?, wrapped))
}

#[derive(Debug)]
struct Wrapped {
    /// The place of the axes among the inputs that are there.
    axes: Option<usize>,
}

/// Nodes that are wired along one axis.
struct Wiring<'m> {
    prefix: String,
    model: &'m mut TypedModel,
    axis: usize,
}

impl Wiring<'_> {
    fn slice(&mut self, input: OutletId, first: i64, end: i64) -> TractResult<OutletId> {
        let name = format!("{}.{first}-{end}-of-{}", self.prefix, input.node);
        wire_one(
            self.model,
            name,
            Slice::new(self.axis, first, end),
            &[input],
        )
    }

    /// The input along this axis: cropped, then as often as it takes.
    fn padded(&mut self, input: OutletId, before: i64, after: i64) -> TractResult<OutletId> {
        let axis = self.axis;
        let given = self.model.outlet_fact(input)?.shape.get(axis).cloned();
        let given = given.context("an axis")?.to_i64()?;
        let (first, end) = ((-before).max(0), given - (-after).max(0));
        let (before, after, length) = (before.max(0), after.max(0), end - first);
        ensure!(
            length > 0,
            "an axis of {given} has values left to wrap around"
        );
        let middle = if length < given {
            self.slice(input, first, end)?
        } else {
            input
        };
        let mut parts: TVec<OutletId> = tvec![];
        if before % length > 0 {
            parts.push(self.slice(middle, length - before % length, length)?);
        }
        let times = before / length + 1 + after / length;
        ensure!(
            times <= MOST_TIMES,
            "an axis of {length} values cannot be wrapped around {times} times, but {MOST_TIMES}"
        );
        parts.extend(std::iter::repeat_n(middle, usize::try_from(times)?));
        if after % length > 0 {
            parts.push(self.slice(middle, 0, after % length)?);
        }
        let name = format!("{}.wrapped", self.prefix);
        wire_one(self.model, name, TypedConcat { axis }, &parts)
    }
}

impl Rewire for Wrapped {
    fn wire(
        &self,
        _tract: &dyn Expansion,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let list = |place: usize| {
            let list = stored_list(model, *inputs.get(place).context("a list")?)?;
            list.context("the pads and axes of Pad must be stored")
        };
        let mut outlet = *inputs.first().context("an input")?;
        let rank = model.outlet_fact(outlet)?.rank();
        let (pads, axes) = (list(1)?, self.axes.map(list).transpose()?);
        let axes = axes.unwrap_or_else(|| (0..).take(rank).collect());
        ensure!(
            pads.len() == 2 * axes.len(),
            "two pads for each axis, given {pads:?}"
        );
        let ends = pads.iter().zip(pads.iter().skip(axes.len()));
        for (axis, (before, after)) in axes.iter().zip(ends) {
            for pad in [before, after] {
                volume([usize::try_from(pad.unsigned_abs())?])?;
            }
            if (*before, *after) != (0, 0) {
                let axis = axis_place(*axis, rank)?;
                let prefix = format!("{prefix}.{axis}");
                let mut wiring = Wiring {
                    prefix,
                    model,
                    axis,
                };
                outlet = wiring.padded(outlet, *before, *after)?;
            }
        }
        Ok(tvec![outlet])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, standard, string};

    fn run(input: Tensor, pads: &[i64], axes: Option<&[i64]>) -> TractResult<Vec<Tensor>> {
        let axes = axes.map(|axes| [Input::None, Input::Stored(tensor1(axes))]);
        let inputs = [Input::Given(input), Input::Stored(tensor1(pads))];
        let inputs = inputs.into_iter().chain(axes.into_iter().flatten());
        standard("Pad", 19, vec![string("mode", "wrap")], inputs.collect())
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn values_come_from_the_other_end() {
        let three = || tensor1(&[0f32, 1., 2.]);
        let often = [2f32, 0., 1., 2., 0., 1., 2., 0., 1., 2., 0., 1., 2., 0., 1.];
        assert_eq!(run(three(), &[4, 8], None).unwrap(), [tensor1(&often)]);
        let five = tensor1(&[0i32, 1, 2, 3, 4]);
        let cropped = tensor1(&[1i32, 2, 3, 4, 1, 2]);
        assert_eq!(run(five, &[-1, 2], None).unwrap(), [cropped]);
        let rows = tensor2(&[[0f32, 1., 2.], [3., 4., 5.]]);
        let wide = tensor2(&[[2f32, 0., 1., 2., 0., 1.], [5., 3., 4., 5., 3., 4.]]);
        assert_eq!(run(rows, &[1, 2], Some(&[-1])).unwrap(), [wide]);
        assert_eq!(run(three(), &[0, 0], None).unwrap(), [three()]);
    }

    #[test]
    fn pads_that_cannot_be_are_errors() {
        let check = |pads: &[i64], axes: Option<&[i64]>, reason: &str| {
            let error = run(tensor1(&[0f32, 1.]), pads, axes).unwrap_err();
            let error = format!("{error:?}");
            assert!(error.contains(reason), "{error}");
        };
        check(&[-1, -1], None, "values left");
        check(&[1 << 40, 0], None, "too many values");
        check(&[1 << 12, 0], None, "cannot be wrapped around 2049 times");
    }
}
