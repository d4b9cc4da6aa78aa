//! `orfeas agents reseal`.

use crate::Error;
use access::{Registry, Resealed};

pub(super) async fn run(registry: &Registry) -> Result<(), Error> {
    let resealed = registry.reseal().await?;
    println!("The registry is sealed under the first master key. Take those after it out of every file.");
    if resealed == Resealed::OldKeyStillOpens {
        println!(
            "It is older than root keys: the first master key that it ever had can still read it. Keep that one secret."
        );
    }
    Ok(())
}
