use std::io::{Cursor, Write};
use std::path::Path;

use checkpoint::WeightFile;
use zip::write::SimpleFileOptions;

/// The tensors of a half-precision safetensors file as `torch.save` would write them, nested by component.
pub(crate) fn from_safetensors(path: &Path) -> Vec<u8> {
    let file = WeightFile::open(path).unwrap();
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let mut program = b"\x80\x02}".to_vec();
    for component in ["model", "vae", "conditioner"] {
        text(&mut program, component);
        program.extend(b"}");
        let prefix = format!("{component}.");
        for (key, name) in file.names().enumerate().filter(|(_, name)| name.starts_with(&prefix)) {
            let view = file.tensor(name).unwrap();
            text(&mut program, &name[prefix.len()..]);
            program.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
            text(&mut program, "storage");
            program.extend(b"ctorch\nHalfStorage\n");
            text(&mut program, &key.to_string());
            text(&mut program, "cpu");
            int(&mut program, view.elements() as i64);
            program.extend(b"tQK\0");
            ints(&mut program, view.shape);
            let strides: Vec<usize> =
                (0..view.shape.len()).map(|axis| view.shape[axis + 1..].iter().product()).collect();
            ints(&mut program, &strides);
            program.extend(b"\x89}tRs");
            zip.start_file(format!("model/data/{key}"), stored).unwrap();
            zip.write_all(view.data).unwrap();
        }
        program.extend(b"s");
    }
    program.extend(b".");
    zip.start_file("model/data.pkl", stored).unwrap();
    zip.write_all(&program).unwrap();
    zip.finish().unwrap().into_inner()
}

fn text(program: &mut Vec<u8>, text: &str) {
    program.push(b'X');
    program.extend((text.len() as u32).to_le_bytes());
    program.extend(text.as_bytes());
}

fn int(program: &mut Vec<u8>, value: i64) {
    program.extend([0x8a, 8]);
    program.extend(value.to_le_bytes());
}

fn ints(program: &mut Vec<u8>, values: &[usize]) {
    program.push(b'(');
    values.iter().for_each(|&value| int(program, value as i64));
    program.push(b't');
}
