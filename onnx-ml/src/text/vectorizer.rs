//! `TfIdfVectorizer` (standard domain, version 9): how often n-grams occur in rows of words.
//!
//! `pool_strings` or `pool_int64s` holds the n-grams one after another, those of one word first;
//! `ngram_counts` says where those of each length begin, `ngram_indexes` which column each is
//! counted in. `mode` `TF` counts, `IDF` notes the weight of what occurs, `TFIDF` adds it up each
//! time. Words of an n-gram may stand apart, up to `max_skip_count` words, always equally many.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::counter::fuse;
use super::grams::{Grams, Word, Words, number};
use super::texts;
use crate::kernel::{Fact, Kernel, built, only};
use crate::tract::Built;

/// More columns than this are a mistake in the file: one row of them would take 64 MB.
const MOST_COLUMNS: usize = 1 << 24;

#[derive(Debug, Clone)]
pub(super) struct Vectorizer(pub(super) Arc<Pool>);

/// What a vectorizer counts, and how.
#[derive(Debug)]
pub(super) struct Pool {
    words: Words,
    grams: Grams,
    /// For each n-gram its column and its weight.
    columns: Vec<(usize, f32)>,
    pub(super) width: usize,
    shortest: usize,
    longest: usize,
    skips: usize,
    /// Whether an n-gram counts once however often it occurs.
    is_once: bool,
}

/// Builds the operator from its node.
pub(crate) fn vectorizer(_context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let is_once = match node.get_attr("mode")? {
        "TF" | "TFIDF" => false,
        "IDF" => true,
        _ => return node.bail_attr("mode", "`TF`, `IDF` or `TFIDF`"),
    };
    let columns = columns(node)?;
    let last = columns.iter().map(|(column, _)| *column).max();
    let width = last.context("a column")? + 1;
    node.expect_attr(
        "ngram_indexes",
        width <= MOST_COLUMNS,
        "at most 16777216 columns",
    )?;
    let (words, pool) = pool(node)?;
    let shortest: usize = node.get_attr("min_gram_length")?;
    let longest: usize = node.get_attr("max_gram_length")?;
    node.expect_attr("min_gram_length", shortest > 0, "at least 1")?;
    let grams = grams(node, &pool, shortest..=longest, columns.len())?;
    let pool = Pool {
        words,
        grams,
        columns,
        width,
        shortest,
        longest,
        skips: node.get_attr("max_skip_count")?,
        is_once,
    };
    Ok(built(Vectorizer(Arc::new(pool))))
}

/// The words of the pool, numbered. Texts come first where the file has both, as in onnxruntime.
fn pool(node: &NodeProto) -> TractResult<(Words, Vec<Word>)> {
    if let Some(texts) = node.get_attr_opt_tvec::<&str>("pool_strings")? {
        node.expect_attr("pool_strings", !texts.is_empty(), "at least one word")?;
        let texts: Vec<String> = texts.into_iter().map(str::to_owned).collect();
        let (words, pool) = number(&texts)?;
        return Ok((Words::texts(words), pool));
    }
    let integers = node.get_attr_slice::<i64>("pool_int64s")?;
    node.expect_attr("pool_int64s", !integers.is_empty(), "at least one word")?;
    let (words, pool) = number(integers)?;
    Ok((Words::Integers(words), pool))
}

fn columns(node: &NodeProto) -> TractResult<Vec<(usize, f32)>> {
    let columns: Vec<usize> = node.get_attr_vec("ngram_indexes")?;
    node.expect_attr("ngram_indexes", !columns.is_empty(), "at least one column")?;
    let weights = node.get_attr_opt_slice::<f32>("weights")?;
    let are_as_many = weights.is_none_or(|weights| weights.len() == columns.len());
    node.expect_attr("weights", are_as_many, "as many as ngram_indexes")?;
    let is_weighted = node.get_attr::<&str>("mode")? != "TF";
    let weights = weights.filter(|_| is_weighted).unwrap_or_default();
    let weights = weights.iter().copied().chain(std::iter::repeat(1.0));
    Ok(columns.into_iter().zip(weights).collect())
}

/// The n-grams of these lengths; the others have columns too, but are never counted.
fn grams(
    node: &NodeProto,
    pool: &[Word],
    lengths: std::ops::RangeInclusive<usize>,
    columns: usize,
) -> TractResult<Grams> {
    let begins: Vec<usize> = node.get_attr_vec("ngram_counts")?;
    node.expect(
        !lengths.is_empty() && *lengths.end() <= begins.len(),
        "min_gram_length up to max_gram_length, up to the number of ngram_counts",
    )?;
    let ends = begins.iter().skip(1).copied().chain([pool.len()]);
    let mut grams = Grams::new(pool.len());
    let mut next = 0;
    for ((begin, end), length) in begins.iter().zip(ends).zip(1..) {
        let words = pool.get(*begin..end).with_context(|| {
            format!(
                "ngram_counts: no words {begin} to {end} in a pool of {}",
                pool.len()
            )
        })?;
        let (whole, rest) = (words.chunks_exact(length), words.len() % length);
        ensure!(
            rest == 0,
            "ngram_counts: {} words are not n-grams of {length}",
            words.len()
        );
        for gram in whole {
            if lengths.contains(&length) {
                grams.add(gram, next)?;
            }
            next += 1;
        }
    }
    node.expect_attr(
        "ngram_indexes",
        next as usize <= columns,
        "a column for each n-gram",
    )?;
    Ok(grams)
}

impl Pool {
    /// Counts the n-grams of a row of words.
    pub(super) fn count(&self, words: &[Word], counts: &mut [f32]) {
        let mut found = |gram: u32| {
            let Some((column, weight)) = self.columns.get(gram as usize) else {
                return;
            };
            match counts.get_mut(*column) {
                Some(count) if self.is_once => *count = *weight,
                Some(count) => *count += weight,
                None => (),
            }
        };
        // Words that follow each other and words by themselves are found on one way, unless the
        // order matters.
        let is_one_way = self.skips == 0 && !self.is_once;
        if self.shortest == 1 && !is_one_way {
            for word in words {
                self.grams.find([*word].into_iter(), |gram, _| found(gram));
            }
        }
        let shortest = if is_one_way {
            self.shortest
        } else {
            self.shortest.max(2)
        };
        if self.longest < shortest {
            return;
        }
        // Words further apart than the row is long are none.
        for distance in 1..=self.skips.saturating_add(1).min(words.len()) {
            for begin in 0..words.len() {
                let following = words.iter().copied().skip(begin).step_by(distance);
                self.grams
                    .find(following.take(self.longest), |gram, length| {
                        if length >= shortest {
                            found(gram);
                        }
                    });
            }
        }
    }

    pub(super) fn word(&self, text: &str) -> Word {
        self.words.text(text)
    }

    /// The words of the input.
    fn words(&self, input: &Tensor) -> TractResult<Vec<Word>> {
        if input.datum_type() == String::datum_type() {
            let texts = texts(input)?.iter();
            return Ok(texts.map(|text| self.words.text(text)).collect());
        }
        let integers = input.cast_to::<i64>()?;
        let integers = integers.try_as_plain_ram()?.as_slice::<i64>()?.iter();
        Ok(integers
            .map(|integer| self.words.integer(*integer))
            .collect())
    }

    fn shape(&self, input: &[TDim]) -> TractResult<TVec<TDim>> {
        match input {
            [] | [_] => Ok(tvec![self.width.to_dim()]),
            [rows, _] if *rows != 0.to_dim() => Ok(tvec![rows.clone(), self.width.to_dim()]),
            _ => bail!("a vectorizer wants [words] or [rows, words], given {input:?}"),
        }
    }
}

impl Kernel for Vectorizer {
    fn name(&self) -> &'static str {
        "TfIdfVectorizer"
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        let (datum_type, shape) = only(inputs)?;
        ensure!(
            *datum_type == String::datum_type() || datum_type.is_integer() || datum_type.is_tdim(),
            "a vectorizer wants texts or integers, given {datum_type:?}"
        );
        Ok(tvec![(f32::datum_type(), self.0.shape(shape)?)])
    }

    fn replacement(
        &self,
        model: &TypedModel,
        node: &TypedNode,
    ) -> TractResult<Option<TypedModelPatch>> {
        fuse(self, model, node)
    }

    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let input = args_1!(inputs);
        let words = self.0.words(&input)?;
        let (rows, shape): (usize, TVec<usize>) = match *input.shape() {
            [rows, _] => (rows, tvec![rows, self.0.width]),
            _ => (1, tvec![self.0.width]),
        };
        let mut output = Tensor::zero::<f32>(&shape)?;
        let mut plain = output.try_as_plain_ram_mut()?;
        let counts = plain.as_slice_mut::<f32>()?;
        let length = words.len() / rows.max(1);
        if length > 0 {
            for (words, counts) in words.chunks(length).zip(counts.chunks_mut(self.0.width)) {
                self.0.count(words, counts);
            }
        }
        Ok(tvec![output])
    }
}

#[cfg(test)]
mod tests;
