//! `Attention` (standard domain, versions 23, 24 and 25), of three and of four axes.
//!
//! `q_num_heads`, `kv_num_heads`, `scale`, `softcap`, `is_causal`, `left_window_size`,
//! `right_window_size` and `qk_matmul_output_mode` are followed. The products are tract's; what is
//! between them is in [`weights`]. Everything is computed in single precision whatever
//! `softmax_precision`; onnxruntime multiplies 64-bit floats in double precision.

mod geometry;
mod weights;
mod wiring;

use tract_onnx::model::{ParsingContext, optional_inputs, optional_outputs};
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::standard::attention::geometry::{Geometry, Heads};
use crate::standard::attention::weights::{Rule, Shown};
use crate::standard::attention::wiring::Wiring;
use crate::tract::Built;

/// Builds the operator from its node.
pub(crate) fn attention(_context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let mut inputs = optional_inputs(node).skip(3);
    let mask = inputs.next().flatten();
    let past = match (inputs.next().flatten(), inputs.next().flatten()) {
        (Some(key), Some(value)) => Some([key, value]),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => bail!("past keys and values come together"),
    };
    let lengths = inputs.next().flatten();
    ensure!(
        past.is_none() || lengths.is_none(),
        "`nonpad_kv_seqlen` is for keys without a past"
    );
    let mut outputs = optional_outputs(node).map(|place| place.is_some()).skip(1);
    let [present_key, present_value, shown] = std::array::from_fn(|_| outputs.next() == Some(true));
    let attention = Attention {
        heads: heads(node)?,
        rule: Rule::read(node)?,
        scale: node.get_attr_opt("scale")?,
        mask,
        past,
        lengths,
        present_key,
        present_value,
        shown: shown.then(|| Shown::read(node)).transpose()?,
    };
    ensure!(
        attention.scale.is_none_or(|scale| scale > 0.0),
        "`scale` is above zero"
    );
    Ok((expand(attention), vec![]))
}

fn heads(node: &NodeProto) -> TractResult<Option<Heads>> {
    let of = |name| -> TractResult<Option<usize>> {
        let heads: Option<i64> = node.get_attr_opt(name)?;
        Ok(heads.map(usize::try_from).transpose()?)
    };
    let heads = (of("q_num_heads")?, of("kv_num_heads")?);
    Ok(match heads {
        (Some(queries), Some(keys)) => Some(Heads { queries, keys }),
        (Some(_) | None, _) => None,
    })
}

#[derive(Debug, Clone)]
struct Attention {
    /// How many heads there are, where inputs have three axes.
    heads: Option<Heads>,
    rule: Rule,
    scale: Option<f32>,
    /// The places of optional inputs.
    mask: Option<usize>,
    past: Option<[usize; 2]>,
    lengths: Option<usize>,
    /// Which optional outputs there are.
    present_key: bool,
    present_value: bool,
    shown: Option<Shown>,
}

impl Attention {
    fn geometry(&self, shapes: &[TVec<TDim>]) -> TractResult<Geometry> {
        let [query, key, value, ..] = shapes else {
            bail!("an attention has queries, keys and values")
        };
        let shape = |place: usize| {
            let shape = shapes.get(place).context("an input is missing");
            shape.map(|shape| &**shape)
        };
        let past = |[key, value]: [usize; 2]| -> TractResult<[&[TDim]; 2]> {
            Ok([shape(key)?, shape(value)?])
        };
        let past = self.past.map(past).transpose()?;
        Geometry::of(self.heads, [query, key, value], past)
    }

    /// The shapes of the outputs that there are.
    fn shapes(&self, geometry: &Geometry) -> Vec<TVec<TDim>> {
        let optional = [
            (self.present_key, geometry.key()),
            (self.present_value, geometry.value()),
            (self.shown.is_some(), geometry.scores()),
        ];
        let optional = optional.into_iter().filter(|(is_there, _)| *is_there);
        let shapes = optional.map(|(_, shape)| shape);
        std::iter::once(geometry.output()).chain(shapes).collect()
    }
}

impl Expansion for Attention {
    fn name(&self) -> StaticName {
        "Attention".into()
    }

    fn nboutputs(&self) -> TractResult<usize> {
        let optional = [self.present_key, self.present_value, self.shown.is_some()];
        Ok(1 + optional.into_iter().filter(|is_there| *is_there).count())
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_output_arity(outputs, self.nboutputs()?)?;
        let [query, _, value, ..] = inputs else {
            bail!("an attention has queries, keys and values")
        };
        for (place, output) in outputs.iter().enumerate() {
            let is_value = self.present_value && place == 1 + usize::from(self.present_key);
            let like = if is_value { value } else { query };
            solver.equals(&output.datum_type, &like.datum_type)?;
        }
        let shapes = inputs.iter().map(|input| &input.shape);
        solver.given_all(shapes, move |solver, shapes| {
            let geometry = self.geometry(&shapes)?;
            for (output, shape) in outputs.iter().zip(self.shapes(&geometry)) {
                solver.equals(&output.shape, shape)?;
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
        let facts = inputs.iter().map(|input| model.outlet_fact(*input));
        let facts: Vec<TypedFact> = facts
            .map(|fact| fact.cloned())
            .collect::<TractResult<_>>()?;
        let shapes: Vec<_> = facts.iter().map(|fact| fact.shape.to_tvec()).collect();
        let datum_type = facts.first().context("an input is missing")?.datum_type;
        ensure!(
            datum_type.is_float(),
            "an attention wants floats, given {datum_type:?}"
        );
        let geometry = self.geometry(&shapes)?;
        let mut wiring = Wiring {
            attention: self,
            geometry: &geometry,
            prefix,
            model,
            datum_type,
        };
        wiring.outputs(inputs)
    }
}

#[cfg(test)]
mod tests;
