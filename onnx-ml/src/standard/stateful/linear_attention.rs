//! `LinearAttention` (standard domain, version 27): what keys tell of values is one matrix, the
//! state, which each token changes.
//!
//! `update_rule`, `q_num_heads`, `kv_num_heads` and `scale` are followed; `chunk_size` changes no
//! answer. Everything is computed in single precision.

use tract_onnx::model::{ParsingContext, optional_inputs};
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::{floats, optional, row, singles, typed};
use crate::kernel::{Fact, Kernel, built, values};
use crate::tract::Built;

/// Builds the operator from its node.
pub(crate) fn linear_attention(_context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let rule = node.get_attr_opt("update_rule")?.unwrap_or("gated_delta");
    let (is_gated, is_delta) = match rule {
        "linear" => (false, false),
        "gated" => (true, false),
        "delta" => (false, true),
        "gated_delta" => (true, true),
        other => bail!("`update_rule` is `{other}`"),
    };
    let heads = |name| -> TractResult<usize> { Ok(usize::try_from(node.get_attr::<i64>(name)?)?) };
    let (query_heads, heads) = (heads("q_num_heads")?, heads("kv_num_heads")?);
    ensure!(
        heads > 0 && query_heads > 0 && query_heads.is_multiple_of(heads),
        "{query_heads} heads of queries cannot share {heads} heads of keys"
    );
    let scale = node.get_attr_opt("scale")?.unwrap_or(0.0f32);
    let mut inputs = optional_inputs(node).skip(3);
    let [past, decay, beta] = std::array::from_fn(|_| inputs.next().flatten());
    ensure!(
        (decay.is_some() || !is_gated) && (beta.is_some() || !is_delta),
        "`update_rule` `{rule}` wants its decay and beta"
    );
    Ok(built(LinearAttention {
        heads,
        query_heads,
        scale: Some(scale).filter(|scale| *scale != 0.0),
        past,
        decay: decay.filter(|_| is_gated),
        beta: beta.filter(|_| is_delta),
    }))
}

/// Heads and scale, and the places of those optional inputs that the rule reads.
#[derive(Debug)]
struct LinearAttention {
    heads: usize,
    query_heads: usize,
    scale: Option<f32>,
    past: Option<usize>,
    decay: Option<usize>,
    beta: Option<usize>,
}

/// How many numbers a key and a value of one head have.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    key: usize,
    value: usize,
}

impl LinearAttention {
    fn sizes(&self, query: usize, key: usize, value: usize) -> TractResult<Sizes> {
        let sizes = Sizes {
            key: key / self.heads,
            value: value / self.heads,
        };
        let fits = query == sizes.key * self.query_heads
            && key == sizes.key * self.heads
            && value == sizes.value * self.heads;
        ensure!(
            fits && sizes.key > 0,
            "widths of {query}, {key} and {value} do not fit {} and {} heads",
            self.query_heads,
            self.heads
        );
        Ok(sizes)
    }
}

impl Kernel for LinearAttention {
    fn name(&self) -> &'static str {
        "LinearAttention"
    }

    fn outputs(&self) -> usize {
        2
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        floats(inputs)?;
        let mut shapes = inputs.iter().map(|(_, shape)| &**shape);
        let three = (shapes.next(), shapes.next(), shapes.next());
        let (Some([batch, tokens, query]), Some([_, _, key]), Some([_, _, value])) = three else {
            bail!("queries, keys and values have three axes")
        };
        let sizes = self.sizes(query.to_usize()?, key.to_usize()?, value.to_usize()?)?;
        let has = |place: Option<usize>, widths: &[usize]| {
            let shape = place
                .and_then(|place| inputs.get(place))
                .map(|(_, shape)| &**shape);
            let width = |width: &TDim| widths.iter().any(|other| *width == other.to_dim());
            shape.is_none_or(|shape| matches!(shape, [one, two, last] if one == batch && two == tokens && width(last)))
        };
        ensure!(
            has(Some(1), &[sizes.key * self.heads])
                && has(Some(2), &[sizes.value * self.heads])
                && has(self.decay, &[sizes.key * self.heads, self.heads])
                && has(self.beta, &[self.heads, 1]),
            "queries, keys, values, decay and beta do not fit each other"
        );
        let lengths = [self.heads, sizes.key, sizes.value].map(|length| length.to_dim());
        let state: TVec<TDim> = std::iter::once(batch.clone()).chain(lengths).collect();
        let past = self.past.and_then(|place| inputs.get(place));
        ensure!(
            past.is_none_or(|(_, past)| *past == state),
            "the past has the shape {state:?}"
        );
        let datum_type = inputs.first().context("queries")?.0;
        let state_type = past.map_or(datum_type, |(datum_type, _)| *datum_type);
        let width = (self.query_heads * sizes.value).to_dim();
        let output = tvec![batch.clone(), tokens.clone(), width];
        Ok(tvec![(datum_type, output), (state_type, state)])
    }

    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let datum_type = inputs.first().context("queries")?.datum_type();
        let past = self.past.and_then(|place| inputs.get(place));
        let state_type = past.map_or(datum_type, |past| past.datum_type());
        let inputs = singles(&inputs)?;
        let [query, key, value, ..] = &*inputs else {
            bail!("a linear attention has queries, keys and values")
        };
        let (&[batch, tokens, width], &[_, _, key_width], &[_, _, value_width]) =
            (query.shape(), key.shape(), value.shape())
        else {
            bail!("queries, keys and values have three axes")
        };
        let sizes = self.sizes(width, key_width, value_width)?;
        let state_size = sizes.key * sizes.value;
        let mut state = match optional(&inputs, self.past)? {
            Some(past) => past.to_vec(),
            None => vec![0.0; batch * self.heads * state_size],
        };
        let all = Inputs {
            query: values(query)?,
            key: values(key)?,
            value: values(value)?,
            decay: optional(&inputs, self.decay)?,
            beta: optional(&inputs, self.beta)?,
            tokens: batch * tokens,
        };
        let mut output = Vec::with_capacity(batch * tokens * self.query_heads * sizes.value);
        for token in 0..batch * tokens {
            for head in 0..self.heads {
                let first = (token / tokens * self.heads + head) * state_size;
                let state = state.get_mut(first..first + state_size);
                let mut state = State {
                    rows: state.context("a past is too short")?,
                    sizes,
                };
                self.step(&all, token, head, &mut state)?;
                self.read(&all, token, head, &state, &mut output)?;
            }
        }
        let shape = [batch, self.heads, sizes.key, sizes.value];
        let width = self.query_heads * sizes.value;
        let output = typed(&[batch, tokens, width], output, datum_type)?;
        Ok(tvec![output, typed(&shape, state, state_type)?])
    }
}

/// The values of the inputs, token by token.
struct Inputs<'a> {
    query: &'a [f32],
    key: &'a [f32],
    value: &'a [f32],
    decay: Option<&'a [f32]>,
    beta: Option<&'a [f32]>,
    /// How many tokens there are in the whole batch.
    tokens: usize,
}

/// The state of one head: a row for each number of a key.
struct State<'a> {
    rows: &'a mut [f32],
    sizes: Sizes,
}

impl State<'_> {
    /// The rows summed, each multiplied by a number of a key or query.
    fn read(&self, key: &[f32]) -> Vec<f32> {
        let mut sums = vec![0.0; self.sizes.value];
        for (row, key) in self.rows.chunks(self.sizes.value.max(1)).zip(key) {
            sums.iter_mut()
                .zip(row)
                .for_each(|(sum, value)| *sum += key * value);
        }
        sums
    }

    fn decay(&mut self, by: impl Iterator<Item = f32>) {
        for (row, by) in self.rows.chunks_mut(self.sizes.value.max(1)).zip(by) {
            row.iter_mut().for_each(|value| *value *= by.exp());
        }
    }

    fn add(&mut self, key: &[f32], values: &[f32]) {
        for (row, key) in self.rows.chunks_mut(self.sizes.value.max(1)).zip(key) {
            row.iter_mut()
                .zip(values)
                .for_each(|(sum, value)| *sum += key * value);
        }
    }
}

impl LinearAttention {
    /// What a token changes of the state of a head.
    fn step(&self, all: &Inputs, token: usize, head: usize, state: &mut State) -> TractResult<()> {
        let sizes = state.sizes;
        let key = row(all.key, token * self.heads + head, sizes.key)?;
        let mut value = row(all.value, token * self.heads + head, sizes.value)?.to_vec();
        if let Some(decay) = all.decay {
            let width = decay.len() / all.tokens / self.heads;
            let decay = row(decay, token * self.heads + head, width)?;
            state.decay(decay.iter().copied().cycle().take(sizes.key));
        }
        if let Some(beta) = all.beta {
            let width = beta.len() / all.tokens;
            let beta = row(beta, token, width)?;
            let beta = beta
                .get(head)
                .or(beta.first())
                .context("a beta is missing")?;
            let known = state.read(key);
            let change = |(value, known): (&mut f32, f32)| *value = beta * (*value - known);
            value.iter_mut().zip(known).for_each(change);
        }
        state.add(key, &value);
        Ok(())
    }

    /// What the queries that share a head read of its state.
    fn read(
        &self,
        all: &Inputs,
        token: usize,
        head: usize,
        state: &State,
        output: &mut Vec<f32>,
    ) -> TractResult<()> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a size of a head is a small number"
        )]
        let usual = || 1.0 / (state.sizes.key as f32).sqrt();
        let scale = self.scale.unwrap_or_else(usual);
        let shared = self.query_heads / self.heads;
        for query in 0..shared {
            let place = token * self.query_heads + head * shared + query;
            let read = state.read(row(all.query, place, state.sizes.key)?);
            output.extend(read.into_iter().map(|value| value * scale));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::AttributeProto;

    use super::*;
    use crate::testing::{Input, close, float, integer, numbers, outputs, string};

    fn run(
        rule: &str,
        more: Vec<AttributeProto>,
        optional: [Option<Tensor>; 3],
    ) -> TractResult<Vec<Tensor>> {
        let shapes: [[usize; 3]; 3] = [[1, 2, 4], [1, 2, 2], [1, 2, 2]];
        let inputs = shapes.iter().zip(1..);
        let inputs = inputs.map(|(shape, seed)| Input::Given(numbers(shape, seed)));
        let optional = optional.map(|input| input.map_or(Input::None, Input::Given));
        let mut attributes = vec![
            string("update_rule", rule),
            integer("q_num_heads", 2),
            integer("kv_num_heads", 1),
        ];
        attributes.extend(more);
        let inputs = inputs.chain(optional).collect();
        outputs("LinearAttention", 27, attributes, inputs, &["y", "state"])
    }

    #[track_caller]
    fn check(
        rule: &str,
        more: Vec<AttributeProto>,
        optional: [Option<Tensor>; 3],
        output: &[f32],
        state: &[f32],
    ) {
        let found = run(rule, more, optional).unwrap();
        close(&found, output);
        close(&found[1..], state);
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn each_token_changes_the_state_by_the_rule() {
        let past = || Some(numbers(&[1, 1, 2, 2], 4));
        let beta = || Some(numbers(&[1, 2, 1], 6));
        check(
            "linear",
            vec![],
            [None, None, None],
            &[
                std::f32::consts::FRAC_1_SQRT_2,
                -0.530_330_1,
                -0.530_330_1,
                0.397_747_5,
                -0.950_174_7,
                0.905_980_5,
                -1.171_146,
                1.149_048,
            ],
            &[-1.9375, 2., 0.6875, -0.625],
        );
        check(
            "gated",
            vec![],
            [past(), Some(numbers(&[1, 2, 1], 5)), None],
            &[
                2.885_817, -4.293_556, -2.907_104, 5.151_296, -2.732_756, 3.876_949, -2.359_533,
                2.337_436,
            ],
            &[-0.817_077_8, -3.602_111, 2.928_344, -5.106_689],
        );
        check(
            "delta",
            vec![],
            [past(), None, beta()],
            &[
                0.132_582_5,
                -0.309_359_2,
                -0.265_165,
                0.662_912_6,
                -0.986_082_5,
                2.046_052,
                -1.168_383,
                2.320_885,
            ],
            &[-1.789_062, 3.224_609, 0.757_812_5, -1.669_922],
        );
        check(
            "gated_delta",
            vec![float("scale", 0.5)],
            [past(), Some(numbers(&[1, 2, 2], 5)), beta()],
            &[
                -0.232_658_3,
                1.413_292,
                -0.024_295_83,
                -0.347_270_9,
                -0.481_531_3,
                0.768_383_1,
                -0.624_145_2,
                1.155_972,
            ],
            &[-1.5928, 3.608_436, 0.451_890_1, -0.507_725_8],
        );
    }

    #[track_caller]
    fn refused(rule: &str, more: Vec<AttributeProto>, optional: [Option<Tensor>; 3], reason: &str) {
        let error = run(rule, more, optional).unwrap_err();
        assert!(format!("{error:?}").contains(reason), "{error:?}");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let none = || [None, None, None];
        let one = |shape: &[usize]| Some(numbers(shape, 1));
        refused("other", vec![], none(), "`update_rule` is `other`");
        refused("gated", vec![], none(), "wants its decay");
        refused("delta", vec![], none(), "wants its decay and beta");
        refused("gated", vec![], [None, one(&[1, 2, 3]), None], "do not fit");
        refused("gated", vec![], [None, one(&[1, 3, 1]), None], "do not fit");
        refused("delta", vec![], [None, None, one(&[1, 2, 2])], "do not fit");
        refused(
            "linear",
            vec![],
            [one(&[1, 2, 2, 2]), None, None],
            "the past has the shape",
        );
    }
}
