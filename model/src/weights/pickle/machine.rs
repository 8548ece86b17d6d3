//! Runs a pickle's instructions. Objects lie in lists and are named by their places, so that nothing is copied that is
//! referred to often and nothing nests in memory.

use std::collections::HashMap;

use super::globals::Global;
use super::objects::{Described, Objects, Storage, Value};
use super::opcodes::{Instruction, Reader, damaged};

/// The longest description of objects that is read; that of a large model has less than 1 MiB. An instruction takes up to
/// sixty times its length in memory.
const LONGEST_PICKLE: usize = 2 << 20;
/// Most parameters that the states of modules may add.
const MOST_PARAMETERS: usize = 1_000;

#[derive(Default)]
struct Machine {
    /// How many parameters the states of modules added.
    parameters: usize,
    objects: Objects,
    stack: Vec<Value>,
    marks: Vec<usize>,
    memory: HashMap<u32, Value>,
}

/// Runs the pickle at the beginning of `bytes`: what it built, and how long it is.
pub(super) fn run(bytes: &[u8]) -> Result<(Objects, usize), String> {
    let mut reader = Reader::new(&bytes[..bytes.len().min(LONGEST_PICKLE)]);
    let mut machine = Machine::default();
    loop {
        let is_long = bytes.get(reader.place) == Some(&0x8a);
        let instruction = reader.next()?;
        machine.objects.has_long |= is_long;
        if let Instruction::Stop = instruction {
            machine.objects.root = Some(machine.pop()?);
            return Ok((machine.objects, reader.place));
        }
        machine.execute(instruction)?;
    }
}

impl Machine {
    fn execute(&mut self, instruction: Instruction<'_>) -> Result<(), String> {
        use Instruction as I;
        match instruction {
            I::Stop | I::Skip => {}
            I::Mark => self.marks.push(self.stack.len()),
            I::Pop => drop(self.pop()?),
            I::PopMark => drop(self.above_mark()?),
            I::Duplicate => self.stack.push(self.stack.last().ok_or_else(damaged)?.clone()),
            I::None => self.stack.push(Value::None),
            I::Bool => self.stack.push(Value::Bool),
            I::Int(number) => self.stack.push(Value::Int(number)),
            I::Float => self.stack.push(Value::Float),
            I::Text(text) => self.stack.push(Value::Text(text.into())),
            I::Global(module, name) => self.stack.push(Value::Global(Global::named(&module, &name)?)),
            I::StackGlobal => {
                let (Value::Text(name), Value::Text(module)) = (self.pop()?, self.pop()?) else {
                    return Err(damaged());
                };
                self.stack.push(Value::Global(Global::named(&module, &name)?));
            }
            I::EmptyDict => self.push_dict(Vec::new()),
            I::EmptyList => self.push_list(Vec::new()),
            I::EmptyTuple => self.push_tuple(Vec::new()),
            I::List => {
                let values = self.above_mark()?;
                self.push_list(values);
            }
            I::Tuple => {
                let values = self.above_mark()?;
                self.push_tuple(values);
            }
            I::Dict => {
                let values = self.above_mark()?;
                self.push_dict(pairs(values));
            }
            I::ShortTuple(length) => {
                let begin = self.bottom_of(length)?;
                let values = self.stack.split_off(begin);
                self.push_tuple(values);
            }
            I::Append => {
                let value = self.pop()?;
                self.append(vec![value])?;
            }
            I::Appends => {
                let values = self.above_mark()?;
                self.append(values)?;
            }
            I::SetItem => {
                let begin = self.bottom_of(2)?;
                let values = self.stack.split_off(begin);
                self.set(values)?;
            }
            I::SetItems => {
                let values = self.above_mark()?;
                self.set(values)?;
            }
            I::Reduce | I::NewObject => {
                let (arguments, function) = (self.pop()?, self.pop()?);
                let made = self.call(&function, &arguments)?;
                self.stack.push(made);
            }
            I::Build => {
                let state = self.pop()?;
                // A module that is a dictionary keeps its parameters in its state; the state of anything else is no tensor.
                if let (Some(Value::Dict(module)), Value::Dict(state)) = (self.stack.last(), state)
                    && *module != state
                {
                    let is_parameters = |key: &Value| matches!(key, Value::Text(text) if &**text == "_parameters");
                    let parameters: Vec<_> =
                        self.objects.dicts[state].iter().filter(|(key, _)| is_parameters(key)).cloned().collect();
                    self.parameters += parameters.len();
                    if self.parameters > MOST_PARAMETERS {
                        return Err(damaged());
                    }
                    self.objects.dicts[*module].extend(parameters);
                }
            }
            I::PersistentId => {
                let id = self.pop()?;
                let storage = self.storage(&id)?;
                self.objects.storages.push(storage);
                self.stack.push(Value::Storage(self.objects.storages.len() - 1));
            }
            I::Put(place) => {
                let place = place.unwrap_or(self.memory.len() as u32);
                self.memory.insert(place, self.stack.last().ok_or_else(damaged)?.clone());
            }
            I::Get(place) => self.stack.push(self.memory.get(&place).ok_or_else(damaged)?.clone()),
        }
        Ok(())
    }

    fn pop(&mut self) -> Result<Value, String> {
        self.bottom_of(1)?;
        self.stack.pop().ok_or_else(damaged)
    }

    /// Where the topmost `count` values begin, none of which lies below the last mark.
    fn bottom_of(&self, count: usize) -> Result<usize, String> {
        let least = self.marks.last().copied().unwrap_or_default();
        self.stack.len().checked_sub(count).filter(|&begin| begin >= least).ok_or_else(damaged)
    }

    fn above_mark(&mut self) -> Result<Vec<Value>, String> {
        let mark = self.marks.pop().ok_or_else(damaged)?;
        Ok(self.stack.split_off(mark))
    }

    fn push_list(&mut self, values: Vec<Value>) {
        self.objects.lists.push(values);
        self.stack.push(Value::List(self.objects.lists.len() - 1));
    }

    fn push_dict(&mut self, pairs: Vec<(Value, Value)>) {
        self.objects.dicts.push(pairs);
        self.stack.push(Value::Dict(self.objects.dicts.len() - 1));
    }

    fn push_tuple(&mut self, values: Vec<Value>) {
        self.objects.tuples.push(values);
        self.stack.push(Value::Tuple(self.objects.tuples.len() - 1));
    }

    fn append(&mut self, values: Vec<Value>) -> Result<(), String> {
        let Some(Value::List(list)) = self.stack.last() else { return Err(damaged()) };
        self.objects.lists[*list].extend(values);
        Ok(())
    }

    fn set(&mut self, values: Vec<Value>) -> Result<(), String> {
        let Some(Value::Dict(dict)) = self.stack.last() else { return Err(damaged()) };
        self.objects.dicts[*dict].extend(pairs(values));
        Ok(())
    }

    /// What calling `function` would make.
    fn call(&mut self, function: &Value, arguments: &Value) -> Result<Value, String> {
        let (Value::Global(function), Value::Tuple(arguments)) = (function, arguments) else { return Err(damaged()) };
        let arguments = self.objects.tuples[*arguments].clone();
        match (function, arguments.as_slice()) {
            (Global::OrderedDict | Global::ParameterDict, _) => {
                self.objects.dicts.push(Vec::new());
                Ok(Value::Dict(self.objects.dicts.len() - 1))
            }
            (Global::Size, [values, ..]) => Ok(values.clone()),
            (Global::RebuildParameter, [tensor, ..]) => Ok(tensor.clone()),
            (Global::RebuildTensor, [Value::Storage(storage), Value::Int(offset), shape, strides, ..]) => {
                let (shape, strides) = (self.sizes(shape)?, self.sizes(strides)?);
                if shape.len() != strides.len() {
                    return Err(damaged());
                }
                let offset = usize::try_from(*offset).map_err(|_| damaged())?;
                self.objects.tensors.push(Described { storage: *storage, offset, shape, strides });
                Ok(Value::Tensor(self.objects.tensors.len() - 1))
            }
            _ => Err(damaged()),
        }
    }

    fn sizes(&self, value: &Value) -> Result<Vec<usize>, String> {
        let Value::Tuple(tuple) = value else { return Err(damaged()) };
        let size = |value: &Value| match value {
            Value::Int(size) => usize::try_from(*size).map_err(|_| damaged()),
            _ => Err(damaged()),
        };
        self.objects.tuples[*tuple].iter().take(16).map(size).collect()
    }

    /// The storage that `("storage", kind, key, device, count)` names.
    fn storage(&self, id: &Value) -> Result<Storage, String> {
        let Value::Tuple(id) = id else { return Err(damaged()) };
        match self.objects.tuples[*id].as_slice() {
            [Value::Text(_), Value::Global(Global::Storage(kind)), Value::Text(key), ..] => {
                Ok(Storage { kind: *kind, key: key.to_string() })
            }
            _ => Err(damaged()),
        }
    }
}

fn pairs(values: Vec<Value>) -> Vec<(Value, Value)> {
    let mut values = values.into_iter();
    std::iter::from_fn(|| Some((values.next()?, values.next()?))).collect()
}
