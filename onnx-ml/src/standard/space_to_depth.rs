//! `SpaceToDepth` (standard domain) with `mode` `CRD` (version 28): the channel comes before the
//! place in its block.
//!
//! All else is tract's, which orders the values as `DCR` whatever the mode.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::tract::{Built, Rewire, build, expansion, rewired, wire_one};

/// Builds the operator from its node.
pub(crate) fn space_to_depth(context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let built = build(context, node)?;
    match node.get_attr_opt("mode")?.unwrap_or("DCR") {
        "DCR" => return Ok(built),
        "CRD" => {}
        other => bail!("no mode of SpaceToDepth `{other}`"),
    }
    let block: i64 = node.get_attr("blocksize")?;
    ensure!(block > 0, "a block has a size, given {block}");
    Ok(rewired(expansion(built)?, ChannelsFirst { block }))
}

#[derive(Debug)]
struct ChannelsFirst {
    block: i64,
}

impl Rewire for ChannelsFirst {
    fn wire(
        &self,
        _tract: &dyn Expansion,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let [input] = *inputs else {
            bail!("SpaceToDepth has one input")
        };
        let shape = model.outlet_fact(input)?.shape.to_tvec();
        let [_, channels, height, width] = shape.as_slice() else {
            bail!("an image has two axes, given {shape:?}")
        };
        let block = self.block;
        for length in [height, width] {
            let is_whole = length.to_i64()? % block == 0;
            ensure!(is_whole, "blocks of {block} fill an axis, given {length}");
        }
        let blocks = |length: &TDim| tvec![length.clone() / block, block.to_dim()];
        let channel = tvec![channels.clone(), block.to_dim(), block.to_dim()];
        let depth = tvec![channels.clone() * block * block];
        // Images, channels, blocks of rows, rows, blocks of columns, columns, before they are moved.
        let steps = [
            AxisOp::Reshape(3, tvec![width.clone()], blocks(width)),
            AxisOp::Reshape(2, tvec![height.clone()], blocks(height)),
            AxisOp::Move(3, 2),
            AxisOp::Move(5, 3),
            AxisOp::Reshape(1, channel, depth),
        ];
        let mut outlet = input;
        for (number, step) in steps.into_iter().enumerate() {
            outlet = wire_one(model, format!("{prefix}.{number}"), step, &[outlet])?;
        }
        Ok(tvec![outlet])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, close, integer, standard, string};

    fn run(mode: &str, shape: [usize; 4]) -> TractResult<Vec<Tensor>> {
        let values: Vec<f32> = (1u8..)
            .take(shape.iter().product())
            .map(f32::from)
            .collect();
        let input = Input::Given(tensor1(&values).into_shape(&shape)?);
        let attributes = vec![integer("blocksize", 2), string("mode", mode)];
        standard("SpaceToDepth", 28, attributes, vec![input])
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn the_mode_orders_channels() {
        let check = |mode, expected: [f32; 16]| {
            let output = run(mode, [1, 2, 2, 4]).unwrap();
            assert_eq!(output[0].shape(), [1, 8, 1, 2]);
            close(&output, &expected);
        };
        let channels_first = [
            1., 3., 2., 4., 5., 7., 6., 8., 9., 11., 10., 12., 13., 15., 14., 16.,
        ];
        check("CRD", channels_first);
        let places_first = [
            1., 3., 9., 11., 2., 4., 10., 12., 5., 7., 13., 15., 6., 8., 14., 16.,
        ];
        check("DCR", places_first);
    }

    #[test]
    fn blocks_fill_the_image() {
        let error = format!("{:?}", run("CRD", [1, 1, 2, 3]).unwrap_err());
        assert!(error.contains("blocks of 2"), "{error}");
        assert!(run("other", [1, 1, 2, 2]).is_err());
    }
}
