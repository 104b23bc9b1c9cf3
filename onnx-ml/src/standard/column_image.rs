//! `Col2Im` (standard domain, version 18): blocks of an image, as columns, added up to the image.
//!
//! Any number of axes, with strides, dilations and pads; the shapes of the image and of a block
//! must be stored.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{Fact, Kernel, Node, node, only, tensor, values};
use crate::standard::sized::{Listed, built, volume};
use crate::tract::Built;

#[derive(Debug)]
struct Columns {
    dilations: Option<Vec<i64>>,
    pads: Option<Vec<i64>>,
    strides: Option<Vec<i64>>,
}

/// Builds the operator from its node.
pub(crate) fn image_of_columns(_context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    Ok(built(Columns {
        dilations: node.get_attr_opt_vec("dilations")?,
        pads: node.get_attr_opt_vec("pads")?,
        strides: node.get_attr_opt_vec("strides")?,
    }))
}

impl Listed for Columns {
    fn name(&self) -> &'static str {
        "Col2Im"
    }

    fn lists(&self) -> TVec<usize> {
        tvec![1, 2]
    }

    fn planned(&self, lists: &[Vec<i64>]) -> TractResult<Node> {
        let [image, block] = lists else {
            bail!("Col2Im has the shapes of an image and of a block")
        };
        let axes = image.len();
        let of = |list: &Option<Vec<i64>>, usual| list.clone().unwrap_or_else(|| vec![usual; axes]);
        let (dilations, strides) = (of(&self.dilations, 1), of(&self.strides, 1));
        let pads = self.pads.clone().unwrap_or_else(|| vec![0; 2 * axes]);
        let is_of_axes = |list: &Vec<i64>| list.len() == axes;
        ensure!(
            [block, &dilations, &strides].into_iter().all(is_of_axes) && pads.len() == 2 * axes,
            "one length of a block, stride, dilation and two pads for each axis of {image:?}"
        );
        let windows = image.iter().zip(block).zip(dilations).zip(strides);
        let pads = pads.iter().zip(pads.iter().skip(axes));
        let axis = |((((image, block), dilation), stride), (before, after)): (_, (&i64, &i64))| {
            let (image, block): (&i64, &i64) = (image, block);
            Axis::of([*image, *block, dilation, stride, *before, *after])
        };
        let axes: Vec<Axis> = windows.zip(pads).map(axis).collect::<TractResult<_>>()?;
        volume(axes.iter().map(|axis| axis.image))?;
        volume(axes.iter().flat_map(|axis| [axis.block, axis.blocks]))?;
        Ok(node(Image(axes)))
    }
}

/// How blocks lie along one axis of the image.
#[derive(Debug)]
struct Axis {
    image: usize,
    block: usize,
    /// How many blocks there are along the axis.
    blocks: usize,
    dilation: usize,
    stride: usize,
    before: usize,
}

impl Axis {
    fn of(numbers: [i64; 6]) -> TractResult<Self> {
        /// Far above any image, and far below where products overflow.
        const MOST: i64 = 1 << 30;
        let [image, block, dilation, stride, before, after] = numbers;
        let is_length = |least: i64| move |number: &i64| (least..MOST).contains(number);
        ensure!(
            [image, block, dilation, stride].iter().all(is_length(1))
                && [before, after].iter().all(is_length(0)),
            "lengths, strides and dilations are above zero and pads are not below it"
        );
        let room = image + before + after - dilation * (block - 1) - 1;
        ensure!(room >= 0, "a block fits into the image");
        Ok(Self {
            image: usize::try_from(image)?,
            block: usize::try_from(block)?,
            blocks: usize::try_from(room / stride + 1)?,
            dilation: usize::try_from(dilation)?,
            stride: usize::try_from(stride)?,
            before: usize::try_from(before)?,
        })
    }

    /// Where a value of a block is in the image, unless it is padding.
    fn place(&self, block: usize, value: usize) -> Option<usize> {
        let place = block * self.stride + value * self.dilation;
        place
            .checked_sub(self.before)
            .filter(|place| *place < self.image)
    }
}

#[derive(Debug)]
struct Image(Vec<Axis>);

impl Image {
    /// Where the values of all blocks are in the image: a row for each value of a block.
    fn places(&self) -> Vec<Option<usize>> {
        let mut all = vec![Some(0)];
        let (mut values, mut blocks) = (1, 1);
        for axis in &self.0 {
            let mut longer = Vec::with_capacity(all.len() * axis.block * axis.blocks);
            for before in all.chunks_exact(blocks) {
                for value in 0..axis.block {
                    for before in before {
                        let place =
                            |block| Some((*before)? * axis.image + axis.place(block, value)?);
                        longer.extend((0..axis.blocks).map(place));
                    }
                }
            }
            all = longer;
            (values, blocks) = (values * axis.block, blocks * axis.blocks);
        }
        debug_assert_eq!(all.len(), values * blocks);
        all
    }
}

impl Kernel for Image {
    fn name(&self) -> &'static str {
        "Col2Im"
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        let (datum_type, shape) = only(inputs)?;
        ensure!(
            datum_type.is_float(),
            "Col2Im wants floats, given {datum_type:?}"
        );
        let [images, columns, blocks] = shape.as_slice() else {
            bail!("columns of blocks for each image, given {shape:?}")
        };
        let values = volume(self.0.iter().map(|axis| axis.block))?;
        let expected = volume(self.0.iter().map(|axis| axis.blocks))?;
        ensure!(
            *blocks == expected.to_dim(),
            "there are {expected} blocks in the image, given {blocks}"
        );
        let channels = match columns.to_usize() {
            Ok(columns) => {
                ensure!(
                    columns % values == 0,
                    "blocks of {values} values, given {columns}"
                );
                (columns / values).to_dim()
            }
            Err(_) => columns.clone() / values,
        };
        let lengths = self.0.iter().map(|axis| axis.image.to_dim());
        let shape = [images.clone(), channels].into_iter().chain(lengths);
        Ok(tvec![(*datum_type, shape.collect())])
    }

    /// Added up in double precision and rounded once.
    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let input = args_1!(inputs);
        let [images, columns, _] = *input.shape() else {
            bail!("columns of blocks for each image")
        };
        let block = volume(self.0.iter().map(|axis| axis.block))?;
        let size = volume(self.0.iter().map(|axis| axis.image))?;
        let channels = columns / block;
        let places = self.places();
        let numbers = input.cast_to::<f64>()?;
        let mut output = vec![0f64; volume([images, channels, size])?];
        let of_channel = values::<f64>(&numbers)?.chunks_exact(places.len());
        for (image, numbers) in output.chunks_exact_mut(size).zip(of_channel) {
            for (place, number) in places.iter().zip(numbers) {
                if let Some(value) = place.and_then(|place| image.get_mut(place)) {
                    *value += number;
                }
            }
        }
        let lengths = self.0.iter().map(|axis| axis.image);
        let shape: TVec<usize> = [images, channels].into_iter().chain(lengths).collect();
        let output = tensor(&shape, output)?;
        Ok(tvec![output.cast_to_dt(input.datum_type())?.into_owned()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, close, integers, standard};

    fn run(
        shape: &[usize],
        image: &[i64],
        block: &[i64],
        attributes: &[(&str, &[i64])],
    ) -> TractResult<Vec<Tensor>> {
        let numbers: Vec<f32> = (1u8..)
            .take(shape.iter().product())
            .map(f32::from)
            .collect();
        let inputs = vec![
            Input::Given(tensor1(&numbers).into_shape(shape)?),
            Input::Stored(tensor1(image)),
            Input::Stored(tensor1(block)),
        ];
        let attributes = attributes.iter().map(|(name, list)| integers(name, list));
        standard("Col2Im", 18, attributes.collect(), inputs)
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn blocks_that_overlap_are_added_up() {
        let check = |shape: &[usize],
                     image: &[i64],
                     block: &[i64],
                     attributes: &[(&str, &[i64])],
                     expected: &[f32]| {
            let output = run(shape, image, block, attributes).unwrap();
            close(&output, expected);
        };
        let nine = [1., 7., 6., 12., 34., 22., 11., 27., 16.];
        check(&[1, 4, 4], &[3, 3], &[2, 2], &[], &nine);
        let strides: &[(&str, &[i64])] = &[("strides", &[2])];
        let two = [1., 3., 7., 4., 6., 7., 9., 19., 10., 12.];
        check(&[1, 6, 2], &[5], &[3], strides, &two);
        let apart = [1., 0., 2., 3., 0., 4., 5., 0., 6., 7., 0., 8.];
        check(&[2, 2, 2], &[3], &[1], strides, &apart);
        check(&[1, 2, 3], &[3], &[2], &[("pads", &[1, 0])], &[6., 8., 6.]);
    }

    #[test]
    fn lists_must_fit_each_other() {
        let check = |image: &[i64], block: &[i64], attributes: &[(&str, &[i64])], reason: &str| {
            let error = run(&[1, 4, 4], image, block, attributes).unwrap_err();
            let error = format!("{error:?}");
            assert!(error.contains(reason), "{error}");
        };
        check(&[3, 3], &[2], &[], "for each axis");
        check(&[3, 3], &[2, 2], &[("pads", &[1, 1])], "for each axis");
        check(&[3, 3], &[2, 2], &[("strides", &[0, 1])], "above zero");
        check(&[3, 3], &[4, 2], &[], "fits into the image");
        check(&[4, 3], &[2, 2], &[], "6 blocks");
        check(
            &[2, 3],
            &[1, 3],
            &[("pads", &[0, 1, 0, 0])],
            "blocks of 3 values",
        );
        check(&[1 << 20, 1 << 20], &[2, 2], &[], "too many values");
    }
}
