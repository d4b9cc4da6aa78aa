use serde::de::DeserializeOwned;
use serde_yaml_ng::Value;

use crate::Error;

/// One part of a configuration file, with its path in the file.
#[derive(Debug, Clone)]
pub(super) struct Section {
    value: Value,
    path: String,
}

/// Sizes beyond this are a mistake or an attack; released models stay below 2^14.
const MAX_SIZE: i64 = 1 << 20;
/// As [`MAX_SIZE`], for numbers of blocks.
const MAX_DEPTH: i64 = 512;

impl Section {
    pub(super) fn root(text: &str) -> Result<Self, Error> {
        let mut value: Value = serde_yaml_ng::from_str(text).map_err(|error| Error::config("file", error))?;
        value.apply_merge().map_err(|error| Error::config("file", error))?;
        if !value.is_mapping() {
            return Err(Error::config("file", "not a mapping"));
        }
        Ok(Self { value, path: String::new() })
    }

    /// The part called `name`; `None` if it is absent or null.
    pub(super) fn get(&self, name: &str) -> Result<Option<Section>, Error> {
        match self.value.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => Ok(Some(Section { value: value.clone(), path: self.join(name) })),
        }
    }

    /// The last component of `target`, e.g. `ShapeVAE`.
    pub(super) fn class(&self) -> Result<&str, Error> {
        let target = self.value.get("target").and_then(Value::as_str);
        let target = target.ok_or_else(|| Error::config(self.join("target"), "missing or not text"))?;
        Ok(target.rsplit('.').next().unwrap_or(target))
    }

    /// The whole class path of `target`.
    pub(super) fn target(&self) -> &str {
        self.value.get("target").and_then(Value::as_str).unwrap_or_default()
    }

    /// `params` as `T`; absent is the same as an empty mapping.
    pub(super) fn params<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let params = match self.value.get("params") {
            None | Some(Value::Null) => Value::Mapping(Default::default()),
            Some(params) => params.clone(),
        };
        serde_yaml_ng::from_value(params).map_err(|error| Error::config(self.join("params"), error))
    }

    pub(super) fn join(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    pub(super) fn unknown_class(&self) -> Error {
        Error::unsupported(self.join("target"), self.target())
    }

    pub(super) fn unsupported(&self, what: &str) -> Error {
        Error::unsupported(self.join("params"), what)
    }

    pub(super) fn invalid(&self, reason: impl ToString) -> Error {
        Error::config(self.join("params"), reason)
    }

    /// Checks that each of `sizes` is 1 to [`MAX_SIZE`].
    pub(super) fn check_sizes(&self, sizes: &[(&str, i64)]) -> Result<(), Error> {
        self.check_range(sizes, 1, MAX_SIZE)
    }

    /// Each of `counts` is at least 0 and not absurd.
    pub(super) fn check_depths(&self, counts: &[(&str, i64)]) -> Result<(), Error> {
        self.check_range(counts, 0, MAX_DEPTH)
    }

    /// Checks that `heads` divides `width`.
    pub(super) fn check_heads(&self, width: i64, heads: i64) -> Result<(), Error> {
        if heads < 1 || width % heads != 0 {
            return Err(self.invalid(format!("{heads} heads do not divide width {width}")));
        }
        Ok(())
    }

    fn check_range(&self, values: &[(&str, i64)], low: i64, high: i64) -> Result<(), Error> {
        for (name, value) in values {
            if !(low..=high).contains(value) {
                return Err(self.invalid(format!("{name} is {value}, not within {low} to {high}")));
            }
        }
        Ok(())
    }
}

pub(super) fn yes() -> bool {
    true
}
