use std::path::Path;

use crate::Error;

/// `4.93 GB`.
pub(super) fn bytes(bytes: u64) -> String {
    scaled(bytes, [(1_000_000_000, " GB"), (1_000_000, " MB"), (1000, " kB")], " B")
}

/// `1.11 G`.
pub(super) fn count(count: u64) -> String {
    scaled(count, [(1_000_000_000, " G"), (1_000_000, " M"), (1000, " k")], "")
}

fn scaled(value: u64, units: [(u64, &str); 3], unit: &str) -> String {
    match units.into_iter().find(|(size, _)| value >= *size) {
        Some((size, unit)) => format!("{:.2}{unit}", value as f64 / size as f64),
        None => format!("{value}{unit}"),
    }
}

/// Files are overwritten only with --force.
pub(super) fn must_be_new(path: &Path, force: bool) -> Result<(), Error> {
    match path.exists() && !force {
        true => Err(Error::Usage(format!("{} exists already (--force replaces it)", path.display()))),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!([0, 999, 1000, 4_928_151_562].map(bytes), ["0 B", "999 B", "1.00 kB", "4.93 GB"]);
        assert_eq!([12, 203_690_497, 1_113_274_432].map(count), ["12", "203.69 M", "1.11 G"]);
    }
}
