use super::{Role, TensorSpec};

/// Collects tensor names along a network's tree of parts.
pub(super) struct Walk<'a> {
    prefix: String,
    tensors: &'a mut Vec<TensorSpec>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(prefix: &str, tensors: &'a mut Vec<TensorSpec>) -> Self {
        Self { prefix: prefix.to_owned(), tensors }
    }

    /// The part called `name`.
    pub(super) fn at(&mut self, name: impl std::fmt::Display) -> Walk<'_> {
        Walk { prefix: self.join(name), tensors: self.tensors }
    }

    /// `Linear(input, output)`: weight `[output, input]`, bias `[output]`.
    pub(super) fn linear(&mut self, name: &str, input: i64, output: i64, bias: bool) {
        self.tensor(&format!("{name}.weight"), &[output, input], Role::Weight);
        if bias {
            self.tensor(&format!("{name}.bias"), &[output], Role::Bias);
        }
    }

    /// LayerNorm with weight and bias, `[width]`.
    pub(super) fn layer_norm(&mut self, name: &str, width: i64) {
        self.tensor(&format!("{name}.weight"), &[width], Role::Gain);
        self.tensor(&format!("{name}.bias"), &[width], Role::Bias);
    }

    pub(super) fn tensor(&mut self, name: &str, shape: &[i64], role: Role) {
        let shape = shape.iter().map(|&size| size as usize).collect();
        let name = self.join(name);
        self.tensors.push(TensorSpec { name, shape, required: true, role });
    }

    /// A tensor that a file may lack.
    pub(super) fn unused(&mut self, name: &str, shape: &[i64], role: Role) {
        self.tensor(name, shape, role);
        if let Some(spec) = self.tensors.last_mut() {
            spec.required = false;
        }
    }

    fn join(&self, name: impl std::fmt::Display) -> String {
        if self.prefix.is_empty() { name.to_string() } else { format!("{}.{name}", self.prefix) }
    }
}
