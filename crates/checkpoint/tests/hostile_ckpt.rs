//! Hostile `.ckpt` files are refused, with the reason, and leave no file behind.

#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::path::Path;

use checkpoint::{Error, convert};
use proptest::prelude::*;
use zip::write::SimpleFileOptions;

/// A pickle program, put together instruction by instruction.
#[derive(Default)]
struct Program(Vec<u8>);

impl Program {
    fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn text(self, text: &str) -> Self {
        self.raw(b"X").raw(&(text.len() as u32).to_le_bytes()).raw(text.as_bytes())
    }

    fn int(self, value: i64) -> Self {
        self.raw(&[0x8a, 8]).raw(&value.to_le_bytes())
    }

    fn ints(self, values: &[i64]) -> Self {
        values.iter().fold(self.raw(b"("), |program, &value| program.int(value)).raw(b"t")
    }

    /// `{"a": tensor}` with the given layout, on a storage `0` of `len` floats.
    fn tensor(self, len: i64, offset: i64, size: &[i64], stride: &[i64]) -> Self {
        self.tensor_in("0", len, offset, size, stride)
    }

    fn tensor_in(self, key: &str, len: i64, offset: i64, size: &[i64], stride: &[i64]) -> Self {
        self.raw(b"}").text("a").rebuilt(key, len, offset, size, stride).raw(b"s.")
    }

    fn rebuilt(self, key: &str, len: i64, offset: i64, size: &[i64], stride: &[i64]) -> Self {
        let program = self.raw(b"ctorch._utils\n_rebuild_tensor_v2\n((").text("storage").raw(b"ctorch\nFloatStorage\n");
        let program = program.text(key).text("cpu").int(len).raw(b"tQ");
        program.int(offset).ints(size).ints(stride).raw(b"\x89)tR")
    }
}

fn zip(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, bytes) in parts {
        zip.start_file(*name, stored).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Converts the file; the reason if it is refused. Nothing but the input may be left in the folder then.
fn converted(file: &[u8]) -> Result<(), String> {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in.ckpt");
    std::fs::write(&input, file).unwrap();
    match convert(&input, &dir.path().join("out.safetensors"), &mut |_, _| {}) {
        Ok(_) => Ok(()),
        Err(Error::Ckpt { reason, .. }) => {
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "left something behind");
            Err(reason)
        }
        Err(other) => panic!("{other}"),
    }
}

fn refusal(program: Program) -> String {
    converted(&zip(&[("m/data.pkl", &program.0), ("m/data/0", &[0; 64])])).unwrap_err()
}

#[test]
fn the_harness_makes_sound_files() {
    let program = Program::default().tensor(16, 0, &[4, 4], &[4, 1]);
    converted(&zip(&[("m/data.pkl", &program.0), ("m/data/0", &[0; 64])])).unwrap();
}

#[test]
fn code_is_refused_by_name_and_never_runs() {
    let marker = tempfile::tempdir().unwrap();
    let path = marker.path().join("was-here");
    let touch = format!("touch {}", path.display());
    for module in ["os", "posix"] {
        let call = format!("c{module}\nsystem\n");
        let reason = refusal(Program::default().raw(call.as_bytes()).raw(b"(").text(&touch).raw(b"tR."));
        assert_eq!(reason, format!("{module}.system is not allowed in a model file"));
    }
    let names = ["builtins\neval", "builtins\nexec", "torch.hub\nload", "torch\nload", "collections\ndefaultdict"];
    for name in names {
        let reason = refusal(Program::default().raw(b"c").raw(name.as_bytes()).raw(b"\n)R."));
        assert_eq!(reason, format!("{} is not allowed in a model file", name.replace('\n', ".")));
    }
    assert!(!path.exists());
}

#[test]
fn names_with_control_characters_do_not_reach_the_terminal() {
    let reason = refusal(Program::default().raw(b"cos\x1b[31m\nsystem\n."));
    assert_eq!(reason, "os\\u{1b}[31m.system is not allowed in a model file");
}

#[test]
fn other_instructions_are_refused_by_name() {
    let other: [(&[u8], &str); 6] = [
        (b"(ios\nsystem\n.", "INST"),
        (b"(o.", "OBJ"),
        (b"\x81.", "NEWOBJ"),
        (b"\x93.", "STACK_GLOBAL"),
        (b"\x82\x01.", "EXT"),
        (b"P1\n.", "PERSID"),
    ];
    for (program, name) in other {
        let reason = refusal(Program::default().raw(program));
        assert_eq!(reason, format!("the instruction {name} is not allowed in a model file"));
    }
}

#[test]
fn allowed_names_do_only_what_they_are_for() {
    let odd: [(&[u8], &str); 6] = [
        (b"ctorch\nFloatStorage\n)R.", "calls Storage(F32) with 0 arguments"),
        (b"ccollections\nOrderedDict\n(K\x01tR.", "calls OrderedDict with 1 arguments"),
        (b"ctorch._utils\n_rebuild_tensor_v2\n)R.", "calls RebuildTensor with 0 arguments"),
        (b"K\x01)R.", "calls something that is no name"),
        (b"K\x01}b.", "gives state to something that is no dictionary"),
        (b"K\x01Q.", "a persistent id is not a tuple"),
    ];
    for (program, reason) in odd {
        assert_eq!(refusal(Program::default().raw(program)), reason);
    }
}

#[test]
fn tensors_stay_inside_their_storage() {
    let beyond = "a reaches beyond its storage";
    assert_eq!(refusal(Program::default().tensor(16, 1, &[4, 4], &[4, 1])), beyond);
    assert_eq!(refusal(Program::default().tensor(16, 0, &[4, 4], &[5, 1])), beyond);
    assert_eq!(refusal(Program::default().tensor(16, 0, &[i64::MAX, i64::MAX], &[i64::MAX, 1])), beyond);
    let negative = "a has a negative size, stride or offset";
    assert_eq!(refusal(Program::default().tensor(16, -1, &[4], &[1])), negative);
    assert_eq!(refusal(Program::default().tensor(16, 15, &[4], &[-1])), negative);
    // The pickle says one thing, the zip has another.
    let reason = refusal(Program::default().tensor(1 << 40, 0, &[4], &[1]));
    assert_eq!(reason, "a should lie in 1099511627776 elements, but there are 64 bytes");
    let reason = refusal(Program::default().tensor(i64::MAX, 0, &[4], &[1]));
    assert!(reason.starts_with("a should lie in"), "{reason}");
}

#[test]
fn a_small_file_does_not_fill_the_disk() {
    let reason = refusal(Program::default().tensor(16, 0, &[1 << 40], &[0]));
    assert!(reason.contains("asks for 4398046511104 bytes of tensors"), "{reason}");
}

#[test]
fn a_small_program_does_not_fill_the_memory() {
    // One text, remembered, then a tower of tuples each of which holds the last one twice.
    let tower = (0..64).fold(Program::default().text("x").raw(b"q\0"), |program, _| program.raw(b"h\0h\0\x86q\0"));
    assert_eq!(refusal(tower.raw(b".")), "is not a dictionary");
    assert!(refusal(Program::default().raw(&vec![b'N'; 2 << 20])).starts_with("builds more than"));
    assert!(refusal(Program::default().raw(&vec![b'('; 1000])).contains("nested too deeply"));
    let recalls = Program::default().raw(b"Nq\0").raw(&b"h\0".repeat(2 << 20));
    assert!(refusal(recalls).starts_with("stacks more than"));
    // A text that claims 4 GB.
    assert_eq!(refusal(Program::default().raw(b"X\xff\xff\xff\xff")), "the pickle ends in the middle");
}

#[test]
fn a_dictionary_in_itself_ends() {
    let program = Program::default().raw(b"}q\0").text("again").raw(b"h\0s.");
    assert_eq!(refusal(program), "dictionaries are nested too deeply");
}

#[test]
fn the_same_name_twice_is_refused() {
    let program = Program::default().raw(b"}").text("a.b").rebuilt("0", 16, 0, &[1], &[1]).raw(b"s");
    let program = program.text("a").raw(b"}").text("b").rebuilt("0", 16, 0, &[1], &[1]).raw(b"ss.");
    assert_eq!(refusal(program), "a.b is there twice");
}

#[test]
fn storages_are_looked_up_in_the_zip_and_nowhere_else() {
    let program = Program::default().tensor(16, 0, &[16], &[1]);
    assert_eq!(converted(&zip(&[("m/data.pkl", &program.0)])).unwrap_err(), "has no m/data/0");
    let key = "../../../etc/passwd";
    let program = Program::default().tensor_in(key, 16, 0, &[16], &[1]);
    assert_eq!(refusal(program), format!("has no m/data/{key}"));
    assert_eq!(
        refusal(Program::default().tensor_in(&"9".repeat(65), 16, 0, &[16], &[1])),
        "a persistent id is not a storage"
    );
}

#[test]
fn damaged_files_are_refused() {
    let sound = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/small.ckpt")).unwrap();
    for length in [0, 1, 100, sound.len() / 2, sound.len() - 1] {
        converted(&sound[..length]).unwrap_err();
    }
    // One bit of a tensor.
    let program = Program::default().tensor(16, 0, &[16], &[1]);
    let marked: Vec<u8> = (100..164).collect();
    let mut damaged = zip(&[("m/data.pkl", &program.0), ("m/data/0", &marked)]);
    let at = damaged.windows(64).position(|window| window == marked).unwrap();
    damaged[at + 7] ^= 1;
    assert_eq!(converted(&damaged).unwrap_err(), "m/data/0 is damaged (checksum)");
}

#[test]
fn other_byte_orders_and_formats_are_refused() {
    let program = Program::default().tensor(16, 0, &[16], &[1]).0;
    let big = zip(&[("m/data.pkl", &program), ("m/byteorder", b"big"), ("m/data/0", &[0; 64])]);
    assert_eq!(converted(&big).unwrap_err(), "is not little-endian");
    let two = zip(&[("m/data.pkl", &program), ("n/data.pkl", &program)]);
    assert_eq!(converted(&two).unwrap_err(), "has not exactly one data.pkl");
    // The format before zip: a bare pickle.
    assert!(converted(&program).unwrap_err().starts_with("no sound zip"));
}

proptest! {
    /// Whatever the program, it ends, with a file or a reason.
    #[test]
    fn no_program_panics(program in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = converted(&zip(&[("m/data.pkl", &program), ("m/data/0", &[0; 64])]));
    }

    /// A sound program with bytes changed is no worse.
    #[test]
    fn no_changed_program_panics(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut program = Program::default().tensor(16, 0, &[4, 4], &[4, 1]).0;
        for (at, byte) in changes {
            let at = at.index(program.len());
            program[at] = byte;
        }
        let _ = converted(&zip(&[("m/data.pkl", &program), ("m/data/0", &[0; 64])]));
    }
}
