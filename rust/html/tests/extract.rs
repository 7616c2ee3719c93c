//! Laws of extraction on made-up pages.

use curate_html::extract::{Analysis, Format, Profile};
use curate_html::{Document, Kind, Limits};
use proptest::prelude::*;

const PROFILES: [Profile; 4] = [Profile::Precision, Profile::Balanced, Profile::Recall, Profile::AllText];

fn text(html: &str, profile: Profile) -> String {
    let document = Document::parse(html, &Limits::default());
    Analysis::of(&document).text(profile, Format::Text)
}

/// Elements and text in any order, mostly not well-formed.
fn soup() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-z]{1,9}( [a-z]{1,9}){0,20}[.,]?",
        "<(div|p|li|ul|td|tr|table|article|nav|h1|a href=x|b|br|pre|script|x-y|math|svg)( class=\"[a-z -]{0,20}\")?>",
        "</(div|p|li|ul|td|tr|table|article|nav|h1|a|b|pre|script|x-y|math|svg)>",
        "[ \n\t]{1,3}",
        "\\PC{0,5}",
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn each_profile_holds_the_stricter_one(html in soup()) {
        let document = Document::parse(&html, &Limits::default());
        let analysis = Analysis::of(&document);
        let kept: Vec<Vec<bool>> = PROFILES
            .iter()
            .map(|&profile| analysis.explain(profile).iter().map(|block| block.kept).collect())
            .collect();
        for pair in kept.windows(2) {
            prop_assert!(pair[0].iter().zip(&pair[1]).all(|(strict, lax)| !strict || *lax));
        }
        prop_assert!(kept[3].iter().all(|&kept| kept));
    }

    #[test]
    fn every_word_of_the_page_is_in_all_text(html in soup()) {
        let document = Document::parse(&html, &Limits::default());
        let all = text(&html, Profile::AllText);
        let mut place = 0;
        let mut node = 0;
        while node < document.nodes().len() as u32 {
            let name = document.name(node);
            if matches!(name, "script" | "svg" | "math" | "head") {
                node = document[node].end;
                continue;
            }
            let source = if document[node].kind == Kind::Text { document.text(node) } else { "" };
            for word in source.split(|letter: char| !letter.is_ascii_lowercase()).filter(|word| !word.is_empty()) {
                let found = all[place..].find(word);
                prop_assert!(found.is_some(), "{word:?} is not in {all:?}");
                place += found.unwrap_or(0) + word.len();
            }
            node += 1;
        }
    }

    #[test]
    fn markdown_has_the_letters_of_the_text(html in soup()) {
        let document = Document::parse(&html, &Limits::default());
        let analysis = Analysis::of(&document);
        // Marks of emphasis part letters that the page joins: compare letters only.
        let letters = |text: String| text.chars().filter(char::is_ascii_lowercase).collect::<String>();
        prop_assert_eq!(
            letters(analysis.text(Profile::AllText, Format::Text)),
            letters(analysis.text(Profile::AllText, Format::Markdown))
        );
    }
}

#[test]
fn words_joined_by_markup_stay_joined() {
    assert_eq!(text("<p>a<b>b</b>c d <i> e</i>", Profile::AllText), "abc d e");
    assert_eq!(text("<div>a<span> </span>b<script>x</script>c", Profile::AllText), "a b c");
}

#[test]
fn paragraphs_by_two_breaks() {
    assert_eq!(text("one<br>two<br> <br>three", Profile::AllText), "one\ntwo\nthree");
}

#[test]
fn blocks_beyond_the_limit_are_flagged() {
    let html = "<p>a".repeat((1 << 18) + 1);
    let document = Document::parse(&html, &Limits::default());
    let analysis = Analysis::of(&document);
    assert!(analysis.is_truncated());
    assert_eq!(analysis.text(Profile::AllText, Format::Text).lines().count(), 1 << 18);
    assert!(!Analysis::of(&Document::parse("<p>a", &Limits::default())).is_truncated());
}

#[test]
fn tables_of_layout_are_lines() {
    let html = "<table><tr><td><p>one<p>two</td><td>three</td></tr></table>";
    assert_eq!(text(html, Profile::AllText), "one\ntwo\nthree");
}
