//! From scores to weights: the cap, what a query must not see, and the softmax, which is tract's.
//!
//! A query that sees no key has weights of zero.

use std::ops::Range;

use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{Fact, Kernel, tensor, values};
use crate::standard::attention::wiring::softmax;

/// What is done to scores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rule {
    /// Scores are drawn into this bound.
    softcap: Option<f32>,
    is_causal: bool,
    /// How many keys before a query's place it sees, and how many after it.
    before: Option<i64>,
    after: Option<i64>,
}

impl Rule {
    /// Reads the rule of a node.
    pub(crate) fn read(node: &NodeProto) -> TractResult<Self> {
        let window = |name| -> TractResult<Option<i64>> {
            let size = node.get_attr_opt(name)?.unwrap_or(-1i64);
            ensure!(size >= -1, "`{name}` is {size}");
            Ok(Some(size).filter(|size| *size >= 0))
        };
        let softcap: Option<f32> = node.get_attr_opt("softcap")?;
        Ok(Self {
            softcap: softcap.filter(|cap| *cap > 0.0),
            is_causal: node.get_attr_opt("is_causal")?.unwrap_or(0i64) != 0,
            before: window("left_window_size")?,
            after: window("right_window_size")?,
        })
    }

    /// Whether scores stay as they are.
    pub(crate) fn is_plain(&self) -> bool {
        let sees_all = !self.is_causal && self.before.is_none() && self.after.is_none();
        self.softcap.is_none() && sees_all
    }

    /// The keys that a query at this place sees, of so many.
    fn seen(&self, place: i64, keys: usize) -> Range<usize> {
        let bounded = |key: i64| usize::try_from(key.max(0)).unwrap_or(keys).min(keys);
        let after = if self.is_causal { Some(0) } else { self.after };
        let end = after.map_or(keys, |after| {
            bounded(place.saturating_add(after).saturating_add(1))
        });
        let start = self
            .before
            .map_or(0, |before| bounded(place.saturating_sub(before)));
        start.min(end)..end
    }
}

/// Which scores or weights are an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    Scores,
    Capped,
    Masked,
    Weights,
}

impl Shown {
    /// Reads what a node shows.
    pub(crate) fn read(node: &NodeProto) -> TractResult<Self> {
        let mode: i64 = node.get_attr_opt("qk_matmul_output_mode")?.unwrap_or(0);
        Ok(match mode {
            0 => Self::Scores,
            1 => Self::Capped,
            2 => Self::Masked,
            3 => Self::Weights,
            other => bail!("`qk_matmul_output_mode` is {other}"),
        })
    }

    /// What is shown where nothing is capped or masked.
    pub(crate) fn of_plain(self, scores: OutletId, weights: OutletId) -> OutletId {
        match self {
            Self::Scores | Self::Capped | Self::Masked => scores,
            Self::Weights => weights,
        }
    }

    fn is_between(self) -> bool {
        match self {
            Self::Capped | Self::Masked => true,
            Self::Scores | Self::Weights => false,
        }
    }
}

/// The inputs that follow the scores, in this order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Optional {
    pub(crate) has_mask: bool,
    /// The past keys: only how many there are matters.
    pub(crate) has_past: bool,
    /// How many keys each of the batch has.
    pub(crate) has_lengths: bool,
}

/// Scores in, weights out, and what is shown of the way between them.
#[derive(Debug)]
pub(crate) struct Weights {
    rule: Rule,
    optional: Optional,
    shown: Option<Shown>,
    /// The score of what is not seen: the lowest number of the inputs' datatype, as in onnxruntime.
    lowest: f32,
}

impl Weights {
    /// The kernel of a rule, for inputs of this datatype.
    pub(crate) fn new(
        rule: Rule,
        optional: Optional,
        shown: Option<Shown>,
        datum_type: DatumType,
    ) -> Self {
        let is_half = datum_type == DatumType::F16;
        Self {
            rule,
            optional,
            shown: shown.filter(|shown| shown.is_between()),
            lowest: if is_half { f16::MIN.to_f32() } else { f32::MIN },
        }
    }

    fn cap(&self, scores: &mut [f32]) {
        if let Some(cap) = self.rule.softcap {
            let capped = |score: &mut f32| *score = cap * (*score / cap).tanh();
            scores.iter_mut().for_each(capped);
        }
    }
}

impl Kernel for Weights {
    fn name(&self) -> &'static str {
        "AttentionWeights"
    }

    fn outputs(&self) -> usize {
        1 + usize::from(self.shown.is_some())
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        let scores = inputs.first().context("scores are an input")?;
        let lengths = inputs.last().filter(|_| self.optional.has_lengths);
        if let Some((datum_type, shape)) = lengths {
            let is_list = *datum_type == DatumType::I64 && shape.len() == 1;
            ensure!(is_list, "`nonpad_kv_seqlen` is a list of 64-bit integers");
        }
        if let (true, Some((_, mask))) = (self.optional.has_mask, inputs.get(1)) {
            let numbers =
                |shape: &[TDim]| shape.iter().map(|length| Ok(length.to_usize()?)).collect();
            let numbers: [TractResult<Vec<usize>>; 2] = [numbers(mask), numbers(&scores.1)];
            if let [Ok(mask), Ok(scores)] = numbers {
                steps(&mask, <[usize; 4]>::try_from(&*scores)?)?;
            }
        }
        Ok(std::iter::repeat_n(scores.clone(), self.outputs()).collect())
    }

    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let mut inputs = inputs.into_iter();
        let mut scores = inputs.next().context("scores are an input")?.into_tensor();
        let mut next = |is_there: bool| is_there.then(|| inputs.next()).flatten();
        let mask = next(self.optional.has_mask);
        let past = next(self.optional.has_past);
        let lengths = next(self.optional.has_lengths);
        let shape = <[usize; 4]>::try_from(scores.shape())?;
        let past = past.and_then(|past| past.shape().get(2).copied());
        let mask = mask.as_deref().map(|mask| Mask::of(mask, shape));
        let sight = Sight {
            rule: self.rule,
            lowest: self.lowest,
            mask: mask.transpose()?,
            past: i64::try_from(past.unwrap_or_default())?,
            lengths: lengths.as_deref().map(values::<i64>).transpose()?,
            shape,
        };
        let mut shown = None;
        let mut plain = scores.try_as_plain_ram_mut()?;
        let rows = plain.as_slice_mut::<f32>()?;
        self.cap(rows);
        if self.shown == Some(Shown::Capped) {
            shown = Some(tensor(&shape, rows.to_vec())?);
        }
        let blind = sight.exclude(rows)?;
        if self.shown == Some(Shown::Masked) {
            shown = Some(tensor(&shape, rows.to_vec())?);
        }
        zero(rows, shape, &blind);
        let softmax = softmax().eval(&EvalContext::out_of_plan(), tvec![scores.into_tvalue()]);
        let mut weights = args_1!(softmax?).into_tensor();
        zero(
            weights.try_as_plain_ram_mut()?.as_slice_mut::<f32>()?,
            shape,
            &blind,
        );
        Ok(std::iter::once(weights).chain(shown).collect())
    }
}

/// Sets rows to zero.
fn zero(scores: &mut [f32], shape: [usize; 4], rows: &[usize]) {
    let [.., keys] = shape;
    for row in rows {
        if let Some(row) = scores.get_mut(row * keys..(row + 1) * keys) {
            row.fill(0.0);
        }
    }
}

/// What queries see, in scores of this shape.
struct Sight<'a> {
    rule: Rule,
    lowest: f32,
    mask: Option<Mask<'a>>,
    /// How many keys there were before.
    past: i64,
    /// How many keys each of the batch has.
    lengths: Option<&'a [i64]>,
    shape: [usize; 4],
}

impl Sight<'_> {
    /// Gives keys that are not seen the lowest score; tells the rows that have no other.
    fn exclude(&self, scores: &mut [f32]) -> TractResult<Vec<usize>> {
        let [_, heads, queries, keys] = self.shape;
        let mut blind = Vec::new();
        for (row, scores) in scores.chunks_exact_mut(keys.max(1)).enumerate() {
            let (batch, head, query) =
                (row / queries / heads, row / queries % heads, row % queries);
            if let Some(mask) = &self.mask {
                mask.apply(scores, [batch, head, query], self.lowest)?;
            }
            let seen = self.seen(batch, query)?;
            for hidden in [0..seen.start, seen.end..keys] {
                let hidden = scores.get_mut(hidden).unwrap_or_default();
                hidden.fill(self.lowest);
            }
            // In half precision a score and the lowest number are the lowest number again.
            let highest = if self.lowest == f32::MIN {
                f32::MIN
            } else {
                self.lowest + 16.0
            };
            if scores.iter().all(|score| *score <= highest) {
                blind.push(row);
            }
        }
        Ok(blind)
    }

    /// A query's place is counted in keys: it is the last of those it is next to.
    fn seen(&self, batch: usize, query: usize) -> TractResult<Range<usize>> {
        let [_, _, queries, keys] = self.shape;
        let query = i64::try_from(query)?;
        let Some(lengths) = self.lengths else {
            return Ok(self.rule.seen(query + self.past, keys));
        };
        let given = *lengths
            .get(batch)
            .context("`nonpad_kv_seqlen` is too short")?;
        let length = usize::try_from(given).ok().filter(|length| *length <= keys);
        let length =
            length.with_context(|| format!("{given} of {keys} keys in `nonpad_kv_seqlen`"))?;
        Ok(self
            .rule
            .seen(query + given - i64::try_from(queries)?, length))
    }
}

/// A mask, whose axes may be stretched.
struct Mask<'a> {
    values: MaskValues<'a>,
    /// How far values of the next batch, head and query are.
    steps: [usize; 3],
    /// How many keys it is for: others are not seen.
    width: usize,
}

enum MaskValues<'a> {
    Seen(&'a [bool]),
    Added(&'a [f32]),
}

impl<'a> Mask<'a> {
    fn of(tensor: &'a Tensor, shape: [usize; 4]) -> TractResult<Self> {
        let values = if tensor.datum_type() == DatumType::Bool {
            MaskValues::Seen(values(tensor)?)
        } else {
            MaskValues::Added(values(tensor)?)
        };
        let (steps, width) = steps(tensor.shape(), shape)?;
        Ok(Self {
            values,
            steps,
            width,
        })
    }

    fn apply(&self, scores: &mut [f32], place: [usize; 3], lowest: f32) -> TractResult<()> {
        let start: usize = place
            .iter()
            .zip(self.steps)
            .map(|(place, step)| place * step)
            .sum();
        let range = start..start + self.width;
        match self.values {
            MaskValues::Seen(seen) => {
                let seen = seen.get(range).context("a mask is too short")?;
                let hidden = scores.iter_mut().zip(seen).filter(|(_, seen)| !**seen);
                hidden.for_each(|(score, _)| *score = lowest);
            }
            MaskValues::Added(added) => {
                let added = added.get(range).context("a mask is too short")?;
                scores
                    .iter_mut()
                    .zip(added)
                    .for_each(|(score, added)| *score += added);
            }
        }
        let rest = scores.get_mut(self.width..).unwrap_or_default();
        rest.fill(lowest);
        Ok(())
    }
}

/// The steps of a mask of this shape in scores of that shape, and its width.
fn steps(mask: &[usize], scores: [usize; 4]) -> TractResult<([usize; 3], usize)> {
    let [outer @ .., keys] = scores;
    let mut lengths = mask.iter().rev().copied();
    let width = lengths.next().unwrap_or_default();
    // One column for several keys would be stretched by one rule and filled up by another.
    let mut fits = mask.len() <= 4 && width <= keys && (width > 1 || width == keys);
    let mut steps = [0; 3];
    let mut next = width;
    for (step, length) in steps.iter_mut().zip(outer).rev() {
        let given = lengths.next().unwrap_or(1);
        fits &= given == 1 || given == length;
        *step = if given == 1 { 0 } else { next };
        next *= given;
    }
    ensure!(fits, "a mask of {mask:?} does not fit scores of {scores:?}");
    Ok((steps, width))
}
