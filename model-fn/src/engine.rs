//! The engine behind one seam: load a model, say what it takes and gives, run it.
//!
//! Everything of tract stays in here. Whether a request fits a model is decided by `protocol`,
//! from the [`Specification`] alone; which models there are is `repository`'s.

mod contents;
mod convert;
mod integrity;
mod memory;
mod plans;
mod specification;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::LazyLock;

use tract_onnx::Onnx;
use tract_onnx::pb::{GraphProto, ModelProto};
use tract_onnx::prelude::TractError;

use crate::tensor::{Datatype, Tensor};
use plans::{PlanError, Plans};

pub use contents::Contents;
pub use integrity::Flaw;
use memory::Taken;
pub use memory::{Budget, Memory, Room, TooLarge};
pub use onnx_ml::{Unfit, Unsupported};
pub use specification::{Dimension, Port, PortError, Specification};

/// In bytes, of each thread that loads or runs models: as much as a main thread has, for what overflows a stack ends the
/// process.
pub const STACK: usize = 8 << 20;

/// The reader: to fill its table of operators takes longer than to read a small model.
static ONNX: LazyLock<Onnx> = LazyLock::new(onnx_ml::onnx);

/// A loaded model, ready to run inputs of any shape it takes.
pub struct Model {
    specification: Specification,
    plans: Plans,
    /// The weights, of the memory.
    _weights: Taken,
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
    /// The weights are larger than the memory.
    #[error("the model is too large for the function: raise `ModelMemory`")]
    TooLarge(#[source] TooLarge),
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
    /// A run on inputs of these shapes would not fit into the memory.
    #[error(
        "the model is too large for the function on inputs of these shapes: raise `ModelMemory`"
    )]
    TooLarge(#[source] TooLarge),
    /// A run would not fit into the memory beside those that are going on.
    #[error("other requests use the memory that this one needs: try again")]
    Busy(#[source] TooLarge),
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

impl From<PlanError> for RunError {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::Shapes(source) => Self::Shapes(source),
            PlanError::TooLarge(source) => Self::TooLarge(source),
            PlanError::Busy(source) => Self::Busy(source),
        }
    }
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
        Self::load_within(file, &Budget::new(Memory::UNKNOWN))
    }

    /// The same, and runs the model, within this memory; its weights stay taken from it.
    pub fn load_within(file: &Path, budget: &Budget) -> Result<Self, LoadError> {
        let read = || Self::read(file, budget);
        catch_unwind(AssertUnwindSafe(read)).unwrap_or(Err(LoadError::Panicked))
    }

    fn read(file: &Path, budget: &Budget) -> Result<Self, LoadError> {
        let bytes = file.metadata().map_or(0, |found| found.len());
        budget.check(bytes).map_err(LoadError::TooLarge)?;
        let mut proto = proto(&ONNX, file)?;
        let maps = onnx_ml::flatten_maps(&mut proto);
        let graph = proto.graph.as_ref().ok_or(LoadError::Empty)?;
        if let Some(flaw) = integrity::flaw(graph) {
            return Err(flaw.into());
        }
        let stored = memory::stored(graph).max(bytes);
        budget.check(stored).map_err(LoadError::TooLarge)?;
        let unsupported = onnx_ml::unsupported(&ONNX, &proto);
        if !unsupported.is_empty() {
            return Err(LoadError::Unsupported(unsupported));
        }
        let specification = Specification::of(graph, &maps).map_err(LoadError::Ports)?;
        let folder = file.parent().unwrap_or(Path::new(""));
        let graph = onnx_ml::file::build(&ONNX, proto, folder).map_err(LoadError::Graph)?;
        Ok(Self {
            specification,
            _weights: budget.taken(stored),
            plans: Plans::new(graph, budget.clone()),
        })
    }

    /// Makes the plan for inputs of these shapes, for the first caller's sake.
    pub fn prepare(&self, shapes: Vec<Vec<usize>>) -> Result<(), RunError> {
        let ports = self.specification.inputs.iter();
        let types: Vec<_> = ports
            .map(|port| convert::datum_type(port.datatype))
            .collect();
        let plan = || self.plans.plan(shapes, &types);
        let plan = catch_unwind(AssertUnwindSafe(plan)).map_err(|_| RunError::Panicked)?;
        plan.map(drop).map_err(RunError::from)
    }

    /// What the model takes and gives.
    pub fn specification(&self) -> &Specification {
        &self.specification
    }

    /// Names the values in a row of the only input, where the file does not.
    pub fn name_columns(&mut self, columns: &[String]) {
        if let ([port], [_, ..]) = (self.specification.inputs.as_mut_slice(), columns)
            && port.labels.is_empty()
        {
            port.labels = columns.to_vec();
        }
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
        let ready = self.plans.ready(shapes, &types)?;
        let outputs = ready.plan.run(inputs).map_err(RunError::of)?;
        let ports = self.specification.outputs.iter();
        ports
            .zip(outputs)
            .map(|(port, output)| convert::from_tract(port, output))
            .collect()
    }
}

/// Reads the file. Anything at all reads as ONNX as long as it is short enough: a graph with outputs is one.
fn proto(onnx: &Onnx, file: &Path) -> Result<ModelProto, LoadError> {
    let proto = onnx_ml::file::read(onnx, file).map_err(LoadError::Unreadable)?;
    let is_graph = |graph: &GraphProto| !graph.output.is_empty();
    if proto.graph.as_ref().is_some_and(is_graph) {
        Ok(proto)
    } else {
        Err(LoadError::Empty)
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Model")
            .field("specification", &self.specification)
            .finish_non_exhaustive()
    }
}
