//! `LpPool` and `MaxUnpool` (standard domain).
//!
//! `LpPool` is tract's `AveragePool` of powers, without the division; what is padded adds
//! nothing. `MaxUnpool` puts each value at its index among all values of the output, whose shape
//! follows from the kernel or is the third input.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::cnn::SumPool;
use tract_onnx::tract_core::ops::math;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{self, Fact, Kernel, Node, node, tensor, values};
use crate::standard::sized::{self, Listed, volume};
use crate::tract::{Built, Rewire, rebuilt, rewired, wire_one, without_attributes};

/// Builds `LpPool` from its node.
pub(crate) fn lp_pool(context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let exponent: i64 = node.get_attr_opt("p")?.unwrap_or(2);
    ensure!(
        exponent > 0,
        "`p` of LpPool is above zero, given {exponent}"
    );
    #[expect(clippy::cast_precision_loss, reason = "exponents are small")]
    let exponent = exponent as f32;
    let mut average = without_attributes(node, &["p"]);
    average.op_type = "AveragePool".to_owned();
    let average = rebuilt(context.onnx_operator_set_version, &average)?;
    Ok(rewired(average, LpPool { exponent }))
}

#[derive(Debug)]
struct LpPool {
    exponent: f32,
}

impl Rewire for LpPool {
    fn wire(
        &self,
        tract: &dyn Expansion,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let named = |name: &str| format!("{prefix}.{name}");
        let sizes = wire_one(model, named("sizes"), math::abs(), inputs)?;
        let powers = math::pow_const(self.exponent);
        let powers = wire_one(model, named("powers"), powers, &[sizes])?;
        let sums = tract.wire(&named("sums"), model, &[powers])?;
        let [sum] = *sums else {
            bail!("a pool has one output")
        };
        let pool = model.node_mut(sum.node).op_as_mut::<SumPool>();
        pool.context("an average is a sum")?.normalize = false;
        model.wire_node(prefix, math::pow_const(self.exponent.recip()), &[sum])
    }
}

/// Builds `MaxUnpool` from its node.
pub(crate) fn max_unpool(_context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let kernel: Vec<i64> = node.get_attr_vec("kernel_shape")?;
    let strides = node.get_attr_opt_vec("strides")?;
    let pads = node.get_attr_opt_vec("pads")?;
    let unpool = MaxUnpool {
        strides: strides.unwrap_or_else(|| vec![1; kernel.len()]),
        pads: pads.unwrap_or_else(|| vec![0; 2 * kernel.len()]),
        kernel,
        shape: None,
    };
    let axes = unpool.kernel.len();
    ensure!(
        unpool.strides.len() == axes && unpool.pads.len() == 2 * axes,
        "a stride and two pads for each axis of the kernel"
    );
    if node.input.get(2).is_some_and(|name| !name.is_empty()) {
        return Ok(sized::built(Shaped(unpool)));
    }
    Ok(kernel::built(unpool))
}

#[derive(Debug, Clone)]
struct MaxUnpool {
    kernel: Vec<i64>,
    strides: Vec<i64>,
    pads: Vec<i64>,
    /// The shape of the output where the file gives it.
    shape: Option<Vec<i64>>,
}

impl MaxUnpool {
    fn lengths(&self, input: &[TDim]) -> TractResult<TVec<TDim>> {
        if let Some(shape) = &self.shape {
            return Ok(shape.iter().map(ToDim::to_dim).collect());
        }
        let axes = self.kernel.len();
        ensure!(
            input.len() == axes + 2,
            "a kernel of {axes} axes for {input:?}"
        );
        let pads = self.pads.iter().zip(self.pads.iter().skip(axes));
        let windows = self.kernel.iter().zip(&self.strides).zip(pads);
        let lengths = input.iter().skip(2).zip(windows);
        let lengths = lengths.map(|(length, ((kernel, stride), (before, after)))| {
            (length.clone() - 1) * *stride + *kernel - *before - *after
        });
        Ok(input.iter().take(2).cloned().chain(lengths).collect())
    }
}

impl Kernel for MaxUnpool {
    fn name(&self) -> &'static str {
        "MaxUnpool"
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        let [(datum_type, shape), (places, _)] = inputs else {
            bail!(
                "MaxUnpool has values and indices, given {} inputs",
                inputs.len()
            )
        };
        ensure!(
            datum_type.is_float() && *places == i64::datum_type(),
            "floats and their indices"
        );
        let lengths = self.lengths(shape)?;
        let is_length = |length: &TDim| length.to_i64().map_or(true, |length| length >= 0);
        ensure!(
            lengths.iter().all(is_length),
            "the output has lengths, given {lengths:?}"
        );
        Ok(tvec![(*datum_type, lengths)])
    }

    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let (input, indices) = args_2!(inputs);
        ensure!(input.shape() == indices.shape(), "an index for each value");
        let lengths: Vec<TDim> = input.shape().iter().map(ToDim::to_dim).collect();
        let lengths = self.lengths(&lengths)?;
        let shape: Vec<usize> = lengths
            .iter()
            .map(TDim::to_usize)
            .collect::<Result<_, _>>()?;
        let mut output = vec![0f32; volume(shape.iter().copied())?];
        let numbers = input.cast_to::<f32>()?;
        for (value, index) in values::<f32>(&numbers)?
            .iter()
            .zip(values::<i64>(&indices)?)
        {
            let place = usize::try_from(*index)
                .ok()
                .and_then(|index| output.get_mut(index));
            *place.with_context(|| format!("no index {index} in the output"))? = *value;
        }
        let output = tensor(&shape, output)?;
        Ok(tvec![output.cast_to_dt(input.datum_type())?.into_owned()])
    }
}

/// A `MaxUnpool` whose output's shape is its third input.
#[derive(Debug)]
struct Shaped(MaxUnpool);

impl Listed for Shaped {
    fn name(&self) -> &'static str {
        "MaxUnpool"
    }

    fn lists(&self) -> TVec<usize> {
        tvec![2]
    }

    fn planned(&self, lists: &[Vec<i64>]) -> TractResult<Node> {
        let shape = lists.first().cloned();
        Ok(node(MaxUnpool {
            shape,
            ..self.0.clone()
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, close, integer, integers, standard};

    fn counted(from: i8, shape: &[usize]) -> Tensor {
        let values: Vec<f32> = (from..)
            .take(shape.iter().product())
            .map(f32::from)
            .collect();
        tensor1(&values).into_shape(shape).unwrap()
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn powers_are_added_up() {
        let check = |exponent, pads: [i64; 2], ceil_mode, expected: &[f32]| {
            let attributes = vec![
                integers("kernel_shape", &[3]),
                integers("strides", &[2]),
                integers("pads", &pads),
                integer("p", exponent),
                integer("ceil_mode", ceil_mode),
            ];
            let input = vec![Input::Given(counted(-3, &[1, 1, 8]))];
            close(
                &standard("LpPool", 22, attributes, input).unwrap(),
                expected,
            );
        };
        check(3, [1, 0], 1, &[3.271_066, 2.080_084, 2.080_084, 4.626_065]);
        check(1, [0, 0], 0, &[6., 2., 6.]);
    }

    fn unpooled(
        attributes: Vec<tract_onnx::pb::AttributeProto>,
        places: [i64; 4],
        shape: Option<&[i64]>,
    ) -> TractResult<Vec<Tensor>> {
        let places = tensor1(&places).into_shape(&[1, 1, 2, 2])?;
        let shape = shape.map(|shape| Input::Stored(tensor1(shape)));
        let inputs = [
            Input::Given(counted(1, &[1, 1, 2, 2])),
            Input::Given(places),
        ];
        let inputs = inputs.into_iter().chain(shape).collect();
        let kernel = [integers("kernel_shape", &[2, 2])];
        standard(
            "MaxUnpool",
            22,
            kernel.into_iter().chain(attributes).collect(),
            inputs,
        )
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn values_go_back_to_their_places() {
        let output = unpooled(vec![], [0, 3, 5, 7], None).unwrap();
        assert_eq!(output[0].shape(), [1, 1, 3, 3]);
        close(&output, &[1., 0., 0., 2., 0., 3., 0., 4., 0.]);
        let strides = vec![integers("strides", &[2, 2])];
        let output = unpooled(strides, [0, 3, 9, 11], Some(&[1, 1, 5, 5])).unwrap();
        assert_eq!(output[0].shape(), [1, 1, 5, 5]);
        let mut expected = [0.; 25];
        (expected[0], expected[3], expected[9], expected[11]) = (1., 2., 3., 4.);
        close(&output, &expected);
    }

    #[test]
    fn an_index_beyond_the_output_is_an_error() {
        for place in [9, -1] {
            let error = format!(
                "{:?}",
                unpooled(vec![], [0, 3, 5, place], None).unwrap_err()
            );
            assert!(error.contains(&format!("no index {place}")), "{error}");
        }
    }
}
