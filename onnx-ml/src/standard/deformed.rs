//! `DeformConv` (standard domain, from version 19): a convolution of values beside its places.
//!
//! Each value of the kernel is taken from a place that an offset moves, between four values of
//! the image by their distance, zero outside of it, times a mask. Images have two axes.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::tract_ndarray::{Array2, Array4, ArrayD, ArrayViewD, Ix3};
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{Fact, Kernel, built};
use crate::tract::Built;

/// Far above any pad or stride, and far below where products overflow.
const MOST: i64 = 1 << 30;

#[derive(Debug)]
struct Deformed {
    axes: [Axis; 2],
    groups: usize,
    offset_groups: usize,
    has_bias: bool,
    has_mask: bool,
}

/// How the kernel lies along one axis.
#[derive(Debug, Clone, Copy)]
struct Axis {
    stride: i64,
    dilation: i64,
    before: i64,
    after: i64,
}

impl Axis {
    /// How many places the kernel has in an image.
    fn places(self, image: &TDim, kernel: &TDim) -> TractResult<TDim> {
        let kernel = kernel.to_i64()?;
        ensure!(
            (1..MOST).contains(&kernel),
            "a kernel has lengths, given {kernel}"
        );
        let room = image.clone() + self.before + self.after - self.dilation * (kernel - 1) - 1;
        let fits = room.to_i64().map_or(true, |room| room >= 0);
        ensure!(fits, "a kernel fits into the image");
        Ok(room / self.stride + 1)
    }

    /// Where a value of the kernel is in the image, before it is moved.
    #[expect(clippy::cast_precision_loss, reason = "lengths are far below 2^52")]
    fn coordinate(self, place: usize, value: usize) -> f64 {
        let moved = self.dilation as f64 * value as f64 - self.before as f64;
        self.stride as f64 * place as f64 + moved
    }
}

/// Builds the operator from its node.
pub(crate) fn deformed(_context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let pair = |name, usual: i64| -> TractResult<[i64; 2]> {
        let list: Vec<i64> = node
            .get_attr_opt_vec(name)?
            .unwrap_or_else(|| vec![usual; 2]);
        <[i64; 2]>::try_from(list)
            .map_err(|list| format_err!("`{name}` of two axes, given {list:?}"))
    };
    let (strides, dilations) = (pair("strides", 1)?, pair("dilations", 1)?);
    let pads: Vec<i64> = node.get_attr_opt_vec("pads")?.unwrap_or_else(|| vec![0; 4]);
    let [top, left, bottom, right] = *pads else {
        bail!("pads of two axes, given {pads:?}")
    };
    let above_zero = |number: &i64| (1..MOST).contains(number);
    ensure!(
        strides.iter().chain(&dilations).all(above_zero)
            && pads.iter().all(|pad| (0..MOST).contains(pad)),
        "strides and dilations are above zero and pads are not below it"
    );
    let axis = |stride, dilation, before, after| Axis {
        stride,
        dilation,
        before,
        after,
    };
    let groups = |name| {
        node.get_attr_opt(name)
            .map(|groups| groups.unwrap_or(1usize))
    };
    let deformed = Deformed {
        axes: [
            axis(strides[0], dilations[0], top, bottom),
            axis(strides[1], dilations[1], left, right),
        ],
        groups: groups("group")?,
        offset_groups: groups("offset_group")?,
        has_bias: node.input.get(3).is_some_and(|name| !name.is_empty()),
        has_mask: node.input.get(4).is_some_and(|name| !name.is_empty()),
    };
    ensure!(
        deformed.groups > 0 && deformed.offset_groups > 0,
        "there is a group"
    );
    Ok(built(deformed))
}

impl Kernel for Deformed {
    fn name(&self) -> &'static str {
        "DeformConv"
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        let expected = 3 + usize::from(self.has_bias) + usize::from(self.has_mask);
        ensure!(
            inputs.len() == expected,
            "DeformConv has {expected} inputs here"
        );
        let [(datum_type, input), (_, kernel), ..] = inputs else {
            bail!("DeformConv has three inputs at least")
        };
        let is_float = inputs.iter().all(|(datum_type, _)| datum_type.is_float());
        ensure!(is_float, "DeformConv wants floats");
        let ([images, channels, height, width], [features, depth, rows, columns]) =
            (input.as_slice(), kernel.as_slice())
        else {
            bail!("an image has two axes, given {input:?} and a kernel {kernel:?}")
        };
        let counts = [channels, features, depth].map(TDim::to_usize);
        if let [Ok(channels), Ok(features), Ok(depth)] = counts {
            ensure!(
                channels == depth * self.groups
                    && features > 0
                    && features % self.groups == 0
                    && channels % self.offset_groups == 0,
                "{channels} channels and {features} features in groups"
            );
        }
        let [vertical, horizontal] = self.axes;
        let (height, width) = (
            vertical.places(height, rows)?,
            horizontal.places(width, columns)?,
        );
        let shape = tvec![
            images.clone(),
            features.clone(),
            height.clone(),
            width.clone()
        ];
        let moved = rows.clone() * columns * self.offset_groups;
        let of_each = |count: TDim| tvec![images.clone(), count, height.clone(), width.clone()];
        let mut further = inputs.iter().skip(2).map(|(_, shape)| shape);
        let bias = tvec![features.clone()];
        let offsets = Some(of_each(moved.clone() * 2));
        let bias = self.has_bias.then_some(bias);
        let mask = self.has_mask.then(|| of_each(moved));
        for expected in [offsets, bias, mask].into_iter().flatten() {
            let given = further.next();
            ensure!(
                given == Some(&expected),
                "expected the shape {expected:?}, given {given:?}"
            );
        }
        Ok(tvec![(*datum_type, shape)])
    }

    /// Computed in double precision and rounded once.
    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let lengths = |value: &TValue| -> Fact {
            let lengths = value.shape().iter().map(ToDim::to_dim);
            (value.datum_type(), lengths.collect())
        };
        let facts: Vec<Fact> = inputs.iter().map(lengths).collect();
        let (datum_type, shape) = self
            .facts(&facts)?
            .into_iter()
            .next()
            .context("an output")?;
        let shape: TVec<usize> = shape.iter().map(TDim::to_usize).collect::<Result<_, _>>()?;
        let doubles = inputs
            .iter()
            .map(|input| Ok(input.cast_to::<f64>()?.into_owned()));
        let mut doubles = doubles.collect::<TractResult<Vec<Tensor>>>()?.into_iter();
        let mut next = || doubles.next().context("an input");
        let (values, kernel, offsets) = (next()?, next()?, next()?);
        let bias = self.has_bias.then(&mut next).transpose()?;
        let mask = self.has_mask.then(next).transpose()?;
        let output = self.convolved(
            &shape,
            &Images::of(self, values, &kernel, offsets, mask)?,
            kernel,
        )?;
        let mut output = output.into_dyn();
        if let Some(bias) = bias {
            let bias = bias.into_shape(&[1, shape.get(1).copied().unwrap_or(1), 1, 1])?;
            output += &bias.to_plain_array_view::<f64>()?;
        }
        let output = output.into_shape_with_order(&*shape)?.into_tensor();
        Ok(tvec![output.cast_to_dt(datum_type)?.into_owned()])
    }
}

impl Deformed {
    fn convolved(
        &self,
        shape: &[usize],
        images: &Images,
        kernel: Tensor,
    ) -> TractResult<Array4<f64>> {
        let [count, features, height, width] = *shape else {
            bail!("an image has two axes")
        };
        let of_group = features / self.groups;
        let depth = kernel.len().checked_div(features).unwrap_or_default();
        let kernel = kernel.into_shape(&[self.groups, of_group, depth])?;
        let kernel = kernel
            .to_plain_array_view::<f64>()?
            .into_dimensionality::<Ix3>()?;
        let mut output = Array4::zeros((count, features, height, width));
        for (image, mut output) in output.outer_iter_mut().enumerate() {
            for (row, mut output) in output.axis_iter_mut(ROWS).enumerate() {
                let columns = images.columns(self.axes, image, row, width);
                let columns = columns.into_shape_with_order((self.groups, depth, width))?;
                let groups = kernel.outer_iter().zip(columns.outer_iter());
                let outputs = output.axis_chunks_iter_mut(tract_ndarray::Axis(0), of_group);
                for (mut output, (kernel, columns)) in outputs.zip(groups) {
                    output.assign(&kernel.dot(&columns));
                }
            }
        }
        Ok(output)
    }
}

/// The axis of an image's rows, after the one of its channels.
const ROWS: tract_ndarray::Axis = tract_ndarray::Axis(1);

/// Images, and how far their places are moved.
struct Images {
    /// By image, channel, row and column.
    values: ArrayD<f64>,
    /// By image, group of channels, value of the kernel, axis, row and column.
    offsets: ArrayD<f64>,
    /// The same without the axis.
    mask: Option<ArrayD<f64>>,
    /// How many rows and columns the kernel has.
    kernel: (usize, usize),
    channels_of_group: usize,
}

impl Images {
    fn of(
        deformed: &Deformed,
        values: Tensor,
        kernel: &Tensor,
        offsets: Tensor,
        mask: Option<Tensor>,
    ) -> TractResult<Self> {
        let ([images, channels, ..], [_, _, rows, columns]) = (values.shape(), kernel.shape())
        else {
            bail!("an image has two axes")
        };
        let (groups, size) = (deformed.offset_groups, rows * columns);
        let [.., height, width] = *offsets.shape() else {
            bail!("offsets are for places")
        };
        let mask = mask.map(|mask| mask.into_shape(&[*images, groups, size, height, width]));
        let offsets = offsets.into_shape(&[*images, groups, size, 2, height, width])?;
        let array =
            |tensor: Tensor| TractResult::Ok(tensor.to_plain_array_view::<f64>()?.to_owned());
        Ok(Self {
            kernel: (*rows, *columns),
            channels_of_group: channels / groups,
            offsets: array(offsets)?,
            mask: mask.transpose()?.map(array).transpose()?,
            values: array(values)?,
        })
    }

    /// What the kernel meets in one row of places: a row for each channel and value of the kernel.
    fn columns(&self, axes: [Axis; 2], image: usize, row: usize, width: usize) -> Array2<f64> {
        let [vertical, horizontal] = axes;
        let (rows, columns) = self.kernel;
        let size = rows * columns;
        let values = self.values.index_axis(tract_ndarray::Axis(0), image);
        let all = values.len_of(tract_ndarray::Axis(0)) * size;
        Array2::from_shape_fn((all, width), |(at, place)| {
            let (channel, value) = (at / size, at % size);
            let group = channel / self.channels_of_group;
            let offset = |axis| self.offsets.get([image, group, value, axis, row, place]);
            let moved = |axis| offset(axis).copied().unwrap_or_default();
            let down = vertical.coordinate(row, value / columns) + moved(0);
            let along = horizontal.coordinate(place, value % columns) + moved(1);
            let mask = self.mask.as_ref();
            let mask = mask.and_then(|mask| mask.get([image, group, value, row, place]));
            let channel = values.index_axis(tract_ndarray::Axis(0), channel);
            between(&channel, down, along) * mask.copied().unwrap_or(1.0)
        })
    }
}

/// The value between the four next to a place by their distance, zero outside of the image.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "what is not in the image is sorted out before"
)]
fn between(image: &ArrayViewD<f64>, down: f64, along: f64) -> f64 {
    let value = |row: f64, column: f64| {
        let is_inside = row >= 0.0 && column >= 0.0;
        let inside = is_inside.then(|| image.get([row as usize, column as usize]));
        inside.flatten().copied().unwrap_or_default()
    };
    let (row, column) = (down.floor(), along.floor());
    let (below, right) = (down - row, along - column);
    let upper = value(row, column) * (1.0 - right) + value(row, column + 1.0) * right;
    let lower = value(row + 1.0, column) * (1.0 - right) + value(row + 1.0, column + 1.0) * right;
    upper * (1.0 - below) + lower * below
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, close, integer, integers, standard};

    fn counted(shape: &[usize], of: impl Fn(u8) -> f32) -> Tensor {
        let values: Vec<f32> = (0u8..).take(shape.iter().product()).map(of).collect();
        tensor1(&values).into_shape(shape).unwrap()
    }

    fn run(
        group: i64,
        attributes: &[(&str, &[i64])],
        period: u8,
        mask: bool,
    ) -> TractResult<Vec<Tensor>> {
        let kernel = tensor1(&[1f32, 2., 3., 4., -1., 0.5, 0., 2.]);
        let depth = if group == 1 { 2 } else { 1 };
        let kernel = kernel.into_shape(&[2 / depth, depth, 2, 2])?;
        let offset = |place: u8| f32::from(place % period) / 4. - 0.5;
        let mut inputs = vec![
            Input::Given(counted(&[1, 2, 3, 3], |place| f32::from(place) + 1.)),
            Input::Stored(kernel),
            Input::Given(counted(&[1, 8, 2, 2], offset)),
        ];
        if mask {
            inputs.push(Input::Stored(tensor1(&[0.5f32])));
            inputs.push(Input::Given(counted(&[1, 4, 2, 2], |place| {
                f32::from(place % 3)
            })));
        }
        let attributes = attributes.iter().map(|(name, list)| integers(name, list));
        let group = [integer("group", group)];
        standard(
            "DeformConv",
            22,
            group.into_iter().chain(attributes).collect(),
            inputs,
        )
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn places_are_moved_by_their_offsets() {
        close(
            &run(1, &[], 7, false).unwrap(),
            &[68.53125, 70.5, 33., 19.625],
        );
        close(
            &run(1, &[], 7, true).unwrap(),
            &[39.03125, 55.25, 23.375, 35.125],
        );
        let apart: &[(&str, &[i64])] = &[("strides", &[2, 1]), ("pads", &[1, 0, 1, 0])];
        let expected = [17.125, 10.5, 53.75, 62.625, 26.875, 8.25, 28.25, 27.625];
        close(&run(2, apart, 5, false).unwrap(), &expected);
    }

    #[test]
    fn shapes_must_fit_each_other() {
        let check = |group, attributes: &[(&str, &[i64])], reason: &str| {
            let error = format!("{:?}", run(group, attributes, 7, false).unwrap_err());
            assert!(error.contains(reason), "{error}");
        };
        check(1, &[("strides", &[0, 1])], "above zero");
        check(1, &[("strides", &[1])], "of two axes");
        check(1, &[("pads", &[1, 1, 1, 1])], "expected the shape");
        check(1, &[("dilations", &[3, 3])], "fits into the image");
        check(3, &[], "in groups");
        check(0, &[], "there is a group");
    }
}
