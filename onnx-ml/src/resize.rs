//! `Resize` (standard domain) with scales whose products are no whole lengths.
//!
//! Where corners are aligned tract places the values by the product of length and scale, not by
//! the whole number of values there is room for; here it is given that number. In version 10 the
//! nearest value is the one before, which no attribute tells tract; onnxruntime takes the one
//! after where values get fewer, and that is refused. All else is tract's.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::{AttributeProto, NodeProto};
use tract_onnx::tract_hir::internal::*;

use crate::tract::{Built, build, expansion};

/// The version whose scales are the second input, and that has no sizes.
const SCALES_ALONE: i64 = 10;
/// Since this version, inputs that are not used are left out rather than empty.
const OPTIONAL_INPUTS: i64 = 13;

/// Builds the operator from its node.
pub(crate) fn resize(context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    if context.onnx_operator_set_version == SCALES_ALONE {
        return nearest_before(context, node);
    }
    let transformation = node.get_attr_opt("coordinate_transformation_mode")?;
    let scales = node.input.iter().take(3).filter(|name| !name.is_empty());
    let scales = node
        .input
        .get(2)
        .filter(|name| !name.is_empty())
        .map(|_| scales.count() - 1);
    let Some(scales) = scales.filter(|_| transformation == Some("align_corners")) else {
        return build(context, node);
    };
    let aligned = Aligned {
        by_scales: expansion(build(context, node)?)?,
        by_sizes: expansion(build_by_sizes(context, node)?)?,
        scales,
        axes: node.get_attr_opt_vec("axes")?,
    };
    Ok((expand(aligned), vec![]))
}

fn nearest_before(context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let mut floor = node.clone();
    floor.attribute.push(AttributeProto {
        name: "nearest_mode".to_owned(),
        s: b"floor".to_vec(),
        r#type: AttributeType::String.into(),
        ..AttributeProto::default()
    });
    let built = build(context, &floor)?;
    if node.get_attr_opt("mode")?.unwrap_or("nearest") != "nearest" {
        return Ok(built);
    }
    Ok((expand(NearestBefore(expansion(built)?)), vec![]))
}

/// The same node with sizes, as its second input, instead of scales.
fn build_by_sizes(context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let mut node = node.clone();
    let input = node.input.first().cloned().unwrap_or_default();
    let sizes = "sizes".to_owned();
    node.input = vec![input, String::new(), String::new(), sizes];
    let version = context.onnx_operator_set_version.max(OPTIONAL_INPUTS);
    let context = ParsingContext {
        onnx_operator_set_version: version,
        framework: context.framework,
        model: context.model,
        parent_graphs: context.parent_graphs.clone(),
        model_dir: context.model_dir,
        template: context.template.clone(),
    };
    build(&context, &node)
}

fn stored_scales(model: &TypedModel, scales: OutletId) -> TractResult<Vec<f32>> {
    let scales = model.outlet_fact(scales)?.konst.clone();
    let scales = scales.context("the scales of a resize must be stored")?;
    Ok(scales.try_as_plain_ram()?.as_slice::<f32>()?.to_vec())
}

/// A resize to nearest values in version 10.
#[derive(Debug, Clone)]
struct NearestBefore(Box<dyn Expansion>);

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
        self.0.rules(solver, inputs, outputs)
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let [_, scales] = *inputs else {
            bail!("a resize of version 10 has an input and scales")
        };
        let scales = stored_scales(model, scales)?;
        ensure!(
            scales.iter().all(|scale| *scale >= 1.0),
            "a resize of version 10 to fewer nearest values is not supported"
        );
        self.0.wire(prefix, model, inputs)
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

impl Aligned {
    /// How many values there are room for on each axis that is scaled.
    fn sizes(&self, shape: &[TDim], scales: &[f32]) -> TractResult<Vec<i64>> {
        let rank = i64::try_from(shape.len())?;
        let all = || (0..rank).collect();
        let axes: Vec<i64> = self.axes.clone().unwrap_or_else(all);
        let size = |(axis, scale): (&i64, &f32)| {
            let place = usize::try_from(axis.rem_euclid(rank))?;
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
        let sizes = self.sizes(&model.outlet_fact(*input)?.shape.to_tvec(), &scales)?;
        let sizes = model.add_const(format!("{prefix}.sizes"), tensor1(&sizes))?;
        self.by_sizes.wire(prefix, model, &[*input, sizes])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, close, standard, string};

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

    /// Expected values: onnxruntime 1.31.1.
    #[test]
    fn in_version_10_the_nearest_value_is_the_one_before() {
        check(10, "nearest", 2, 2., &[0., 0., 1., 1.]);
        check(10, "linear", 2, 2., &[0., 0.5, 1., 1.]);
        let error = format!("{:?}", run(10, "nearest", 4, 0.6).unwrap_err());
        assert!(error.contains("fewer nearest values"), "{error}");
    }
}
