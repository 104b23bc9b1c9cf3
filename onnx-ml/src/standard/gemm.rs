//! `Gemm` (standard domain, versions 7 to 13) of numbers of any type.
//!
//! tract multiplies by `alpha` and `beta` as 32-bit floats, which fails for all others. Those
//! are scaled here by a number of their own type. 32-bit floats are tract's, but for rows with a small matrix that is
//! stored.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::ops::math;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::ops::logic::wire_with_rank_broadcast;

use super::matmul::check_factors;
use crate::product::by_few;
use crate::tract::{Built, Rewire, build, expansion, rewired, wire_one};

/// Builds the operator from its node.
pub(crate) fn gemm(context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let gemm = Gemm {
        alpha: node.get_attr_opt("alpha")?.unwrap_or(1.0),
        beta: node.get_attr_opt("beta")?.unwrap_or(1.0),
        is_transposed: [
            node.get_attr_opt("transA")?.unwrap_or(false),
            node.get_attr_opt("transB")?.unwrap_or(false),
        ],
    };
    Ok(rewired(expansion(build(context, node)?)?, gemm))
}

#[derive(Debug)]
struct Gemm {
    alpha: f32,
    beta: f32,
    is_transposed: [bool; 2],
}

impl Rewire for Gemm {
    fn wire(
        &self,
        tract: &dyn Expansion,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let [a, b, ref rest @ ..] = *inputs else {
            bail!("Gemm has two inputs at least")
        };
        for input in [a, b] {
            let fact = model.outlet_fact(input)?;
            ensure!(fact.rank() == 2, "Gemm of matrices, given {fact:?}");
        }
        check_factors(model, a, b, self.is_transposed)?;
        if let [added] = *rest {
            self.check_added(model, a, b, added)?;
        }
        let datum_type = model.outlet_fact(a)?.datum_type;
        let [a_is_transposed, b_is_transposed] = self.is_transposed;
        let few = by_few(model.outlet_fact(b)?, b_is_transposed)?.filter(|_| !a_is_transposed);
        let name = format!("{prefix}.product");
        let product = match few {
            Some(few) => wire_one(model, name, few, &[a])?,
            None if datum_type == DatumType::F32 => return tract.wire(prefix, model, inputs),
            None => {
                let axes =
                    AxesMapping::for_numpy_matmul(2, a_is_transposed, b_is_transposed, false)?;
                wire_one(model, name, EinSum::new(axes, datum_type), &[a, b])?
            }
        };
        let product = scaled(model, format!("{prefix}.alpha"), product, self.alpha)?;
        let [added] = *rest else {
            return Ok(tvec![product]);
        };
        if self.beta == 0.0 {
            return Ok(tvec![product]);
        }
        let added = scaled(model, format!("{prefix}.beta"), added, self.beta)?;
        wire_with_rank_broadcast(prefix, model, math::add(), &[product, added])
    }
}

impl Gemm {
    /// Fails if what is added would make the product larger: it is repeated, the product is not.
    fn check_added(
        &self,
        model: &TypedModel,
        a: OutletId,
        b: OutletId,
        added: OutletId,
    ) -> TractResult<()> {
        let [a_is_transposed, b_is_transposed] = self.is_transposed;
        let length = |factor, axis: usize| {
            let length = model.outlet_fact(factor)?.shape.get(axis);
            length.cloned().context("Gemm is of matrices")
        };
        let product = tvec![
            length(a, usize::from(a_is_transposed))?,
            length(b, usize::from(!b_is_transposed))?,
        ];
        let added = model.outlet_fact(added)?.shape.to_tvec();
        let sum = tract_core::broadcast::multi_broadcast(&[&product, &added])?;
        ensure!(
            sum == product,
            "Gemm adds a tensor of the shape {added:?} to a product of the shape {product:?}"
        );
        Ok(())
    }
}

/// A value times a number of its own type.
fn scaled(
    model: &mut TypedModel,
    name: String,
    value: OutletId,
    scale: f32,
) -> TractResult<OutletId> {
    if scale == 1.0 {
        return Ok(value);
    }
    let fact = model.outlet_fact(value)?;
    let (datum_type, rank) = (fact.datum_type, fact.rank());
    let scale = tensor0(scale).cast_to_dt(datum_type)?.into_owned();
    let scale = model.add_const(format!("{name}.scale"), scale.broadcast_into_rank(rank)?)?;
    wire_one(model, name, math::mul(), &[value, scale])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, close, float, integer, standard};

    #[test]
    fn what_is_added_is_no_larger_than_the_product() {
        let zeros = |shape: &[usize]| Tensor::zero::<f32>(shape).unwrap();
        for features in [3, 1_000] {
            let run = |added: &[usize]| {
                let rows = Input::Given(zeros(&[1, features]));
                let stored = [zeros(&[features, 4]), zeros(added)].map(Input::Stored);
                let inputs = std::iter::once(rows).chain(stored).collect();
                standard("Gemm", 13, vec![], inputs)
            };
            for added in [&[4][..], &[1, 4], &[1, 1], &[]] {
                run(added).unwrap();
            }
            for added in [&[5, 4][..], &[2, 1, 4], &[3]] {
                run(added).unwrap_err();
            }
        }
    }

    #[test]
    fn matrices_that_do_not_fit_are_refused() {
        let zeros = |shape: &[usize]| Input::Given(Tensor::zero::<f32>(shape).unwrap());
        let run = |first: &[usize]| {
            let attributes = vec![integer("transB", 1)];
            standard("Gemm", 13, attributes, vec![zeros(first), zeros(&[4, 3])])
        };
        run(&[2, 3]).unwrap();
        for first in [&[2, 4][..], &[3], &[1, 2, 3]] {
            run(first).unwrap_err();
        }
    }

    /// Expected values: written by hand.
    #[test]
    fn a_small_matrix_may_be_stored() {
        let rows = || Input::Given(tensor2(&[[1f32, 2.], [3., 4.]]));
        let run = |matrix: Tensor, added: Tensor, attributes| {
            let stored = [matrix, added].map(Input::Stored);
            let inputs = std::iter::once(rows()).chain(stored).collect();
            standard("Gemm", 13, attributes, inputs).unwrap()
        };
        let matrix = tensor2(&[[1f32, 0.], [1., 2.], [3., 1.]]);
        let added = || tensor1(&[10f32, 20., 30.]);
        let transposed = matrix.clone().permute_axes(&[1, 0]).unwrap();
        close(
            &run(matrix, added(), vec![integer("transB", 1)]),
            &[11., 25., 35., 13., 31., 43.],
        );
        close(
            &run(transposed.clone(), added(), vec![]),
            &[11., 25., 35., 13., 31., 43.],
        );
        let attributes = vec![float("alpha", 2.), float("beta", 0.5)];
        close(
            &run(transposed, added(), attributes),
            &[7., 20., 25., 11., 32., 41.],
        );
    }

    /// Expected values: written by hand.
    #[test]
    fn numbers_of_all_types_are_scaled() {
        for datum_type in [DatumType::F32, DatumType::F64, DatumType::F16] {
            let given =
                |tensor: Tensor| Input::Given(tensor.cast_to_dt(datum_type).unwrap().into_owned());
            let inputs = vec![
                given(tensor2(&[[1f32, 2.], [3., 4.]])),
                given(tensor2(&[[1f32, 0.], [1., 2.]])),
                given(tensor1(&[10f32, 20.])),
            ];
            let run = |more| {
                let attributes = vec![
                    integer("transB", 1),
                    float("beta", more),
                    float("alpha", 2.),
                ];
                standard("Gemm", 13, attributes, inputs.clone()).unwrap()
            };
            close(&run(0.5), &[7., 20., 11., 32.]);
            close(&run(0.), &[2., 10., 6., 22.]);
        }
    }
}
