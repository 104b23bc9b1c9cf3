//! `BatchNormalization` (standard domain, from version 7), in inference and in training.
//!
//! tract wants scale, offset, mean and variance stored, and then multiplies and adds once; so it
//! is asked where they are. A list is one channel, as in onnxruntime. In training mean and variance are those of the input, and the running
//! ones are further outputs.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::cast::cast;
use tract_onnx::tract_core::ops::math;
use tract_onnx::tract_core::ops::nn::{Reduce, Reducer};
use tract_onnx::tract_hir::internal::*;

use crate::tract::{Built, rebuilt, wire_one, without_attributes};

/// Builds the operator from its node.
pub(crate) fn normalization(context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let is_training = node.get_attr_opt("training_mode")?.unwrap_or(0i64) != 0;
    let outputs = node.output.len();
    let most = if is_training { 3 } else { 1 };
    ensure!(
        (1..=most).contains(&outputs),
        "this normalization has 1 to {most} outputs"
    );
    let plain = without_attributes(node, &["training_mode"]);
    let normalization = Normalization {
        stored: rebuilt(context.onnx_operator_set_version, &plain)?,
        epsilon: node.get_attr_opt("epsilon")?.unwrap_or(1e-5),
        momentum: node.get_attr_opt("momentum")?.unwrap_or(0.9),
        is_training,
        outputs,
    };
    Ok((expand(normalization), vec![]))
}

#[derive(Debug, Clone)]
struct Normalization {
    /// tract's, for parameters that are stored.
    stored: Box<dyn Expansion>,
    epsilon: f32,
    momentum: f32,
    is_training: bool,
    /// The normalized values, and in training the running mean and variance.
    outputs: usize,
}

impl Expansion for Normalization {
    fn name(&self) -> StaticName {
        "BatchNormalization".into()
    }

    fn nboutputs(&self) -> TractResult<usize> {
        Ok(self.outputs)
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 5)?;
        check_output_arity(outputs, self.outputs)?;
        let ([input, parameters @ ..], [output, running @ ..]) = (inputs, outputs) else {
            bail!("a normalization has five inputs")
        };
        solver.equals(&output.datum_type, &input.datum_type)?;
        solver.equals(&output.shape, &input.shape)?;
        for (running, given) in running.iter().zip(parameters.iter().skip(2)) {
            solver.equals(&running.datum_type, &given.datum_type)?;
        }
        for parameter in parameters.iter().chain(running) {
            solver.equals(&parameter.rank, 1)?;
        }
        solver.given(&input.rank, move |solver, rank| {
            for parameter in parameters.iter().chain(running) {
                match rank {
                    1 => solver.equals(&parameter.shape[0], 1.to_dim())?,
                    _ => solver.equals(&parameter.shape[0], &input.shape[1])?,
                }
            }
            Ok(())
        })
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let [input, parameters @ ..] = inputs else {
            bail!("a normalization has inputs")
        };
        let (datum_type, rank) = {
            let fact = model.outlet_fact(*input)?;
            (fact.datum_type, fact.rank())
        };
        if rank == 1 {
            let name = format!("{prefix}.column");
            let column = wire_one(model, name, AxisOp::Add(1), &[*input])?;
            let inputs = [&[column], parameters].concat();
            let mut outputs = self.wire(&format!("{prefix}.columns"), model, &inputs)?;
            let normalized = outputs.first_mut().context("an output")?;
            *normalized = wire_one(model, prefix.to_owned(), AxisOp::Rm(1), &[*normalized])?;
            return Ok(outputs);
        }
        let mut is_stored = !self.is_training;
        for parameter in parameters {
            let fact = model.outlet_fact(*parameter)?;
            is_stored &= fact.konst.is_some() && fact.datum_type == datum_type;
        }
        if is_stored {
            return self.stored.wire(prefix, model, inputs);
        }
        let [scale, offset, mean, variance] = *parameters else {
            bail!("a normalization has five inputs")
        };
        let mut wiring = Wiring::new(prefix, model, *input, mean)?;
        let input = wiring.like_statistics(*input)?;
        let [scale, offset, given_mean, given_variance] =
            [scale, offset, mean, variance].map(|parameter| wiring.per_channel(parameter));
        let (given_mean, given_variance) = (given_mean?, given_variance?);
        let (mean, variance) = if self.is_training {
            wiring.statistics(input)?
        } else {
            (given_mean, given_variance)
        };
        let normalized =
            wiring.normalized(input, [mean, variance, scale?, offset?], self.epsilon)?;
        let named = format!("{prefix}.output");
        let mut outputs = tvec![wire_one(
            wiring.model,
            named,
            cast(datum_type),
            &[normalized]
        )?];
        for (given, current) in [(given_mean, mean), (given_variance, variance)] {
            if outputs.len() < self.outputs {
                outputs.push(wiring.running(given, current, self.momentum)?);
            }
        }
        Ok(outputs)
    }
}

/// What is wired for one normalization, in the datatype of its mean and variance.
struct Wiring<'m> {
    prefix: &'m str,
    model: &'m mut TypedModel,
    rank: usize,
    statistics: DatumType,
    /// How many nodes there are, for their names.
    nodes: usize,
}

impl<'m> Wiring<'m> {
    fn new(
        prefix: &'m str,
        model: &'m mut TypedModel,
        input: OutletId,
        mean: OutletId,
    ) -> TractResult<Self> {
        let rank = model.outlet_fact(input)?.rank();
        ensure!(
            rank >= 2,
            "a normalization has an axis of channels, given {rank} axes"
        );
        Ok(Self {
            prefix,
            rank,
            statistics: model.outlet_fact(mean)?.datum_type,
            model,
            nodes: 0,
        })
    }

    fn node(
        &mut self,
        operator: impl Into<Box<dyn TypedOp>>,
        inputs: &[OutletId],
    ) -> TractResult<OutletId> {
        self.nodes += 1;
        let name = format!("{}.{}", self.prefix, self.nodes);
        wire_one(self.model, name, operator, inputs)
    }

    fn constant(&mut self, value: f32) -> TractResult<OutletId> {
        self.nodes += 1;
        let name = format!("{}.{}", self.prefix, self.nodes);
        let value = tensor0(value).cast_to_dt(self.statistics)?.into_owned();
        let value = value.broadcast_into_rank(self.rank)?;
        self.model.add_const(name, value.into_arc_tensor())
    }

    fn like_statistics(&mut self, outlet: OutletId) -> TractResult<OutletId> {
        self.node(cast(self.statistics), &[outlet])
    }

    /// A number for each channel, with the axes of the input.
    fn per_channel(&mut self, parameter: OutletId) -> TractResult<OutletId> {
        let mut parameter = self.like_statistics(parameter)?;
        for _ in 2..self.rank {
            parameter = self.node(AxisOp::Add(1), &[parameter])?;
        }
        self.node(AxisOp::Add(0), &[parameter])
    }

    /// The mean and the variance of each channel.
    fn statistics(&mut self, input: OutletId) -> TractResult<(OutletId, OutletId)> {
        let axes: TVec<usize> = (0..self.rank).filter(|axis| *axis != 1).collect();
        let shape = self.model.outlet_fact(input)?.shape.to_tvec();
        let values = axes.iter().filter_map(|axis| shape.get(*axis));
        let values = values.product::<TDim>().to_usize()?;
        #[expect(clippy::cast_precision_loss, reason = "a mean of so many is not exact")]
        let part = self.constant((values as f32).recip())?;
        let sum = self.node(Reduce::new(axes.clone(), Reducer::Sum), &[input])?;
        let mean = self.node(math::mul(), &[sum, part])?;
        let distance = self.node(math::sub(), &[input, mean])?;
        let square = self.node(math::mul(), &[distance, distance])?;
        let squares = self.node(Reduce::new(axes, Reducer::Sum), &[square])?;
        Ok((mean, self.node(math::mul(), &[squares, part])?))
    }

    fn normalized(
        &mut self,
        input: OutletId,
        [mean, variance, scale, offset]: [OutletId; 4],
        epsilon: f32,
    ) -> TractResult<OutletId> {
        let epsilon = self.constant(epsilon)?;
        let variance = self.node(math::add(), &[variance, epsilon])?;
        let deviation = self.node(math::sqrt(), &[variance])?;
        let factor = self.node(math::div(), &[scale, deviation])?;
        let distance = self.node(math::sub(), &[input, mean])?;
        let scaled = self.node(math::mul(), &[distance, factor])?;
        self.node(math::add(), &[scaled, offset])
    }

    /// What is given counts by the momentum, what is current by the rest.
    fn running(
        &mut self,
        given: OutletId,
        current: OutletId,
        momentum: f32,
    ) -> TractResult<OutletId> {
        let (kept, rest) = (self.constant(momentum)?, self.constant(1.0 - momentum)?);
        let kept = self.node(math::mul(), &[given, kept])?;
        let new = self.node(math::mul(), &[current, rest])?;
        let mut running = self.node(math::add(), &[kept, new])?;
        for _ in 2..self.rank {
            running = self.node(AxisOp::Rm(2), &[running])?;
        }
        self.node(AxisOp::Rm(0), &[running])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, close, float, integer, outputs};

    fn inputs(is_stored: bool) -> Vec<Input> {
        let input = tensor3(&[[[1f32, 2., 3.], [4., 5., 6.]]]);
        let parameters = [[1f32, 2.], [0.5, -0.5], [1., 4.], [1., 4.]];
        let parameter = |values: &[f32; 2]| match is_stored {
            true => Input::Stored(tensor1(values)),
            false => Input::Given(tensor1(values)),
        };
        let parameters = parameters.iter().map(parameter);
        std::iter::once(Input::Given(input))
            .chain(parameters)
            .collect()
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn parameters_may_be_stored_or_given() {
        for is_stored in [true, false] {
            let output = outputs("BatchNormalization", 15, vec![], inputs(is_stored), &["y"]);
            let expected = [0.5, 1.499_995, 2.499_99, -0.5, 0.499_999, 1.499_998];
            close(&output.unwrap(), &expected);
        }
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn a_list_is_one_channel() {
        let run = |parameter: fn(Tensor) -> Input, numbers: &[f32]| {
            let parameters = [1f32, 1., 0., 1.].map(|number| {
                let numbers: Vec<f32> = numbers.iter().map(|_| number).collect();
                parameter(tensor1(&numbers))
            });
            let list = Input::Given(tensor1(&[1f32, 2., 3.]));
            let inputs = std::iter::once(list).chain(parameters).collect();
            outputs("BatchNormalization", 15, vec![], inputs, &["y"])
        };
        for parameter in [Input::Given, Input::Stored] {
            let expected = [1.999_995, 2.999_99, 3.999_985];
            close(&run(parameter, &[0.]).unwrap(), &expected);
            run(parameter, &[0.; 3]).unwrap_err();
        }
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn training_goes_by_the_input() {
        for is_stored in [true, false] {
            let attributes = vec![
                integer("training_mode", 1),
                float("momentum", 0.75),
                float("epsilon", 0.5),
            ];
            let names = ["y", "mean", "variance"];
            let output = outputs(
                "BatchNormalization",
                15,
                attributes,
                inputs(is_stored),
                &names,
            );
            let output = output.unwrap();
            let expected = [-0.425_82, 0.5, 1.425_82, -2.351_64, -0.5, 1.351_64];
            close(&output, &expected);
            close(&output[1..], &[1.25, 4.25]);
            close(&output[2..], &[0.916_667, 3.166_667]);
        }
    }
}
