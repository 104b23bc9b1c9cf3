//! `AffineGrid` (standard domain, version 20): where a transformed image takes its values from.
//!
//! For each image a matrix of two or three rows, and the size of the output, which must be
//! stored and be of as many images; the coordinates go from -1 to 1, at corners or, without
//! `align_corners`, at edges.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{Fact, Kernel, Node, node, only, tensor, values};
use crate::standard::sized::{Listed, built, volume};
use crate::tract::Built;

#[derive(Debug)]
struct AffineGrid {
    is_aligned: bool,
}

/// Builds the operator from its node.
pub(crate) fn affine_grid(_context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let is_aligned = node.get_attr_opt("align_corners")?.unwrap_or(0i64) != 0;
    Ok(built(AffineGrid { is_aligned }))
}

impl Listed for AffineGrid {
    fn name(&self) -> &'static str {
        "AffineGrid"
    }

    fn lists(&self) -> TVec<usize> {
        tvec![1]
    }

    fn planned(&self, lists: &[Vec<i64>]) -> TractResult<Node> {
        let size = lists.first().map(Vec::as_slice).unwrap_or_default();
        ensure!(
            (4..=5).contains(&size.len()) && size.iter().all(|length| *length >= 0),
            "a size is of images or volumes, given {size:?}"
        );
        let size = size.iter().map(|length| usize::try_from(*length));
        let size: TVec<usize> = size.collect::<Result<_, _>>()?;
        let (images, lengths) = (size.iter().take(1), size.iter().skip(2));
        volume(images.chain(lengths.clone()).copied().chain([size.len()]))?;
        Ok(node(Grid {
            images: *size.first().context("images")?,
            lengths: lengths.copied().collect(),
            is_aligned: self.is_aligned,
        }))
    }
}

#[derive(Debug)]
struct Grid {
    images: usize,
    /// The lengths of the axes of an image, the one of its columns last.
    lengths: TVec<usize>,
    is_aligned: bool,
}

impl Grid {
    fn check_images(&self, matrices: usize) -> TractResult<()> {
        let images = self.images;
        ensure!(
            matrices == images,
            "a size of {images} images, given {matrices} matrices"
        );
        Ok(())
    }

    /// The coordinate of a place; onnxruntime's for the only one of an aligned axis.
    #[expect(clippy::cast_precision_loss, reason = "lengths are far below 2^52")]
    fn coordinate(&self, place: usize, length: usize) -> f64 {
        let (place, length) = (place as f64, length as f64);
        match self.is_aligned {
            true if length == 1.0 => 1.0,
            true => 2.0 * place / (length - 1.0) - 1.0,
            false => (2.0 * place + 1.0) / length - 1.0,
        }
    }

    /// The coordinates of a place, the one along the rows first, and a one.
    fn coordinates(&self, place: usize) -> TVec<f64> {
        let mut rest = place;
        let mut coordinates: TVec<f64> = tvec![];
        for length in self.lengths.iter().rev().map(|length| (*length).max(1)) {
            coordinates.push(self.coordinate(rest % length, length));
            rest /= length;
        }
        coordinates.push(1.0);
        coordinates
    }
}

impl Kernel for Grid {
    fn name(&self) -> &'static str {
        "AffineGrid"
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        let (datum_type, shape) = only(inputs)?;
        ensure!(
            datum_type.is_float(),
            "AffineGrid wants floats, given {datum_type:?}"
        );
        let axes = self.lengths.len();
        let [images, rows, columns] = shape.as_slice() else {
            bail!("a matrix for each image, given {shape:?}")
        };
        ensure!(
            *rows == axes.to_dim() && *columns == (axes + 1).to_dim(),
            "a matrix of {axes} rows and one column more, given {rows} by {columns}"
        );
        if let Ok(matrices) = images.to_usize() {
            self.check_images(matrices)?;
        }
        let lengths = self.lengths.iter().map(ToDim::to_dim);
        let shape = std::iter::once(images.clone()).chain(lengths);
        Ok(tvec![(*datum_type, shape.chain([axes.to_dim()]).collect())])
    }

    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let input = args_1!(inputs);
        let axes = self.lengths.len();
        let numbers = input.cast_to::<f64>()?;
        self.check_images(input.shape().first().copied().unwrap_or(0))?;
        let places: usize = self.lengths.iter().product();
        let mut grid = Vec::with_capacity(self.images * places * axes);
        for matrix in values::<f64>(&numbers)?.chunks_exact(axes * (axes + 1)) {
            for place in 0..places {
                let coordinates = self.coordinates(place);
                let rows = matrix.chunks_exact(axes + 1);
                let product = |row: &[f64]| row.iter().zip(&coordinates).map(|(a, b)| a * b).sum();
                grid.extend(rows.map(product).map(|sum: f64| sum));
            }
        }
        let images = input.shape().iter().copied().take(1);
        let shape = images.chain(self.lengths.iter().copied()).chain([axes]);
        let grid = tensor(&shape.collect::<TVec<usize>>(), grid)?;
        Ok(tvec![grid.cast_to_dt(input.datum_type())?.into_owned()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, close, integer, standard};

    fn run(is_aligned: i64, matrix: Tensor, size: &[i64]) -> TractResult<Vec<Tensor>> {
        let inputs = vec![Input::Given(matrix), Input::Stored(tensor1(size))];
        standard(
            "AffineGrid",
            20,
            vec![integer("align_corners", is_aligned)],
            inputs,
        )
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn a_grid_goes_from_edge_to_edge() {
        let matrix = || tensor3(&[[[1f32, 2., 3.], [4., 5., 6.]]]);
        let check = |is_aligned, expected: &[f32]| {
            let output = run(is_aligned, matrix(), &[1, 1, 1, 2]).unwrap();
            assert_eq!(output[0].shape(), [1, 1, 2, 2]);
            close(&output, expected);
        };
        check(0, &[2.5, 4., 3.5, 8.]);
        check(1, &[4., 7., 6., 15.]);
        let matrix = tensor3(&[[[0f32, 1., 2., 3.], [4., 5., 6., 7.], [8., 9., 10., 11.]]]);
        let expected = [
            2.5, 2.5, 2.5, 2.5, 6.5, 10.5, 3.5, 7.5, 11.5, 3.5, 11.5, 19.5,
        ];
        close(&run(0, matrix, &[1, 1, 1, 2, 2]).unwrap(), &expected);
    }

    #[test]
    fn a_size_must_fit_the_matrix() {
        let matrix = || tensor3(&[[[1f32, 2., 3.], [4., 5., 6.]]]);
        let check = |size: &[i64], reason: &str| {
            let error = format!("{:?}", run(0, matrix(), size).unwrap_err());
            assert!(error.contains(reason), "{error}");
        };
        check(&[1, 1, 2, 2, 2], "a matrix of 3 rows");
        check(&[1, 1], "images or volumes");
        check(&[1, 1, -1, 2], "images or volumes");
        check(&[2, 1, 1, 2], "a size of 2 images, given 1 matrices");
        check(&[1 << 20, 1, 8, 8], "too many values");
    }
}
