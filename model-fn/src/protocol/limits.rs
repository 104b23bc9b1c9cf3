//! What a request may cost at most.

/// The limits on one request and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the body, after base64.
    pub body_bytes: usize,
    /// Bytes of a body once it is decompressed, and of an answer before it is compressed.
    pub decoded_bytes: usize,
    /// Bytes of the answer's body as it is sent: compressed, and in base64 where it is no text.
    pub reply_bytes: usize,
    /// Rows: the length of the first axis where the model leaves it open.
    pub rows: usize,
    /// Scalars in all inputs together.
    pub elements: usize,
    /// Bytes of one text among the inputs, in UTF-8.
    pub text_bytes: usize,
    /// Lists within lists.
    pub depth: usize,
}

impl Limits {
    /// Lambda takes events of 6 MiB (6291456 bytes), where the gateway puts bodies in base64: 4.7 MB
    /// become 6266668 bytes. The other 24 kB are for the headers, which stand in the event twice and
    /// have 10240 bytes at most, and for the context. So what is within the limit always comes
    /// through, and what is not is mostly told so here, with the number.
    ///
    /// A body of 4.7 MB holds 4.7 million scalars at most: bytes of an image in the binary extension. In
    /// JSON that is decompressed, two million 32-bit floats have twelve characters each.
    ///
    /// A text of a megabyte is a book; what cuts texts into pieces takes time with their length, and more memory than they do.
    ///
    /// Lambda takes answers of 6 MB; quotes in them are escaped, so an answer may grow on its way
    /// out. No model takes tensors of more than a few axes, and the reader's own stack ends at 128.
    pub const DEFAULT: Self = Self {
        body_bytes: 4_700_000,
        decoded_bytes: 24_000_000,
        reply_bytes: 5 * 1024 * 1024,
        rows: 10_000,
        elements: 5_000_000,
        text_bytes: 1_000_000,
        depth: 16,
    };

    /// The largest `depth` that the JSON reader's stack allows, the objects around lists included.
    pub const DEEPEST: usize = 100;

    /// These limits where those of the body and of rows are not narrower; compressing a body widens nothing.
    pub fn narrowed(self, body_bytes: Option<usize>, rows: Option<usize>) -> Self {
        let body_bytes = body_bytes.unwrap_or(usize::MAX);
        Self {
            body_bytes: self.body_bytes.min(body_bytes),
            decoded_bytes: self.decoded_bytes.min(body_bytes),
            rows: rows.map_or(self.rows, |rows| self.rows.min(rows)),
            ..self
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
