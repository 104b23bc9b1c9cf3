//! `SVMRegressor` (ai.onnx.ml, version 1).
//!
//! With `one_class` 1 inside and -1 outside. `post_transform` is left out, as in onnxruntime.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::{Similarity, Vectors, numbers};
use crate::kernel::{Fact, Kernel, built, only, tensor};
use crate::tract::Built;

/// Builds the operator from its node.
pub(crate) fn regressor(_context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let coefficients: Vec<f32> = node.get_attr_vec("coefficients")?;
    let rho: Vec<f32> = node.get_attr_vec("rho")?;
    let rho = *rho.first().context("rho is a number")?;
    let count: usize = node.get_attr_opt("n_supports")?.unwrap_or(0);
    let is_one_class = node.get_attr_opt::<i64>("one_class")?.unwrap_or(0) != 0;
    let (vectors, coefficients) = if count == 0 {
        (
            Vectors::of(Similarity::Linear, &coefficients, 1)?,
            vec![1.0],
        )
    } else {
        let vectors: Vec<f32> = node.get_attr_vec("support_vectors")?;
        node.expect(
            coefficients.len() == count,
            "a coefficient for each support vector",
        )?;
        let compared = Vectors::of(Similarity::of(node)?, &vectors, count)?;
        match Similarity::of(node)? {
            Similarity::Linear => (sum_of(&compared, &coefficients)?, vec![1.0]),
            Similarity::Poly { .. } | Similarity::Rbf { .. } | Similarity::Sigmoid { .. } => {
                (compared, coefficients)
            }
        }
    };
    Ok(built(SvmRegressor {
        vectors,
        coefficients,
        rho,
        is_one_class,
    }))
}

/// Where nothing follows the products, the weighted vectors are one vector.
#[expect(clippy::cast_possible_truncation, reason = "rounded to a float")]
fn sum_of(vectors: &Vectors, coefficients: &[f32]) -> TractResult<Vectors> {
    let features = vectors.by_feature.chunks(vectors.count);
    let sums = features.map(|values| super::classifier::weigh(coefficients, values) as f32);
    Vectors::of(Similarity::Linear, &sums.collect::<Vec<_>>(), 1)
}

#[derive(Debug)]
struct SvmRegressor {
    vectors: Vectors,
    coefficients: Vec<f32>,
    rho: f32,
    is_one_class: bool,
}

impl SvmRegressor {
    #[expect(clippy::cast_possible_truncation, reason = "rounded to a float")]
    fn target(&self, similarities: &[f32]) -> f32 {
        let sum = super::classifier::weigh(&self.coefficients, similarities);
        let target = (sum + f64::from(self.rho)) as f32;
        match self.is_one_class {
            true if target > 0.0 => 1.0,
            true => -1.0,
            false => target,
        }
    }
}

impl Kernel for SvmRegressor {
    fn name(&self) -> &'static str {
        "SVMRegressor"
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        let (datum_type, shape) = only(inputs)?;
        numbers(*datum_type)?;
        let rows = self.vectors.rows(shape)?;
        Ok(tvec![(DatumType::F32, tvec![rows, 1.to_dim()])])
    }

    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let similarities = self.vectors.similarities(only(&inputs)?)?;
        let rows = similarities.chunks_exact(self.vectors.count);
        let targets: Vec<f32> = rows.map(|row| self.target(row)).collect();
        Ok(tvec![tensor(&[targets.len(), 1], targets)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{close, floats, integer, run, string};
    use tract_onnx::pb::AttributeProto;

    fn machine(kernel: &str, more: Vec<AttributeProto>) -> Vec<AttributeProto> {
        let attributes = vec![
            string("kernel_type", kernel),
            floats("kernel_params", &[0.5, 0.25, 3.]),
            floats("support_vectors", &[1., 1., -1., 0., 0.5, -2.]),
            floats("coefficients", &[0.75, -0.5, -0.25]),
            floats("rho", &[0.125]),
            integer("n_supports", 3),
        ];
        [attributes, more].concat()
    }

    fn rows() -> Tensor {
        tensor2(&[[1f32, 2.], [-1., 0.5], [0., 0.], [3., -2.]])
    }

    /// Expected values: onnxruntime 1.32.0, as in all tests here.
    #[track_caller]
    fn check(attributes: Vec<AttributeProto>, expected: &[f32]) {
        close(&run("SVMRegressor", attributes, rows()).unwrap(), expected);
    }

    #[test]
    fn every_kernel_weighs_the_vectors() {
        check(machine("LINEAR", vec![]), &[3.75, -0.375, 0.125, 1.0]);
        check(
            machine("POLY", vec![]),
            &[4.996094, -0.0546875, 0.125, -5.332031],
        );
        check(
            machine("RBF", vec![]),
            &[0.5706662, -0.2302398, 0.06778602, 0.1151206],
        );
        check(
            machine("SIGMOID", vec![]),
            &[1.179778, -0.0770452, 0.125, 0.7767399],
        );
    }

    #[test]
    fn what_is_no_number_stays_none() {
        for kernel in ["LINEAR", "POLY", "RBF", "SIGMOID"] {
            let input = tensor2(&[[f32::NAN, 2.]]);
            let output = run("SVMRegressor", machine(kernel, vec![]), input).unwrap();
            let targets = crate::kernel::values::<f32>(&output[0]).unwrap();
            assert!(targets[0].is_nan(), "{kernel}");
        }
    }

    #[test]
    fn one_class_is_inside_or_outside() {
        let one_class = || vec![integer("one_class", 1)];
        check(machine("RBF", one_class()), &[1.0, -1.0, 1.0, 1.0]);
    }

    #[test]
    fn without_support_vectors_the_model_is_linear() {
        let attributes = vec![floats("coefficients", &[1., -0.5]), floats("rho", &[0.5])];
        check(attributes, &[0.5, -0.75, 0.5, 4.5]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let refused = |attributes, reason| {
            let error = format!("{:?}", run("SVMRegressor", attributes, rows()).unwrap_err());
            assert!(error.contains(reason), "{error}");
        };
        refused(machine("COSINE", vec![]), "kernel_type `COSINE`");
        let mut vectors = machine("RBF", vec![]);
        vectors[2] = floats("support_vectors", &[1.; 5]);
        refused(vectors, "5 numbers cannot be 3 vectors");
        let mut coefficients = machine("RBF", vec![]);
        coefficients[3] = floats("coefficients", &[1.; 2]);
        refused(coefficients, "a coefficient for each support vector");
        let mut wide = machine("RBF", vec![]);
        wide[2] = floats("support_vectors", &[1.; 9]);
        refused(wide, "vectors of 3 features");
    }
}
