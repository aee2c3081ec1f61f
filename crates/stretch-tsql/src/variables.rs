//! The values of a batch while it runs: DECLARE and SET, PRINT, and the arguments of EXEC.

use crate::ast::{Argument, Body, Exec, Expression, Operand};
use crate::error::{Error, Kind, number};
use crate::lexer::MAX_NAME;
use crate::position::Position;
use crate::procedures::{ParameterKind, Procedure, check_rpo_hours};
use crate::values::{Type, Value};

/// The variables of one batch.
#[derive(Debug, Default)]
pub struct Variables {
    slots: Vec<(String, Type, Value)>,
}

/// What is left to do for a statement.
#[derive(Debug, PartialEq)]
pub enum Step {
    /// Nothing; the notices say what SQL Server would do in silence.
    Done(Vec<String>),
    /// Show this line.
    Print(String),
    /// Call a procedure.
    Call(Call),
    /// The statement holds everything itself.
    Statement,
}

/// A procedure with the values of its parameters.
#[derive(Debug, PartialEq)]
pub struct Call {
    /// The procedure.
    pub procedure: Procedure,
    /// A value for each parameter, converted to its type; `None` where the default holds.
    pub values: Vec<Option<Value>>,
    /// The variable for each parameter that gives a value back.
    pub outputs: Vec<Option<String>>,
    /// The variable that takes the return code.
    pub returns: Option<String>,
}

impl Variables {
    /// No variable yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Carries out what needs variables only, and gathers the values of what needs more.
    pub fn step(&mut self, body: &Body) -> Result<Step, Error> {
        match body {
            Body::Declare(declarations) => {
                let mut notices = Vec::new();
                for declaration in declarations {
                    self.slots
                        .push((declaration.variable.clone(), declaration.kind, Value::Null));
                    if let Some(value) = &declaration.value {
                        let value = self.value(value)?;
                        notices.extend(self.store(&declaration.variable, &value, declaration.at)?);
                    }
                }
                Ok(Step::Done(notices))
            }
            Body::Set { variable, value } => {
                let at = value.at;
                let value = self.value(value)?;
                Ok(Step::Done(self.store(variable, &value, at)?.into_iter().collect()))
            }
            Body::Print(value) => Ok(Step::Print(self.value(value)?.shown())),
            Body::Exec(exec) => self.call(exec).map(Step::Call),
            _ => Ok(Step::Statement),
        }
    }

    /// Stores a value: of SET, of a return code or of an OUTPUT parameter. Returns a notice when a string was cut.
    pub fn store(&mut self, variable: &str, value: &Value, at: Position) -> Result<Option<String>, Error> {
        let Some(slot) = self.slots.iter_mut().find(|slot| slot.0 == variable) else {
            return Err(Error::new(
                Kind::Name,
                number::NOT_DECLARED,
                at,
                "the variable is not declared",
            ));
        };
        let (value, cut) = slot.1.hold(value, at)?;
        slot.2 = value;
        Ok(cut.then(|| format!("a string was cut to the length of its variable, as SQL Server does ({at})")))
    }

    fn value(&self, expression: &Expression) -> Result<Value, Error> {
        let at = expression.at;
        let [only] = expression.operands.as_slice() else {
            let mut joined = String::new();
            for operand in &expression.operands {
                match self.operand(operand, at)? {
                    Value::Text(text) => joined.push_str(&text),
                    Value::Null => return Ok(Value::Null),
                    Value::Bit(_) | Value::Int(_) => return Err(strings_only(at)),
                }
            }
            return Ok(Value::Text(joined));
        };
        self.operand(only, at)
    }

    fn operand(&self, operand: &Operand, at: Position) -> Result<Value, Error> {
        match operand {
            Operand::Literal(value) => Ok(value.clone()),
            Operand::Variable(name) => {
                let slot = self.slots.iter().find(|slot| slot.0 == *name);
                slot.map(|slot| slot.2.clone())
                    .ok_or_else(|| Error::new(Kind::Name, number::NOT_DECLARED, at, "the variable is not declared"))
            }
        }
    }

    fn call(&self, exec: &Exec) -> Result<Call, Error> {
        let parameters = exec.procedure.parameters();
        let mut values = Vec::with_capacity(parameters.len());
        let mut outputs = Vec::with_capacity(parameters.len());
        for (parameter, argument) in parameters.iter().zip(&exec.arguments) {
            let Some(Argument { value, output, at }) = argument else {
                values.push(None);
                outputs.push(None);
                continue;
            };
            let given = self.operand(value, *at)?;
            let converted = match parameter.kind {
                ParameterKind::Name | ParameterKind::Text => given.to_text().map(Value::Text),
                ParameterKind::Bit => given.to_bit(*at)?.map(Value::Bit),
                ParameterKind::Int => given.to_int(*at)?.map(Value::Int),
            };
            if let (ParameterKind::Name, Some(Value::Text(text))) = (parameter.kind, &converted)
                && text.chars().count() > MAX_NAME
            {
                let message = format!("@{} is longer than {MAX_NAME} characters", parameter.name);
                return Err(Error::new(Kind::Value, number::NAME_TOO_LONG, *at, message));
            }
            if converted.is_none() && parameter.required && !parameter.output {
                let message = format!("@{} must not be NULL", parameter.name);
                return Err(Error::new(Kind::Value, exec.procedure.missing_number(), *at, message));
            }
            if let (Procedure::SetRpoDuration, Some(Value::Int(hours))) = (exec.procedure, &converted) {
                check_rpo_hours(*hours, *at)?;
            }
            outputs.push(match value {
                Operand::Variable(name) if *output => Some(name.clone()),
                _ => None,
            });
            values.push(Some(converted.unwrap_or(Value::Null)));
        }
        Ok(Call {
            procedure: exec.procedure,
            values,
            outputs,
            returns: exec.returns.clone(),
        })
    }
}

pub(crate) fn strings_only(at: Position) -> Error {
    let message = "only strings can be joined with +";
    Error::new(Kind::Type, number::TYPE_CLASH, at, message)
}
