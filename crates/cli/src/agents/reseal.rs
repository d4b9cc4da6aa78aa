//! `orfeas agents reseal`.

use crate::{Error, terminal};
use access::{Registry, Resealed};

pub(super) async fn run(registry: &Registry) -> Result<(), Error> {
    let resealed = registry.reseal().await?;
    let mut text =
        "The registry is sealed under the first master key. Remove the master keys after it from every file.\n"
            .to_owned();
    if resealed == Resealed::OldKeyStillOpens {
        text += "It is older than root keys: the first master key that it ever had can still read it. Keep that key secret.\n";
    }
    terminal::print(&text)
}
