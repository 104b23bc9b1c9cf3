//! `Resize` and `Upsample` (standard domain) by scales.
//!
//! Where corners are aligned tract places the values by the product of length and scale, not by
//! the whole number of values there is room for; here it is given that number. In version 10, and
//! in `Upsample`, the nearest value is the one before, or the one after where values get fewer,
//! which no attribute tells tract. tract wants scales and sizes stored; where a run gives them,
//! it is asked anew at each run. All else is tract's.

mod upsample;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::standard::sized::{Expanded, Planned, at_most, at_run, expanded, lengths};
use crate::tract::{Built, axis_place, rebuilt, text_attribute, with_attributes};
use crate::unfit::fits;
use upsample::Upsample;

/// The version whose scales are the second input, and that has no sizes.
const SCALES_ALONE: i64 = 10;
/// Since this version, inputs that are not used are left out rather than empty; before, they may.
const OPTIONAL_INPUTS: i64 = 13;
/// Since this version of the operators, the scales of `Upsample` are an input.
const SCALES_AS_INPUT: i64 = 9;

const NONE_TO_RESIZE: &str = "an axis that is resized has no values";

/// Builds `Resize` from its node.
pub(crate) fn resize(context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let version = context.onnx_operator_set_version;
    if version <= SCALES_ALONE {
        return Ok((expanded(before_version_11(node)?), vec![]));
    }
    let is_there = |place: &usize| node.input.get(*place).is_some_and(|name| !name.is_empty());
    let version = version.max(OPTIONAL_INPUTS);
    let first = (0..2).filter(is_there).count();
    let transformation = node.get_attr_opt("coordinate_transformation_mode")?;
    let resize = Resize {
        stored: by_scales_or_sizes(version, node, is_there(&2).then_some(first))?,
        lists: (2..4)
            .filter(is_there)
            .zip(first..)
            .map(|(_, place)| place)
            .collect(),
        axes: node.get_attr_opt_vec("axes")?,
        ratio: match node.get_attr_opt("keep_aspect_ratio_policy")? {
            Some("not_larger") => Some(f64::min),
            Some("not_smaller") => Some(f64::max),
            _ => None,
        },
        is_cropped: transformation == Some("tf_crop_and_resize"),
    };
    Ok((expanded(resize), vec![]))
}

/// Builds `Upsample` from its node.
pub(crate) fn upsample(context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let resize = before_version_11(&NodeProto {
        op_type: "Resize".to_owned(),
        ..node.clone()
    })?;
    if context.onnx_operator_set_version >= SCALES_AS_INPUT {
        return Ok((expanded(resize), vec![]));
    }
    let scales = node.get_attr_vec("scales")?;
    Ok((expand(Upsample { resize, scales }), vec![]))
}

fn before_version_11(node: &NodeProto) -> TractResult<Resize> {
    let rounded = |mode| {
        let node = with_attributes(node, vec![text_attribute("nearest_mode", mode)]);
        rebuilt(SCALES_ALONE, &node)
    };
    let before = rounded("floor")?;
    let stored: Box<dyn Expansion> = match node.get_attr_opt("mode")?.unwrap_or("nearest") {
        "nearest" => Box::new(NearestBefore {
            before,
            after: rounded("ceil")?,
        }),
        _ => before,
    };
    Ok(Resize {
        stored,
        lists: tvec![1],
        axes: None,
        ratio: None,
        is_cropped: false,
    })
}

fn by_scales_or_sizes(
    version: i64,
    node: &NodeProto,
    scales: Option<usize>,
) -> TractResult<Box<dyn Expansion>> {
    let by_scales = rebuilt(version, node)?;
    let transformation = node.get_attr_opt("coordinate_transformation_mode")?;
    let Some(scales) = scales.filter(|_| transformation == Some("align_corners")) else {
        return Ok(by_scales);
    };
    let mut by_sizes = node.clone();
    let input = node.input.first().cloned().unwrap_or_default();
    by_sizes.input = vec![input, String::new(), String::new(), "sizes".to_owned()];
    Ok(Box::new(Aligned {
        by_scales,
        by_sizes: rebuilt(version, &by_sizes)?,
        scales,
        axes: node.get_attr_opt_vec("axes")?,
    }))
}

/// A resize by lists that may be stored.
#[derive(Debug, Clone)]
struct Resize {
    stored: Box<dyn Expansion>,
    /// The places of the scales and the sizes among the inputs that are there.
    lists: TVec<usize>,
    /// The axes that the lists are of, if not of all.
    axes: Option<Vec<i64>>,
    /// Which of two ratios all axes are resized by, where sizes only bound them.
    ratio: Option<fn(f64, f64) -> f64>,
    /// Whether the values are those of a part of the input.
    is_cropped: bool,
}

impl Planned for Resize {
    fn name(&self) -> StaticName {
        "Resize".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        self.stored.rules(solver, inputs, outputs)
    }

    fn wire(
        &self,
        prefix: &str,
        node: Option<&InferenceNode>,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let input = *inputs.first().context("a resize has an input")?;
        for list in self.lists.iter().filter_map(|place| inputs.get(*place)) {
            if model.outlet_fact(*list)?.konst.is_none() {
                let fact = model.outlet_fact(input)?;
                let (datum_type, rank) = (fact.datum_type, fact.rank());
                let output = (datum_type, lengths(model, node, rank));
                let resize = self.clone();
                let count = Box::new(move |inputs: &[TValue]| resize.made(inputs));
                return at_run(
                    prefix,
                    model,
                    Box::new(Expanded(self.clone())),
                    inputs,
                    output,
                    count,
                );
            }
        }
        let resized = self.stored.wire(prefix, model, inputs)?;
        let shape = |outlet| Ok::<_, TractError>(model.outlet_fact(outlet)?.shape.clone());
        let before = shape(input)?;
        for outlet in &resized {
            // As in onnxruntime: a scale that adds no value moves none either.
            if !self.is_cropped && shape(*outlet)? == before {
                return Ok(tvec![input]);
            }
        }
        Ok(resized)
    }
}

impl Resize {
    /// How many values a run makes at most.
    fn made(&self, inputs: &[TValue]) -> TractResult<f64> {
        let shape = inputs.first().context("an input")?.shape();
        let mut most = 0f64;
        for list in self.lists.iter().filter_map(|place| inputs.get(*place)) {
            if list.len() != 0 {
                let resized = self.lengths(shape, list)?;
                let lengths = resized.iter().zip(shape);
                most = most.max(at_most(
                    lengths.map(|(length, given)| length.max(*given as f64)),
                ));
            }
        }
        Ok(most)
    }

    /// The lengths that a list of scales or sizes asks for; scaled ones are not yet whole.
    fn lengths(&self, shape: &[usize], list: &TValue) -> TractResult<TVec<f64>> {
        let all = || (0..).take(shape.len()).collect();
        let axes: Vec<i64> = self.axes.clone().unwrap_or_else(all);
        let values = list.cast_to::<f64>()?;
        let values = values.try_as_plain_ram()?.as_slice::<f64>()?;
        fits(
            values.len() == axes.len(),
            "a resize has other than one scale or size for each of its axes",
        )?;
        let mut asked: TVec<Option<f64>> = tvec![None; shape.len()];
        for (axis, value) in axes.iter().zip(values) {
            let place = axis_place(*axis, shape.len())?;
            *asked.get_mut(place).context("an axis to resize")? = Some(*value);
        }
        let lengths = shape.iter().map(|length| *length as f64).zip(asked);
        let are_scales = list.datum_type().is_float();
        // tract divides by the length of an axis, unless its scale is one.
        let is_divisor = |(length, value): (f64, Option<f64>)| {
            length > 0.0 || value.is_none_or(|value| are_scales && value == 1.0)
        };
        fits(lengths.clone().all(is_divisor), NONE_TO_RESIZE)?;
        if are_scales {
            let are_above_zero = values.iter().all(|scale| *scale > 0.0);
            fits(are_above_zero, "a scale of a resize is not above zero")?;
            let scaled = |(length, scale): (f64, Option<f64>)| length * scale.unwrap_or(1.0);
            return Ok(lengths.map(scaled).collect());
        }
        let are_sizes = values.iter().all(|size| *size >= 0.0);
        fits(are_sizes, "a size of a resize is below zero")?;
        let ratios = lengths.clone();
        let ratios = ratios.filter_map(|(length, size)| Some(size? / length));
        let ratio = self.ratio.and_then(|ratio| ratios.reduce(ratio));
        let sized = |(length, size): (f64, Option<f64>)| match (size, ratio) {
            (None, _) => length,
            (Some(size), None) => size,
            (Some(_), Some(ratio)) => (ratio * length).round(),
        };
        Ok(lengths.map(sized).collect())
    }
}

fn stored_scales(model: &TypedModel, scales: OutletId) -> TractResult<Vec<f32>> {
    let scales = model.outlet_fact(scales)?.konst.clone();
    let scales = scales.context("the scales of a resize must be stored")?;
    Ok(scales.try_as_plain_ram()?.as_slice::<f32>()?.to_vec())
}

/// How many values there are room for on each axis that is scaled.
fn sizes(shape: &[TDim], axes: &[i64], scales: &[f32]) -> TractResult<Vec<i64>> {
    let size = |(axis, scale): (&i64, &f32)| {
        let place = axis_place(*axis, shape.len())?;
        let length = shape.get(place).context("an axis to scale")?.to_i64()?;
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            reason = "rounded as onnxruntime does"
        )]
        let size = (length as f32 * scale) as i64;
        Ok(size)
    };
    axes.iter().zip(scales).map(size).collect()
}

/// A resize to nearest values in version 10.
#[derive(Debug, Clone)]
struct NearestBefore {
    before: Box<dyn Expansion>,
    after: Box<dyn Expansion>,
}

impl Expansion for NearestBefore {
    fn name(&self) -> StaticName {
        "Resize".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        self.before.rules(solver, inputs, outputs)
    }

    /// Nearest values are those of each axis, so axes with fewer values can come after the others.
    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let [input, scales] = *inputs else {
            bail!("a resize of version 10 has an input and scales")
        };
        let scales = stored_scales(model, scales)?;
        let fewer: Vec<f32> = scales.iter().map(|scale| scale.min(1.0)).collect();
        let more: Vec<f32> = scales.iter().map(|scale| scale.max(1.0)).collect();
        let more = model.add_const(format!("{prefix}.more"), tensor1(&more))?;
        if fewer.iter().all(|scale| *scale == 1.0) {
            return self.before.wire(prefix, model, &[input, more]);
        }
        let fewer = model.add_const(format!("{prefix}.fewer"), tensor1(&fewer))?;
        let before = format!("{prefix}.before");
        let before = self.before.wire(&before, model, &[input, more])?;
        let [before] = *before else {
            bail!("a resize has one output")
        };
        self.after.wire(prefix, model, &[before, fewer])
    }
}

/// A resize with aligned corners, by scales.
#[derive(Debug, Clone)]
struct Aligned {
    by_scales: Box<dyn Expansion>,
    by_sizes: Box<dyn Expansion>,
    /// The place of the scales among the inputs that are there.
    scales: usize,
    axes: Option<Vec<i64>>,
}

impl Expansion for Aligned {
    fn name(&self) -> StaticName {
        "Resize".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        self.by_scales.rules(solver, inputs, outputs)
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let (Some(input), Some(scales)) = (inputs.first(), inputs.get(self.scales)) else {
            bail!("a resize has an input and scales")
        };
        let scales = stored_scales(model, *scales)?;
        if scales.is_empty() {
            return self.by_scales.wire(prefix, model, inputs);
        }
        let shape = model.outlet_fact(*input)?.shape.to_tvec();
        let axes = self.axes.clone();
        let axes = axes.unwrap_or_else(|| (0..).take(shape.len()).collect());
        let has_none = shape.contains(&0.to_dim());
        fits(!has_none, NONE_TO_RESIZE)?;
        let sizes = sizes(&shape, &axes, &scales)?;
        let sizes = model.add_const(format!("{prefix}.sizes"), tensor1(&sizes))?;
        self.by_sizes.wire(prefix, model, &[*input, sizes])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, close, floats, integer, integers, standard, string};
    use tract_onnx::pb::AttributeProto;

    fn run(opset: i64, mode: &str, length: usize, scale: f32) -> TractResult<Vec<Tensor>> {
        let values: Vec<f32> = (0u8..).take(length).map(f32::from).collect();
        let values = tensor1(&values).into_shape(&[1, 1, 1, length]).unwrap();
        let scales = Input::Stored(tensor1(&[1., 1., 1., scale]));
        let mut attributes = vec![string("mode", mode)];
        let mut inputs = vec![Input::Given(values)];
        if opset > SCALES_ALONE {
            let aligned = "align_corners";
            attributes.push(string("coordinate_transformation_mode", aligned));
            inputs.push(Input::None);
        }
        inputs.push(scales);
        standard("Resize", opset, attributes, inputs)
    }

    #[track_caller]
    fn check(opset: i64, mode: &str, length: usize, scale: f32, expected: &[f32]) {
        let output = run(opset, mode, length, scale).unwrap();
        assert_eq!(output[0].shape(), [1, 1, 1, expected.len()]);
        close(&output, expected);
    }

    /// Expected values: onnxruntime 1.31.1.
    #[test]
    fn aligned_corners_are_kept() {
        for opset in [13, 18] {
            check(opset, "linear", 5, 0.5, &[0., 4.]);
            check(opset, "linear", 3, 1.5, &[0., 0.666_667, 1.333_333, 2.]);
            check(opset, "linear", 3, 2., &[0., 0.4, 0.8, 1.2, 1.6, 2.]);
            check(opset, "nearest", 3, 1.5, &[0., 1., 1., 2.]);
        }
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn in_version_10_the_nearest_value_is_the_one_before_or_after_where_they_get_fewer() {
        check(10, "nearest", 2, 2., &[0., 0., 1., 1.]);
        check(10, "linear", 2, 2., &[0., 0.5, 1., 1.]);
        check(10, "nearest", 4, 0.6, &[0., 2.]);
        let scales = || tensor1(&[1f32, 1., 0.5, 2.]);
        let image = Input::Given(counted(&[1, 1, 2, 2]));
        for scales in [Input::Stored(scales()), Input::Given(scales())] {
            let inputs = vec![image.clone(), scales];
            let output = standard("Resize", 10, vec![], inputs).unwrap();
            close(&output, &[0., 0., 1., 1.]);
        }
    }

    fn counted(shape: &[usize]) -> Tensor {
        let length = shape.iter().product();
        let values: Vec<f32> = (0u8..).take(length).map(f32::from).collect();
        tensor1(&values).into_shape(shape).unwrap()
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn an_upsample_has_its_scales_as_an_attribute_or_as_an_input() {
        let check = |mode, expected: &[f32]| {
            let scales = [1., 1., 1.5, 2.];
            let image = || Input::Given(counted(&[1, 1, 2, 2]));
            let attributes = vec![string("mode", mode), floats("scales", &scales)];
            let output = standard("Upsample", 7, attributes, vec![image()]).unwrap();
            close(&output, expected);
            let inputs = vec![image(), Input::Stored(tensor1(&scales))];
            let output = standard("Upsample", 9, vec![string("mode", mode)], inputs).unwrap();
            close(&output, expected);
        };
        let nearest = [0., 0., 1., 1., 0., 0., 1., 1., 2., 2., 3., 3.];
        check("nearest", &nearest);
        let linear = [
            0., 0.5, 1., 1., 1.333_333, 1.833_333, 2.333_333, 2.333_333, 2., 2.5, 3., 3.,
        ];
        check("linear", &linear);
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn a_scale_that_adds_no_value_moves_none() {
        let scales = || tensor1(&[1f32, 1., 1.3, 1.]);
        for scales in [Input::Stored(scales()), Input::Given(scales())] {
            let inputs = vec![Input::Given(counted(&[1, 1, 2, 2])), scales];
            let output = standard("Upsample", 9, vec![string("mode", "linear")], inputs).unwrap();
            close(&output, &[0., 1., 2., 3.]);
        }
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn scales_and_sizes_may_be_given_at_the_run() {
        let check = |mode, transformation, expected: &[f32]| {
            for opset in [11, 13, 19] {
                let attributes = || {
                    let transformation = string("coordinate_transformation_mode", transformation);
                    vec![string("mode", mode), transformation]
                };
                let list = || Input::Given(counted(&[1, 1, 1, 4]));
                let scales = Input::Given(tensor1(&[1f32, 1., 1., 0.6]));
                let inputs = vec![list(), Input::None, scales];
                let output = standard("Resize", opset, attributes(), inputs).unwrap();
                close(&output, expected);
                let sizes = Input::Given(tensor1(&[1i64, 1, 1, 2]));
                let inputs = vec![list(), Input::None, Input::None, sizes];
                let output = standard("Resize", opset, attributes(), inputs).unwrap();
                assert_eq!(output[0].shape(), [1, 1, 1, 2]);
            }
        };
        check("linear", "half_pixel", &[0.333_333, 2.]);
        check("linear", "align_corners", &[0., 3.]);
        check("cubic", "asymmetric", &[0., 1.629_63]);
    }

    /// The lists are a caller's; axes are resized one after the other.
    #[test]
    fn what_a_run_makes_is_bounded() {
        let check = |shape: &[usize], list: Tensor, attributes: Vec<AttributeProto>, reason| {
            let mut inputs = vec![Input::Given(counted(shape)), Input::None];
            if list.datum_type() == DatumType::I64 {
                inputs.push(Input::None);
            }
            inputs.push(Input::Given(list));
            let attributes = [vec![string("mode", "linear")], attributes].concat();
            let error = standard("Resize", 18, attributes, inputs).unwrap_err();
            let unfit = crate::Unfit::of(&error).map(|unfit| unfit.to_string());
            assert!(
                unfit.is_some_and(|unfit| unfit.contains(reason)),
                "{error:?}"
            );
        };
        let too_many = "67,108,864 values";
        let axes = || integers("axes", &[2, 3]);
        let image = &[1, 1, 2, 2];
        let scales = |third, last| tensor1(&[1f32, 1., third, last]);
        let sizes = |third, last| tensor1(&[1i64, 1, third, last]);
        check(image, scales(1e6, 1e6), vec![], too_many);
        check(image, scales(1e9, 1e-9), vec![], too_many);
        check(image, sizes(1 << 24, 1 << 24), vec![], too_many);
        check(image, sizes(1 << 40, 0), vec![], too_many);
        let large = || tensor1(&[8192i64, 8192]);
        check(&[4, 3, 2, 2], large(), vec![axes()], too_many);
        let policy = string("keep_aspect_ratio_policy", "not_smaller");
        let covered = tensor1(&[2i64, 1 << 24]);
        check(image, covered, vec![axes(), policy], too_many);
        for scale in [0., -1., f32::NAN] {
            check(image, scales(scale, 1.), vec![], "not above zero");
        }
        check(image, sizes(-1, 2), vec![], "below zero");
        check(&[1, 1, 0, 2], sizes(2, 2), vec![], "has no values");
    }

    /// onnxruntime 1.32.0 gives the same shape, and resizes axes without values too.
    #[test]
    fn a_batch_may_be_empty() {
        let run = |transformation, scales: [f32; 4]| {
            let attributes = vec![string("coordinate_transformation_mode", transformation)];
            let empty = Tensor::zero::<f32>(&[0, 1, 2, 2]).unwrap();
            let scales = Input::Given(tensor1(&scales));
            let inputs = vec![Input::Given(empty), Input::None, scales];
            standard("Resize", 18, attributes, inputs)
        };
        let output = run("half_pixel", [1., 1., 2., 2.]).unwrap();
        assert_eq!(output[0].shape(), [0, 1, 4, 4]);
        let refused = [
            ("half_pixel", [2., 1., 1., 1.]),
            ("align_corners", [1., 1., 2., 2.]),
        ];
        for (transformation, scales) in refused {
            let error = run(transformation, scales).unwrap_err();
            assert!(crate::Unfit::of(&error).is_some(), "{error:?}");
        }
    }

    #[test]
    fn a_run_may_leave_no_values() {
        for antialias in [0, 1] {
            let attributes = vec![string("mode", "linear"), integer("antialias", antialias)];
            let scales = Input::Given(tensor1(&[1f32, 1., 0.25, 1.]));
            let inputs = vec![Input::Given(counted(&[1, 1, 2, 2])), Input::None, scales];
            let output = standard("Resize", 18, attributes, inputs).unwrap();
            assert_eq!(output[0].shape(), [1, 1, 0, 2]);
        }
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn sizes_of_a_run_may_bound_one_ratio() {
        let check = |policy, expected: &[usize]| {
            let attributes = vec![
                integers("axes", &[2, 3]),
                string("keep_aspect_ratio_policy", policy),
            ];
            let sizes = Input::Given(tensor1(&[3i64, 8]));
            let image = Input::Given(counted(&[1, 1, 2, 4]));
            let inputs = vec![image, Input::None, Input::None, sizes];
            let output = standard("Resize", 18, attributes, inputs).unwrap();
            assert_eq!(output[0].shape(), expected);
        };
        check("not_larger", &[1, 1, 3, 6]);
        check("not_smaller", &[1, 1, 4, 8]);
        check("stretch", &[1, 1, 3, 8]);
    }
}
