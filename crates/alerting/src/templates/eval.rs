//! The expansion of one template for one alert: nodes write, pipelines give values, and all of it is bounded.

use std::rc::Rc;

use kernel::limits as kernel_limits;

use super::Scene;
use super::expressions::{Command, Operand, Pipeline};
use super::functions::{Call, Function};
use super::parse::{Node, Parsed, VARIABLES};
use super::value::{Alert, Value, bounded};
use crate::limits;

/// Bytes of text that cost as much as one step.
const BYTES_PER_STEP: usize = 64;

pub(super) struct Machine<'a> {
    scene: &'a Scene<'a>,
    parsed: &'a Parsed,
    variables: Vec<(&'a str, Value)>,
    /// Steps that are left.
    steps: usize,
    /// Queries that are left.
    queries: usize,
    depth: usize,
    out: String,
}

/// Where it goes on after a node.
#[derive(PartialEq, Eq)]
enum Flow {
    Next,
    Break,
    Continue,
}

/// The text of a template for an alert.
pub(super) fn expand(parsed: &Parsed, scene: &Scene<'_>) -> Result<String, String> {
    let alert = Value::Alert(Rc::new(Alert {
        labels: scene.labels.clone(),
        external_labels: scene.outside.labels.clone(),
        external_url: scene.outside.url.as_str().into(),
        value: scene.value,
    }));
    let value = |name: &str| match name {
        "labels" => Value::Labels(scene.labels.clone()),
        "externalLabels" => Value::Labels(scene.outside.labels.clone()),
        "externalURL" => scene.outside.url.as_str().into(),
        "value" => Value::Float(scene.value),
        _ => alert.clone(),
    };
    let mut machine = Machine {
        scene,
        parsed,
        variables: VARIABLES.map(|name| (name, value(name))).to_vec(),
        steps: limits::TEMPLATE_STEPS_MAX,
        queries: limits::TEMPLATE_QUERIES_MAX,
        depth: 0,
        out: String::new(),
    };
    machine.nodes(&parsed.main, &alert)?;
    Ok(machine.out)
}

impl<'a> Machine<'a> {
    fn spend(&mut self, steps: usize) -> Result<(), String> {
        let left = self.steps.checked_sub(steps);
        self.steps =
            left.ok_or_else(|| format!("it takes more than {} steps", limits::TEMPLATE_STEPS_MAX))?;
        Ok(())
    }

    /// What is done inside of something.
    fn inside<T>(&mut self, act: impl FnOnce(&mut Self) -> Result<T, String>) -> Result<T, String> {
        self.depth += 1;
        if self.depth > limits::TEMPLATE_DEPTH_MAX {
            return Err(format!("nested deeper than {}", limits::TEMPLATE_DEPTH_MAX));
        }
        let done = act(self)?;
        self.depth -= 1;
        Ok(done)
    }

    fn nodes(&mut self, nodes: &'a [Node], dot: &Value) -> Result<Flow, String> {
        self.inside(|machine| {
            for node in nodes {
                let flow = machine.node(node, dot)?;
                if flow != Flow::Next {
                    return Ok(flow);
                }
            }
            Ok(Flow::Next)
        })
    }

    fn node(&mut self, node: &'a Node, dot: &Value) -> Result<Flow, String> {
        self.spend(1)?;
        match node {
            Node::Text(text) => self.write(text)?,
            Node::Action(pipeline) => {
                let value = self.pipeline(pipeline, dot)?;
                if pipeline.variables.is_empty() {
                    self.write(&value.to_text()?)?;
                }
            }
            Node::Branch { sets_dot, branches, otherwise } => {
                let known = self.variables.len();
                let flow = self.branch(*sets_dot, branches, otherwise, dot)?;
                self.variables.truncate(known);
                return Ok(flow);
            }
            Node::Range { over, body, otherwise } => {
                let known = self.variables.len();
                let flow = self.range(over, body, otherwise, dot)?;
                self.variables.truncate(known);
                return Ok(flow);
            }
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
            Node::Template { name, with } => {
                let value = with.as_ref().map_or(Ok(Value::Nil), |with| self.pipeline(with, dot))?;
                self.template(name, &value)?;
            }
        }
        Ok(Flow::Next)
    }

    fn write(&mut self, text: &str) -> Result<(), String> {
        self.spend(text.len() / BYTES_PER_STEP)?;
        if self.out.len() + text.len() > kernel_limits::TEXT_BYTES_MAX {
            return Err(format!("the text is longer than {} bytes", kernel_limits::TEXT_BYTES_MAX));
        }
        self.out.push_str(text);
        Ok(())
    }

    fn branch(
        &mut self,
        sets_dot: bool,
        branches: &'a [(Pipeline, Vec<Node>)],
        otherwise: &'a [Node],
        dot: &Value,
    ) -> Result<Flow, String> {
        for (condition, body) in branches {
            let value = self.pipeline(condition, dot)?;
            if value.is_true() {
                return self.nodes(body, if sets_dot { &value } else { dot });
            }
        }
        self.nodes(otherwise, dot)
    }

    /// A template knows its own dot and nothing else.
    fn template(&mut self, name: &str, dot: &Value) -> Result<(), String> {
        let parsed = self.parsed;
        let Some(body) = parsed.named.get(name) else {
            return Err(format!("there is no template `{name}`"));
        };
        let outer = std::mem::replace(&mut self.variables, vec![("", dot.clone())]);
        self.nodes(body, dot)?;
        self.variables = outer;
        Ok(())
    }

    fn range(
        &mut self,
        over: &'a Pipeline,
        body: &'a [Node],
        otherwise: &'a [Node],
        dot: &Value,
    ) -> Result<Flow, String> {
        let value = self.commands(over, dot)?;
        let count = match &value {
            Value::Nil => 0,
            Value::Int(count) => usize::try_from(*count).unwrap_or(0),
            Value::Samples(samples) => samples.len(),
            Value::Labels(labels) => labels.len(),
            Value::Map(entries, _) => entries.len(),
            other => return Err(format!("range cannot go over a {}", other.kind())),
        };
        if count == 0 {
            return self.nodes(otherwise, dot);
        }
        for place in 0..count {
            self.spend(1)?;
            let (key, element) = element(&value, place);
            let known = self.variables.len();
            match &over.variables[..] {
                [] => {}
                [only] => self.assign(over, only, element.clone()),
                [first, second, ..] => {
                    self.assign(over, first, key);
                    self.assign(over, second, element.clone());
                }
            }
            let flow = self.nodes(body, &element)?;
            self.variables.truncate(known);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(Flow::Next)
    }

    fn assign(&mut self, pipeline: &Pipeline, name: &'a str, value: Value) {
        let known = self.variables.iter_mut().rev().find(|(known, _)| *known == name);
        match known.filter(|_| !pipeline.declares) {
            Some((_, held)) => *held = value,
            None => self.variables.push((name, value)),
        }
    }

    fn pipeline(&mut self, pipeline: &'a Pipeline, dot: &Value) -> Result<Value, String> {
        let value = self.commands(pipeline, dot)?;
        for name in &pipeline.variables {
            self.assign(pipeline, name, value.clone());
        }
        Ok(value)
    }

    fn commands(&mut self, pipeline: &'a Pipeline, dot: &Value) -> Result<Value, String> {
        let mut last: Option<Value> = None;
        for command in &pipeline.commands {
            let value = self.command(command, last.take(), dot)?;
            if let Value::Text(text) = &value {
                bounded(text)?;
                self.spend(text.len() / BYTES_PER_STEP)?;
            }
            last = Some(value);
        }
        last.ok_or_else(|| "a value is missing".to_owned())
    }

    fn command(&mut self, command: &'a Command, piped: Option<Value>, dot: &Value) -> Result<Value, String> {
        self.spend(1)?;
        match &command.head {
            Operand::Function(function) => self.call(function, &command.arguments, piped, dot),
            Operand::Fields(of, names) => {
                let mut given = self.operands(&command.arguments, dot)?;
                given.extend(piped);
                let (of, (last, before)) = (self.operand(of, dot)?, names.split_last().unzip());
                let before: &[String] = before.unwrap_or_default();
                let value = before.iter().try_fold(of, |value, name| value.field(name, &[]))?;
                last.map_or(Ok(value.clone()), |last| value.field(last, &given))
            }
            operand => self.operand(operand, dot),
        }
    }

    fn operands(&mut self, operands: &'a [Operand], dot: &Value) -> Result<Vec<Value>, String> {
        operands.iter().map(|operand| self.operand(operand, dot)).collect()
    }

    fn operand(&mut self, operand: &'a Operand, dot: &Value) -> Result<Value, String> {
        self.spend(1)?;
        Ok(match operand {
            Operand::Nil => Value::Nil,
            Operand::Text(text) => text.as_str().into(),
            Operand::Int(int) => Value::Int(*int),
            Operand::Float(float) => Value::Float(*float),
            Operand::Bool(bool) => Value::Bool(*bool),
            Operand::Dot => dot.clone(),
            Operand::Variable(name) => {
                let known = self.variables.iter().rev().find(|(known, _)| known == name);
                known
                    .map(|(_, value)| value.clone())
                    .ok_or_else(|| format!("there is no variable `${name}`"))?
            }
            Operand::Fields(of, names) => {
                let of = self.operand(of, dot)?;
                names.iter().try_fold(of, |value, name| value.field(name, &[]))?
            }
            Operand::Function(function) => self.call(function, &[], None, dot)?,
            Operand::Nested(pipeline) => self.inside(|machine| machine.commands(pipeline, dot))?,
        })
    }

    fn call(
        &mut self,
        function: &'static Function,
        arguments: &'a [Operand],
        piped: Option<Value>,
        dot: &Value,
    ) -> Result<Value, String> {
        let named = |error: String| format!("{}: {error}", function.name);
        let call = match &function.call {
            Call::Until { is_true } => return self.until(*is_true, arguments, piped, dot),
            Call::Scene(read) => return Ok(read(self.scene)),
            Call::Pure(call) => Some(call),
            Call::Query => None,
        };
        let mut given = self.operands(arguments, dot)?;
        given.extend(piped);
        match call {
            Some(call) => call(&given).map_err(named),
            None => self.query(&given).map_err(named),
        }
    }

    /// `and` and `or`: what decides, and nothing behind it is looked at.
    fn until(
        &mut self,
        is_true: bool,
        arguments: &'a [Operand],
        piped: Option<Value>,
        dot: &Value,
    ) -> Result<Value, String> {
        let mut last = Value::Nil;
        for argument in arguments {
            last = self.operand(argument, dot)?;
            if last.is_true() == is_true {
                return Ok(last);
            }
        }
        Ok(piped.unwrap_or(last))
    }

    fn query(&mut self, given: &[Value]) -> Result<Value, String> {
        let [Value::Text(query)] = given else {
            return Err(format!("wrong type: expected string, found {}", given[0].kind()));
        };
        let left = self.queries.checked_sub(1);
        self.queries = left.ok_or_else(|| format!("more than {} queries", limits::TEMPLATE_QUERIES_MAX))?;
        (self.scene.ask)(query).map(Value::Samples)
    }
}

/// What stands at a place of what is gone over, with its key.
fn element(value: &Value, place: usize) -> (Value, Value) {
    let number = Value::Int(i64::try_from(place).unwrap_or(i64::MAX));
    match value {
        Value::Samples(samples) => (number, Value::Sample(Rc::new(samples[place].clone()))),
        Value::Labels(labels) => labels
            .iter()
            .nth(place)
            .map_or((Value::Nil, Value::Nil), |(key, value)| (key.into(), value.into())),
        Value::Map(entries, _) => {
            let entry = entries.iter().nth(place);
            entry.map_or((Value::Nil, Value::Nil), |(key, value)| (key.as_str().into(), value.clone()))
        }
        _ => (number.clone(), number),
    }
}
