//! The nodes of an attention: products and softmax of tract's, and what is between them.

use tract_onnx::tract_core::ops::array::TypedConcat;
use tract_onnx::tract_core::ops::cast::wire_cast;
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::ops::math;
use tract_onnx::tract_core::ops::nn::{Softmax, SoftmaxKind};
use tract_onnx::tract_hir::internal::*;

use crate::kernel;
use crate::standard::attention::Attention;
use crate::standard::attention::geometry::{Geometry, Heads};
use crate::standard::attention::weights::{Optional, Weights};
use crate::tract::wire_one;

/// The nodes of one attention, as they are added to a model.
pub(crate) struct Wiring<'a> {
    pub(crate) attention: &'a Attention,
    pub(crate) geometry: &'a Geometry,
    pub(crate) prefix: &'a str,
    pub(crate) model: &'a mut TypedModel,
    /// The datatype of queries, keys and values.
    pub(crate) datum_type: DatumType,
}

impl Wiring<'_> {
    /// Wires the outputs that there are.
    pub(crate) fn outputs(&mut self, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let [query, key, value, ..] = *inputs else {
            bail!("an attention has queries, keys and values")
        };
        let query = self.heads_apart("query", query)?;
        let [past_key, past_value] = match self.attention.past {
            Some(places) => places.map(|place| inputs.get(place).copied()),
            None => [None, None],
        };
        let key = self.with_past("key", past_key, key)?;
        let value = self.with_past("value", past_value, value)?;
        let scores = self.scores(query, key)?;
        let (weights, shown) = self.weights(scores, past_key, inputs)?;
        let output = self.weighted(weights, value)?;
        let output = self.cast("output", output, self.datum_type)?;
        let mut outputs = tvec![self.heads_together(output)?];
        outputs.extend(self.attention.present_key.then_some(key));
        outputs.extend(self.attention.present_value.then_some(value));
        if let Some(shown) = shown {
            outputs.push(self.cast("shown", shown, self.datum_type)?);
        }
        Ok(outputs)
    }

    fn one(
        &mut self,
        name: &str,
        operator: impl Into<Box<dyn TypedOp>>,
        inputs: &[OutletId],
    ) -> TractResult<OutletId> {
        wire_one(
            self.model,
            format!("{}.{name}", self.prefix),
            operator,
            inputs,
        )
    }

    fn cast(&mut self, name: &str, input: OutletId, to: DatumType) -> TractResult<OutletId> {
        let prefix = format!("{}.{name}", self.prefix);
        let cast = wire_cast(prefix, self.model, &[input], to)?;
        cast.first().copied().context("a cast has an output")
    }

    /// `[batch, tokens, heads * size]` as `[batch, heads, tokens, size]`.
    fn heads_apart(&mut self, name: &str, input: OutletId) -> TractResult<OutletId> {
        let Some(heads) = self.geometry.packed else {
            return Ok(input);
        };
        let heads = if name == "query" {
            heads.queries
        } else {
            heads.keys
        };
        let shape = self.model.outlet_fact(input)?.shape.to_tvec();
        let width = shape.last().context("inputs have axes")?.clone();
        let apart = tvec![heads.to_dim(), width.clone() / heads];
        let reshape = AxisOp::Reshape(2, tvec![width], apart);
        let apart = self.one(&format!("{name}.apart"), reshape, &[input])?;
        self.one(&format!("{name}.heads"), AxisOp::Move(2, 1), &[apart])
    }

    fn heads_together(&mut self, output: OutletId) -> TractResult<OutletId> {
        let Some(heads) = self.geometry.packed else {
            return Ok(output);
        };
        let size = self.geometry.value_size.clone();
        let apart = tvec![heads.queries.to_dim(), size.clone()];
        let tokens = self.one("output.tokens", AxisOp::Move(1, 2), &[output])?;
        let reshape = AxisOp::Reshape(2, apart, tvec![size * heads.queries]);
        self.one("output.together", reshape, &[tokens])
    }

    fn with_past(
        &mut self,
        name: &str,
        past: Option<OutletId>,
        input: OutletId,
    ) -> TractResult<OutletId> {
        let input = self.heads_apart(name, input)?;
        let Some(past) = past else {
            return Ok(input);
        };
        self.one(
            &format!("{name}.all"),
            TypedConcat { axis: 2 },
            &[past, input],
        )
    }

    /// Queries, or weights, of heads that share keys are rows of one matrix.
    fn shared(&self) -> [TVec<TDim>; 2] {
        let Heads { queries, keys } = self.geometry.heads;
        let tokens = &self.geometry.queries;
        let together = tvec![keys.to_dim(), tokens.clone() * (queries / keys)];
        [tvec![queries.to_dim(), tokens.clone()], together]
    }

    /// The product of two stacks of matrices in single precision, heads that share keys as one.
    fn product(
        &mut self,
        name: &str,
        axes: &str,
        left: OutletId,
        right: OutletId,
    ) -> TractResult<OutletId> {
        let Heads { queries, keys } = self.geometry.heads;
        let [apart, together] = self.shared();
        let right = self.cast(&format!("{name}.right"), right, DatumType::F32)?;
        let operator = EinSum::new(axes.parse()?, DatumType::F32);
        if queries == keys {
            return self.one(name, operator, &[left, right]);
        }
        let reshape = AxisOp::Reshape(1, apart.clone(), together.clone());
        let left = self.one(&format!("{name}.shared"), reshape, &[left])?;
        let product = self.one(name, operator, &[left, right])?;
        let reshape = AxisOp::Reshape(1, together, apart);
        self.one(&format!("{name}.apart"), reshape, &[product])
    }

    fn scores(&mut self, query: OutletId, key: OutletId) -> TractResult<OutletId> {
        let scale = match self.attention.scale {
            Some(scale) => scale,
            None => self.geometry.usual_scale()?,
        };
        let scale = tensor0(scale).broadcast_into_rank(4)?;
        let name = format!("{}.scale", self.prefix);
        let scale = self.model.add_const(name, scale.into_arc_tensor())?;
        let query = self.cast("query", query, DatumType::F32)?;
        let query = self.one("query.scaled", math::mul(), &[query, scale])?;
        self.product("scores", "bhqs,bhks->bhqk", query, key)
    }

    fn weighted(&mut self, weights: OutletId, value: OutletId) -> TractResult<OutletId> {
        self.product("output", "bhqk,bhks->bhqs", weights, value)
    }

    /// The weights of values, and the scores or weights that are an output.
    fn weights(
        &mut self,
        scores: OutletId,
        past_key: Option<OutletId>,
        inputs: &[OutletId],
    ) -> TractResult<(OutletId, Option<OutletId>)> {
        let attention = self.attention;
        let mut given = tvec![scores];
        let input = |place: usize| inputs.get(place).copied().context("an input is missing");
        if let Some(mask) = attention.mask {
            given.push(self.mask(input(mask)?)?);
        }
        given.extend(past_key);
        let lengths = attention.lengths.map(input).transpose()?;
        given.extend(lengths);
        let shown = attention.shown;
        if given.len() == 1 && attention.rule.is_plain() {
            let weights = self.one("weights", softmax(), &[scores])?;
            return Ok((weights, shown.map(|shown| shown.of_plain(scores, weights))));
        }
        let optional = Optional {
            has_mask: attention.mask.is_some(),
            has_past: past_key.is_some(),
            has_lengths: lengths.is_some(),
        };
        let operator = kernel::node(Weights::new(
            attention.rule,
            optional,
            shown,
            self.datum_type,
        ));
        let name = format!("{}.weights", self.prefix);
        let outputs = self.model.wire_node(name, operator, &given)?;
        let weights = outputs.first().copied().context("a node has an output")?;
        let other = outputs.get(1).copied();
        Ok((
            weights,
            shown.map(|shown| other.unwrap_or(shown.of_plain(scores, weights))),
        ))
    }

    fn mask(&mut self, mask: OutletId) -> TractResult<OutletId> {
        if self.model.outlet_fact(mask)?.datum_type == DatumType::Bool {
            return Ok(mask);
        }
        self.cast("mask", mask, DatumType::F32)
    }
}

/// The softmax along the keys.
pub(crate) fn softmax() -> Softmax {
    Softmax {
        axes: tvec![3],
        quant_output_dt: None,
        kind: SoftmaxKind::Softmax,
    }
}
