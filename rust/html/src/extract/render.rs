//! Kept blocks to plain text or Markdown.

use super::blocks::{Block, Container, Page};
use super::context;
use crate::tree::{Document, Kind, Tag};

/// How text is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// One block per line, items of lists marked with `- `, cells of a row parted by ` | `. What published thresholds of quality
    /// filters were chosen on.
    #[default]
    Text,
    /// CommonMark with tables: headings, lists, code blocks, emphasis, quotations; no links, no pictures.
    Markdown,
}

/// What a row of a table looks like among the kept blocks.
#[derive(Clone, Copy, Default)]
struct Row {
    cells: u32,
    last_cell: u32,
    is_layout: bool,
}

/// Writes the blocks for which `keep` holds.
pub(crate) fn render(document: &Document<'_>, page: &Page, keep: &[bool], format: Format) -> String {
    let kept = || page.blocks.iter().zip(keep).filter(|(_, keep)| **keep).map(|(block, _)| block);
    let mut rows = vec![Row::default(); page.containers.len()];
    for block in kept() {
        let container = of(page, block);
        if let Some(row) = rows.get_mut(container.row as usize) {
            // Two blocks in one cell: the table lays out a page.
            row.is_layout |= row.last_cell == container.cell;
            row.cells += u32::from(row.last_cell != container.cell);
            row.last_cell = container.cell;
        }
    }
    let mut writer = Writer {
        document,
        page,
        rows,
        started: vec![false; page.containers.len()],
        out: String::new(),
        row: 0,
        columns: 0,
        next_cell: 0,
        in_list: false,
        wrote_header: 0,
    };
    for block in kept() {
        match format {
            Format::Text => writer.text(block),
            Format::Markdown => writer.markdown(block),
        }
    }
    if format == Format::Markdown {
        writer.end_row();
    }
    writer.out
}

fn of<'a>(page: &'a Page, block: &Block) -> &'a Container {
    // Blocks name containers of their own page, and the first always exists.
    page.containers.get(block.container as usize).unwrap_or(&page.containers[0])
}

struct Writer<'a> {
    document: &'a Document<'a>,
    page: &'a Page,
    rows: Vec<Row>,
    /// Items of lists that have their mark.
    started: Vec<bool>,
    out: String,
    /// The row that is open; 0 for none.
    row: u32,
    columns: u32,
    next_cell: u32,
    in_list: bool,
    /// The table whose first row is written.
    wrote_header: u32,
}

impl Writer<'_> {
    fn source(&self, block: &Block) -> &str {
        self.page.text_of(block)
    }

    /// The row that `container` is a cell of, where the row is one of data.
    fn data_row(&self, container: &Container) -> u32 {
        match self.rows.get(container.row as usize) {
            Some(row) if container.row != 0 && row.cells > 1 && !row.is_layout => container.row,
            _ => 0,
        }
    }

    /// The mark of a list item, the first time one of its blocks is written, and the indentation of all of them.
    fn item(&mut self, container: &Container) -> Option<(usize, bool)> {
        let item = self.page.containers.get(container.item as usize).filter(|_| container.item != 0)?;
        let indent = 2 * item.lists.saturating_sub(1).min(20) as usize;
        let is_first = self
            .started
            .get_mut(container.item as usize)
            .is_some_and(|started| !std::mem::replace(started, true));
        Some((indent, is_first))
    }

    fn text(&mut self, block: &Block) {
        let container = of(self.page, block);
        let row = self.data_row(container);
        if row != 0 && row == self.row {
            self.out.push_str(" | ");
        } else {
            if !self.out.is_empty() {
                self.out.push('\n');
            }
            if let Some((indent, true)) = self.item(container)
                && row == 0
            {
                self.out.extend(std::iter::repeat_n(' ', indent));
                self.out.push_str("- ");
            }
        }
        self.row = row;
        let (start, end) = (block.text.start as usize, block.text.end as usize);
        self.out.push_str(self.page.text.get(start..end).unwrap_or_default());
    }

    fn end_row(&mut self) {
        if self.row == 0 {
            return;
        }
        while self.next_cell < self.columns {
            self.out.push_str("  |");
            self.next_cell += 1;
        }
        let table = self.page.containers.get(self.row as usize).map_or(0, |row| row.parent) + 1;
        if self.wrote_header != table {
            self.wrote_header = table;
            self.columns = self.next_cell;
            self.out.push_str("\n|");
            self.out.extend(std::iter::repeat_n("---|", self.next_cell as usize));
        }
        self.row = 0;
    }

    fn markdown(&mut self, block: &Block) {
        let container = of(self.page, block);
        let row = self.data_row(container);
        if row != 0 {
            self.cell(block, container, row);
            return;
        }
        self.end_row();
        self.wrote_header = 0;
        self.columns = 0;
        let item = self.item(container);
        let tight = item.is_some_and(|(_, is_first)| is_first) && self.in_list;
        if !self.out.is_empty() {
            self.out.push_str(if tight { "\n" } else { "\n\n" });
        }
        self.in_list = item.is_some();
        let mut indent = String::new();
        if let Some((width, is_first)) = item {
            indent.extend(std::iter::repeat_n(' ', width));
            if is_first {
                self.out.push_str(&indent);
                let mark = self.mark(container.item);
                self.out.push_str(&mark);
                indent.extend(std::iter::repeat_n(' ', mark.len()));
            } else {
                indent.push_str("  ");
                self.out.push_str(&indent);
            }
        }
        if block.context & context::PREFORMATTED != 0 {
            let source = self.source(block).trim_matches('\n').to_owned();
            // A fence longer than any inside.
            let longest = source.split(|c| c != '`').map(str::len).max().unwrap_or(0);
            let fence = "`".repeat(longest.max(2) + 1);
            let code = format!("{fence}\n{source}\n{fence}").replace('\n', &format!("\n{indent}"));
            self.out.push_str(&code);
            return;
        }
        let quoted = block.context & context::QUOTE != 0;
        if quoted {
            self.out.push_str("> ");
            indent.push_str("> ");
        }
        let inline = inline(self.document, self.page, block);
        if block.context & context::HEADING != 0 && container.tag.is_heading() {
            let level = container.tag as usize - Tag::H1 as usize + 1;
            self.out.extend(std::iter::repeat_n('#', level));
            self.out.push(' ');
            self.out.push_str(&inline.replace('\n', " "));
        } else {
            // Two spaces keep a line break of the page.
            self.out.push_str(&inline.replace('\n', &format!("  \n{indent}")));
        }
    }

    fn mark(&self, item: u32) -> String {
        let Some(item) = self.page.containers.get(item as usize) else { return String::new() };
        match self.page.containers.get(item.parent as usize) {
            Some(list) if list.tag == Tag::Ol => format!("{}. ", u64::from(item.ordinal) + 1),
            _ => "- ".to_owned(),
        }
    }

    fn cell(&mut self, block: &Block, container: &Container, row: u32) {
        if row != self.row {
            self.end_row();
            let table = self.page.containers.get(row as usize).map_or(0, |row| row.parent) + 1;
            if !self.out.is_empty() {
                self.out.push_str(if self.wrote_header == table { "\n" } else { "\n\n" });
            }
            if self.wrote_header != table {
                self.columns = 0;
            }
            self.out.push('|');
            self.row = row;
            self.next_cell = 0;
            self.in_list = false;
        }
        // Cells that hold nothing keep their column, up to a bound that no table of data meets.
        let place = self.page.containers.get(container.cell as usize).map_or(0, |cell| cell.ordinal).min(100);
        while self.next_cell < place {
            self.out.push_str("  |");
            self.next_cell += 1;
        }
        let inline = inline(self.document, self.page, block).replace('\n', " ").replace('|', "\\|");
        self.out.push(' ');
        self.out.push_str(&inline);
        self.out.push_str(" |");
        self.next_cell += 1;
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Strong,
    Emphasis,
    Code,
}

impl Style {
    fn of(tag: Tag) -> Option<Self> {
        match tag {
            Tag::Strong | Tag::B => Some(Self::Strong),
            Tag::Em | Tag::I => Some(Self::Emphasis),
            Tag::Code | Tag::Kbd | Tag::Samp | Tag::Tt => Some(Self::Code),
            _ => None,
        }
    }

    fn mark(self) -> &'static str {
        match self {
            Self::Strong => "**",
            Self::Emphasis => "*",
            Self::Code => "`",
        }
    }
}

/// The text of a block with emphasis and code marked.
fn inline(document: &Document<'_>, page: &Page, block: &Block) -> String {
    let source = page.text_of(block);
    let styled = (block.nodes.start..block.nodes.end).any(|node| Style::of(document[node].tag).is_some())
        || document
            .ancestors(block.nodes.start)
            .take_while(|&node| !is_container(page, block, node))
            .any(|node| Style::of(document[node].tag).is_some());
    if (block.nodes.start..block.nodes.end).any(|node| document[node].kind == Kind::Math) {
        // Escapes would change a formula.
        return source.to_owned();
    }
    if !styled || block.context & context::HEADING != 0 {
        return escape(source);
    }
    // The block's text is its nodes' text with white space collapsed: walk both together.
    let mut out = String::new();
    let mut rest = source;
    let mut open: Option<Style> = None;
    for node in block.nodes.start..block.nodes.end {
        if document[node].kind != Kind::Text {
            continue;
        }
        let style = document
            .ancestors(node)
            .take_while(|&above| !is_container(page, block, above))
            .find_map(|above| Style::of(document[above].tag));
        let letters = document.text(node).chars().filter(|c| !is_blank(*c)).count();
        if letters == 0 {
            continue;
        }
        let mut left = letters;
        let end = rest
            .char_indices()
            .find(|(_, c)| {
                if is_blank(*c) {
                    return false;
                }
                left -= 1;
                left == 0
            })
            .map_or(rest.len(), |(place, c)| place + c.len_utf8());
        let (run, after) = rest.split_at(end);
        rest = after;
        let blank = run.len() - run.trim_start().len();
        if style != open {
            if let Some(style) = open {
                out.push_str(style.mark());
            }
            out.push_str(run.get(..blank).unwrap_or_default());
            if let Some(style) = style {
                out.push_str(style.mark());
            }
            open = style;
        } else {
            out.push_str(run.get(..blank).unwrap_or_default());
        }
        let text = run.get(blank..).unwrap_or_default();
        if style == Some(Style::Code) {
            out.push_str(&text.replace('`', "'"))
        } else {
            out.push_str(&escape(text))
        }
    }
    if let Some(style) = open {
        out.push_str(style.mark());
    }
    out.push_str(&escape(rest));
    out
}

fn is_blank(character: char) -> bool {
    character.is_ascii_whitespace()
        || matches!(
            character,
            '\u{a0}' | '\u{ad}' | '\u{200b}' | '\u{2028}' | '\u{2029}' | '\u{3000}' | '\u{feff}' | '\0'
                ..='\u{1f}'
        )
}

fn is_container(page: &Page, block: &Block, node: u32) -> bool {
    node == 0 || of(page, block).node == node
}

/// Marks of CommonMark that would change what is read.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (place, character) in text.char_indices() {
        let at_start = place == 0 || text.as_bytes().get(place - 1) == Some(&b'\n');
        if matches!(character, '\\' | '`' | '*' | '_' | '[' | ']' | '<')
            || (at_start && matches!(character, '#' | '>' | '+' | '-' | '=' | '~' | '|'))
        {
            out.push('\\');
        }
        out.push(character);
    }
    out
}
