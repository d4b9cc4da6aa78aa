//! Crafted images: each is refused with its own code, soon, and with little memory.

use crate::pictures::*;
use crate::world::{GENERATE, command_line, register};
use image::{DynamicImage, ImageFormat, RgbaImage};
use reqwest::Client;
use reqwest::multipart::{Form, Part};
use serde_json::Value;
use std::process::Command;
use std::time::{Duration, Instant};
use test_support::{RedisServer, ServiceProcess};

const SECONDS: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_millis(200);
const MOST_MIB: u64 = 64;

/// An image, and the expected status and code.
type Case = (&'static str, Vec<u8>, u16, &'static str);

fn cases() -> Vec<Case> {
    let zeros = fdeflate::compress_to_vec(&vec![0; 256 << 20]);
    let bomb = |kind: &[u8], head: &[u8]| png_with(&png(), &chunk(&[kind, head, &zeros].concat()));
    let mut wrong_checksum = png();
    let data = wrong_checksum.windows(4).position(|kind| kind == b"IDAT").unwrap();
    wrong_checksum[data + 6] ^= 1;
    let on_its_side = segment(0xe1, &[b"Exif\0\0", &exif(6)[..]].concat());
    // 36 megapixels of zeros in some 50 KB: within the limits, so it is decoded.
    let flat = raw_png((6000, 6000), 8, 6, false, &vec![0; 6000 * (6000 * 4 + 1)]);
    let flat_interlaced =
        raw_png((4096, 4096), 8, 6, true, &vec![0; 4096 * 4096 * 4 + 512 * 2 + 1024 * 3 + 2048 * 4 + 4096]);
    // 40 gigapixels, and the zeros that they begin with.
    let mut vast = png_header(200_000, 200_000);
    vast.extend(chunk(&[b"IDAT", &zeros[..50_000]].concat()));
    let two_sizes = riff(&[(b"VP8X", &vp8x(0, 16_384, 16_384)), (b"VP8L", &webp()[20..])]);
    let mut vast_colours = LOSSY_WEBP.to_vec();
    let frame = vast_colours.windows(3).position(|bytes| bytes == [0x9d, 0x01, 0x2a]).unwrap();
    vast_colours[frame + 3..frame + 7].copy_from_slice(&[0xff, 0x3f, 0xff, 0x3f]);
    let scan = PROGRESSIVE_JPEG.windows(2).rposition(|marker| marker == [0xff, 0xda]).unwrap();
    let (head, last) = PROGRESSIVE_JPEG[..PROGRESSIVE_JPEG.len() - 2].split_at(scan);
    let scans = [head, &last.repeat(5000), &[0xff, 0xd9]].concat();
    let deep = encode(DynamicImage::from(disc(300)).to_rgba16(), ImageFormat::Png);
    vec![
        ("PNG of 40 gigapixels", vast, 422, "image_too_large"),
        ("PNG of 2^31 x 2^31", png_header(1 << 31, 1 << 31), 422, "image_too_large"),
        ("PNG of 36 megapixels of nothing", flat, 422, "image_empty"),
        ("interlaced PNG of nothing", flat_interlaced, 422, "image_empty"),
        ("PNG with a vast profile", bomb(b"iCCP", b"x\0\0"), 202, ""),
        ("PNG with vast text", bomb(b"zTXt", b"x\0\0"), 202, ""),
        ("PNG of one column", raw_png((1, 5000), 8, 0, false, &[0; 10_000]), 422, "image_too_small"),
        ("PNG that is cut", png()[..png().len() / 2].to_vec(), 422, "image_corrupt"),
        ("PNG with a wrong checksum", wrong_checksum, 422, "image_corrupt"),
        ("PNG that is a ZIP file too", [png(), b"PK\x03\x04".repeat(1000)].concat(), 202, ""),
        ("PNG of 16 bits", deep, 202, ""),
        ("animated PNG", apng(2), 422, "image_animated"),
        ("transparent PNG", encode(RgbaImage::new(900, 900), ImageFormat::Png), 422, "image_empty"),
        ("JPEG of inks", CMYK_JPEG.to_vec(), 202, ""),
        ("JPEG on its side", jpeg_with(&encode(noise(800, 600), ImageFormat::Jpeg), &on_its_side), 202, ""),
        ("JPEG that claims 65000 x 65000", jpeg_claiming(65_000, 65_000), 422, "image_too_large"),
        ("JPEG that claims 6000 x 6000", jpeg_claiming(6000, 6000), 422, "image_corrupt"),
        (
            "JPEG that is cut and given an end",
            [&jpeg()[..jpeg().len() / 2], &[0xff, 0xd9]].concat(),
            422,
            "image_corrupt",
        ),
        ("JPEG of 5000 scans", scans, 415, "unsupported_image"),
        ("JPEG with a script", [jpeg(), b"<script>alert(1)</script>".repeat(1000)].concat(), 202, ""),
        ("WebP of two sizes", two_sizes, 422, "image_corrupt"),
        ("WebP with vast colours", vast_colours, 422, "image_too_large"),
        ("WebP of 65536 groups of codes", webp_of_many_codes(), 415, "unsupported_image"),
        ("animated WebP", animated_webp(2), 422, "image_animated"),
        (
            "SVG",
            b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>".to_vec(),
            415,
            "unsupported_image",
        ),
        ("GIF that is a script too", b"GIF89a=1;alert(1)//".to_vec(), 415, "unsupported_image"),
    ]
}

/// The peak memory of a process, in MiB.
fn peak_memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

/// The processor time that a process has used, in steps of 10 ms.
fn processor_time(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // After the program's name in parentheses, user time is the 12th field and system time the 13th.
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    Duration::from_millis(10 * (fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()))
}

#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::print_stdout)] // the figures, with --nocapture
async fn crafted_images_are_answered_soon_and_take_little_memory() {
    let (redis, directory) = (RedisServer::start(), tempfile::tempdir().unwrap());
    let [ada, _] = register(directory.path(), &redis.url()).await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_orfeas-gateway"));
    command.args(&command_line(directory.path(), &redis.url())[1..]);
    let gateway = ServiceProcess::spawn(&mut command);
    let line: Value = serde_json::from_str(&gateway.wait_for_line("\"listening\"", SECONDS).await).unwrap();
    let url = format!("http://{}{GENERATE}", line["addr"].as_str().unwrap());
    let client = Client::new();
    let post = async |picture: &[u8]| {
        let form = Form::new().part("image", Part::bytes(picture.to_vec()));
        let answer = client.post(&url).bearer_auth(&ada.key).multipart(form).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    post(&png()).await;

    let (cases, before) = (cases(), peak_memory(gateway.pid()));
    for (name, picture, status, code) in &cases {
        // The best of three, in the gateway's own time: the machine may be busy with other tests.
        let (mut fastest, mut least) = (Duration::MAX, Duration::MAX);
        for _ in 0..3 {
            let (started, spent) = (Instant::now(), processor_time(gateway.pid()));
            let (answered, body) = post(picture).await;
            fastest = fastest.min(started.elapsed());
            least = least.min(processor_time(gateway.pid()) - spent);
            assert_eq!((answered, body["code"].as_str().unwrap_or_default()), (*status, *code), "{name}: {body}");
        }
        let peak = peak_memory(gateway.pid());
        println!("{name}: {} bytes, {fastest:?}, {peak} MiB", picture.len());
        assert!(fastest.min(least) <= SOON, "{name} took {fastest:?}, {least:?} of it to work");
        assert!(peak <= before + MOST_MIB, "{name}: {before} MiB before, {peak} MiB after");
    }
    assert_eq!(post(&png()).await.0, 202);
}
