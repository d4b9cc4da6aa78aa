//! Limits on the command line.

use crate::Error;
use serde_json::{Map, Number, Value};

/// A merge patch from `NAME=NUMBER`s; `NAME=tier` removes the tenant's own limit.
pub(super) fn patch(limits: &[String]) -> Result<Map<String, Value>, Error> {
    let pair = |limit: &String| {
        let (name, value) = limit.split_once('=')?;
        let value = if value == "tier" { Value::Null } else { value.parse::<Number>().ok()?.into() };
        Some((name.to_owned(), value))
    };
    let usage = |limit| Error::Usage(format!("--limit {limit}: it must read NAME=NUMBER"));
    limits.iter().map(|limit| pair(limit).ok_or_else(|| usage(limit))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use access::Overrides;

    #[test]
    fn limits_are_read_by_name() {
        let read = |limit: &str| Ok::<_, Error>(Overrides::default().patched(&patch(&[limit.to_owned()])?)?);
        let expected = Overrides { weight: Some(0.5), ..Overrides::default() };
        assert_eq!(read("weight=0.5").unwrap(), expected);
        assert_eq!(read("weight=tier").unwrap(), Overrides::default());
        for wrong in ["jobs_per_day", "jobs_per_day=many", "jobs_per_dya=7", "jobs_per_dya=tier", "jobs_per_day=-1"] {
            assert_eq!(read(wrong).unwrap_err().code(), 2, "{wrong}");
        }
    }
}
