use super::*;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use std::io::Write;

const TEXT: &[u8] = b"<p>The same words as before the codings.</p>\n\x01\x02";
const LIMIT: usize = 1 << 20;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn decode(headers: &str, body: &[u8]) -> Result<(Vec<u8>, bool), BodyFault> {
    decode_body(&Fields::parse(headers.as_bytes()), body, LIMIT).map(|b| (b.bytes.into_owned(), b.incomplete))
}

fn whole(bytes: &[u8]) -> Result<(Vec<u8>, bool), BodyFault> {
    Ok((bytes.to_vec(), false))
}

#[test]
fn undoes_lists_of_codings_in_reverse_order() {
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    zlib.write_all(TEXT).unwrap();
    let twice = gzip(&zlib.finish().unwrap());
    assert_eq!(decode("Content-Encoding: deflate, x-gzip", &twice), whole(TEXT));
    let mut chunked = format!("{:X};name=value\r\n", twice.len()).into_bytes();
    chunked.extend_from_slice(&twice);
    chunked.extend_from_slice(b"\r\n00000000\r\nTrailer: x\r\n\r\n");
    assert_eq!(
        decode("Content-Encoding: deflate\nContent-Encoding: gzip\nTransfer-Encoding: Chunked", &chunked),
        whole(TEXT)
    );
}

#[test]
fn bare_deflate_brotli_and_zstd() {
    let mut bare = DeflateEncoder::new(Vec::new(), Compression::default());
    bare.write_all(TEXT).unwrap();
    assert_eq!(decode("Content-Encoding: deflate", &bare.finish().unwrap()), whole(TEXT));
    assert_eq!(decode("Content-Encoding: zstd", &zstd::encode_all(TEXT, 3).unwrap()), whole(TEXT));
    // One uncompressed metablock of four bytes and an empty last one, RFC 7932 section 9.2.
    let brotli = b"\x8b\x01\x80abcd\x03";
    assert_eq!(decode("Content-Encoding: br", brotli), whole(b"abcd"));
}

#[test]
fn a_body_that_is_not_encoded_is_kept() {
    let plain = b"<p>plain text</p>";
    for header in ["gzip", "br", "zstd", "deflate", "utf-8", "identity", "none"] {
        assert_eq!(decode(&format!("Content-Encoding: {header}"), plain), whole(plain), "{header}");
    }
    assert_eq!(decode("Transfer-Encoding: chunked", plain), whole(plain));
    assert_eq!(decode("Content-Encoding: gzip", b""), whole(b""));
}

#[test]
fn cut_codings_keep_what_was_readable() {
    assert_eq!(decode("Transfer-Encoding: chunked", b"4\r\nabcd\r\n9\r\nef"), Ok((b"abcdef".to_vec(), true)));
    assert_eq!(
        decode("Transfer-Encoding: chunked", b"4\r\nabcd\r\nnonsense\r\n"),
        Ok((b"abcd".to_vec(), true))
    );
    let mut noise: Vec<u8> = Vec::new();
    let mut x = 1u32;
    for _ in 0..50_000 {
        x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        noise.push((x >> 24) as u8);
    }
    let packed = gzip(&noise);
    let (bytes, incomplete) = decode("Content-Encoding: gzip", &packed[..packed.len() / 2]).unwrap();
    assert!(incomplete && !bytes.is_empty() && noise.starts_with(&bytes));
}

#[test]
fn faults_have_names() {
    assert_eq!(decode("Content-Encoding: sdch", b"\x01\x02\x03"), Err(BodyFault::UnknownCoding));
    assert_eq!(decode("Content-Encoding: gzip", b"\x01\x02\x03"), Err(BodyFault::BrokenCoding));
    let mut broken = gzip(TEXT);
    let middle = broken.len() / 2;
    broken[middle] ^= 0xff;
    assert_eq!(decode("Content-Encoding: gzip", &broken), Err(BodyFault::BrokenCoding));
    assert_eq!(decode("Content-Encoding: gzip", &gzip(&vec![0; LIMIT + 1])), Err(BodyFault::TooLarge));
    assert_eq!(decode("", &vec![0; LIMIT + 1]), Err(BodyFault::TooLarge));
    assert_eq!(decode("", &vec![0; LIMIT]).map(|b| b.0.len()), Ok(LIMIT));
}
