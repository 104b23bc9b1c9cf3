//! The engine behind one seam: load a model, say what it takes and gives, run it.
//!
//! Everything of tract stays in here. Whether a request fits a model is decided by `protocol`,
//! from the [`Specification`] alone; which models there are is `repository`'s.

mod contents;
mod convert;
mod integrity;
mod plans;
mod specification;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use tract_onnx::pb::{GraphProto, ModelProto};
use tract_onnx::prelude::{Framework, InferenceModel, TractError};

use crate::tensor::{Datatype, Tensor};
use plans::Plans;

pub use contents::Contents;
pub use integrity::Flaw;
pub use onnx_ml::{Unfit, Unsupported};
pub use specification::{Dimension, Port, PortError, Specification};

/// A loaded model, ready to run inputs of any shape it takes.
pub struct Model {
    specification: Specification,
    plans: Plans,
}

/// Why a file cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file is missing, truncated or something else.
    #[error("the file cannot be read as ONNX")]
    Unreadable(#[source] TractError),
    /// The file reads as ONNX but holds no operator at all.
    #[error("the file holds no ONNX graph")]
    Empty,
    /// The nodes are no graph that anybody could run.
    #[error(transparent)]
    Flaw(#[from] Flaw),
    /// Nodes that cannot be run rightly.
    #[error("{}", list(.0))]
    Unsupported(Vec<Unsupported>),
    /// Inputs or outputs that cannot be served.
    #[error("{}", list(.0))]
    Ports(Vec<PortError>),
    /// The nodes do not make a graph.
    #[error("the graph cannot be built")]
    Graph(#[source] TractError),
    /// The reader of ONNX files gave up.
    #[error("the file makes the ONNX reader fail")]
    Panicked,
}

/// Why a loaded model gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The graph does not hold together for inputs of these shapes.
    #[error("the model does not take inputs of these shapes together")]
    Shapes(#[source] TractError),
    /// An operator does not take a value of the inputs.
    #[error("the model does not take a value of the inputs")]
    Unfit(#[source] Unfit),
    /// An operator failed.
    #[error("the model failed")]
    Failed(#[source] TractError),
    /// An operator panicked.
    #[error("an operator of the model panicked")]
    Panicked,
    /// An output is of a datatype that is not the declared one.
    #[error("output `{name}` is `{given}` where the file declares `{declared}`")]
    Datatype {
        /// The output.
        name: String,
        /// What the file declares.
        declared: Datatype,
        /// What came out.
        given: String,
    },
}

impl RunError {
    fn of(error: TractError) -> Self {
        match Unfit::of(&error) {
            Some(unfit) => Self::Unfit(unfit),
            None => Self::Failed(error),
        }
    }
}

fn list<T: fmt::Display>(problems: &[T]) -> String {
    let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
    texts.join("; ")
}

impl Model {
    /// Reads an ONNX file; data outside the file must lie in its folder.
    pub fn load(file: &Path) -> Result<Self, LoadError> {
        catch_unwind(AssertUnwindSafe(|| Self::read(file))).unwrap_or(Err(LoadError::Panicked))
    }

    fn read(file: &Path) -> Result<Self, LoadError> {
        let onnx = onnx_ml::onnx();
        let mut proto = proto(&onnx, file)?;
        let maps = onnx_ml::flatten_maps(&mut proto);
        let graph = proto.graph.as_ref().ok_or(LoadError::Empty)?;
        if let Some(flaw) = integrity::flaw(graph) {
            return Err(flaw.into());
        }
        let unsupported = onnx_ml::unsupported(&onnx, &proto);
        if !unsupported.is_empty() {
            return Err(LoadError::Unsupported(unsupported));
        }
        let specification = Specification::of(graph, &maps).map_err(LoadError::Ports)?;
        let graph = build(&onnx, &proto, file).map_err(LoadError::Graph)?;
        Ok(Self {
            specification,
            plans: Plans::new(graph),
        })
    }

    /// What the model takes and gives.
    pub fn specification(&self) -> &Specification {
        &self.specification
    }

    /// Corrects the declared shapes of the outputs by an answer that was found right.
    pub fn correct(&mut self, outputs: &[Tensor]) {
        for (port, output) in self.specification.outputs.iter_mut().zip(outputs) {
            port.correct(output.shape());
        }
    }

    /// Runs the model on its inputs, in the order of the specification.
    ///
    /// The inputs must fit the specification. A panic costs this run, not the process.
    pub fn run(&self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>, RunError> {
        catch_unwind(AssertUnwindSafe(|| self.run_unguarded(inputs)))
            .unwrap_or(Err(RunError::Panicked))
    }

    fn run_unguarded(&self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>, RunError> {
        let shapes = inputs.iter().map(|input| input.shape().to_vec()).collect();
        let types: Vec<_> = inputs
            .iter()
            .map(|input| convert::datum_type(input.datatype()))
            .collect();
        let inputs: Result<_, _> = inputs.into_iter().map(convert::to_tract).collect();
        let inputs = inputs.map_err(RunError::Failed)?;
        let plan = self.plans.plan(shapes, &types).map_err(RunError::Shapes)?;
        let outputs = plan.run(inputs).map_err(RunError::of)?;
        let ports = self.specification.outputs.iter();
        ports
            .zip(outputs.iter())
            .map(|(port, output)| convert::from_tract(port, output))
            .collect()
    }
}

/// Reads the file. Anything at all reads as ONNX as long as it is short enough: a graph with outputs is one.
fn proto(onnx: &tract_onnx::Onnx, file: &Path) -> Result<ModelProto, LoadError> {
    let proto = onnx
        .proto_model_for_path(file)
        .map_err(LoadError::Unreadable)?;
    let is_graph = |graph: &GraphProto| !graph.output.is_empty();
    if proto.graph.as_ref().is_some_and(is_graph) {
        Ok(proto)
    } else {
        Err(LoadError::Empty)
    }
}

fn build(
    onnx: &tract_onnx::Onnx,
    proto: &ModelProto,
    file: &Path,
) -> Result<InferenceModel, TractError> {
    let folder = file.parent().and_then(Path::to_str);
    let parsed = onnx.parse(proto, folder)?;
    if let Some(name) = parsed.unresolved_inputs.first() {
        return Err(TractError::msg(format!("no node makes the value `{name}`")));
    }
    Ok(parsed.model)
}

impl fmt::Debug for Model {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Model")
            .field("specification", &self.specification)
            .finish_non_exhaustive()
    }
}
