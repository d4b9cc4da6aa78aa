use std::collections::HashMap;

use safetensors::Dtype;

/// What a pickle program builds. Parts of a value are numbers into [`Values::objects`], as parts may be shared.
#[derive(Debug, Clone)]
pub(super) enum Value {
    None,
    Bool,
    Int(i64),
    Float,
    Text(String),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Global(Global),
    Storage(Storage),
    Tensor { storage: Id, offset: i64, size: Vec<i64>, stride: Vec<i64> },
}

/// Place of a value in [`Values::objects`].
pub(super) type Id = usize;

/// The names a program may mention.
#[derive(Debug, Clone, Copy)]
pub(super) enum Global {
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
    Storage(Dtype),
}

/// A storage of the file, which holds the elements of tensors.
#[derive(Debug, Clone)]
pub(super) struct Storage {
    pub(super) dtype: Dtype,
    pub(super) key: String,
    /// Elements.
    pub(super) len: u64,
}

/// What a program has built.
pub(super) struct Values {
    pub(super) objects: Vec<Value>,
    /// The result.
    pub(super) root: Id,
}

/// A released file takes some 20 000.
const MAX_OBJECTS: usize = 1 << 20;
const MAX_MARKS: usize = 64;
/// The keys of storages are small numbers.
const MAX_KEY_BYTES: usize = 64;

/// Interprets a program. The error is the reason for which it was refused.
pub(super) fn run(program: &[u8]) -> Result<Values, String> {
    let mut machine =
        Machine { program, at: 0, objects: Vec::new(), stack: Vec::new(), marks: Vec::new(), memo: HashMap::new() };
    loop {
        if let Some(root) = machine.step()? {
            return Ok(Values { objects: machine.objects, root });
        }
    }
}

struct Machine<'a> {
    program: &'a [u8],
    at: usize,
    objects: Vec<Value>,
    stack: Vec<Id>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

impl<'a> Machine<'a> {
    /// One instruction; the result at the last one.
    fn step(&mut self) -> Result<Option<Id>, String> {
        let [instruction] = self.fixed()?;
        match instruction {
            b'.' => return self.pop().map(Some),
            0x80 => {
                let [version] = self.fixed()?;
                if version > 5 {
                    return Err(format!("pickle protocol {version} is unknown"));
                }
            }
            // Constants
            b'N' => self.push(Value::None)?,
            0x88 | 0x89 => self.push(Value::Bool)?,
            b'K' => {
                let [byte] = self.fixed()?;
                self.push(Value::Int(byte.into()))?;
            }
            b'M' => {
                let value = u16::from_le_bytes(self.fixed()?);
                self.push(Value::Int(value.into()))?;
            }
            b'J' => {
                let value = i32::from_le_bytes(self.fixed()?);
                self.push(Value::Int(value.into()))?;
            }
            0x8a => self.long()?,
            b'G' => {
                let _: [u8; 8] = self.fixed()?;
                self.push(Value::Float)?;
            }
            b'X' => {
                let length = u32::from_le_bytes(self.fixed()?) as usize;
                let text = std::str::from_utf8(self.bytes(length)?).map_err(|_| "text is not UTF-8")?;
                self.push(Value::Text(text.to_owned()))?;
            }
            // Collections
            b'}' => self.push(Value::Dict(Vec::new()))?,
            b']' => self.push(Value::List(Vec::new()))?,
            b')' => self.push(Value::Tuple(Vec::new()))?,
            b'(' => {
                if self.marks.len() == MAX_MARKS {
                    return Err("collections are nested too deeply".to_owned());
                }
                self.marks.push(self.stack.len());
            }
            b't' => {
                let parts = self.pop_mark()?;
                self.push(Value::Tuple(parts))?;
            }
            0x85..=0x87 => {
                let parts = self.pop_many(usize::from(instruction - 0x84))?;
                self.push(Value::Tuple(parts))?;
            }
            b's' => {
                let pair = self.pop_many(2)?;
                self.set_items(&pair)?;
            }
            b'u' => {
                let pairs = self.pop_mark()?;
                self.set_items(&pairs)?;
            }
            b'a' => {
                let item = self.pop()?;
                self.append(vec![item])?;
            }
            b'e' => {
                let items = self.pop_mark()?;
                self.append(items)?;
            }
            // The memo
            b'q' => {
                let [slot] = self.fixed()?;
                self.remember(slot.into())?;
            }
            b'r' => {
                let slot = u32::from_le_bytes(self.fixed()?);
                self.remember(slot)?;
            }
            b'h' => {
                let [slot] = self.fixed()?;
                self.recall(slot.into())?;
            }
            b'j' => {
                let slot = u32::from_le_bytes(self.fixed()?);
                self.recall(slot)?;
            }
            // Names and calls
            b'c' => {
                let module = self.line()?;
                let name = self.line()?;
                self.push(Value::Global(global(module, name)?))?;
            }
            b'Q' => self.persistent()?,
            b'R' => self.reduce()?,
            b'b' => self.build()?,
            other => return Err(format!("the instruction {} is not allowed in a model file", instruction_name(other))),
        }
        Ok(None)
    }

    /// Only a storage can lie outside the pickle: `('storage', type, key, device, elements)`.
    fn persistent(&mut self) -> Result<(), String> {
        let id = self.pop()?;
        let Value::Tuple(parts) = &self.objects[id] else { return Err("a persistent id is not a tuple".to_owned()) };
        let parts: Vec<&Value> = parts.iter().map(|&part| &self.objects[part]).collect();
        let storage = match parts[..] {
            [
                Value::Text(kind),
                Value::Global(Global::Storage(dtype)),
                Value::Text(key),
                Value::Text(_),
                Value::Int(len),
            ] if kind == "storage" && key.len() <= MAX_KEY_BYTES && *len >= 0 => {
                Storage { dtype: *dtype, key: key.clone(), len: len.unsigned_abs() }
            }
            _ => return Err("a persistent id is not a storage".to_owned()),
        };
        self.push(Value::Storage(storage))
    }

    /// A call. No code runs: each allowed name has its own way to make a value from the arguments.
    fn reduce(&mut self) -> Result<(), String> {
        let (arguments, callee) = (self.pop()?, self.pop()?);
        let Value::Global(callee) = self.objects[callee] else {
            return Err("calls something that is no name".to_owned());
        };
        let Value::Tuple(arguments) = &self.objects[arguments] else {
            return Err("arguments are not a tuple".to_owned());
        };
        let value = match (callee, &arguments[..]) {
            (Global::OrderedDict, []) => Value::Dict(Vec::new()),
            (Global::RebuildTensor, &[storage, offset, size, stride, _grad, _hooks, ..]) => {
                Value::Tensor { storage, offset: self.int(offset)?, size: self.ints(size)?, stride: self.ints(stride)? }
            }
            // A parameter is its tensor.
            (Global::RebuildParameter, &[tensor, ..]) => {
                self.stack.push(tensor);
                return Ok(());
            }
            _ => return Err(format!("calls {callee:?} with {} arguments", arguments.len())),
        };
        self.push(value)
    }

    /// State of an object: for a dictionary its version notes, which say nothing about tensors.
    fn build(&mut self) -> Result<(), String> {
        let state = self.pop()?;
        let object = *self.stack.last().ok_or("the stack is empty")?;
        match (&self.objects[object], &self.objects[state]) {
            (Value::Dict(_), Value::Dict(_)) => Ok(()),
            _ => Err("gives state to something that is no dictionary".to_owned()),
        }
    }

    fn int(&self, id: Id) -> Result<i64, String> {
        match self.objects[id] {
            Value::Int(value) => Ok(value),
            _ => Err("a size is not a number".to_owned()),
        }
    }

    fn ints(&self, id: Id) -> Result<Vec<i64>, String> {
        match &self.objects[id] {
            Value::Tuple(parts) if parts.len() <= 16 => parts.iter().map(|&part| self.int(part)).collect(),
            _ => Err("a shape is not a short tuple".to_owned()),
        }
    }

    fn set_items(&mut self, pairs: &[Id]) -> Result<(), String> {
        let target = *self.stack.last().ok_or("the stack is empty")?;
        let (pairs, rest) = pairs.as_chunks::<2>();
        match &mut self.objects[target] {
            Value::Dict(items) if rest.is_empty() => items.extend(pairs.iter().map(|&[key, value]| (key, value))),
            _ => return Err("sets items of something that is no dictionary".to_owned()),
        }
        Ok(())
    }

    fn append(&mut self, more: Vec<Id>) -> Result<(), String> {
        let target = *self.stack.last().ok_or("the stack is empty")?;
        match &mut self.objects[target] {
            Value::List(items) => items.extend(more),
            _ => return Err("appends to something that is no list".to_owned()),
        }
        Ok(())
    }

    /// A whole number of up to eight bytes.
    fn long(&mut self) -> Result<(), String> {
        let [length] = self.fixed()?;
        let bytes = self.bytes(length.into())?;
        if bytes.len() > 8 {
            return Err("a number has more than 64 bits".to_owned());
        }
        let sign = if bytes.last().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
        let mut wide = [sign; 8];
        wide[..bytes.len()].copy_from_slice(bytes);
        self.push(Value::Int(i64::from_le_bytes(wide)))
    }

    fn push(&mut self, value: Value) -> Result<(), String> {
        if self.objects.len() == MAX_OBJECTS {
            return Err(format!("builds more than {MAX_OBJECTS} values"));
        }
        self.objects.push(value);
        self.push_id(self.objects.len() - 1)
    }

    fn push_id(&mut self, id: Id) -> Result<(), String> {
        if self.stack.len() == MAX_OBJECTS {
            return Err(format!("stacks more than {MAX_OBJECTS} values"));
        }
        self.stack.push(id);
        Ok(())
    }

    fn pop(&mut self) -> Result<Id, String> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.len() > floor {
            true => self.stack.pop().ok_or_else(|| "the stack is empty".to_owned()),
            false => Err("the stack is empty".to_owned()),
        }
    }

    fn pop_many(&mut self, count: usize) -> Result<Vec<Id>, String> {
        let mut values = (0..count).map(|_| self.pop()).collect::<Result<Vec<_>, _>>()?;
        values.reverse();
        Ok(values)
    }

    fn pop_mark(&mut self) -> Result<Vec<Id>, String> {
        let mark = self.marks.pop().ok_or("no mark on the stack")?;
        Ok(self.stack.split_off(mark))
    }

    fn remember(&mut self, slot: u32) -> Result<(), String> {
        let id = *self.stack.last().ok_or("the stack is empty")?;
        if self.memo.len() == MAX_OBJECTS {
            return Err(format!("remembers more than {MAX_OBJECTS} values"));
        }
        self.memo.insert(slot, id);
        Ok(())
    }

    fn recall(&mut self, slot: u32) -> Result<(), String> {
        let id = *self.memo.get(&slot).ok_or_else(|| format!("nothing remembered as {slot}"))?;
        self.push_id(id)
    }

    fn bytes(&mut self, length: usize) -> Result<&'a [u8], String> {
        let rest = &self.program[self.at..];
        let bytes = rest.get(..length).ok_or("the pickle ends in the middle")?;
        self.at += length;
        Ok(bytes)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let bytes = self.bytes(N)?;
        Ok(bytes.try_into().expect("as long as asked for. This is a bug."))
    }

    fn line(&mut self) -> Result<&'a str, String> {
        let rest = &self.program[self.at..];
        let length = rest.iter().take(256).position(|&byte| byte == b'\n').ok_or("a name does not end")?;
        let line = std::str::from_utf8(&rest[..length]).map_err(|_| "a name is not UTF-8")?;
        self.at += length + 1;
        Ok(line)
    }
}

fn global(module: &str, name: &str) -> Result<Global, String> {
    let dtype = match (module, name) {
        ("collections", "OrderedDict") => return Ok(Global::OrderedDict),
        ("torch._utils", "_rebuild_tensor_v2") => return Ok(Global::RebuildTensor),
        ("torch._utils", "_rebuild_parameter") => return Ok(Global::RebuildParameter),
        ("torch", "FloatStorage") => Dtype::F32,
        ("torch", "HalfStorage") => Dtype::F16,
        ("torch", "BFloat16Storage") => Dtype::BF16,
        ("torch", "DoubleStorage") => Dtype::F64,
        ("torch", "LongStorage") => Dtype::I64,
        ("torch", "IntStorage") => Dtype::I32,
        ("torch", "ShortStorage") => Dtype::I16,
        ("torch", "CharStorage") => Dtype::I8,
        ("torch", "ByteStorage") => Dtype::U8,
        ("torch", "BoolStorage") => Dtype::BOOL,
        _ => return Err(format!("{} is not allowed in a model file", format!("{module}.{name}").escape_debug())),
    };
    Ok(Global::Storage(dtype))
}

fn instruction_name(instruction: u8) -> String {
    let name = match instruction {
        b'i' => "INST",
        b'o' => "OBJ",
        b'P' => "PERSID",
        b'I' => "INT",
        b'S' => "STRING",
        b'T' => "BINSTRING",
        b'U' => "SHORT_BINSTRING",
        b'B' => "BINBYTES",
        b'C' => "SHORT_BINBYTES",
        0x81 => "NEWOBJ",
        0x82..=0x84 => "EXT",
        0x8b => "LONG4",
        0x8c => "SHORT_BINUNICODE",
        0x8d => "BINUNICODE8",
        0x8e => "BINBYTES8",
        0x92 => "NEWOBJ_EX",
        0x93 => "STACK_GLOBAL",
        0x94 => "MEMOIZE",
        0x95 => "FRAME",
        0x96 => "BYTEARRAY8",
        other => return format!("{other:#04x}"),
    };
    name.to_owned()
}
