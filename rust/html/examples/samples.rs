//! Measures the blocks of pages for fitting: `samples WEIGHTS OUT FILE…` writes `OUT/*`.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};

use curate_html::extract::fitting::samples;
use curate_html::{Document, Limits};

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(weights), Some(out)) = (arguments.next(), arguments.next()) else {
        return Err(std::io::Error::other("usage: samples WEIGHTS OUT FILE..."));
    };
    let weights = fs::read_to_string(weights)?;
    let file = |name: &str| File::create(format!("{out}/{name}")).map(BufWriter::new);
    let (mut features, mut rows, mut paths, mut texts) =
        (file("features.i32")?, file("rows.u32")?, file("paths.u32")?, file("texts.txt")?);
    let mut dictionary: HashMap<String, u32> = HashMap::new();
    let mut names: Vec<String> = Vec::new();
    let mut columns = Vec::new();
    for (page, path) in arguments.enumerate() {
        let decoded = curate_html::decode(&fs::read(&path)?, None, None);
        let document = Document::parse(&decoded.text, &Limits::default());
        let measured = samples(&document, &weights);
        for block in &measured.blocks {
            for value in &block.features {
                features.write_all(&value.to_le_bytes())?;
            }
            for value in [page as u32, block.words, block.tokens.len() as u32] {
                rows.write_all(&value.to_le_bytes())?;
            }
            for token in &block.tokens {
                let id = *dictionary.entry(token.clone()).or_insert_with(|| {
                    names.push(token.clone());
                    names.len() as u32 - 1
                });
                paths.write_all(&id.to_le_bytes())?;
            }
            writeln!(texts, "{}", block.text.replace('\\', "\\\\").replace('\n', "\\n"))?;
        }
        if !measured.columns.is_empty() {
            columns = measured.columns;
        }
    }
    fs::write(format!("{out}/columns.txt"), columns.join("\n"))?;
    fs::write(format!("{out}/tokens.txt"), names.join("\n"))?;
    Ok(())
}
