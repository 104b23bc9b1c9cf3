//! A recurrent layer as its attributes describe it.

use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::activation::Activation;

/// What becomes of the states in a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Rnn,
    Gru,
    Lstm,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Rnn => "RNN",
            Self::Gru => "GRU",
            Self::Lstm => "LSTM",
        }
    }

    /// How many gates there are, the candidate among them.
    pub(super) fn gates(self) -> usize {
        match self {
            Self::Rnn => 1,
            Self::Gru => 3,
            Self::Lstm => 4,
        }
    }

    fn usual(self) -> &'static [&'static str] {
        match self {
            Self::Rnn => &["Tanh"],
            Self::Gru => &["Sigmoid", "Tanh"],
            Self::Lstm => &["Sigmoid", "Tanh", "Tanh"],
        }
    }
}

/// One way through the steps.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Direction {
    pub(super) is_reverse: bool,
    /// As many as a layer of this kind has.
    pub(super) activations: Vec<Activation>,
}

#[derive(Debug, Clone)]
pub(super) struct Layer {
    pub(super) kind: Kind,
    pub(super) directions: Vec<Direction>,
    /// What goes into an activation is at most this far from zero.
    pub(super) clip: f32,
    /// The forget gate of an `LSTM` is what the input gate leaves.
    pub(super) is_coupled: bool,
    /// The reset gate of a `GRU` is applied after the product.
    pub(super) resets_product: bool,
}

impl Layer {
    pub(super) fn read(node: &NodeProto, kind: Kind) -> TractResult<Self> {
        let is_reverse: &[bool] = match node.get_attr_opt("direction")?.unwrap_or("forward") {
            "forward" => &[false],
            "reverse" => &[true],
            "bidirectional" => &[false, true],
            other => bail!("`direction` is `{other}`"),
        };
        let activations = activations(node, kind, is_reverse.len())?;
        let directions = is_reverse.iter().zip(activations);
        let flag =
            |name| -> TractResult<bool> { Ok(node.get_attr_opt(name)?.unwrap_or(0i64) != 0) };
        let clip: f32 = node.get_attr_opt("clip")?.unwrap_or(0.0);
        Ok(Self {
            kind,
            directions: directions
                .map(|(is_reverse, activations)| Direction {
                    is_reverse: *is_reverse,
                    activations,
                })
                .collect(),
            clip: if clip > 0.0 { clip } else { f32::INFINITY },
            is_coupled: flag("input_forget")?,
            resets_product: flag("linear_before_reset")?,
        })
    }

    /// Whether the attributes are those that tract computes.
    pub(super) fn is_plain(&self) -> bool {
        let usual =
            |activation: &Activation| matches!(activation, Activation::Sigmoid | Activation::Tanh);
        let directions = &self.directions;
        let are_usual = directions.iter().all(|direction| {
            let given = direction.activations.iter();
            let mut names = given.zip(self.kind.usual());
            let is_usual = |(given, name): (&Activation, &&str)| {
                usual(given) && (*given == Activation::Tanh) == (*name == "Tanh")
            };
            names.all(is_usual)
        });
        are_usual && self.clip.is_infinite() && !self.is_coupled
    }

    pub(super) fn is_reverse(&self) -> bool {
        matches!(self.directions.as_slice(), [only] if only.is_reverse)
    }
}

/// The activations of each direction; as onnxruntime does, names beyond these are left out.
fn activations(
    node: &NodeProto,
    kind: Kind,
    directions: usize,
) -> TractResult<Vec<Vec<Activation>>> {
    let usual = kind.usual();
    let mut names: Vec<&str> = node.get_attr_opt_vec("activations")?.unwrap_or_default();
    if names.is_empty() {
        names = usual.repeat(directions);
    }
    ensure!(
        names.len() >= usual.len() * directions,
        "`activations` has {} entries, {} are needed",
        names.len(),
        usual.len() * directions
    );
    let list =
        |name| -> TractResult<Vec<f32>> { Ok(node.get_attr_opt_vec(name)?.unwrap_or_default()) };
    let mut alphas = list("activation_alpha")?.into_iter();
    let mut betas = list("activation_beta")?.into_iter();
    let mut read = Vec::new();
    for name in names.into_iter().take(usual.len() * directions) {
        let alpha = |usual| alphas.next().unwrap_or(usual);
        let beta = |usual| betas.next().unwrap_or(usual);
        read.push(Activation::named(name, alpha, beta)?);
    }
    Ok(read.chunks(usual.len()).map(<[_]>::to_vec).collect())
}
