//! The shapes of an attention, whether heads have an axis of their own or not.

use tract_onnx::tract_hir::internal::*;

/// How many heads the queries have, and keys and values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Heads {
    pub(crate) queries: usize,
    pub(crate) keys: usize,
}

/// The lengths of the axes.
#[derive(Debug, Clone)]
pub(crate) struct Geometry {
    batch: TDim,
    pub(crate) heads: Heads,
    /// The heads, where inputs and the output hold them side by side in one axis.
    pub(crate) packed: Option<Heads>,
    /// How many queries there are.
    pub(crate) queries: TDim,
    /// How many keys there are, those of the past included.
    keys: TDim,
    size: TDim,
    /// The size of a value in one head.
    pub(crate) value_size: TDim,
}

impl Geometry {
    /// The geometry of queries, keys and values, and of past keys and values.
    pub(crate) fn of(
        heads: Option<Heads>,
        [query, key, value]: [&[TDim]; 3],
        past: Option<[&[TDim]; 2]>,
    ) -> TractResult<Self> {
        let packed = if query.len() == 3 {
            let heads = heads.context("three axes need `q_num_heads` and `kv_num_heads`")?;
            Some(heads)
        } else {
            None
        };
        let queries = apart(query, packed.map(|heads| heads.queries))?;
        let key = apart(key, packed.map(|heads| heads.keys))?;
        let value = apart(value, packed.map(|heads| heads.keys))?;
        let [batch, query_heads, queries, size] = queries;
        let [_, key_heads, keys, _] = &key;
        let heads = Heads {
            queries: query_heads.to_usize()?,
            keys: key_heads.to_usize()?,
        };
        ensure!(
            heads.keys > 0 && heads.queries.is_multiple_of(heads.keys),
            "{} heads of queries cannot share {} heads of keys",
            heads.queries,
            heads.keys
        );
        let [_, _, _, value_size] = &value;
        same(
            &key,
            &[batch.clone(), key_heads.clone(), keys.clone(), size.clone()],
        )?;
        same(
            &value,
            &[
                batch.clone(),
                key_heads.clone(),
                keys.clone(),
                value_size.clone(),
            ],
        )?;
        let mut all = keys.clone();
        if let Some([past_key, past_value]) = past {
            let length = past_key.get(2).context("a past has four axes")?;
            let shape = |size: &TDim| {
                [
                    batch.clone(),
                    key_heads.clone(),
                    length.clone(),
                    size.clone(),
                ]
            };
            same(past_key, &shape(&size))?;
            same(past_value, &shape(value_size))?;
            all += length;
        }
        Ok(Self {
            batch,
            heads,
            packed,
            queries,
            keys: all,
            size,
            value_size: value_size.clone(),
        })
    }

    /// The shape of the output.
    pub(crate) fn output(&self) -> TVec<TDim> {
        let (batch, queries) = (self.batch.clone(), self.queries.clone());
        let (heads, size) = (self.heads.queries, self.value_size.clone());
        if self.packed.is_some() {
            return tvec![batch, queries, size * heads];
        }
        tvec![batch, heads.to_dim(), queries, size]
    }

    /// The shape of all keys.
    pub(crate) fn key(&self) -> TVec<TDim> {
        self.of_keys(&self.size)
    }

    /// The shape of all values.
    pub(crate) fn value(&self) -> TVec<TDim> {
        self.of_keys(&self.value_size)
    }

    fn of_keys(&self, size: &TDim) -> TVec<TDim> {
        let (batch, keys) = (self.batch.clone(), self.keys.clone());
        tvec![batch, self.heads.keys.to_dim(), keys, size.clone()]
    }

    /// The shape of the scores.
    pub(crate) fn scores(&self) -> TVec<TDim> {
        let heads = self.heads.queries.to_dim();
        tvec![
            self.batch.clone(),
            heads,
            self.queries.clone(),
            self.keys.clone()
        ]
    }

    /// What scores are multiplied by where nothing is said.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "a size of a head is a small number"
    )]
    pub(crate) fn usual_scale(&self) -> TractResult<f32> {
        Ok((1.0 / (self.size.to_usize()? as f64).sqrt()) as f32)
    }
}

/// Batch, heads, tokens and size of an input.
fn apart(shape: &[TDim], heads: Option<usize>) -> TractResult<[TDim; 4]> {
    match (shape, heads) {
        ([batch, heads, tokens, size], None) => Ok([batch, heads, tokens, size].map(TDim::clone)),
        ([batch, tokens, width], Some(heads)) => {
            let wide = width.to_usize()?;
            ensure!(
                heads > 0 && wide.is_multiple_of(heads),
                "a width of {wide} is not one of {heads} heads"
            );
            let size = (wide / heads).to_dim();
            Ok([batch.clone(), heads.to_dim(), tokens.clone(), size])
        }
        (other, _) => {
            bail!("queries, keys and values have 3 axes or 4, all of them, given {other:?}")
        }
    }
}

/// Lengths that are numbers must be the same.
fn same(given: &[TDim], expected: &[TDim; 4]) -> TractResult<()> {
    let fits = |(given, expected): (&TDim, &TDim)| {
        let numbers = (given.to_i64(), expected.to_i64());
        !matches!(numbers, (Ok(given), Ok(expected)) if given != expected)
    };
    ensure!(
        given.len() == 4 && given.iter().zip(expected).all(fits),
        "keys, values or their past have the axes {given:?}, not {expected:?}"
    );
    Ok(())
}
