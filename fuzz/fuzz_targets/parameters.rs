//! Request bodies: one is refused, or what it asks for is in range; and stored parameters can be written and read again.
#![no_main]

use domain::Parameters;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    gateway::fuzz(input);
    let Ok(parameters) = serde_json::from_slice::<Parameters>(input) else { return };
    let text = serde_json::to_vec(&parameters).expect("parameters can be written");
    let again: Parameters = serde_json::from_slice(&text).expect("written parameters can be read");
    assert_eq!(again, parameters);
});
