//! A request's body: it is refused, or what it asks for is within its ranges, and can be written and read again.
#![no_main]

use domain::Parameters;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    gateway::fuzz(input);
    let Ok(parameters) = serde_json::from_slice::<Parameters>(input) else { return };
    if parameters.validate().is_ok() {
        let text = serde_json::to_vec(&parameters).expect("they can be written");
        let again: Parameters = serde_json::from_slice(&text).expect("they can be read");
        assert_eq!(again.validate(), Ok(()));
    }
});
