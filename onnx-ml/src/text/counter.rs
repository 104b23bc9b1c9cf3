//! A tokenizer and the vectorizer behind it in one step: the words are counted where they stand
//! in the texts, and no token becomes a text of its own.

use tract_onnx::tract_core::internal::*;

use super::tokenizer::Tokenizer;
use super::vectorizer::Vectorizer;
use super::{filled, only_texts, texts};
use crate::kernel::{self, Fact, Kernel, kernel_of};

#[derive(Debug)]
struct Counter {
    tokenizer: Tokenizer,
    vectorizer: Vectorizer,
}

/// Replaces a vectorizer whose rows are the tokens of one text each, which nobody else reads.
pub(super) fn fuse(
    vectorizer: &Vectorizer,
    model: &TypedModel,
    node: &TypedNode,
) -> TractResult<Option<TypedModelPatch>> {
    let [input] = *node.inputs else {
        return Ok(None);
    };
    let rows = model.outlet_fact(input)?.shape.clone();
    let mut before = input;
    let tokenizer = loop {
        let node = model.node(before.node);
        let is_read_once = node
            .outputs
            .iter()
            .all(|output| output.successors.len() == 1);
        let [input] = *node.inputs else {
            return Ok(None);
        };
        if !is_read_once || model.output_outlets()?.contains(&before) {
            return Ok(None);
        }
        before = input;
        match (kernel_of::<Tokenizer>(node), node.op_as::<AxisOp>()) {
            (Some(tokenizer), _) => break tokenizer.clone(),
            (_, Some(AxisOp::Add(_) | AxisOp::Rm(_) | AxisOp::Reshape(..))) => (),
            _ => return Ok(None),
        }
    };
    let texts = model.outlet_fact(before)?.shape.volume();
    if !tokenizer.is_row_a_text(&texts, &rows) {
        return Ok(None);
    }
    let vectorizer = vectorizer.clone();
    let counter = kernel::node(Counter {
        tokenizer,
        vectorizer,
    });
    TypedModelPatch::replace_single_op(model, node, &[before], counter).map(Some)
}

impl Kernel for Counter {
    fn name(&self) -> &'static str {
        "TokenCounter"
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        let texts = only_texts(inputs)?.iter().product();
        let shape = tvec![texts, self.vectorizer.0.width.to_dim()];
        Ok(tvec![(f32::datum_type(), shape)])
    }

    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let input = args_1!(inputs);
        let pool = &self.vectorizer.0;
        let texts = texts(&input)?;
        let tokens = self.tokenizer.cut(texts);
        let filling = pool.word(&self.tokenizer.filling);
        if filling.is_known() {
            filled(texts.len(), tokens.longest)?;
        }
        let [begin, end] = self
            .tokenizer
            .marks(&tokens)
            .map(|mark| mark.map(|mark| pool.word(mark)));
        let mut output = Tensor::zero::<f32>(&[texts.len(), pool.width])?;
        let mut plain = output.try_as_plain_ram_mut()?;
        let counts = plain.as_slice_mut::<f32>()?.chunks_mut(pool.width);
        let mut words = vec![];
        let mut all = tokens.all.into_iter();
        for (count, counts) in tokens.counts.iter().zip(counts) {
            words.clear();
            words.extend(begin);
            words.extend(all.by_ref().take(*count).map(|token| pool.word(token)));
            words.extend(end);
            // Unknown words at the end are in no n-gram.
            if filling.is_known() {
                words.extend(std::iter::repeat_n(filling, tokens.longest - count));
            }
            pool.count(&words, counts);
        }
        Ok(tvec![output])
    }
}
