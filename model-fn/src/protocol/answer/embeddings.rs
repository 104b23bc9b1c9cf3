//! An answer as OpenAI's API of embeddings gives it.

use serde::ser::{Error as _, SerializeMap};
use serde::{Serialize, Serializer};

use super::{Answer, Output};
use crate::tensor::{Values, encoded};

/// A vector, with its place among the texts.
#[derive(Serialize)]
struct Entry<V> {
    object: &'static str,
    index: usize,
    embedding: V,
}

/// Tokens of the texts, special ones included and padding not: an answer has none.
#[derive(Serialize)]
struct Usage {
    prompt_tokens: usize,
    total_tokens: usize,
}

/// Writes the members of the answer.
pub(super) fn serialize<M: SerializeMap>(
    answer: &Answer<'_>,
    is_base64: bool,
    map: &mut M,
) -> Result<(), M::Error> {
    let [output] = answer.outputs.as_slice() else {
        return Err(M::Error::custom("an embedding is one output"));
    };
    map.serialize_entry("object", "list")?;
    let rows = answer.rows;
    map.serialize_entry(
        "data",
        &Vectors {
            output,
            rows,
            is_base64,
        },
    )?;
    map.serialize_entry("model", answer.served.model)?;
    let tokens = answer.served.tokens.unwrap_or_default();
    let usage = Usage {
        prompt_tokens: tokens,
        total_tokens: tokens,
    };
    map.serialize_entry("usage", &usage)
}

/// All vectors, written one after the other.
struct Vectors<'a> {
    output: &'a Output<'a>,
    rows: usize,
    is_base64: bool,
}

impl Serialize for Vectors<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { output, rows, .. } = *self;
        if self.is_base64 {
            serializer.collect_seq((0..rows).map(|row| entry(row, vector(output, row))))
        } else {
            serializer.collect_seq((0..rows).map(|row| entry(row, output.row(row))))
        }
    }
}

fn entry<V>(index: usize, embedding: V) -> Entry<V> {
    Entry {
        object: "embedding",
        index,
        embedding,
    }
}

/// A row as 32-bit floats, little-endian, in base64: whatever floats the model has.
fn vector(output: &Output<'_>, row: usize) -> String {
    let width = output.tensor.shape().get(1).copied().unwrap_or_default();
    let range = row * width..(row + 1) * width;
    let floats: Vec<f32> = match output.tensor.values() {
        Values::Fp32(list) => list.get(range).unwrap_or_default().to_vec(),
        Values::Fp64(list) => narrowed(list.get(range), |one| *one as f32),
        Values::Fp16(list) => narrowed(list.get(range), |one| one.to_f32()),
        Values::Bf16(list) => narrowed(list.get(range), |one| one.to_f32()),
        // An output of these was not taken for an embedding.
        Values::Bool(_) | Values::Bytes(_) | Values::Octets(_) => Vec::new(),
        Values::Int8(_) | Values::Int16(_) | Values::Int32(_) | Values::Int64(_) => Vec::new(),
        Values::Uint8(_) | Values::Uint16(_) | Values::Uint32(_) | Values::Uint64(_) => Vec::new(),
    };
    let bytes = floats.into_iter().flat_map(f32::to_le_bytes);
    encoded(&bytes.collect())
}

fn narrowed<T>(list: Option<&[T]>, narrow: impl Fn(&T) -> f32) -> Vec<f32> {
    list.unwrap_or_default().iter().map(narrow).collect()
}
