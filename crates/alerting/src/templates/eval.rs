use kernel::{Labels, limits};

use super::parse::{Command, Node, Operand, Pipeline};
use super::value::Value;

/// What a template sees.
pub(super) struct Context<'a> {
    pub(super) labels: &'a Labels,
    pub(super) value: f64,
}

impl Context<'_> {
    pub(super) fn expand(&self, nodes: &[Node], out: &mut String) -> Result<(), String> {
        for node in nodes {
            match node {
                Node::Text(text) => out.push_str(text),
                Node::Value(pipeline) => out.push_str(&self.run(pipeline)?.to_text()),
                Node::If { branches, otherwise } => {
                    let mut taken = otherwise;
                    for (condition, body) in branches {
                        if self.run(condition)?.is_true() {
                            taken = body;
                            break;
                        }
                    }
                    self.expand(taken, out)?;
                }
            }
            if out.len() > limits::TEXT_BYTES_MAX {
                return Err(format!("the text is longer than {} bytes", limits::TEXT_BYTES_MAX));
            }
        }
        Ok(())
    }

    fn run(&self, pipeline: &Pipeline) -> Result<Value, String> {
        let mut last: Option<Value> = None;
        for command in pipeline {
            last = Some(match command {
                Command::Operand(operand) => self.operand(operand)?,
                Command::Call(function, operands) => {
                    let mut arguments =
                        operands.iter().map(|o| self.operand(o)).collect::<Result<Vec<_>, _>>()?;
                    arguments.extend(last.take());
                    let call = function.call;
                    call(arguments).map_err(|error| format!("{}: {error}", function.name))?
                }
            });
        }
        last.ok_or_else(|| "a value is missing".to_owned())
    }

    fn operand(&self, operand: &Operand) -> Result<Value, String> {
        Ok(match operand {
            Operand::Text(text) => Value::Text(text.clone()),
            Operand::Int(int) => Value::Int(*int),
            Operand::Float(float) => Value::Float(*float),
            Operand::Bool(bool) => Value::Bool(*bool),
            Operand::Labels => Value::Labels(self.labels.clone()),
            Operand::NoLabels => Value::Labels(Labels::default()),
            Operand::Label(name) => Value::Text(self.labels.get(name).unwrap_or("").to_owned()),
            Operand::Value => Value::Float(self.value),
            Operand::Nested(pipeline) => self.run(pipeline)?,
        })
    }
}
