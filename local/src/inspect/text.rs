//! What is told of a model, for people.

use std::fmt::{self, Write as _};

use model_fn::engine::Port;

use super::Inspection;

/// Everything, each kind under its own heading.
pub(super) fn text(told: &Inspection) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write_file(&mut text, told);
    let _ = write_graph(&mut text, told);
    let _ = write_costs(&mut text, told);
    text
}

fn write_file(text: &mut String, told: &Inspection) -> fmt::Result {
    let contents = &told.contents;
    writeln!(
        text,
        "{}: {} bytes, IR version {}, written by {}",
        told.file.display(),
        told.bytes,
        contents.ir_version,
        match contents.producer.as_str() {
            "" => "nobody who says so",
            producer => producer,
        }
    )?;
    let named = |domain: &str| match domain {
        "" => "ai.onnx".to_owned(),
        domain => domain.to_owned(),
    };
    for (domain, version) in &contents.opsets {
        writeln!(text, "opset of {}: {version}", named(domain))?;
    }
    if !contents.description.is_empty() {
        writeln!(text, "{}", contents.description)?;
    }
    for (name, value) in &contents.metadata {
        writeln!(text, "{name}: {value}")?;
    }
    Ok(())
}

fn write_graph(text: &mut String, told: &Inspection) -> fmt::Result {
    write_ports(text, "inputs", &told.inputs)?;
    write_ports(text, "outputs", &told.outputs)?;
    writeln!(text, "\noperators")?;
    for (operator, count) in &told.contents.operators {
        writeln!(text, "  {count:>6}  {operator}")?;
    }
    writeln!(text, "parameters\n  {:>6}", told.contents.parameters)?;
    if !told.contents.unsupported.is_empty() {
        writeln!(text, "\nunsupported")?;
    }
    for found in &told.contents.unsupported {
        writeln!(text, "  {found}")?;
    }
    Ok(())
}

fn write_ports(text: &mut String, heading: &str, ports: &[Port]) -> fmt::Result {
    if ports.is_empty() {
        return Ok(());
    }
    writeln!(text, "\n{heading}")?;
    let width = ports.iter().map(|port| port.name.chars().count()).max();
    let width = width.unwrap_or_default();
    for port in ports {
        let datatype = port.datatype.to_string();
        match port.lengths() {
            Some(shape) => writeln!(text, "  {:width$}  {datatype:6}  {shape:?}", port.name)?,
            None => writeln!(text, "  {:width$}  {datatype:6}  of any shape", port.name)?,
        }
    }
    Ok(())
}

fn write_costs(text: &mut String, told: &Inspection) -> fmt::Result {
    if let Some(problem) = &told.problem {
        writeln!(text, "\ncannot be served: {problem}")?;
    }
    if let Some(load) = told.load_milliseconds {
        writeln!(text, "\nload     {load:.2} ms")?;
    }
    if let Some(bytes) = told.memory_bytes {
        writeln!(text, "memory   {} kB", bytes / 1024)?;
    }
    for run in &told.runs {
        writeln!(
            text,
            "{:8} {:.3} ms, the first one {:.3} ms (median of {} runs)",
            rows(run.rows),
            run.median_milliseconds,
            run.first_milliseconds,
            run.runs
        )?;
    }
    write!(text, "\nmodel.yaml to start from:\n\n{}", told.model_yaml)
}

fn rows(count: usize) -> String {
    match count {
        1 => "1 row".to_owned(),
        count => format!("{count} rows"),
    }
}
